"""The full training and its gate: the program on dev before and after, and the paired gain between the two.

Both sides are evaluated alike, with the harness's own rows: the same model and sampling values, the chat format
of the training and no second try in JSON; the adapter and the saved program are all that differs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from evals.harness.plan import Plan
from evals.harness.run import Run
from evals.harness.selection import Selection
from evals.harness.training.suite import Training
from evals.harness.verdicts.gates import Threshold
from evals.harness.verdicts.pairs import mean_by_example, trials_by_example
from evals.harness.verdicts.thresholds import judge_gain
from papillon.files import write_whole
from papillon.models.trained import engine_of, with_program
from papillon.profile import Profile
from papillon.results import GateResult, Row
from papillon.results.rows import METRICS
from papillon.results.words import number
from papillon.tables import Column, table
from papillon.training.folder.record import TASK, read_rounds
from papillon.training.folder.requests import first_and_last
from papillon.training.settings import TrainSettings
from papillon.training.task import TrainingTask

__all__ = ["GainReport", "full_training", "judge_training", "resumable"]


#: Beside what a run has: a training may be rewarded by either, and is told by both.
_TOLD = (*METRICS, "carried_reward")


@dataclass(frozen=True)
class GainReport:
    """What a full training came to: its folder, the rows on both sides, and the gate's verdict over them."""

    folder: Path
    before: list[Row]
    after: list[Row]
    gate: GateResult

    def to_json(self) -> dict[str, Any]:
        sides = {"before": self.before, "after": self.after}
        return {
            "schema": 1,
            "gate": {**self.gate.to_json(), "note": self.gate.note},
            "means": {side: _means(rows) for side, rows in sides.items()},
            "rows": {side: [row.to_json() for row in rows] for side, rows in sides.items()},
        }

    def __str__(self) -> str:
        """The report for people, a table of means and the gate's sentence."""
        before, after = _means(self.before), _means(self.after)
        heads = (Column("on dev", least=18), *(Column(side, right=True, least=8) for side in ("before", "after")))
        body = [(metric, number(before[metric]), number(after[metric])) for metric in _TOLD]
        means = table(heads, body, 80, gap=0)
        requests = first_and_last(read_rounds(self.folder))
        asked = [] if requests is None else [f"Its rollouts: {requests}", ""]
        said = f"{self.gate.verdict}: {self.gate.note}"
        return "\n".join([f"Full training in {self.folder}", "", *means, "", *asked, said])


def full_training(training: Training, say: Callable[[str], None] = print) -> GainReport:
    """Evaluate, train, evaluate, judge; goes on where an earlier one in the same place was broken off.

    Writes ``report.json`` and ``report.txt`` into the training's folder. Raises UsageError for what cannot begin,
    and what ends the training.
    """
    asked, task = training.settings.profile, training.task()
    trainings = training.settings.cache.parent / "training"
    folder = resumable(trainings, asked.name, task)
    plainly = partial(_plainly, guided=task.settings.guided == 1)
    untrained = plainly(_untrained(asked, task.settings))
    # One in this process would stay on a GPU that Arbor then does not find free; those rows come at the end.
    if task.device != "arbor" or not untrained.local.model.startswith("transformers/"):
        say("Before the training:")
        _dev_rows(training, untrained, say)
    resume = folder is not None
    folder = folder or trainings / f"full-{asked.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    if not (folder / "program.json").exists():
        training.train(task, folder, say, resume=resume)
    say("After the training:")
    trained = plainly(with_program(asked, folder))
    after = _dev_rows(training, trained, say)
    # Whoever runs the adapter runs the bare model here: the same as above, and then it is kept and costs nothing.
    before = _dev_rows(training, _bare(trained, asked, task.settings.model, folder), say)
    report = GainReport(folder, before, after, judge_training(after, before, task.settings.min_gain))
    write_whole(folder / "report.txt", f"{report}\n")
    write_whole(folder / "report.json", json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n")
    return report


def resumable(trainings: Path, name: str, task: TrainingTask) -> Path | None:
    """The last full training under that name, of this very task, that has no report yet, if there is one."""
    asked = [json.loads(json.dumps(task.settings.to_json())), task.told()]
    for folder in sorted(trainings.glob(f"full-{name}-*"), reverse=True):
        files = [folder / "settings.json", folder / TASK]
        if (folder / "report.json").exists() or not all(file.exists() for file in files):
            continue
        if [json.loads(file.read_text(encoding="utf-8")) for file in files] == asked:
            return folder
    return None


def judge_training(after: list[Row], before: list[Row], least: float) -> GateResult:
    """The paired gain on dev, whose whole interval must lie above ``least``: to touch it is not enough."""
    gate = Threshold("dev", "gain", min=least, confident=True)
    (judged,) = judge_gain(gate, after, before, of=len({row.id for row in after}))
    if judged.verdict == "pass" and judged.low is not None and judged.low <= least:
        judged = replace(
            judged, verdict="inconclusive", note=f"the interval does not lie above {least:g}; {judged.note}"
        )
    return judged


def _untrained(profile: Profile, settings: TrainSettings) -> Profile:
    """The profile with the model that is to be trained, as :func:`with_program` has the trained one."""
    model = engine_of(profile.local, settings.model, without_torch=True)
    local = replace(profile.local, model=model, max_tokens=settings.max_tokens, **settings.sampling)  # type: ignore[arg-type]
    return replace(profile, local=local)


def _bare(trained: Profile, asked: Profile, model: str, folder: Path) -> Profile:
    """The profile of a training in ``folder`` without what it came to: the ``model`` and the program it began with."""
    llama = (folder / "adapter" / "adapter.gguf").is_file()
    local = replace(trained.local, model=engine_of(asked.local, model, without_torch=llama), lora=None)
    return replace(trained, program=asked.program, local=local)


def _plainly(profile: Profile, *, guided: bool) -> Profile:
    """In the format of the training, without a second try in another; what was guided in it stays so."""
    return profile if guided else replace(profile, local=replace(profile.local, adapter="chat", json_fallback=False))


def _dev_rows(training: Training, profile: Profile, say: Callable[[str], None]) -> list[Row]:
    """A profile's rows on dev, up to the run's limit; what is recorded or kept is not asked again."""
    plan = Plan(replace(training.settings, profile=profile, export_file=None, results_file=None))
    run = Run(
        plan,
        Selection((f"evals/test_examples.py::test_example[{example.id}]" for example in plan.examples["dev"]), plan),
    )
    shown = time.monotonic()

    def waiting() -> None:
        nonlocal shown
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            progress = run.scheduler.progress()
            say(f"  {progress.done}/{progress.total} dev examples, {progress.left or 0:.0f} s left")

    run.start()
    try:
        return run.rows("dev", waiting=waiting)
    finally:
        run.close()


def _means(rows: list[Row]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for metric in _TOLD:
        scores = mean_by_example(trials_by_example(rows, metric))
        means[metric] = sum(scores.values()) / len(scores) if scores else None
    return means
