"""Keys: what stands in a variable, made fit for a header; a key is never shown, not even in part."""

from __future__ import annotations

import re

__all__ = ["clean_key", "unsendable"]

#: What copying puts around a key: blanks and line ends, quotes of all kinds, signs that cannot be seen.
_AROUND = " \t\r\n\v\f\"'`“”„‟‘’‚‛«»\u00a0\u200b\u2060\ufeff"


def clean_key(value: str) -> str:
    """The key without what copying puts around it, and without a leading ``Bearer``."""
    return re.sub(r"^bearer(\s+|$)", "", value.strip(_AROUND), flags=re.IGNORECASE).strip(_AROUND)


def unsendable(key: str, variable: str) -> str | None:
    """One sentence, by its variable's name, on a key that cannot stand in a header; None for one that can."""
    bad = next((sign for sign in key if not "!" <= sign <= "~"), None)
    if bad is None:
        return None
    what = "a blank or line end" if bad.isspace() else "a letter or sign that is no ASCII" if bad > "~" else "a control"
    return f"Expected a key in the environment variable {variable}, got {what} within it; copy the key there anew."
