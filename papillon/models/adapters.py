"""Adapters: DSPy's own, which here write a signature's system message once.

The message depends on the signature alone, and DSPy would write it anew for every call.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import dspy

__all__ = ["adapter_for"]


class _WritesOnce:
    """Goes before an adapter; none itself, since DSPy wraps the methods of each adapter class anew."""

    def format_system_message(self, signature: type[dspy.Signature]) -> str:
        written: WeakKeyDictionary[type[dspy.Signature], str] = self.__dict__.setdefault(
            "_written", WeakKeyDictionary()
        )
        if signature not in written:
            written[signature] = super().format_system_message(signature)  # type: ignore[misc]
        return written[signature]


class _ChatAdapter(_WritesOnce, dspy.ChatAdapter):  # type: ignore[misc]
    pass


class _JSONAdapter(_WritesOnce, dspy.JSONAdapter):  # type: ignore[misc]
    pass


def adapter_for(kind: str, *, json_fallback: bool = True) -> dspy.Adapter:
    """DSPy's adapter of that kind, ``chat`` or ``json``; a chat answer that cannot be read may be asked as JSON."""
    return _JSONAdapter() if kind == "json" else _ChatAdapter(use_json_adapter_fallback=json_fallback)
