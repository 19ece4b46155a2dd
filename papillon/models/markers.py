"""Markers: where the fields of an answer in DSPy's chat format begin, also where a model writes them its own way.

DSPy sees ``[[ ## name ## ]]`` at the start of a line, and takes for text what it does not see. Here every marker
of an answer's own fields is found, and either put where DSPy sees it or taken out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from papillon.models.thinking import behind_block

__all__ = ["marked"]

_END = "completed"
#: What may stand on a line before the marker that opens it: blanks, a heading's or a quotation's sign, bold.
_OPENS = re.compile(r"\s*(?:[#>-]+\s+)?[*_`]*")
_AROUND = " \n\t[*_`#>-"
_MARKUP = re.compile(r"[*_`]*$")
#: Where the format begins, be it by another signature's marker.
_ANY = re.compile(r"\[[ \t]*##")
#: A marker that the token limit cut off, within so many characters of the end.
_LONGEST = 100
_CUT = re.compile(r"[*_`]*\[\[[ \t]*#[ \t#]*(\w*)[ \t#]*\]?\s*$")
#: The end in other spellings, on a line of its own.
_ENDS = re.compile(r"^[ \t]*(?:\[\[[ \t]*completed[ \t]*\]\]|##[ \t]*completed[ \t]*##)[ \t]*$", re.MULTILINE)
#: A marker in DSPy's spelling, of whatever field.
_FIELD = re.compile(r"(?<!`)\[\[[ \t]*##[ \t]*(\w+)[ \t]*##[ \t]*\]\](?!`)")
#: What may stand between a field's marker and its text: a colon, and a block of thinking.
_LEADS = re.compile(
    r"(?<=## \]\])(?:[ \t]*:(?=\s))?(?:\s*<(think|thinking|thought|reasoning)\b[^>]*>.*?</\1\s*>[ \t]*)?", re.DOTALL
)


class _Marker(NamedTuple):
    """The marker of field ``name`` from ``start`` to ``end``, its markup included.

    It ``opens`` its line, or stands within one and is ``spoken`` of where it is in backticks.
    """

    name: str
    start: int
    end: int
    opens: bool
    spoken: bool


def marked(completion: str, names: Collection[str]) -> str:
    """``completion`` with each marker of the fields ``names`` where DSPy sees it, up to the end of the answer.

    A field begins at its first marker that opens a line, in whatever spacing and markup; where it has none, at its
    first one within a line. The answer ends at the marker ``completed`` that opens a line, else at one within a
    line behind all fields. Other markers of these names within a line are taken out; the text around them stays.
    Behind other text, which may be thinking with a draft in it, the answer begins at the last marker of its first
    field that opens a line. Where another answer follows the end of that one it is "", for either may be the draft.
    A marker of any other field within a line opens one, so that what follows it belongs to none of these.
    """
    names = tuple(names)
    text = _ENDS.sub(f"[[ ## {_END} ## ]]", "\n".join(completion.splitlines()))  # these are the lines that DSPy sees
    text = _FIELD.sub(lambda found: found[0] if found[1] in (*names, _END) else f"\n[[ ## {found[1]} ## ]]\n", text)
    behind = behind_block(text)
    if _begins(_markers(behind, names), names):
        text = behind
    markers = _markers(text, names)
    end = next((marker.start for marker in markers if marker.opens and marker.name == _END), len(text))
    start = 0
    if (format_begins := _ANY.search(text)) and text[: format_begins.start()].strip(_AROUND):
        begins_at = _begins(markers, names)
        start = max((at for at in begins_at if at < end), default=0)
        if any(not _alike(text[start:end], text[at:]) for at in begins_at if at > end):
            return ""
    markers = [marker for marker in markers if marker.start >= start]
    fields = [marker for marker in markers if marker.name != _END and marker.start < end]
    begins: dict[str, _Marker] = {}
    for marker in sorted(fields, key=lambda marker: not marker.opens):
        if marker.opens or not marker.spoken:
            begins.setdefault(marker.name, marker)
    last = max((marker.start for marker in begins.values()), default=len(text))
    end = next((marker.start for marker in markers if marker.name == _END and last < marker.start < end), end)

    written, at = [], start
    for marker in markers:
        if marker.start >= end:
            break
        written.append(text[at : marker.start])
        if marker.opens or marker in begins.values():
            written.append(f"\n[[ ## {marker.name} ## ]]")
        at = marker.end
    written.append(_uncut(text[at:end], names))
    return _LEADS.sub("", "".join(written))


def _begins(markers: Iterable[_Marker], names: tuple[str, ...]) -> list[int]:
    """Where answers may begin: the markers of the first field that open a line."""
    return [marker.start for marker in markers if marker.opens and marker.name == names[0]]


def _alike(first: str, second: str) -> bool:
    """Whether one of two texts begins with the other."""
    first, second = first.strip(), second.strip()
    return first.startswith(second) or second.startswith(first)


def _markers(text: str, names: tuple[str, ...]) -> list[_Marker]:
    found = []
    for match in _pattern(names).finditer(text):
        start, end = match.span()
        before = text[text.rfind("\n", 0, start) + 1 : start]
        markup = _MARKUP.search(before)[0]  # type: ignore[index]
        opens = _OPENS.fullmatch(before) is not None
        closed = bool(markup) and text.startswith(markup[::-1], end)
        if opens:
            start -= len(before)
        elif closed:
            start -= len(markup)
        found.append(_Marker(match[1], start, end + len(markup) * closed, opens, closed and "`" in markup))
    return found


@lru_cache
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    known = "|".join(map(re.escape, (*names, _END)))
    return re.compile(rf"\[{{1,2}}[ \t]*##[ \t]*({known})[ \t]*##[ \t]*\]{{1,2}}")


def _uncut(text: str, names: Collection[str]) -> str:
    cut = _CUT.search(text, max(0, len(text) - _LONGEST))
    if cut is not None and any(name.startswith(cut[1]) for name in (*names, _END)):
        return text[: cut.start()]
    return text
