"""Plan: what a run could do, as every process of it sees it at collection: examples, gates, controls, by id.

It reads data and settings and nothing else: no model, no DSPy.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from evals.harness.baseline_files import read_baseline
from evals.harness.evaluation.examples import Example, RunData
from evals.harness.labels import RunLabels
from evals.harness.options import RunSettings
from evals.harness.verdicts.baseline import Baseline, refuse_mismatch
from evals.harness.verdicts.splits import GateItem
from papillon.bounds import MOST_SAMPLES
from papillon.data import load
from papillon.errors import UsageError
from papillon.profile import GateSettings, RegressionSettings
from papillon.project import PACKAGES
from papillon.results.run import ModelNames

__all__ = ["CONTROLS", "JUDGED", "SPLITS", "TARGET_CONTROLS", "Plan"]

CONTROLS = ("empty", "verbatim", "redacted", "local-only", "target")
#: Those that say something of quality alone.
TARGET_CONTROLS = ("local-only", "target")
JUDGED: tuple[Literal["leakage", "quality"], ...] = ("leakage", "quality")
SPLITS = ("dev", "test")
#: The largest share of program errors under which a gate on anything else still means something.
MOST_ERRORS = 0.10


class Plan:
    """The examples and gates of one run, by split and by id."""

    def __init__(self, settings: RunSettings) -> None:
        self.settings = settings

    @cached_property
    def data(self) -> RunData:
        settings = self.settings
        targets = settings.profile.targets
        dataset = load(settings.profile.dataset, offline=settings.record == "none", targets=targets)
        data = RunData.of(dataset, settings.profile.split, limit=settings.limit, shard=settings.shard, targets=targets)
        trials = settings.profile.trials
        if (samples := trials * max(map(len, data.examples.values()), default=0)) > MOST_SAMPLES:
            raise UsageError(
                f"Expected at most {MOST_SAMPLES} samples of a split, got {samples} of {trials} trials each; "
                "take fewer with --eval-trials, or fewer examples with --eval-limit."
            )
        return data

    @property
    def examples(self) -> dict[str, list[Example]]:
        return self.data.examples

    @property
    def models(self) -> ModelNames:
        profile = self.settings.profile
        judge = profile.models.get("judge")
        return ModelNames(profile.local.model, profile.untrusted.model, "lexical" if judge is None else judge.model)

    @property
    def whole(self) -> dict[str, int]:
        """How many examples each split has before any limit or shard."""
        return self.data.whole

    @cached_property
    def gates(self) -> list[GateItem]:
        """Thresholds before regressions; a split that has any gate has one on ``errors``, set by the profile or not.

        So has a split whose regression an option set aside.
        """
        own = self.settings.profile.gates
        compared = [
            GateItem(f"{regression.split}-{metric}-regression", regression.split, metric, regression)
            for regression in self.regressions
            for metric in regression.metrics
        ]
        gated = {g.split for g in own} | {g.split for g in compared}
        gated |= {regression.split for regression in self.settings.profile.regressions}
        gated -= {g.split for g in own if g.metric == "errors"}
        default = [GateSettings(split, "errors", max=MOST_ERRORS) for split in SPLITS if split in gated]
        thresholds = [
            GateItem(f"{g.split}-{g.metric}", g.split, g.metric, g, default=g in default) for g in [*own, *default]
        ]
        return thresholds + compared

    @cached_property
    def regressions(self) -> tuple[RegressionSettings, ...]:
        """The comparisons that this run makes: the profile's, or all against the file that was named."""
        settings = self.settings
        if settings.accept:
            return ()
        if (file := settings.baseline_file) is not None:
            held = read_baseline(file).rows
            return tuple(compared for split in SPLITS if split in held for compared in self.comparisons(split))
        return () if settings.departs else settings.profile.regressions

    def comparisons(self, split: str) -> list[RegressionSettings]:
        """What a split's scores are accepted for: the profile's regressions, or one with the file that was named."""
        own = [regression for regression in self.settings.profile.regressions if regression.split == split]
        if (file := self.settings.baseline_file) is None:
            return own
        if own:
            return [replace(regression, baseline=file) for regression in own]
        named = RegressionSettings(split, file)
        return [named if self.settings.profile.targets else replace(named, metrics=("leakage",))]

    def most_errors(self, split: str) -> float:
        """The largest share of program errors that the gate on a split allows, set by the profile or not."""
        own = [gate.max for gate in self.settings.profile.gates if (gate.split, gate.metric) == (split, "errors")]
        return MOST_ERRORS if not own else 1.0 if own[0] is None else own[0]

    @cached_property
    def baselines(self) -> dict[Path, Baseline]:
        """The accepted scores that the run compares with, by file; raises UsageError where one does not fit."""
        baselines = {}
        for path in {regression.baseline for regression in self.regressions}:
            baselines[path] = read_baseline(path)
            refuse_mismatch(baselines[path], dataset=self.compared_data, judge=self.compared_judge, name=path.name)
        return baselines

    @cached_property
    def labels(self) -> RunLabels | None:
        """People's labels, where an option names them; raises UsageError or DataError where they cannot be read."""
        file = self.settings.labels_file
        return None if file is None else RunLabels(file, self.data.sha256)

    @property
    def compared_data(self) -> dict[str, str]:
        """What of the data must agree for scores to be comparable."""
        return {"name": self.data.name, "sha256": self.data.sha256, "split": self.settings.profile.split}

    @property
    def compared_judge(self) -> dict[str, str]:
        """What of the judge must agree for scores to be comparable."""
        judge = self.settings.profile.judge
        if judge.kind == "lexical" or judge.model is None:
            return {"kind": judge.kind}
        prompts = b"".join((PACKAGES / "judges" / name).read_bytes() for name in ("quality.txt", "leakage.txt"))
        return {"kind": judge.kind, "model": judge.model.model, "prompts": hashlib.sha256(prompts).hexdigest()[:16]}

    @cached_property
    def controls(self) -> list[tuple[str, str]]:
        """(split, name) of every control, none where the profile has none."""
        if not self.settings.profile.controls:
            return []
        held = [name for name in CONTROLS if self.settings.profile.targets or name not in TARGET_CONTROLS]
        return [(split, name) for split in SPLITS for name in held]

    @property
    def examines_judge(self) -> bool:
        """Whether this run tests the judge: its cases are not sharded, the first shard takes them all."""
        return self.settings.shard is None or self.settings.shard.index == 1
