"""Grammars for constrained writing: the answer's JSON schema with a share of the token limit for each text.

A small model left alone with a schema fills one field until the limit cuts the JSON off. llama.cpp
constrains by llguidance, whose grammars bound a text in tokens; so the sum over an answer's fields can be
made to fit whatever the script, which a ``maxLength`` in characters cannot. Sampling is llama.cpp's matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["grammar", "shares"]

#: JSON's own characters between two quotes, without \\u escapes: the model writes other scripts as they are.
_TEXT = r'/([^"\\\x00-\x1F]|\\["\\\/nrt])*/'
_INTEGER = "/-?(0|[1-9][0-9]{0,5})/"

#: Tokens set aside for a number or a truth value, and for anything nested.
_ATOM, _NESTED = 8, 64
#: Tokens that one character of keys, quotes and braces takes at worst in practice (20 for 43 at temperature 1.5).
_PER_CHARACTER = 0.6
#: Keywords that leave a text free, so that a bound in tokens is all it needs.
_FREE = frozenset({"type", "title", "description", "default", "examples", "__dspy_field_type"})


def grammar(schema: Mapping[str, Any], max_tokens: int) -> str:
    """An llguidance grammar (Lark syntax) for an object of ``schema`` that closes within ``max_tokens`` tokens.

    Fields come in the schema's order, laid out as DSPy's JSON adapter shows them. Texts get what
    :func:`shares` gives them; whole numbers without bounds have at most six digits; anything nested
    follows its own schema, unbounded. A schema that is no object with properties is followed as it stands.
    """
    properties = schema.get("properties")
    if not properties:
        return f"%llguidance {{}}\nstart: {_follow(schema, schema)}\n"
    bounds = shares(schema, max_tokens)
    parts, rules = [], []
    opening = "{\n"
    for index, (name, field) in enumerate(properties.items()):
        key = f"{opening}  {json.dumps(name, ensure_ascii=False)}: "
        opening = ",\n"
        if name in bounds:
            rules.append(f"text_{index}[max_tokens={bounds[name]}]: {_TEXT}")
            parts += [_literal(key + '"'), f"text_{index}", _literal('"')]
        else:
            parts += [_literal(key), _value(field, schema)]
    parts.append(_literal("\n}"))
    return "\n".join(["%llguidance {}", f"start: {' '.join(parts)}", *rules, ""])


def shares(schema: Mapping[str, Any], max_tokens: int) -> dict[str, int]:
    """How many tokens each free text of an object may take, by field name; at least one each.

    Keys, numbers and the end of the answer are paid for first. What is left is divided evenly, but a
    text that closes the answer gets twice the share of those before it: they are reasoning on the way to it.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}
    texts = [name for name, field in properties.items() if _is_free_text(field)]
    frame = json.dumps(dict.fromkeys(properties, ""), indent=2, ensure_ascii=False)
    atoms = sum(_ATOM if _is_atom(properties[name]) else _NESTED for name in properties if name not in texts)
    left = max_tokens - int(len(frame.encode()) * _PER_CHARACTER) - atoms - 1
    weights = {name: 2 if name == list(properties)[-1] else 1 for name in texts}
    total = sum(weights.values())
    return {name: max(1, left * weight // total) for name, weight in weights.items()}


def _is_free_text(field: Any) -> bool:
    return isinstance(field, Mapping) and field.get("type") == "string" and field.keys() <= _FREE


def _is_atom(field: Any) -> bool:
    return isinstance(field, Mapping) and field.get("type") in ("boolean", "integer", "number", "null")


def _value(field: Any, root: Mapping[str, Any]) -> str:
    if isinstance(field, Mapping) and field.keys() <= _FREE:
        if field.get("type") == "boolean":
            return '("true" | "false")'
        if field.get("type") == "integer":
            return _INTEGER
    return _follow(field, root)


def _follow(field: Any, root: Mapping[str, Any]) -> str:
    if not isinstance(field, Mapping):
        return f"%json {json.dumps(field)}"
    definitions = {key: root[key] for key in ("$defs", "definitions") if key in root}
    # White space between tokens is where a small model loses itself.
    return "%json " + json.dumps({**definitions, **field, "x-guidance": {"whitespace_flexible": False}})


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
