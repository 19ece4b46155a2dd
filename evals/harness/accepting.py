"""Accepting: a run's scores become the ones that later runs are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from evals.harness.run import Run
from evals.harness.verdicts.baseline import accept, write_baseline
from evals.harness.verdicts.evidence import lacking
from evals.harness.verdicts.gates import threshold_verdict
from papillon.errors import UsageError
from papillon.profile import RegressionSettings
from papillon.results import RunResult
from papillon.results.rows import Row
from papillon.units import UnitsCheck

__all__ = ["unfit", "write_accepted"]


def write_accepted(run: Run, result: RunResult) -> list[str]:
    """Write the baseline files of the run's splits, and give their names.

    Raises UsageError, before anything is written, for a run that is not whole and for a split whose rows could not
    carry a gate.
    """
    plan = run.plan
    files: dict[Path, list[str]] = {}
    for split, examples in run.examples.items():
        if len(examples) < plan.whole[split]:
            raise UsageError(
                f"--eval-accept: expected all {plan.whole[split]} examples of {split}, got {len(examples)}; "
                "accept a run without -k and without other selections."
            )
        for path in dict.fromkeys(compared.baseline for compared in plan.comparisons(split)):
            files.setdefault(path, []).append(split)
    baselines = {
        path: accept(
            [row for split in splits for row in run.rows(split)],
            dataset=plan.compared_data,
            judge=plan.compared_judge,
            models=asdict(result.run.models),
            program=result.run.program.fingerprint or "",
            versions=result.run.versions,
        )
        for path, splits in files.items()
    }
    for split in run.examples:
        most, units = plan.most_errors(split), run.units(split)
        if why := unfit(run.rows(split), plan.comparisons(split), most_errors=most, units=units):
            raise UsageError(
                f"--eval-accept: expected rows of {split} that later runs can be compared with, but {why}; "
                "nothing was written, so mend that and run again."
            )
    for path, baseline in baselines.items():
        write_baseline(baseline, path)
    return [str(path) for path in files]


def unfit(rows: Sequence[Row], compared: Sequence[RegressionSettings], *, most_errors: float, units: UnitsCheck) -> str:
    """Why rows, one split's and all with scores, cannot be what ``compared`` asks to compare with, or ``""``.

    ``most_errors`` is the share of program errors (0..1) that the split's gate allows, ``units`` the check of its data.
    """
    # Without scored rows no metric says anything, whichever are compared; quality needs nothing else.
    metrics = ["quality", *(metric for regression in compared for metric in regression.metrics)]
    if why := next((why for metric in metrics if (why := lacking(metric, rows, units))), ""):
        return why
    wrong = sum(row.status == "program_error" for row in rows)
    share = wrong / max(1, len(rows))
    if threshold_verdict(share, share, share, maximum=most_errors) == "fail":
        return (
            f"{wrong} of {len(rows)} rows are program errors, and the gate on errors allows a share of "
            f"{most_errors:g} at most"
        )
    return ""
