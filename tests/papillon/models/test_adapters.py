import dspy
import pytest
from dspy.utils.exceptions import AdapterParseError

from papillon.models.adapters import adapter_for
from papillon.program import CraftRedactedRequest, RespondToQuery
from tests.fakes import scripted_lm


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


@pytest.mark.parametrize("before", ["", "Here it is:\n```json\n"])
def test_of_two_json_objects_the_first_counts(before):
    completion = before + '{"response": "one"}\n{"response": "two"}'
    assert adapter_for("json").parse(RespondToQuery, completion) == {"response": "one"}


def test_thinking_before_a_chat_answer_is_left_out_and_what_was_said_stands_in_the_error():
    draft = "<think>\n[[ ## response ## ]]\ndraft\n</think>\n"
    chat = adapter_for("chat")
    assert chat.parse(RespondToQuery, f"{draft}[[ ## response ## ]]\none") == {"response": "one"}
    with pytest.raises(AdapterParseError) as raised:
        chat.parse(RespondToQuery, f"{draft}one")
    assert raised.value.lm_response == f"{draft}one"


@pytest.mark.parametrize("tag", ["inner_voice", "plan n='1'"])
def test_an_object_in_a_block_before_the_answer_does_not_count(tag):
    block = f"<{tag}>\n" + '{"response": "draft"}' + f"\n</{tag.split()[0]}>\n"
    assert adapter_for("json").parse(RespondToQuery, block + '{"response": "one"}') == {"response": "one"}
    assert adapter_for("json").parse(RespondToQuery, block + "Done.") == {"response": "draft"}


@pytest.mark.parametrize(
    "completion",
    ['{"response": "one"', "{'response': 'one'}", 'In {braces}: {"response": "one"}', '[{"response": "one"}]'],
)
def test_what_is_not_quite_json_is_read_as_dspy_reads_it(completion):
    def read(adapter):
        try:
            return adapter.parse(RespondToQuery, completion)
        except AdapterParseError:
            return None

    assert read(adapter_for("json")) == read(dspy.JSONAdapter())


def test_half_a_character_that_json_spells_out_is_a_replacement_character():
    assert adapter_for("json").parse(RespondToQuery, '{"response": "a \\ud83d b"}') == {"response": "a \ufffd b"}


def test_a_reader_makes_the_values_also_where_a_chat_answer_is_asked_as_json():
    def shout(text, kind):
        if text == "no":
            raise ValueError("expected more")
        return text.upper(), kind

    signature = dspy.Signature("query -> leaked: int")
    chat = adapter_for("chat", read=shout)
    assert chat.parse(signature, "[[ ## leaked ## ]]\ntwo") == {"leaked": ("TWO", int)}
    with pytest.raises(AdapterParseError, match="expected more"):
        chat.parse(signature, "[[ ## leaked ## ]]\nno")
    lm = scripted_lm(lambda prompt: '{"leaked": true}' if "JSON object" in prompt else "prose")
    with dspy.context(adapter=chat):
        assert dspy.Predict(signature)(query="q", lm=lm).leaked == ("TRUE", int)
