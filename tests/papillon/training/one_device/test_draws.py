"""Draws of a round: counted by prompt, found under their own prompt alone; needs no torch."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.training.one_device.draws import Draws


class Drawn(NamedTuple):
    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    text: str


def kept(*completions: Any) -> Draws:
    draws = Draws()
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


CANONICAL = "[[ ## reasoning ## ]]\nIt is\n\nprivate.\n\n[[ ## llm_request ## ]]\nWrite.\n\n[[ ## completed ## ]]\n"


@pytest.mark.parametrize(
    "drawn",
    [
        CANONICAL.rstrip(),
        "[[ ## reasoning ## ]]\nIt is\n\nprivate.\n[[ ## llm_request ## ]] Write.",
        "Sure!\n[[ ## reasoning ## ]]  It is\n\nprivate.\n[[ ## llm_request ## ]]\n\nWrite.\n[[ ## response ## ]]\nNo.",
        f"{CANONICAL}\n[[ ## llm_request ## ]]\nAnother, which is not read.",
    ],
)
def test_an_output_in_the_chat_adapters_form_is_found_by_what_the_adapter_reads_of_a_draw(drawn: str) -> None:
    mine, other = Drawn((1,), (7, 8), drawn), Drawn((1,), (9,), drawn.replace("Write.", "Read."))
    draws = kept(other, mine, Drawn((2,), (5,), CANONICAL))
    assert draws.find(CANONICAL, (1,)) is mine
    assert draws.find(CANONICAL.replace("Write.", "Sing."), (1,)) is None


@pytest.mark.parametrize("drawn", ["[[ ## llm_request ## ]]\nWrite.", "[[ ## _ ## ]]\n[[ ## 9 ## ]]\n", "Write.", ""])
def test_a_draw_that_holds_other_fields_is_not_what_was_read(drawn: str) -> None:
    assert kept(Drawn((1,), (7,), drawn)).find(CANONICAL, (1,)) is None
    assert kept(Drawn((1,), (7,), CANONICAL)).find(drawn + "!", (1,)) is None


@given(st.lists(st.tuples(st.sampled_from(["reasoning", "llm_request", "other"]), st.text()), max_size=4), st.text())
def test_what_dspys_adapter_reads_of_a_draw_is_found_in_the_form_that_it_gives_it(
    sections: list[tuple[str, str]], before: str
) -> None:
    dspy = pytest.importorskip("dspy")
    signature = dspy.Signature("query -> reasoning, llm_request")
    drawn = "\n".join([before, *(f"[[ ## {name} ## ]]{text}" for name, text in sections)])
    adapter = dspy.ChatAdapter()
    try:
        fields = adapter.parse(signature, drawn)
    except dspy.utils.exceptions.AdapterParseError:
        return
    canonical = adapter.format_assistant_message_content(signature, fields)
    completion = Drawn((1,), (7,), drawn)
    assert kept(completion).find(canonical, (1,)) is completion


def test_the_next_round_knows_none_of_them_and_counts_the_tokens_of_all() -> None:
    draws = kept(Drawn((1,), (7, 8), "yes"))
    draws.number((1,))
    draws.next_round()
    assert draws.find("yes", (1,)) is None
    assert draws.number((1,)) == 0
    assert (draws.round, draws.tokens) == (1, 2)
