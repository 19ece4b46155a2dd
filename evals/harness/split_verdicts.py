"""Split verdicts: what a run's rows come to, split by split, once they are there; each is judged once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.outcome import PROGRAM
from evals.harness.labelled_splits import SplitLabels
from evals.harness.plan import Plan
from evals.harness.verdicts.controls import control_summary
from evals.harness.verdicts.gates import Threshold
from evals.harness.verdicts.labelled import CORRECTED, correction
from evals.harness.verdicts.splits import judge_gates
from evals.harness.verdicts.thresholds import judge_gain
from papillon.results import ControlResult, GateResult, Row
from papillon.results.correction import Correction
from papillon.units import UnitsCheck, check_units

__all__ = ["SplitVerdicts", "Waiting"]

#: What is called now and then while a row is waited for.
Waiting = Callable[[], None] | None


class Rows(Protocol):
    """Gives a subject's rows on a split, and waits until all of them are there."""

    def __call__(self, split: str, subject: str = PROGRAM, waiting: Waiting = None) -> list[Row]: ...


class SplitVerdicts:
    """Gates, controls and gains over the ``examples`` of each split that a run needs; each waits for its rows."""

    def __init__(self, plan: Plan, examples: Mapping[str, list[Example]], rows: Rows) -> None:
        self._plan, self._examples, self._rows, self._labels = plan, examples, rows, plan.labels
        self._judged: dict[str, list[GateResult]] = {}
        self._units: dict[str, UnitsCheck] = {}

    def gate(self, gate_id: str, waiting: Waiting = None) -> list[GateResult]:
        """The verdicts of one gate, one for each bound, over every selected row of its split."""
        if gate_id not in self._judged:
            split = next(gate.split for gate in self._plan.gates if gate.id == gate_id)
            control = self._rows(split, "local-only", waiting)
            rows = self._rows(split, waiting=waiting)
            labelled = self.labelled(split)
            self._judged |= judge_gates(
                [gate for gate in self._plan.gates if gate.split == split],
                rows,
                control,
                of=self._plan.whole[split],
                units=self.units(split),
                baselines=self._plan.baselines,
                answers=None if self._labels is None else labelled.answers,
                yet=labelled.yet,
                sharded=self._plan.settings.shard is not None,
            )
        return self._judged[gate_id]

    def units(self, split: str) -> UnitsCheck:
        """The check of the selected examples' units, made when it is first asked for."""
        if split not in self._units:
            self._units[split] = check_units((example.id, example.row) for example in self._examples[split])
        return self._units[split]

    def labelled(self, split: str) -> SplitLabels:
        """What people say of a split's rows that stand for all of them; nothing where no labels were named."""
        return SplitLabels() if self._labels is None else self._labels.sample(self._rows(split), split)

    def corrections(self, split: str) -> list[Correction]:
        """A split's figures as people's labels correct them; none where no labels were named."""
        if self._labels is None:
            return []
        rows, own = self._rows(split), self.labelled(split)
        return [found for metric in CORRECTED if (found := correction(rows, metric, own.answers, own.yet)) is not None]

    def control(self, name: str, split: str, waiting: Waiting = None) -> ControlResult:
        """What came of one control on the selected examples of a split."""
        shard = self._plan.settings.shard is not None
        return control_summary(name, split, self._rows(split, name, waiting), self._examples[split], shard=shard)

    def gain(self, split: str) -> GateResult | None:
        """The program's mean paired gain in ``overall`` over never delegating, None where that was not run."""
        control = self._rows(split, "local-only")
        asked = Threshold(split, "gain", min=-1.0)
        return judge_gain(asked, self._rows(split), control)[0] if control else None
