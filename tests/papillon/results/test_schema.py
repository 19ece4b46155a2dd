"""The results file's schema: docs/results.md names every field with its type, and no other."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from papillon.profile import ROOT
from papillon.results import ControlResult, RunResult

DOCUMENT = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
Documented = dict[str, tuple[str, bool]]
_EITHER = (Union, types.UnionType)
_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def word(kind: Any) -> str:
    """A type as the document calls it."""
    of = get_args(kind)
    if get_origin(kind) in _EITHER:
        return f"{word(of[0])} or null"
    if get_origin(kind) is Literal:
        return "text"
    if get_origin(kind) is tuple:
        return "list"
    return "object" if is_dataclass(kind) or isinstance(get_origin(kind), type) else _WORDS[kind]


def objects(kind: Any = RunResult, path: str = "", found: dict[str, Any] | None = None) -> dict[str, Any]:
    """Every dataclass of the file by the path where it first stands."""
    found = {} if found is None else found
    found[path or "The whole"] = kind
    for name, inner in get_type_hints(kind).items():
        step = name
        while inner is not None and not is_dataclass(inner):
            # Of a list what it holds, of an object its values, of what may be null the rest.
            of = get_args(inner)
            origin, inner = get_origin(inner), None
            if origin in _EITHER:
                inner = of[0]
            elif origin in (tuple, dict, Mapping):
                inner, step = of[-1] if origin is not tuple else of[0], f"{name}[]"
        if inner is not None and inner not in found.values():
            objects(inner, f"{path}.{step}".lstrip("."), found)
    return found


def documented(path: str) -> Documented:
    """The fields under a heading: each one's type, and whether a file may lack it."""
    heading = path if path == "The whole" else f"`{path}`"
    text = DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)`( †)? \| ([a-z ]+?) \| .+ \|$", text, re.MULTILINE)
    return {name: (kind, bool(mark)) for name, mark, kind in rows}


@pytest.mark.parametrize("path", objects())
def test_every_field_is_documented_with_its_type_and_whether_it_may_be_lacking(path: str) -> None:
    kind = objects()[path]
    hints = get_type_hints(kind)
    expected: Documented = {
        field.name: (word(hints[field.name]), not field.default is field.default_factory is MISSING)
        for field in fields(kind)
    }
    if kind is RunResult:
        # Not fields, but in the file: its version, and beside the contract's objects what is said of controls.
        expected |= {"schema": ("whole number", False), "control_notes": ("list", True)}
    found = documented(path)
    if kind is ControlResult:
        found = documented("control_notes[]") | found
    assert found == expected


def test_no_other_object_is_documented() -> None:
    assert re.findall(r"^## `?([^`\n]+)`?$", DOCUMENT, re.MULTILINE) == [
        each for path in objects() for each in ([path, "control_notes[]"] if path == "controls[]" else [path])
    ]
