"""Draws of a round: counted by prompt, found under their own prompt alone; needs no torch."""

from __future__ import annotations

from typing import Any, NamedTuple

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


def test_the_next_round_knows_none_of_them_and_counts_the_tokens_of_all() -> None:
    draws = kept(Drawn((1,), (7, 8), "yes"))
    draws.number((1,))
    draws.next_round()
    assert draws.find("yes", (1,)) is None
    assert draws.number((1,)) == 0
    assert (draws.round, draws.tokens) == (1, 2)
