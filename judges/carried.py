"""Carried: how much of a row's task was sent, by the words of its gold redaction; deterministic, free, in any script.

It shows silence: a request that leaks nothing because it says nothing carries nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from papillon.leaks import fold, words

__all__ = ["carried"]

_BRACKETS = {"[": "]", "<": ">"}


def carried(redacted_query: str, sent: str) -> float | None:
    """The share of ``redacted_query``'s words that stand in ``sent``, in 0..1; None where it has no words.

    What stands in square or angle brackets is no word of the task: that is where the redaction masks. Words are
    those of :func:`judges.closeness.closeness`, weighted as there by their letters and counted as often as both texts
    hold them; a run of a script without spaces counts in pairs of characters, a lone one as itself.

    0 for nothing, 1 where ``sent`` holds the redacted query, and never less for more that is sent.
    """
    task = _task(redacted_query)
    if not (total := _weight(task.items())):
        return None
    stand = _standing(fold(sent))
    return _weight((word, min(count, stand[word])) for word, count in task.items()) / total


# A row's controls and trials are held against the same task.
@lru_cache(maxsize=64)
def _task(redacted_query: str) -> Counter[str]:
    bare = fold(redacted_query)
    for opening, closing in _BRACKETS.items():
        bare = _outside(bare, opening, closing)
    return Counter(words(fold(bare), grams=2))


def _standing(text: str) -> Counter[str]:
    # Characters alone too, not pairs only: what is sent behind a lone one must not hide it.
    return Counter(words(text)) | Counter(words(text, grams=2))


def _weight(counts: Iterable[tuple[str, int]]) -> int:
    return sum(len(word) * count for word, count in counts)


def _outside(text: str, opening: str, closing: str) -> str:
    """``text`` without what stands in brackets, nested ones too; one that has no partner is no bracket."""
    levels: list[list[str]] = [[]]
    for piece in re.split(f"([{re.escape(opening + closing)}])", text):
        if piece == opening:
            levels.append([])
        elif piece == closing:
            if len(levels) > 1:
                levels.pop()
            levels[-1].append(" ")
        else:
            levels[-1].append(piece)
    return " ".join(map("".join, levels))
