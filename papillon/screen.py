"""Screen: a text that others wrote, as it can be shown: nothing in it acts on the terminal, and nothing is hidden."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TextIO

from papillon.joiners import needed

__all__ = ["coloured", "show", "shown", "visible"]


def visible(text: str, *, one_line: bool = False) -> str:
    """``text`` with the escapes of those signs that would act on a terminal, reorder what is there, or not be seen.

    Line ends (CR LF as LF) and tabs stay, unless it is to stand on ``one_line``; so do joiners and variation selectors
    where the signs beside them need them. Idempotent.
    """
    if text.isascii() and (text if one_line else text.replace("\n", "")).isprintable():
        return text  # most are, and each of its signs is seen
    return "".join(shown(text, one_line=one_line))


def shown(text: str, *, one_line: bool = False) -> list[str]:
    """What :func:`visible` makes of each sign of ``text``; of CR LF it leaves the second."""
    stays, beside = "" if one_line else "\n\t", needed(text)
    signs = [sign if at in beside or sign in stays else _shown(sign) for at, sign in enumerate(text)]
    if not one_line:
        for found in re.finditer("\r\n", text):
            signs[found.start()] = ""
    return signs


def show(*lines: str, file: TextIO | None = None) -> None:
    """Print lines, standard output's unless a ``file`` is given; names in them are others', and none begins a line."""
    print(*(visible(line, one_line=True) for line in lines), sep="\n", file=file, flush=True)


def coloured(file: TextIO) -> bool:
    """Whether what is written there may have colours, by pytest's rules: those of the environment, then a terminal."""
    if (own := os.environ.get("PY_COLORS")) in ("0", "1"):
        return own == "1"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (file.isatty() and os.environ.get("TERM") != "dumb")


@lru_cache(maxsize=4096)
def _shown(sign: str) -> str:
    from papillon.leaks import fold  # a tenth of a second, which a text of ASCII does not need

    # What leak finding drops, variation selectors and fillers among it, is printable to Python and seen by nobody.
    plain = sign == " " or (sign.isprintable() and fold(sign))
    return sign if plain else ascii(sign)[1:-1]
