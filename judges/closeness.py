"""Closeness of an answer to a target in content and in length: deterministic, free, in any script.

It says how alike two texts are, not which is better; what closeness is enough is the judge's to say.
"""

from __future__ import annotations

from collections import Counter

from papillon.leaks import fold, words

__all__ = ["closeness"]


def closeness(answer: str, target: str) -> float:
    """How close ``answer`` is to ``target``, in 0..1: content × (1 + length) / 2; length can halve it.

    Content is the F-measure of the words that both hold, as often as both hold them: with S shared and
    A, T all of the answer's and the target's, 2S / (A + T) (ROUGE-1's F, Lin 2004). A word weighs as many
    as it has letters, since short words say little; scripts without spaces count in pairs of characters.
    Length is 1 − ``|len(target) − len(answer)| / max(len(target), len(answer))``, the tutorial's
    usefulness made right. Both are taken over folded texts.

    Symmetric; 1 for texts that fold alike, 0 where they share no word or one of them is empty.
    """
    answer, target = fold(answer), fold(target)
    if answer == target:
        return float(bool(answer))
    return _content(answer, target) * (1 + _length(answer, target)) / 2


def _content(answer: str, target: str) -> float:
    ours, theirs = words(answer, grams=2), words(target, grams=2)
    total = sum(map(len, ours)) + sum(map(len, theirs))
    counted = Counter(theirs)
    shared = sum(len(word) * min(count, counted[word]) for word, count in Counter(ours).items())
    return 2 * shared / total if total else 0.0


def _length(answer: str, target: str) -> float:
    return 1 - abs(len(target) - len(answer)) / max(len(target), len(answer))
