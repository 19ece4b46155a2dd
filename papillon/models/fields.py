"""Fields: what a recorded answer says, read as the adapters read it, without DSPy.

A run whose rows are all recorded need not import DSPy to read them again; a test holds that both read the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from papillon.models.characters import whole_characters
from papillon.models.markers import marked
from papillon.models.thinking import behind_block, split_thinking
from papillon.store import Record

__all__ = ["first_object", "read_fields", "said_in"]

#: What an answer as DSPy asks for it has in no field, unless it is odd.
_ODD = re.compile(r"[\[\]#<`]")
#: DSPy's own header of a field, in the spelling that ``marked`` leaves.
_HEADER = re.compile(r"\[\[ ## (\w+) ## \]\]")


def said_in(record: Record) -> str:
    """The answer of a record, without the model's thinking and with whole characters."""
    return _answer(record.answer.text)


# A record is read for its row, its trace and its fields.
@lru_cache(maxsize=64)
def _answer(text: str) -> str:
    return split_thinking(whole_characters(text))[1]


def read_fields(answer: str, names: Collection[str], adapter: str, *, json_fallback: bool = True) -> dict[str, str]:
    """Those of the fields ``names`` that stand in an answer, as text, read as the adapter of that kind does.

    A chat answer in which not all stand may be the JSON that was asked for in its place.
    """
    if adapter == "chat":
        found = _chat_fields(answer, names)
        if len(found) == len(names) or not json_fallback or "{" not in answer:
            return found
    return _json_fields(answer, names)


def _chat_fields(answer: str, names: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if (plain := _plain(tuple(names)).fullmatch(answer)) and not any(map(_ODD.search, plain.groups())):
        # As most answers are written; reading any other takes ten times as long.
        return {name: "\n".join(text.splitlines()).strip() for name, text in zip(names, plain.groups(), strict=True)}
    sections: list[tuple[str, list[str]]] = [("", [])]
    for line in marked(answer, names).splitlines():
        if header := _HEADER.match(line.strip()):
            rest = line[header.end() :].strip()
            sections.append((header[1], [rest] if rest else []))
        else:
            sections[-1][1].append(line)
    for name, lines in sections:
        if name in names:
            found.setdefault(name, "\n".join(lines).strip())
    return found


@lru_cache(maxsize=64)
def _plain(names: tuple[str, ...]) -> re.Pattern[str]:
    """An answer of these fields and nothing else, each behind DSPy's marker on a line of its own."""
    sections = "".join(rf"\[\[ ## {re.escape(name)} ## \]\]\n(.*?)\n*" for name in names)
    return re.compile(rf"{sections}\[\[ ## completed ## \]\]\n?", re.DOTALL)


def _json_fields(answer: str, names: Collection[str]) -> dict[str, str]:
    text = first_object(answer, names)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        fields = _repaired(text)
    return {name: whole_characters(_text(fields[name])) for name in names if name in fields}


def _repaired(text: str) -> dict[str, Any]:
    """What DSPy makes of JSON that is none; it takes a twentieth of a second to import, and is seldom needed."""
    import json_repair
    import regex  # type: ignore[import-untyped]

    fields = json_repair.loads(text)
    if not isinstance(fields, dict) and (found := regex.search(r"\{(?:[^{}]|(?R))*\}", text, regex.DOTALL)):
        fields = json_repair.loads(found[0])
    return fields if isinstance(fields, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def first_object(completion: str, names: Collection[str]) -> str:
    """The first JSON object behind a block at the start, else of all of ``completion``, if it is whole and has these
    names; DSPy takes the last one.
    """
    for text in (behind_block(completion), completion):
        start = text.find("{")
        try:
            value, end = json.JSONDecoder().raw_decode(text, max(start, 0))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and value.keys() >= set(names):
            return text[start:end]
    return completion
