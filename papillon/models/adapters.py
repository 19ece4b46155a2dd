"""Adapters: DSPy's own, spared what they would do anew for every call.

A signature's system message depends on the signature alone, and how a text is written as JSON on nothing.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import dspy
from pydantic import TypeAdapter

__all__ = ["adapter_for"]


class _Text(str):
    """A str that brings pydantic's schema of str along; DSPy has one built for each value of each prompt."""

    __pydantic_core_schema__ = TypeAdapter(str).core_schema
    __pydantic_validator__ = TypeAdapter(str).validator
    __pydantic_serializer__ = TypeAdapter(str).serializer


class _WritesOnce:
    """Goes before an adapter; none itself, since DSPy wraps the methods of each adapter class anew."""

    def format_system_message(self, signature: type[dspy.Signature]) -> str:
        written: WeakKeyDictionary[type[dspy.Signature], str] = self.__dict__.setdefault(
            "_written", WeakKeyDictionary()
        )
        if signature not in written:
            written[signature] = super().format_system_message(signature)  # type: ignore[misc]
        return written[signature]

    def format_user_message_content(
        self, signature: type[dspy.Signature], inputs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> str:
        known = {name: _Text(value) if type(value) is str else value for name, value in inputs.items()}
        content: str = super().format_user_message_content(signature, known, *args, **kwargs)  # type: ignore[misc]
        return content


class _ChatAdapter(_WritesOnce, dspy.ChatAdapter):  # type: ignore[misc]
    pass


class _JSONAdapter(_WritesOnce, dspy.JSONAdapter):  # type: ignore[misc]
    pass


def adapter_for(kind: str, *, json_fallback: bool = True) -> dspy.Adapter:
    """DSPy's adapter of that kind, ``chat`` or ``json``; a chat answer that cannot be read may be asked as JSON."""
    return _JSONAdapter() if kind == "json" else _ChatAdapter(use_json_adapter_fallback=json_fallback)
