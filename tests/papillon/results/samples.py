"""A run's result for tests, from whatever a test wants to change of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from papillon.results import GateResult, Row, RunInfo, RunResult, SplitInfo
from papillon.results.run import Calls, DatasetInfo, ModelNames, ProgramInfo, Tokens
from papillon.units import UnitsCheck

__all__ = ["INFO", "ROW", "gate", "result"]

ROW = Row("dev-0000-1f3c9a2e", "dev", 0, "g0", "scored", None, 1.0, "tie", 0, 0, 2, 0.0, 0, 1.0, 1.0, 0.1)

INFO = RunInfo(
    id="4f1c4f1c4f1c4f1c",
    started="2026-11-26T06:10:54+00:00",
    seconds=1.5,
    finished="2026-11-26T06:10:56+00:00",
    profile="small",
    record="new",
    scores=2,
    dataset=DatasetInfo("mini", "0" * 64, 60, "grouped", {"dev": 20, "test": 20}),
    program=ProgramInfo("f" * 64, None),
    models=ModelNames("openai/local", "openai/untrusted", "openai/judge"),
    versions={"papillon": "0.1.0", "python": "3.11.9"},
    calls=Calls(6, 0, 0, 0),
    tokens=Tokens(1200, 80, 900),
    cost_usd=0.0012,
    wall_seconds=2.25,
    texts="Texts: all stay on this machine (127.0.0.1).",
)


def gate(**changed: Any) -> GateResult:
    """A threshold on quality over one example that passes, and what a test changes of it."""
    passes = GateResult("threshold", "dev", "quality", 1.0, 0.025, 1.0, 1, 1, "pass", min=0.5, smallest=1.39)
    return replace(passes, **changed)


def result(*rows: Row, **changed: Any) -> RunResult:
    """A run over these rows, one clean one by default."""
    rows = rows or (ROW,)
    ids = {row.id for row in rows}
    splits = (SplitInfo("dev", len(ids), 1, UnitsCheck(len(ids), 0, {}, {}, 2, 0.0)),)
    return replace(RunResult(INFO, rows, (gate(),), (), splits), **changed)
