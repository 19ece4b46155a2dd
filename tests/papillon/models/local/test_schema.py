import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papillon.models.local.schema import grammar, shares


def answer(**types: str) -> dict:
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in types.items()}}


CRAFT = answer(reasoning="string", llm_request="string")


def test_reasoning_gets_half_the_share_of_the_text_that_it_leads_to():
    given_out = shares(CRAFT, 200)
    assert given_out["llm_request"] == 2 * given_out["reasoning"]


def test_a_reason_before_a_verdict_gets_all_that_the_verdict_leaves():
    given_out = shares(answer(reason="string", leaked="integer"), 160)
    assert list(given_out) == ["reason"]
    assert 110 < given_out["reason"] < 140


FIELDS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12),
    st.sampled_from(["string", "boolean", "integer", "number", "array"]),
    min_size=1,
    max_size=6,
)


@given(FIELDS, st.integers(600, 4000))
@settings(max_examples=80, deadline=None)
def test_the_sum_over_an_answers_texts_leaves_room_for_its_frame(fields, limit):
    given_out = shares(answer(**fields), limit)
    frame = json.dumps(dict.fromkeys(fields, ""), indent=2, ensure_ascii=False)
    assert set(given_out) == {name for name, kind in fields.items() if kind == "string"}
    assert all(bound >= 1 for bound in given_out.values())
    assert sum(given_out.values()) + len(frame.encode()) / 2 < limit


@given(FIELDS, st.integers(1, 4000))
@settings(max_examples=80, deadline=None)
def test_a_grammar_has_one_bounded_rule_for_each_text_and_starts_once(fields, limit):
    lines = grammar(answer(**fields), limit).splitlines()
    assert lines[0] == "%llguidance {}"
    assert sum(line.startswith("start:") for line in lines) == 1
    assert sum("[max_tokens=" in line for line in lines) == len(shares(answer(**fields), limit))


def test_fields_keep_their_order_and_the_layout_of_dspys_json_adapter():
    start = grammar(CRAFT, 200).splitlines()[1]
    assert start == (r'start: "{\n  \"reasoning\": \"" text_0 "\"" ",\n  \"llm_request\": \"" text_1 "\"" "\n}"')


def test_a_truth_value_and_a_whole_number_are_written_out_as_such():
    text = grammar(answer(ok="boolean", leaked="integer"), 60)
    assert r'"{\n  \"ok\": " ("true" | "false") ",\n  \"leaked\": " /-?(0|[1-9][0-9]{0,5})/' in text


@pytest.mark.parametrize(
    "field", [{"enum": ["a", "b"]}, {"type": "integer", "maximum": 3}, {"type": "string", "pattern": "^a+$"}]
)
def test_what_a_schema_says_beyond_a_type_is_followed_as_it_stands(field):
    text = grammar({"type": "object", "properties": {"x": field}}, 60)
    assert json.loads(text.split("%json ")[1].split(' "\\n}"')[0]).items() >= field.items()


def test_a_reference_takes_its_definitions_along():
    schema = {
        "type": "object",
        "properties": {"unit": {"$ref": "#/$defs/Unit"}},
        "$defs": {"Unit": {"type": "string", "maxLength": 4}},
    }
    assert '"$defs": {"Unit": {"type": "string", "maxLength": 4}}' in grammar(schema, 60)


def test_a_schema_without_properties_is_followed_as_it_stands():
    assert grammar({"type": "object"}, 60).startswith('%llguidance {}\nstart: %json {"type": "object"')
