"""Lines: marked texts as lines for a terminal of a given width, what is marked in colours or between signs.

Nothing in a text acts on the terminal. A line with a script that runs from right to left is isolated, so that nothing
beside it turns around.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from operator import itemgetter

from evals.harness.reports.marked import Kind, Piece, continues
from papillon.screen import visible
from papillon.tables import width_of

__all__ = ["MARKS", "Lines", "isolated"]

_SIGNS: dict[Kind, tuple[str, str]] = {"verbatim": ("⟦", "⟧"), "near": ("⦅", "⦆"), "only": ("⦃", "⦄")}
#: These signs, of which none stands in a text as it is shown without colours, so that no text looks marked.
MARKS = frozenset(sign for signs in _SIGNS.values() for sign in signs)
#: Nor do those that look like them.
_OWN = str.maketrans({sign: ascii(sign)[1:-1] for sign in (*MARKS, *"〚〛｟｠")})
#: Bold and red; yellow and underlined; cyan: each is told from the others in grey, too.
_CODES: dict[Kind, str] = {"verbatim": "1;31", "near": "4;33", "only": "36"}

_WORDS = re.compile(r"\n| +|[^ \n]+")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_ISOLATE, _END = "\u2068", "\u2069"
#: Longer lines of prose are hard to read.
_WIDEST = 110

#: A part of a line.
_Part = tuple[Kind, str]


@dataclass(frozen=True)
class Lines:
    """How texts become lines: of at most ``width`` columns (20 and more), with ``colours`` or with signs."""

    width: int
    colours: bool = False

    @property
    def legend(self) -> list[str]:
        """What the marks mean, in a sentence."""
        sample: list[Piece] = []
        for kind, means in (("verbatim", "word for word"), ("near", "nearly"), ("only", "in one of the two alone")):
            sample += [Piece(", " if sample else "Marked: "), Piece(means, kind)]  # type: ignore[arg-type]
        return self.text([*sample, Piece(".")], indent=0)

    def heading(self, text: str) -> list[str]:
        """A line of the project's own above what it names, after an empty one."""
        said = self.said(visible(text, one_line=True), indent=0)
        return ["", *(f"\x1b[1m{line}\x1b[0m" if self.colours else line for line in said)]

    def said(self, text: str, *, indent: int = 2) -> list[str]:
        """A text without marks."""
        return self.text((Piece(text),), indent=indent)

    def text(self, pieces: Iterable[Piece], *, indent: int = 2) -> list[str]:
        """A marked text, its own line ends kept; a word that is too long for a line is cut between two signs."""
        lines = _laid(self._parts(pieces), min(self.width - indent, _WIDEST))
        return [" " * indent + self._shown(line) if line else "" for line in lines]

    def beside(self, left: Sequence[Piece], right: Sequence[Piece], heads: tuple[str, str]) -> list[str]:
        """Two marked texts side by side under their heads, or below each other where the window is too narrow."""
        size = min((self.width - 5) // 2, _WIDEST)
        if size < 50:
            first = [*self.heading(heads[0]), *self.text(left)]
            return [*first, *self.heading(heads[1]), *self.text(right)]
        sides = [_laid(self._parts(side), size) for side in (left, right)]
        lines = []
        for one, other in zip_longest(*sides, fillvalue=list[_Part]()):
            gap = " " * (size - sum(width_of(text) for _, text in one))
            lines.append(f"  {self._shown(one)}{gap} │ {self._shown(other)}".rstrip())
        names = [f"\x1b[1m{head}\x1b[0m" if self.colours else head for head in heads]
        return ["", f"{names[0]}{' ' * (size + 3 - width_of(heads[0]))}│ {names[1]}", *lines]

    def one_line(self, text: str) -> str:
        """A text as it can be shown within a line, isolated from what stands beside it."""
        return isolated(self._unmarked(visible(text, one_line=True)))

    def _unmarked(self, text: str) -> str:
        """A text that can be shown, with the escapes of the signs that would look like a mark."""
        return text if self.colours else text.translate(_OWN)

    def _parts(self, pieces: Iterable[Piece]) -> Iterator[_Part]:
        """The pieces as they can be shown, with signs around what is marked where there are no colours."""
        for kind, run in groupby(pieces, key=lambda piece: piece.kind):
            before, after = ("", "") if self.colours or kind == "plain" else _SIGNS[kind]
            shown = self._unmarked("".join(visible(piece.text) for piece in run).replace("\t", "    "))
            yield kind, f"{before}{shown}{after}"

    def _shown(self, line: Sequence[_Part]) -> str:
        shown = ""
        for kind, run in groupby(line, key=itemgetter(0)):
            text = "".join(map(itemgetter(1), run))
            shown += f"\x1b[{_CODES[kind]}m{text}\x1b[0m" if self.colours and kind != "plain" else text
        return isolated(shown)


def isolated(text: str) -> str:
    """A text that can be shown, so that what stands beside it on a line keeps its place."""
    return f"{_ISOLATE}{text}{_END}" if _RIGHT_TO_LEFT.search(text) else text


def _laid(parts: Iterable[_Part], width: int) -> list[list[_Part]]:
    """Parts of text in lines of at most ``width`` columns, broken at spaces where they can be."""
    lines: list[list[_Part]] = [[]]
    used = space = size = 0
    before: Kind = "plain"  # the kind of the space before the word
    word: list[_Part] = []

    def place() -> None:
        nonlocal used, space, size
        space = min(space, width // 2)
        gap: _Part = before, " " * space
        if used + space + size <= width:
            lines[-1] += [gap, *word] if space else word
            used += space + size
        elif size <= width:
            lines.append(list(word))
            used = size
        else:
            if used + space + 4 <= width:
                lines[-1].append(gap)
                used += space
            for kind, sign in _signs(word):
                if used + width_of(sign) > width:
                    lines.append([])
                    used = 0
                lines[-1].append((kind, sign))
                used += width_of(sign)
        word.clear()
        space = size = 0

    for kind, text in parts:
        for piece in _WORDS.findall(text):
            if piece == "\n":
                if word:
                    place()
                lines.append([])
                used = space = 0
            elif piece[0] == " ":
                if word:
                    place()
                before = before if space else kind
                space += len(piece)
            else:
                word.append((kind, piece))
                size += width_of(piece)
    if word:
        place()
    return lines


def _signs(word: Sequence[_Part]) -> Iterator[_Part]:
    """The signs of a word, each with the marks on it."""
    for kind, text in word:
        start = 0
        for at in range(1, len(text) + 1):
            if at == len(text) or not continues(text, at):
                yield kind, text[start:at]
                start = at
