"""Picture: something drawn, with the words that stand for it where it is not seen; for a page or as a file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from papillon.pictures.elements import SIZE, escaped, number, shorter, text

__all__ = ["HEAD", "WIDTH", "Picture", "below"]

WIDTH = 480
#: The room that the title takes.
HEAD = 24
#: The room between two pictures.
_GAP = 12

_OPEN = 'xmlns="http://www.w3.org/2000/svg" role="img"'
_FONT = f'font-family="system-ui, sans-serif" font-size="{SIZE}" fill="currentColor"'
#: For a file of its own, which no page's style sheet reaches.
_STYLE = (
    "<style>svg{color:#1a1a1a;background:#fff}"
    "@media(prefers-color-scheme:dark){svg{color:#e6e6e6;background:#121212}}</style>"
)


@dataclass(frozen=True)
class Picture:
    """A drawing ``WIDTH`` wide and ``height`` high below its title; ``body`` is SVG whose texts are escaped.

    ``description`` says in a sentence or more what is to be seen, for who does not see it.
    """

    title: str
    description: str
    height: float
    body: str

    def svg(self) -> str:
        """The element for a page, which it takes its text colour from; it is as wide as its place."""
        return self._written("")

    def file(self) -> str:
        """The text of a file, light or dark as its reader's screen is."""
        size = f' width="{WIDTH * 1.5:g}" height="{number((HEAD + self.height) * 1.5)}"'
        return self._written(size, _STYLE) + "\n"

    def _written(self, size: str, style: str = "") -> str:
        mark = hashlib.sha256("\0".join((self.title, self.description, self.body)).encode("utf-8", "replace"))
        name = f"p{mark.hexdigest()[:8]}"
        return "\n".join(
            [
                f'<svg {_OPEN} aria-labelledby="{name}t {name}d" viewBox="0 0 {WIDTH} {number(HEAD + self.height)}"'
                f"{size} {_FONT}>",
                f'<title id="{name}t">{escaped(self.title)}</title>',
                f'<desc id="{name}d">{escaped(self.description)}</desc>{style}',
                self.placed(0),
                "</svg>",
            ]
        )

    def placed(self, top: float) -> str:
        """The title and what is below it, so far down in another drawing."""
        title = text(8, 16, shorter(self.title, WIDTH - 16), strong=True)
        return (
            f'<g transform="translate(0 {number(top)})">{title}\n<g transform="translate(0 {HEAD})">{self.body}</g></g>'
        )


def below(title: str, pictures: Sequence[Picture]) -> Picture:
    """One picture of several, one below the other; it says what each of them says."""
    tops, top = [], 0.0
    for picture in pictures:
        tops.append(top)
        top += HEAD + picture.height + _GAP
    body = "\n".join(picture.placed(at) for picture, at in zip(pictures, tops, strict=True))
    said = " ".join(f"{picture.title}: {picture.description}" for picture in pictures)
    return Picture(title, said or "Nothing to show.", top, body)
