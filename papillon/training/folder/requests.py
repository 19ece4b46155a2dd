"""Requests: what the local model asks the untrusted one while it is trained, as far as it can be told without texts.

A reward can be had by silence, or by sending the query as it is; whoever trains sees either at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from typing import Any

__all__ = ["Requests", "first_and_last"]


@dataclass(frozen=True)
class Requests:
    """The requests of some runs: how many were ``seen``, and of these the ones without a word (``empty``), those that
    stand word for word in the ``prompt`` that asks for them, and those that hold the whole ``query``; ``words`` of all
    together."""

    seen: int = 0
    empty: int = 0
    prompt: int = 0
    query: int = 0
    words: int = 0

    def __add__(self, other: Requests) -> Requests:
        return Requests(*map(add, vars(self).values(), vars(other).values()))

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    def __str__(self) -> str:
        """In words, without a text of any."""
        if not self.seen:
            return "no requests"
        kinds = ((self.empty, "empty"), (self.prompt, "copied from the prompt"), (self.query, "with the whole query"))
        told = [f"{count}/{self.seen} {kind}" for count, kind in kinds if count]
        return ", ".join([f"requests of {self.words / self.seen:.0f} words", *told])


def first_and_last(rounds: Sequence[dict[str, Any]]) -> str | None:
    """The requests of the first and the last tenth of a training's rounds, in words, from lines as ``metrics.jsonl``
    has them; None where no line has requests."""
    numbers = sorted({line["round"] for line in rounds if line.get("requests", {}).get("seen")})
    if not numbers:
        return None
    tenth = max(1, len(numbers) // 10)

    def told(those: Sequence[int]) -> str:
        seen = [Requests(**line["requests"]) for line in rounds if line["round"] in those and "requests" in line]
        return f"{reduce(add, seen)} in {_rounds(those)}"

    return "; ".join(told(those) for those in (numbers[:tenth], numbers[-tenth:])[: len(numbers)])


def _rounds(those: Sequence[int]) -> str:
    return f"round {those[0]}" if len(those) == 1 else f"rounds {those[0]} to {those[-1]}"
