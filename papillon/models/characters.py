"""Characters: text that can be written as UTF-8, whatever a model or the JSON of its answer made of it."""

from __future__ import annotations

__all__ = ["whole_characters"]


def whole_characters(text: str) -> str:
    """``text`` with U+FFFD for each lone surrogate, which is half of a character; two that belong together are one."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
