"""Values: what a judge's typed answer says, without the markup and punctuation that models put around it.

The whole text is the value or it is none: nothing is searched for in prose, so that "INCORRECT" never reads as C.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Count", "read_value"]

#: Quotes, bold and code, blanks, and the full stop of a sentence.
_AROUND = re.compile(r"""^[\s*_`"'“”‘’]+|[\s*_`"'“”‘’.]+$""")
#: pydantic's words, which DSPy takes too.
_TRUTH = {
    **dict.fromkeys(("true", "yes", "y", "t", "on", "1"), True),
    **dict.fromkeys(("false", "no", "n", "f", "off", "0"), False),
}
_COUNT = re.compile(r"([+-]?[0-9]+)(?:\.0*)?(?:\s*(?:/|of|out of)\s*([0-9]+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Count:
    """A whole number, and of how many where the answer says that too."""

    number: int
    of: int | None = None


def read_value(text: str, kind: Any) -> Any:
    """The value of a field: a truth value for ``bool``, a :class:`Count` for ``int``, else the text itself.

    Raises ValueError where the text is something else, and never says what it is.
    """
    bare = _AROUND.sub("", text)
    if kind is bool:
        if (truth := _TRUTH.get(bare.lower())) is None:
            raise ValueError("expected True or False")
        return truth
    if kind is int:
        if (count := _COUNT.fullmatch(bare)) is None:
            raise ValueError("expected a whole number")
        return Count(int(count[1]), None if count[2] is None else int(count[2]))
    return text
