"""Markup: text from anywhere as GitHub's and GitLab's Markdown show it, letter by letter, and the blocks made of it.

Whatever a name, a path or a server's sentence holds, it makes no cell, line, link, mention, reference, formula or HTML
of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from papillon.screen import visible

__all__ = ["bullets", "fence", "fitted", "name", "prose", "sentences", "table"]

_LONGEST_NAME, _LONGEST_SENTENCE = 120, 600
#: Shown as nothing; with it behind them, signs no longer begin a mention, a reference or an address.
_NOTHING = "&#8203;"
#: What means something inside a line of Markdown or HTML.
_SIGN = re.compile(r"[\\`*_{}\[\]<>&|~$]")
#: What both hosts make links of once Markdown is done: people, issues, requests, labels, milestones, addresses, emoji.
_REFERENCE = re.compile(
    r"""(?<!&)[@#!%^](?=[\w"'-])|&#(?:36|38|126);(?=[\w"'])|:(?=//|[\w+-]+:)|\b(?:www|GH|mailto|xmpp)(?=[.:-])""",
    re.IGNORECASE,
)
#: What becomes a list, a heading or a line across where a block begins with it.
_BEGINNING = re.compile(r"(?:\d{1,9}[.)]|[-+=#]+)(?=\s|$)|[-=]{2}")
_PLAIN = re.compile(r"[\w./:+,=-](?:[\w ./:+,=-]*[\w./:+,=-])?", re.ASCII)


def prose(text: str) -> str:
    """A sentence on one line, cut after 600 signs, of which nothing but its letters acts."""
    text = _SIGN.sub(lambda sign: f"&#{ord(sign[0])};", _one_line(text, _LONGEST_SENTENCE))
    text = _REFERENCE.sub(rf"\g<0>{_NOTHING}", text)
    return _NOTHING + text if _BEGINNING.match(text) else text


def name(text: str) -> str:
    """A name, cut after 120 signs: as code where it is a plain one, so that it can be told from the words around it."""
    text = _one_line(text, _LONGEST_NAME)
    return f"`{text}`" if _PLAIN.fullmatch(text) else prose(text)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], most: int = 60) -> str:
    """A table of finished cells, to the right where a head begins with ``>``; the first ``most`` rows, and how many
    more there are; "" without any."""
    if not rows:
        return ""
    marks = ["---:" if head.startswith(">") else "---" for head in heads]
    lines = [[head.removeprefix(">") for head in heads], marks, *rows[:most]]
    if len(rows) > most:
        lines.append([f"… and {len(rows) - most} more", *[""] * (len(heads) - 1)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(lines: Sequence[str], most: int = 20) -> str:
    """A list of finished lines, the first ``most`` and how many more there are; "" without any."""
    rest = [f"… and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join(f"- {line}" for line in [*lines[:most], *rest])


def sentences(texts: Sequence[str], most: int = 20) -> str:
    """The same of sentences that are not finished yet."""
    return bullets([*map(prose, texts[:most]), *texts[most:]], most)


def fence(text: str) -> str:
    """A command to copy, as it is, whatever it holds that can be seen."""
    text = visible(text)
    ticks = "`" * max([3, *(len(found) + 1 for found in re.findall("`+", text))])
    return f"{ticks}sh\n{text}\n{ticks}"


def fitted(blocks: Sequence[str], most: int) -> str:
    """The blocks one below the other, in at most ``most`` bytes where the first and the last alone fit: the largest of
    the others are left out, and how many these are is said."""
    kept = [block for block in blocks if block]
    left = 0

    def text() -> str:
        said = [f"{left} further part{'s' * (left > 1)} left out: a comment holds no more."] if left else []
        return "\n\n".join([*kept[:-1], *said, *kept[-1:]]) + "\n"

    while len(text().encode()) > most and len(kept) > 2:
        kept.remove(max(kept[1:-1], key=len))
        left += 1
    return text()


def _one_line(text: str, longest: int) -> str:
    """A text on one line, as it can be shown, cut where it is longer."""
    text = visible(" ".join(text[: 4 * longest].split()), one_line=True)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
