"""Accepting: a run's scores become the ones that later runs are compared with.

What cannot be accepted whatever the scores are is refused before any call is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from evals.harness.baseline_files import accepted_before
from evals.harness.plan import SPLITS, Plan
from evals.harness.selection import Selection
from evals.harness.verdicts.baseline import Baseline, accept
from evals.harness.verdicts.evidence import lacking
from evals.harness.verdicts.gates import threshold_verdict
from papillon.errors import UsageError
from papillon.profile import RegressionSettings
from papillon.results import RunResult
from papillon.results.rows import Row
from papillon.units import UnitsCheck

__all__ = ["accepted_baselines", "refuse_acceptance", "unfit"]


def refuse_acceptance(selection: Selection, plan: Plan) -> None:
    """Raise UsageError, before any call, where what was selected cannot become accepted scores."""
    splits = [split for split in SPLITS if split in selection.splits]
    if not splits:
        raise UsageError(
            "--eval-accept: expected rows to accept, but the judge's own test has none; select a split with -m."
        )
    if homeless := [split for split in splits if not plan.comparisons(split)]:
        raise UsageError(
            f"--eval-accept: profile {plan.settings.profile.name!r} names no baseline for {' and '.join(homeless)}; "
            "say where with --eval-baseline FILE.json, or select another split with -m."
        )
    for split in splits:
        selected = sum(example.id in selection.examples for example in plan.examples[split])
        if selected and selected < plan.whole[split]:
            raise UsageError(
                f"--eval-accept: expected all {plan.whole[split]} examples of {split}, got {selected}; "
                "accept a run without -k and without other selections."
            )
    _before(splits, plan)


def accepted_baselines(result: RunResult, plan: Plan) -> dict[Path, Baseline]:
    """What the baseline files of the run's splits are to hold; what they hold of other splits stays.

    Raises UsageError where a row has no score, and for a split whose rows could not carry a gate.
    """
    splits = [split.name for split in result.splits]
    files = _files(splits, plan)
    baselines = {
        path: accept(
            [row for split in own for row in result.of(split)],
            dataset=plan.compared_data,
            judge=plan.compared_judge,
            models=asdict(result.run.models),
            program=result.run.program.fingerprint or "",
            versions=result.run.versions,
        ).beside(before)
        for (path, own), before in zip(files.items(), _before(splits, plan), strict=True)
    }
    for split in result.splits:
        rows, compared = result.of(split.name), plan.comparisons(split.name)
        if why := unfit(rows, compared, most_errors=plan.most_errors(split.name), units=split.units):
            raise UsageError(
                f"--eval-accept: expected rows of {split.name} that later runs can be compared with, but {why}; "
                "nothing was written, so mend that and run again."
            )
    return baselines


def _files(splits: Iterable[str], plan: Plan) -> dict[Path, list[str]]:
    """The baseline files that splits are accepted into, and which of them go into each."""
    files: dict[Path, list[str]] = {}
    for split in splits:
        for path in dict.fromkeys(compared.baseline for compared in plan.comparisons(split)):
            files.setdefault(path, []).append(split)
    return files


def _before(splits: Iterable[str], plan: Plan) -> list[Baseline | None]:
    """What each of the files holds of other splits; raises UsageError where that cannot stay."""
    data, judge = plan.compared_data, plan.compared_judge
    return [accepted_before(path, own, dataset=data, judge=judge) for path, own in _files(splits, plan).items()]


def unfit(rows: Sequence[Row], compared: Sequence[RegressionSettings], *, most_errors: float, units: UnitsCheck) -> str:
    """Why rows, one split's and all with scores, cannot be what ``compared`` compares with, or ``""``.

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
