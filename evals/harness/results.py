"""Results: one run as one JSON object, for machines; a view of the run, byte for byte the same for the same records."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import papillon
from evals.harness.run import Run
from judges.scores import SCORES
from papillon.files import write_whole

__all__ = ["SCHEMA", "as_json", "write_json"]

SCHEMA = 1


def as_json(run: Run) -> dict[str, Any]:
    """The run as the results file has it; see the project's contract for each field."""
    settings = run.plan.settings
    profile = settings.profile
    data = run.plan.data
    tokens = run.ledger.tokens()
    judge = profile.models.get("judge")
    return {
        "schema": SCHEMA,
        "run": {
            "id": run.id,
            "started": run.started.isoformat(timespec="seconds"),
            "seconds": round(run.scheduler.seconds, 3),
            "finished": run.finished.isoformat(timespec="seconds") if run.finished else None,
            "profile": profile.name,
            "record": settings.record,
            "scores": SCORES,
            "dataset": {
                "name": data.name,
                "sha256": data.sha256,
                "rows": data.rows,
                "split": profile.split,
            },
            "program": {
                "fingerprint": run.fingerprint,
                "path": str(profile.program) if profile.program else None,
            },
            "models": {
                "local": profile.local.model,
                "untrusted": profile.untrusted.model,
                "judge": judge.model if judge is not None else "lexical",
            },
            "versions": versions(),
            "calls": {
                "made": run.ledger.made,
                "replayed": run.ledger.replayed,
                "retried": run.ledger.retried,
                "failed": run.ledger.failed,
            },
            "tokens": {"input": tokens[0], "output": tokens[1]},
            "cost_usd": run.ledger.usd(),
        },
        "rows": [row.to_json() for row in run.all_rows()],
        "gates": [result.to_json() for result in run.verdicts()],
        "controls": [run.control(name, split).to_json() for split, name in run.controls],
    }


def versions() -> dict[str, str]:
    """What the scores were computed with."""
    return {
        "papillon": papillon.__version__,
        "dspy": version("dspy"),
        "pytest": version("pytest"),
        "python": platform.python_version(),
    }


def write_json(data: dict[str, Any], path: Path) -> None:
    """Write a JSON object whole or not at all; raises UsageError where the file cannot be written."""
    write_whole(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
