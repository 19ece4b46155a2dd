"""Results of runs as hypothesis makes them: every field by its type and range, whatever it means."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from papillon.results import Row, RunResult
from papillon.results.ranges import Amount, Count, Difference, Share

__all__ = ["results"]

#: Texts that can stand in a file: no half of a surrogate pair.
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-(10**6), 10**6),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}


_RANGES: Mapping[Any, st.SearchStrategy[Any]] = {
    Count: st.integers(0, 10**6),
    Share: st.floats(0, 1),
    Difference: st.floats(-1, 1),
    Amount: st.floats(0, allow_infinity=False),
}


def _with_its_scores(row: Row) -> Row:
    return replace(row, status="infrastructure_error") if row.lacking(targets=True) else row


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type as an annotation names it."""
    origin, of = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        hints = {name: values(each) for name, each in get_type_hints(kind, include_extras=True).items()}
        built = st.builds(kind, **hints)  # type: ignore[arg-type]
        return built.map(_with_its_scores) if kind is Row else built
    if origin is Annotated:
        return _RANGES[kind]
    if origin is Literal:
        return st.sampled_from(of)
    if origin in (Union, types.UnionType):
        return st.none() | values(of[0])
    if origin is tuple and of[1:] == (...,):
        return st.lists(values(of[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, of))
    if origin in (dict, Mapping):
        return st.dictionaries(TEXTS, values(of[1]), max_size=2)
    return _PLAIN[kind]


results = values(RunResult)
