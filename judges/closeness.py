"""Closeness of an answer to a target in content and in length: deterministic, free, in any script.

It says how alike two texts are, not which is better; what closeness is enough is the judge's to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from papillon.leaks import fold, words

__all__ = ["Closeness", "closeness", "measured"]


@dataclass(frozen=True)
class Closeness:
    """How close an answer is to a target in ``content`` and in ``length``, each in 0..1, and their ``value`` together.

    ``lacks`` are the target's folded words that the answer lacks, each as often as it does.
    """

    content: float
    length: float
    lacks: Mapping[str, int] = field(default_factory=dict, repr=False)

    @property
    def value(self) -> float:
        """content × (1 + length) / 2, in 0..1: length can halve it."""
        return self.content * (1 + self.length) / 2


def closeness(answer: str, target: str) -> float:
    """How close ``answer`` is to ``target``, in 0..1: the value of what is :func:`measured`."""
    return measured(answer, target).value


def measured(answer: str, target: str) -> Closeness:
    """The closeness of ``answer`` to ``target`` in its parts.

    Content is the F-measure of the words that both hold, as often as both hold them: with S shared and
    A, T all of the answer's and the target's, 2S / (A + T) (ROUGE-1's F, Lin 2004). A word weighs as many
    as it has letters, since short words say little; scripts without spaces count in pairs of characters.
    Length is 1 − ``|len(target) − len(answer)| / max(len(target), len(answer))``, the tutorial's
    usefulness made right. Both are taken over folded texts.

    Content and length are symmetric; the value is 1 for texts that fold alike, 0 where they share no word or one of
    them is empty.
    """
    answer, target = fold(answer), fold(target)
    if answer == target:
        same = float(bool(answer))
        return Closeness(same, same)
    ours, theirs = Counter(words(answer, grams=2)), Counter(words(target, grams=2))
    lacks = {word: times - held for word, times in theirs.items() if times > (held := ours.get(word, 0))}
    shared, total = _letters(theirs) - _letters(lacks), _letters(ours) + _letters(theirs)
    length = 1 - abs(len(target) - len(answer)) / max(len(target), len(answer))
    return Closeness(2 * shared / total if total else 0.0, length, lacks)


def _letters(words: Mapping[str, int]) -> int:
    return sum(len(word) * times for word, times in words.items())
