"""Spelling: the known name that a misspelt one was meant to be."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean", "nearest"]


def nearest(word: str, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """The name of ``known`` most like ``word``, None where none is as much as ``alike`` (0..1) like it."""
    # Here alone, so that a start at which nothing is misspelt does not pay for the import.
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=alike)), None)


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """The end of a sentence: the name that ``word`` was meant to be, or ``otherwise`` where none is near it."""
    near = nearest(word, known)
    return otherwise if near is None else f"did you mean {near!r}?"
