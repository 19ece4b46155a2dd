"""Leak finding without a model: which PII units stand in a text, word for word or nearly so.

Pure functions over strings. Which units an example has, what was sent, and what a leak costs are
for others to say; so are leaks in other words, which only a judge that reads can see.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import add
from typing import Literal

__all__ = [
    "NEAR_THRESHOLD",
    "Place",
    "fold",
    "leaks",
    "near_verbatim",
    "places",
    "redact",
    "spaceless",
    "verbatim",
    "words",
]

#: Least similarity at which a unit counts as nearly verbatim: 1 − edits / length of the longer.
NEAR_THRESHOLD = 0.85

#: With fewer letters and digits than these no edit is allowed: "Sam" is one edit from "same".
_SHORTEST_FUZZY = 7
#: With fewer than these nothing but a verbatim match counts: without its accent "Lê" is "le".
_SHORTEST_NEAR = 3
#: Of a unit longer than this only the place that aligns best is compared: to try all would be quadratic.
_LONG = 32
#: So many words of a text are looked at alone where a unit stands nearly, and as many more with them.
_PART = 64

# Unicode's Default_Ignorable_Code_Point, by ranges.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_DOTTED_I = re.compile("[iı]\u0307+|ı")

# Scripts that put no spaces between words: Thai, Lao, Tibetan, Myanmar, Khmer, the Tai scripts,
# Balinese, Javanese; Han with kana and Bopomofo.
_SPACELESS = (
    "\u0e00-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf"
    "\u2e80-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"
)
_IS_SPACELESS = re.compile(f"[{_SPACELESS}]")
# Korean puts spaces between phrases: these are words of their own, glued to the one before.
_PARTICLE = re.compile(
    "(?:은|는|이|가|을|를|의|에|에게|에서|와|과|랑|이랑|도|로|으로|만|씨|님|께|께서|부터|까지)(?![^\\W\\d_])"
)
# Accents, points and vowel signs belong to a word, and are no word characters to `re`.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0dff"
    "\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ebc\u0ec8-\u0ece\u0f71-\u0fbc\u102b-\u103e\u17b4-\u17d3"
)
_WORD = re.compile(rf"[\w{_MARKS}]+")
#: ASCII with a blank for what is no letter and no digit: a third of the pattern's time.
_BLANKED = str.maketrans({code: " " for code in range(128) if not chr(code).isalnum()})
_RUN = re.compile(rf"[{_SPACELESS}]+|[^ {_SPACELESS}]+")

# What people leave out, or write otherwise, when they spell a name.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u0670]")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
# Whether there is anything to translate, which takes longer than to look.
_SPELT_OUT, _PLAIN = (re.compile(f"[{''.join(map(chr, table))}]") for table in (_UMLAUTS, _LETTERS))
# ASCII without spaces side by side, but for a sign before others, which may fold into one with them; or one sign and
# those others.
_SIGNS = re.compile(
    r"((?:[\x00-\x08\x0e-\x1b!-\x7f]|[\t-\r\x1c-\x20](?![\t-\r\x1c-\x20]))+(?![^\x00-\x7f]))|.[^\x00-\x7f]*", re.DOTALL
)
_ONE_SPACE = str.maketrans(dict.fromkeys("\t\n\v\f\r\x1c\x1d\x1e\x1f", " "))
_NO_DIGIT = re.compile(r"\D+")


def fold(text: str) -> str:
    """``text`` as leaks are searched in it; idempotent.

    NFKC and case folding; İ and ı become i; runs of white space become one space and none at the ends.
    Invisible characters (zero-width, soft hyphen, bidirectional controls, variation selectors) are
    dropped, as Unicode's NFKC_Casefold does, so that they cannot hide a unit. Accents stay.
    """
    return " ".join(_fold_characters(text).split())


def _fold_characters(text: str) -> str:
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", _IGNORABLE.sub("", text)).casefold()
    if "ı" in text or "\u0307" in text:
        text = _DOTTED_I.sub("i", text)
    return unicodedata.normalize("NFKC", text)


def spaceless(text: str) -> bool:
    """Whether a letter of a script that puts no spaces between words stands in ``text``."""
    return _IS_SPACELESS.search(text) is not None


def words(text: str, grams: int = 1) -> list[str]:
    """The words of a folded ``text`` in order, without punctuation.

    A run of a script without spaces comes as its overlapping pieces of ``grams`` characters, and a
    shorter run whole.
    """
    if text.isascii():
        return text.translate(_BLANKED).split()
    found: list[str] = _WORD.findall(text.replace("_", " "))
    if not _IS_SPACELESS.search(text):
        return found
    pieces: list[str] = []
    for run in _RUN.findall(" ".join(found)):
        if len(run) > grams and _IS_SPACELESS.match(run):
            grown: Iterable[str] = run
            for skip in range(1, grams):
                grown = map(add, grown, run[skip:])
            pieces.extend(grown)
        else:
            pieces.append(run)
    return pieces


def verbatim(units: Sequence[str], text: str) -> tuple[bool, ...]:
    """For each of ``units``, whether it stands in ``text`` once both are folded.

    An edge of a word is asked for only where the unit itself begins or ends with a digit or with a letter
    of a script that puts spaces between words, and is missed only where such a letter stands beside it.
    So "Ann" is not in "annual", while 李 is in every word written with it, and "tim" stands in "100tim,".
    A Korean particle is a word beside the unit, not a part of its word.
    A unit that folds to nothing stands nowhere. Linear in the lengths of ``units`` and ``text``.
    """
    return _verbatim(tuple(units), text)


# The judge, the scores and the trace of one row all ask the same.
@lru_cache(maxsize=64)
def _verbatim(units: tuple[str, ...], text: str) -> tuple[bool, ...]:
    folded = fold(text)
    return tuple(any(True for _ in _places(fold(unit), folded)) for unit in units)


def places(unit: str, text: str) -> list[tuple[int, int]]:
    """Where ``unit`` stands :func:`verbatim` in ``text``: slices of ``text`` as it is, ascending."""
    return _slices(fold(unit), *_folded_with_origins(text))


def _slices(sought: str, folded: str, starts: Sequence[int], ends: Sequence[int]) -> list[tuple[int, int]]:
    return [(starts[at], ends[at + len(sought) - 1]) for at in _places(sought, folded)]


def _places(unit: str, text: str) -> Iterator[int]:
    """Where ``unit`` stands in ``text``, both folded: start offsets, ascending."""
    if not unit:
        return
    asks_left = unit[0].isdecimal() or _is_spaced(unit[0])
    asks_right = unit[-1].isdecimal() or _is_spaced(unit[-1])
    at = text.find(unit)
    while at >= 0:
        end = at + len(unit)
        after = at + 1
        if asks_left and at and _is_spaced(text[at - 1]):
            # On to the end of this word: what was skipped cannot begin at an edge, and stays skipped.
            while after < len(text) and _is_spaced(text[after - 1]):
                after += 1
        elif not (asks_right and end < len(text) and _is_spaced(text[end])) or _PARTICLE.match(text, end):
            yield at
        at = text.find(unit, after)


@lru_cache(maxsize=4096)
def _is_spaced(character: str) -> bool:
    """Whether it is a letter, or a mark on one, of a script that puts spaces between words."""
    category = unicodedata.category(character)
    return (category[0] == "L" or category in ("Mn", "Mc")) and not _IS_SPACELESS.match(character)


def near_verbatim(units: Sequence[str], text: str, *, threshold: float = NEAR_THRESHOLD) -> tuple[bool, ...]:
    """For each of ``units``, whether it stands in ``text`` nearly, and not :func:`verbatim`.

    Compared are the unit and every run of whole words of about its length, without accents and
    punctuation, umlauts also written out. A run counts that has the unit's digits and a similarity of
    at least ``threshold``, in 0.5..1: 1 − edits / length of the longer (optimal string alignment, where
    a swap of neighbours is one edit). Units of fewer than 7 letters and digits must agree in all of them
    and in their number of words; those of fewer than 3 are not searched.
    """
    return _near_verbatim(tuple(units), text, threshold)


@lru_cache(maxsize=64)
def _near_verbatim(units: tuple[str, ...], text: str, threshold: float) -> tuple[bool, ...]:
    exact = verbatim(units, text)
    if all(exact):
        return (False,) * len(exact)
    spellings = [_Spelling.of(text)]
    if any(map(_SPELT_OUT.search, map(fold, (text, *units)))):
        spellings.append(_Spelling.of(text, umlauts=True))
    return tuple(
        not found
        and any(
            _nearly(_Spelling.of(unit, umlauts=bool(way)), spelling, threshold)
            for way, spelling in enumerate(spellings)
        )
        for unit, found in zip(units, exact, strict=True)
    )


@dataclass(frozen=True)
class Place:
    """One place of a text at which ``unit`` stands, verbatim or nearly: the slice from ``start`` to ``end``."""

    unit: str = field(repr=False)
    how: Literal["verbatim", "near"]
    start: int
    end: int


def leaks(units: Sequence[str], text: str) -> list[Place]:
    """Where each of ``units`` stands in ``text``: every verbatim place, else one where it stands nearly.

    In the order of ``units``, then of places; the offsets count characters of ``text`` as it is.
    """
    found: list[Place] = []
    near, folded = near_verbatim(units, text), _folded_with_origins(text)
    for unit, nearly in zip(units, near, strict=True):
        if at := _slices(fold(unit), *folded):
            found += [Place(unit, "verbatim", start, end) for start, end in at]
        elif nearly:
            found.append(Place(unit, "near", *_near_place(unit, text)))
    return found


def _near_place(unit: str, text: str) -> tuple[int, int]:
    """A smallest slice of whole words of ``text`` in which ``unit`` stands nearly, as it does in all of ``text``."""

    def stands(start: int, end: int) -> bool:
        return any(near_verbatim((unit,), text[start:end]))

    spans = [
        (m.start() + at, m.start() + at + 1) if _IS_SPACELESS.search(m[0]) else m.span()
        for m in _WORD.finditer(text)
        for at in range(len(m[0]) if _IS_SPACELESS.search(m[0]) else 1)
    ]
    # A part of a long text is searched in far less time, again and again.
    parts = (spans[at : at + 2 * _PART] for at in range(0, len(spans), _PART))
    spans = next((part for part in parts if stands(part[0][0], part[-1][1])), spans)
    # The first word at which it has stood, then the last from which on it still stands.
    end = bisect_left(spans, True, key=lambda span: stands(spans[0][0], span[1]))
    if end == len(spans):
        return 0, len(text)
    start = bisect_left(spans[: end + 1], True, key=lambda span: not stands(span[0], spans[end][1])) - 1
    first, last = spans[max(start, 0)][0], spans[end][1]
    return (first, last) if stands(first, last) else (0, len(text))


@dataclass(frozen=True)
class _Spelling:
    """A text's letters and digits in one piece, with the offsets where words start and may end."""

    letters: str
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, text: str, *, umlauts: bool = False) -> _Spelling:
        plain = fold(text)
        if not plain.isascii():
            if umlauts:
                plain = plain.translate(_UMLAUTS)
            plain = _ACCENTS.sub("", unicodedata.normalize("NFD", plain))
            if _PLAIN.search(plain):
                plain = plain.translate(_LETTERS)
            plain = unicodedata.normalize("NFC", plain)
        found = words(plain)
        starts = [0, *accumulate(map(len, found))]
        return cls("".join(found), starts[:-1], starts[1:])


def _nearly(unit: _Spelling, text: _Spelling, threshold: float) -> bool:
    from rapidfuzz import fuzz
    from rapidfuzz.distance import OSA

    size = len(unit.letters)
    digits = _NO_DIGIT.sub("", unit.letters)
    if size < _SHORTEST_NEAR:
        return False
    if size < _SHORTEST_FUZZY:
        threshold = 1.0
    # An edit costs the alignment at most one of the unit's letters, so this screen loses no match.
    least = 100 * (1 - (1 - threshold) / threshold) if len(text.letters) > size else 0
    aligned = fuzz.partial_ratio_alignment(unit.letters, text.letters, score_cutoff=least)
    if aligned is None:
        return False
    slack = size / threshold - size if size > _LONG else len(text.letters)
    places = range(
        bisect_left(text.starts, aligned.dest_start - slack),
        bisect_right(text.starts, aligned.dest_start + slack),
    )
    for place in places:
        start = text.starts[place]
        first = bisect_left(text.ends, start + size * threshold)
        last = bisect_right(text.ends, start + size / threshold)
        for end in text.ends[first:last]:
            window = text.letters[start:end]
            if (
                digits == _NO_DIGIT.sub("", window)
                and (size >= _SHORTEST_FUZZY or bisect_left(text.starts, end, place) - place == len(unit.starts))
                and OSA.normalized_similarity(unit.letters, window, score_cutoff=threshold) >= threshold
            ):
                return True
    return False


def redact(units: Sequence[str], text: str, mask: str = "[REDACTED]") -> str:
    """``text`` with every place of every unit masked: none of ``units`` stands :func:`verbatim` in it.

    Units that overlap or touch share one mask. Where ``mask`` would itself give a unit away, or form
    one with what is left of ``text``, a block character that neither holds stands in its place.
    """
    sought = [folded for unit in units if (folded := fold(unit))]
    taken = set(text).union(*sought)
    block = next((sign for sign in map(chr, range(0x2588, 0x2600)) if sign not in taken), None)
    if block is None:
        return ""
    hidden = _hide(sought, text, block)
    for sign in (mask, block):
        redacted = sign.join(re.split(f"{block}+", hidden))
        if not any(verbatim(units, redacted)):
            return redacted
    return ""


def _hide(sought: Sequence[str], text: str, block: str) -> str:
    """``text`` with ``block`` for each character of each place; masking can open an edge for another unit."""
    while True:
        folded = _folded_with_origins(text)
        characters = list(text)
        for unit in sought:
            for start, end in _slices(unit, *folded):
                characters[start:end] = block * (end - start)
        hidden = "".join(characters)
        if hidden == text:
            return text
        text = hidden


def _folded_with_origins(text: str) -> tuple[str, list[int], list[int]]:
    """The folded ``text``, and for each of its characters where what it comes from starts in ``text``, and ends."""
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for run in _SIGNS.finditer(text):
        start, end = run.span()
        if run[1]:  # folds sign by sign: the same in a tenth of the time
            start += run[1][0].isspace() and folded[-1:] in ([], [" "])
            folded.extend(text[start:end].lower().translate(_ONE_SPACE))
            starts.extend(range(start, end))
            ends.extend(range(start + 1, end + 1))
            continue
        signs = [at for at in range(start, end) if at == start or not _continues(text[at])]
        for begun, ended in pairwise([*signs, end]):
            for character in _fold_characters(text[begun:ended]):
                space = character.isspace()
                if not space or (folded and folded[-1] != " "):
                    folded.append(" " if space else character)
                    starts.append(begun)
                    ends.append(ended)
    if folded and folded[-1] == " ":
        folded.pop()
    return "".join(folded), starts, ends


@lru_cache(maxsize=4096)
def _continues(character: str) -> bool:
    """Whether it may fold into one with the character before: marks, later jamo, what is invisible."""
    first = _fold_characters(character)[:1]
    return (
        not first
        or "M" in (unicodedata.category(character)[0], unicodedata.category(first)[0])
        or "\u1160" <= first <= "\u11ff"
    )
