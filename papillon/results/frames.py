"""Frames: a run as tables of pandas, one column a field of the results file, for whoever goes on from its figures.

pandas takes a third of a second to import, so it is loaded by :func:`load` alone.
"""

from __future__ import annotations

import os
import types
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from papillon.errors import UsageError
from papillon.results.controls import ControlResult
from papillon.results.finding import FoundRun, find_run
from papillon.results.folder import RUNS
from papillon.results.gates import GateResult
from papillon.results.rows import Row
from papillon.results.traces import Trace

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Frames", "load"]


def load(run: str | os.PathLike[str] = "last", runs: str | os.PathLike[str] | None = None) -> Frames:
    """A run's tables: its folder or results file, its id in the folder ``runs``, ``last`` or ``last~N``.

    ``runs`` is by default the project's ``.papillon/runs``. Raises UsageError where there is no such run, or its
    results cannot be read.
    """
    return Frames(find_run(os.fspath(run), RUNS if runs is None else Path(runs)))


@dataclass(frozen=True)
class Frames:
    """One run's tables, each made when it is first asked for; columns and their types are in docs/frames.md.

    Text is ``string``, a word of a known few ``category``, a number ``float64``, a whole number ``Int64``, yes or no
    ``boolean``, and a list ``object``; what is null in the results is missing in the frame.
    """

    found: FoundRun

    @cached_property
    def rows(self) -> DataFrame:
        """One line for each example and trial, in the split's order."""
        return _frame(Row, self.found.result.rows)

    @cached_property
    def gates(self) -> DataFrame:
        """One line for each bound of each gate."""
        return _frame(GateResult, self.found.result.gates)

    @cached_property
    def controls(self) -> DataFrame:
        """One line for each control and split."""
        return _frame(ControlResult, self.found.result.controls)

    @cached_property
    def traces(self) -> DataFrame:
        """The rows' private texts, one line for each of ``rows`` in the same order; UsageError where there are none."""
        if self.found.traces is None:
            raise UsageError(
                f"Expected the texts of run {self.found.name} beside {self.found.path}, but there are none; "
                "name the run's folder."
            )
        return _frame(Trace, self.found.traces)


def _frame(kind: type, values: Iterable[Any]) -> DataFrame:
    """A frame with one column for each field of a dataclass, typed as the field is, also where it has no line."""
    import pandas

    each = list(values)
    hints = get_type_hints(kind)
    columns = {
        field.name: pandas.Series(
            [_cell(getattr(value, field.name)) for value in each], dtype=_dtype(hints[field.name])
        )
        for field in fields(kind)
    }
    return pandas.DataFrame(columns)


def _cell(value: Any) -> Any:
    """A field's value as a cell: a list of parts as a list of objects, as the file has it."""
    if not isinstance(value, tuple):
        return value
    return [vars(part) if hasattr(part, "__dataclass_fields__") else part for part in value]


def _dtype(hint: Any) -> Any:
    """pandas' type for what a field may hold."""
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is Literal:
        from pandas import CategoricalDtype

        return CategoricalDtype(list(get_args(hint)))
    # pyarrow's texts cannot hold half of a surrogate pair, which a model may well write.
    return {str: "string[python]", float: "float64", int: "Int64", bool: "boolean"}.get(hint, "object")
