"""Needs: what a selection asks of a plan: which gates and controls, over which examples, by which samples."""

from __future__ import annotations

from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.scheduler import PROGRAM, Job
from evals.harness.plan import SPLITS, Plan
from evals.harness.selection import Selection
from evals.harness.verdicts.splits import GateItem

__all__ = ["Needs"]


class Needs:
    """The selected gates, (split, name) of each control, the examples by split, and the jobs by (subject, split)."""

    def __init__(self, plan: Plan, selection: Selection) -> None:
        self.gates: list[GateItem] = [gate for gate in plan.gates if gate.id in selection.gates]
        self.controls = self._controls(plan, selection)
        self.examples = self._examples(plan, selection)
        self.jobs = self._jobs(plan.settings.profile.trials)

    def _controls(self, plan: Plan, selection: Selection) -> list[tuple[str, str]]:
        chosen = [(s, name) for s, name in plan.controls if f"{s}-{name}" in selection.controls]
        for gate in self.gates:
            if gate.metric == "gain" and (gate.split, "local-only") not in chosen:
                chosen.append((gate.split, "local-only"))
        return chosen

    def _examples(self, plan: Plan, selection: Selection) -> dict[str, list[Example]]:
        """The selected examples by split; all of a split where only its gates or controls are selected."""
        needed = {}
        for split in SPLITS:
            every = plan.examples.get(split, [])
            own = [example for example in every if example.id in selection.examples]
            asked = any(g.split == split for g in self.gates) or any(s == split for s, _ in self.controls)
            if own or asked:
                needed[split] = own or every
        return needed

    def _jobs(self, trials: int) -> dict[tuple[str, str], list[Job]]:
        jobs = {
            (PROGRAM, split): [Job(PROGRAM, example, trial) for example in examples for trial in range(trials)]
            for split, examples in self.examples.items()
        }
        for split, name in self.controls:
            jobs[name, split] = [Job(name, example) for example in self.examples[split]]
        return jobs
