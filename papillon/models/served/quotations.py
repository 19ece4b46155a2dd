"""Quotations: what a server's words repeat of a request is cut out of them, before they are judged or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from unicodedata import combining, normalize

from papillon.models.served.wordings import PLAIN

__all__ = ["Quotations"]

_CUT = "[…]"
#: A run of so many letters and digits that stands in the request is a quotation of it, about 20 signs of a text.
_RUN = 16
#: Parts of that length, taken each _RUN - _PART + 1 letters, meet every such run.
_PART = 8
#: Words side by side, of so many letters together, are one as well.
_PAIR = 8
#: Signs that need no blanks around them are words of their own.
_WHOLE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_WORD = re.compile(rf"[{_WHOLE}]|[^\W_{_WHOLE}]+")
_CUT_OFF = ("…", "...")
_SEPARATE = re.compile(r"[\W_]+")
#: What a server quotes stands in quotes or brackets, or behind a colon or a dash.
_MARKED = re.compile(
    r"""(?<!\w)'(?:.*?'(?!\w)|.*) | "[^"]*"? | `[^`]*`? | [“„”][^”“]*[”“]? | ‘[^’]*’? | «[^»]*»?
    | \([^)]*\)? | \[[^\]]*\]? | \{[^}]*\}? | <[^>]*>?
    | (?:[:=：→] | \s[-–—]\s).*""",
    re.VERBOSE,
)


class Quotations:
    """The quotations of a request, whose messages' texts are ``asked``."""

    def __init__(self, asked: Iterable[str]) -> None:
        text = normalize("NFC", "\n".join(asked)).casefold()
        # Sign by sign over the text would take ten times as long, and a prompt may be a megabyte.
        for sign in set(text):
            if not sign.isalnum():
                text = text.replace(sign, "" if combining(sign) else " ")
        words = text.split()
        self._words = frozenset(words)
        self._spaced, self._letters = f" {' '.join(words)} ", "".join(words)
        step = _RUN - _PART + 1
        self._parts = frozenset(self._letters[at : at + _PART] for at in range(0, len(self._letters), step))

    def without_runs(self, text: str) -> str:
        """``text`` without runs of 16 letters that stand in the request.

        Letters and digits alone are compared: in a quotation, quotes, blanks and line ends are often written otherwise.
        """
        text = normalize("NFC", text)
        said = [(low, at) for at, sign in enumerate(text) for low in sign.casefold() if low.isalnum()]
        letters = "".join(low for low, _ in said)
        cut = [False] * len(text)
        for start in range(len(said) - _RUN + 1):
            window = letters[start : start + _RUN]
            # Most windows are told by their parts: looking them up in a long prompt would take its length each time.
            if (
                any(window[at : at + _PART] in self._parts for at in range(_RUN - _PART + 1))
                and window in self._letters
            ):
                first, last = said[start][1], said[start + _RUN - 1][1]
                cut[first : last + 1] = [True] * (last + 1 - first)
        return _without(text, cut)

    def without_words(self, text: str) -> str:
        """``text`` without words that stand in the request and are no plain words of servers.

        Those in quotes or brackets and behind a colon are cut, names and numbers wherever they stand, and of other
        words two or more that stand side by side there as well.
        """
        text = normalize("NFC", text)
        found = list(_WORD.finditer(text))
        words = [_folded(word[0]) for word in found]
        taken = [word not in PLAIN and self._has(word, text, where) for word, where in zip(words, found, strict=True)]
        marked = [False] * len(text)
        for mark in _MARKED.finditer(text):
            marked[mark.start() : mark.end()] = [True] * (mark.end() - mark.start())
        going = [own and (marked[at.start()] or not at[0].islower()) for own, at in zip(taken, found, strict=True)]
        for first, last in self._beside(words, taken):
            going[first : last + 1] = [True] * (last + 1 - first)
        cut = [False] * len(text)
        for at, goes in zip(found, going, strict=True):
            if goes:
                cut[at.start() : at.end()] = [True] * len(at[0])
        return _without(text, cut)

    def _beside(self, words: list[str], taken: list[bool]) -> Iterator[tuple[int, int]]:
        """Where words stand side by side as they do in the request: the first and the last of them that are taken."""
        start = 0
        for at in range(1, len(words) + 1):
            if at < len(words) and f" {words[at - 1]} {words[at]} " in self._spaced:
                continue
            own = [place for place in range(start, at) if taken[place]]
            if own and at - start > 1 and sum(map(len, words[start:at])) >= _PAIR:
                yield own[0], own[-1]
            start = at

    def _has(self, word: str, text: str, where: re.Match[str]) -> bool:
        if not word.isascii():
            return word in self._letters
        if len(word) < 2:
            return False
        if word in self._words:
            return True
        # A server may shorten what it quotes, and a long text is cut before it is looked at.
        begins = where.end() == len(text) or text.startswith(_CUT_OFF, where.end())
        ends = text.endswith(_CUT_OFF, 0, where.start())
        if not begins and not ends:
            return False
        return any((begins and each.startswith(word)) or (ends and each.endswith(word)) for each in self._words)


def _folded(text: str) -> str:
    return _SEPARATE.sub("", text.casefold())


def _without(text: str, cut: list[bool]) -> str:
    kept = "".join("\0" if each else sign for sign, each in zip(text, cut, strict=True))
    return re.sub(r"\0+(?:[\s,.'’&/-]+\0+)*", _CUT, kept)
