"""The guide: markers are written, fields are drawn, and it all fits."""

from __future__ import annotations

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.program import CraftRedactedRequest, RespondToQuery
from papillon.training.one_device.guide import Guide, asked_fields

CHAT = dspy.ChatAdapter()


@pytest.mark.parametrize(
    ("signature", "inputs", "fields"),
    [
        (dspy.ChainOfThought(CraftRedactedRequest).predict.signature, ["user_query"], ["reasoning", "llm_request"]),
        (RespondToQuery, ["user_query", "related_llm_request", "related_llm_response"], ["response"]),
    ],
)
def test_the_fields_are_those_that_the_prompt_asks_for(
    signature: type[dspy.Signature], inputs: list[str], fields: list[str]
) -> None:
    # What a user writes is no format, even where it looks like one.
    messages = CHAT.format(signature, [], dict.fromkeys(inputs, "`[[ ## mine ## ]]`"))
    assert asked_fields(messages) == fields
    assert asked_fields(dspy.JSONAdapter().format(signature, [], dict.fromkeys(inputs, "x"))) == []


def written(guide: Guide, drawn: list[int], last: int) -> list[int]:
    out: list[int] = []
    for token in drawn:
        out.append(guide.write(token))
        if out[-1] == last:
            break
    return out


def test_a_field_ends_where_the_model_ends_it_or_at_its_share() -> None:
    # Markers 90 91 | 92 | 93 94, a field of two tokens at most; 0 ends one.
    guide = Guide([[90, 91], [92], [93, 94]], frozenset({0}), 9)
    assert written(guide, [1, 2, 3, 0, 4, 5, 6, 7, 8], last=94) == [90, 91, 3, 92, 4, 5, 93, 94]


@given(st.lists(st.integers(0, 5), min_size=60, max_size=60), st.integers(0, 40), st.integers(1, 3))
def test_it_takes_no_more_than_its_limit_and_keeps_every_marker(drawn: list[int], spare: int, fields: int) -> None:
    markers = [[90 + i, 80] for i in range(fields)] + [[70, 71]]
    # At least the markers, and a token for each field.
    limit = sum(map(len, markers)) + fields + spare
    out = written(Guide(markers, frozenset({0}), limit), drawn, last=71)
    assert out[-1] == 71
    assert len(out) <= limit
    assert [token for token in out if token >= 70] == [token for marker in markers for token in marker]
    assert 0 not in out


def test_a_field_is_never_empty() -> None:
    # 0 ends a field and 1 is white space: neither begins one, and both are free after that.
    guide = Guide([[90], [91]], frozenset({0}), 9, blank=frozenset({1}))
    assert guide.barred == frozenset()  # a marker is written whatever is drawn
    guide.write(5)
    assert guide.barred == {0, 1}
    guide.write(5)
    assert guide.barred == frozenset()
