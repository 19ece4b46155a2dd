"""Scripts: in which script a text is written."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

__all__ = ["script_of"]

#: Where the first word of its letters' Unicode names is not what Unicode calls the script.
_NAMES = {"Cjk": "Han", "Hentaigana": "Hiragana"}


def script_of(text: str) -> str:
    """The script that most of the letters of ``text`` belong to, such as Latin, Han, Cyrillic or Arabic.

    Of two with as many, the one that comes first; ``""`` where there is no letter. Compatibility forms count as what
    they stand for, so a full-width A is Latin.
    """
    letters: Counter[str] = Counter()
    for sign, count in Counter(text).items():
        if (script := _script(sign)) is not None:
            letters[script] += count
    return max(letters, key=letters.__getitem__, default="")


@lru_cache(maxsize=4096)
def _script(sign: str) -> str | None:
    """A letter's script by its Unicode name, as Python knows no other source of it; None for what is no letter."""
    plain = unicodedata.normalize("NFKC", sign)[0]
    if not unicodedata.category(plain).startswith("L") or not (name := unicodedata.name(plain, "")):
        return None
    first = name.replace("-", " ").split()[0].capitalize()
    return _NAMES.get(first, first)
