"""Draws of a round: counted by prompt, found under their own prompt alone; needs no torch."""

from __future__ import annotations

from typing import Any, NamedTuple

import dspy
import pytest
from dspy.utils.exceptions import AdapterParseError
from hypothesis import given
from hypothesis import strategies as st

from papillon.models.adapters import adapter_for
from papillon.training.one_device.draws import Draws


class Drawn(NamedTuple):
    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    text: str


def kept(*completions: Any) -> Draws:
    draws = Draws([SIGNATURE])
    draws.keep(completions)
    return draws


def test_a_prompts_draws_are_counted_and_counted_anew() -> None:
    draws = Draws()
    assert [draws.number((1,)), draws.number((2,)), draws.number((1,))] == [0, 0, 1]
    draws.forget()
    assert draws.number((1,)) == 0


def test_a_text_is_found_under_the_prompt_that_drew_it_and_under_no_other() -> None:
    mine, others = Drawn((1,), (7, 8), "yes"), Drawn((2,), (7, 9), "yes")
    draws = kept(others, mine)
    assert draws.find("yes", (1,)) is mine
    assert draws.find("yes", (2,)) is others
    assert draws.find("yes", (3,)) is None
    assert draws.find("no", (1,)) is None


SIGNATURE = dspy.Signature("query -> reasoning, llm_request")
CANONICAL = "[[ ## reasoning ## ]]\nIt is\n\nprivate.\n\n[[ ## llm_request ## ]]\nWrite.\n\n[[ ## completed ## ]]\n"


@pytest.mark.parametrize(
    "drawn",
    [
        CANONICAL.rstrip(),
        "[[ ## reasoning ## ]] It is\n\nprivate.\n[[ ## llm_request ## ]] Write.",
        "### [[ ## reasoning ## ]]:\nIt is\n\nprivate.\n**[[## llm_request ##]]** Write. [[ ## completed ## ]]",
        "<think>[[ ## llm_request ## ]]\nSing.</think>\n" + CANONICAL,
        "Sure!\n[[ ## reasoning ## ]]  It is\n\nprivate.\n[[ ## llm_request ## ]]\n\nWrite.\n[[ ## response ## ]]\nNo.",
        f"{CANONICAL}\n[[ ## llm_request ## ]]\nAnother, which is not read.",
    ],
)
def test_an_output_in_dspys_form_is_found_by_what_a_training_reads_of_a_draw(drawn: str) -> None:
    mine, other = Drawn((1,), (7, 8), drawn), Drawn((1,), (9,), drawn.replace("Write.", "Read."))
    draws = kept(other, mine, Drawn((2,), (5,), CANONICAL))
    assert draws.find(CANONICAL, (1,)) is mine
    assert draws.find(CANONICAL.replace("Write.", "Sing."), (1,)) is None


@pytest.mark.parametrize("drawn", ["[[ ## llm_request ## ]]\nWrite.", "[[ ## _ ## ]]\n[[ ## 9 ## ]]\n", "Write.", ""])
def test_a_draw_that_holds_other_fields_is_not_what_was_read(drawn: str) -> None:
    assert kept(Drawn((1,), (7,), drawn)).find(CANONICAL, (1,)) is None
    assert kept(Drawn((1,), (7,), CANONICAL)).find(drawn + "!", (1,)) is None


def test_draws_that_are_sent_alike_are_learned_in_turn() -> None:
    first, second = (
        Drawn((1,), (7,), CANONICAL.rstrip()),
        Drawn((1,), (8,), CANONICAL.replace("private.", "private.\n")),
    )
    draws = kept(first, second, first)
    assert [draws.find(CANONICAL, (1,)) for _ in range(4)] == [first, second, first, first]


@given(
    st.sampled_from(["bool", "int", "float", "list[str]", "dict[str, int]", "Literal['yes', 'no']", "str"]),
    st.sampled_from(["true", " 3", "0.50", '["a","b"]', "{'a': 1}", "'yes'", "no", "None"]) | st.text(),
)
def test_a_field_of_another_type_is_found_however_it_was_written(kind: str, written: str) -> None:
    signature = dspy.Signature(f"query -> answer: {kind}, reasoning")
    drawn = Drawn((1,), (7,), f"[[ ## answer ## ]]{written}\n[[ ## reasoning ## ]] So.")
    assert_found(signature, drawn)


MARKERS = st.sampled_from(["[[ ## {} ## ]]", "**[[ ## {} ## ]]**", "[[## {} ##]]", "### [[ ## {} ## ]]:"])
OTHERS = st.tuples(MARKERS, st.sampled_from(["completed", "other", "instructions", "reasoning"]), st.text())


@given(MARKERS, st.text(), st.text(), st.lists(OTHERS, max_size=3), st.text())
def test_what_a_training_reads_of_a_draw_is_found_in_the_form_that_is_sent(
    marker: str, thought: str, request: str, others: list[tuple[str, str, str]], before: str
) -> None:
    sections = [(marker, "reasoning", thought), (marker, "llm_request", request), *others]
    drawn = "\n".join([before, *(each.format(name) + text for each, name, text in sections)])
    assert_found(SIGNATURE, Drawn((1,), (7,), drawn))


def assert_found(signature: Any, drawn: Drawn) -> None:
    """A draw that is in the format is found as ArborGRPO sends it, also where another predictor could have drawn it."""
    adapter = adapter_for("chat", json_fallback=False)
    try:
        fields = adapter.parse(signature, drawn.text)
    except AdapterParseError:
        return
    sent = adapter.format_finetune_data(signature, [], {"query": "?"}, fields)["messages"][-1]["content"]
    draws = Draws([dspy.Signature("query -> other"), signature])
    draws.keep([drawn])
    assert draws.find(sent, (1,)) is drawn


def test_the_next_round_knows_none_of_them_and_counts_the_tokens_of_all() -> None:
    draws = kept(Drawn((1,), (7, 8), "yes"))
    draws.number((1,))
    draws.next_round()
    assert draws.find("yes", (1,)) is None
    assert draws.number((1,)) == 0
    assert (draws.round, draws.tokens) == (1, 2)
