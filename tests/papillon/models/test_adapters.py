import dspy
import pytest

from papillon.models.adapters import adapter_for
from papillon.program import CraftRedactedRequest, RespondToQuery


@pytest.mark.parametrize("kind", ["chat", "json"])
def test_messages_are_those_of_dspys_own_adapter(kind):
    own = dspy.JSONAdapter() if kind == "json" else dspy.ChatAdapter()
    adapter = adapter_for(kind)
    for signature in (CraftRedactedRequest, RespondToQuery, CraftRedactedRequest.with_instructions("Say less.")):
        inputs = dict.fromkeys(signature.input_fields, "text")
        for _ in range(2):
            assert adapter.format(signature, [], inputs) == own.format(signature, [], inputs)


def test_a_signatures_system_message_is_written_once(monkeypatch):
    written = []
    monkeypatch.setattr(
        dspy.ChatAdapter, "format_field_structure", lambda self, signature: written.append(signature) or "structure"
    )
    adapter = adapter_for("chat")
    for query in ("one", "two", "three"):
        adapter.format(CraftRedactedRequest, [], {"user_query": query})
    assert written == [CraftRedactedRequest]


def test_the_json_fallback_is_the_profiles_choice():
    assert adapter_for("chat", json_fallback=False).use_json_adapter_fallback is False
    assert isinstance(adapter_for("json"), dspy.JSONAdapter)
