"""Accepting: a run's scores become the ones that later runs are compared with."""

from __future__ import annotations

from pathlib import Path

from evals.harness.baseline import accept, write_baseline
from evals.harness.results import as_json
from evals.harness.run import Run
from papillon.errors import UsageError

__all__ = ["write_accepted"]


def write_accepted(run: Run) -> list[str]:
    """Write the baseline files of the run's splits; raises UsageError for a run that is not whole."""
    settings = run.plan.settings
    files: dict[Path, list[str]] = {}
    for split, examples in run.examples.items():
        if len(examples) < run.plan.whole[split]:
            raise UsageError(
                f"--eval-accept: expected all {run.plan.whole[split]} examples of {split}, got {len(examples)}; "
                "accept a run without -k and without other selections."
            )
        named = [regression.baseline for regression in settings.profile.regressions if regression.split == split]
        for path in [settings.baseline_file] if settings.baseline_file is not None else named:
            files.setdefault(path, []).append(split)
    about = as_json(run)["run"]
    for path, splits in files.items():
        baseline = accept(
            [row for split in splits for row in run.rows(split)],
            dataset=run.plan.compared_data,
            judge=run.plan.compared_judge,
            models=about["models"],
            program=about["program"]["fingerprint"],
            versions=about["versions"],
        )
        write_baseline(baseline, path)
    return [str(path) for path in files]
