"""Adapters: DSPy's own, spared what they would do anew for every call, and reading answers as models write them.

A signature's system message depends on the signature alone, and how a text is written as JSON on nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import dspy
from dspy.utils.exceptions import AdapterParseError
from pydantic import TypeAdapter

from papillon.models.characters import whole_characters
from papillon.models.fields import first_object
from papillon.models.markers import marked
from papillon.models.thinking import split_thinking

__all__ = ["Reader", "adapter_for"]

#: Makes a value of a field's type from its text, or raises ValueError.
Reader = Callable[[str, Any], Any]


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


class _Reads:
    """Goes before an adapter: answers come with whole characters, and by ``read`` where there is a reader."""

    read: Reader | None = None

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        if self.read is None:
            fields: dict[str, Any] = super().parse(signature, completion)  # type: ignore[misc]
            # JSON can spell half a character out.
            return {name: whole_characters(value) if type(value) is str else value for name, value in fields.items()}
        texts: WeakKeyDictionary[type[dspy.Signature], Any] = self.__dict__.setdefault("_texts", WeakKeyDictionary())
        if signature not in texts:
            texts[signature] = _all_text(signature)
        said = super().parse(texts[signature], completion)  # type: ignore[misc]
        try:
            return {name: self.read(said[name], field.annotation) for name, field in signature.output_fields.items()}
        except ValueError as error:
            raise AdapterParseError(type(self).__name__, signature, completion, str(error), said) from error


def _all_text(signature: type[dspy.Signature]) -> type[dspy.Signature]:
    for name in signature.output_fields:
        signature = signature.with_updated_fields(name, type_=str)
    return signature


class _JSONAdapter(_Reads, _WritesOnce, dspy.JSONAdapter):  # type: ignore[misc]
    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        fields: dict[str, Any] = super().parse(signature, first_object(completion, signature.output_fields))
        return fields


class _ChatAdapter(_Reads, _WritesOnce, dspy.ChatAdapter):  # type: ignore[misc]
    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        _, answer = split_thinking(completion)  # which no record is behind where a training gathers rollouts
        try:
            fields: dict[str, Any] = super().parse(signature, marked(answer, signature.output_fields))
        except AdapterParseError as error:
            error.lm_response = completion  # what was said: a training learns from the very text
            raise
        return fields

    def _make_json_adapter_fallback(self) -> dspy.JSONAdapter:
        adapter = _JSONAdapter(use_native_function_calling=self.use_native_function_calling)
        adapter.read = self.read
        return adapter


def adapter_for(kind: str, *, json_fallback: bool = True, read: Reader | None = None) -> dspy.Adapter:
    """DSPy's adapter of that kind, ``chat`` or ``json``; a chat answer that cannot be read may be asked as JSON.

    ``read`` makes each field's value from its text; without it DSPy does.
    """
    adapter = _JSONAdapter() if kind == "json" else _ChatAdapter(use_json_adapter_fallback=json_fallback)
    adapter.read = read
    return adapter
