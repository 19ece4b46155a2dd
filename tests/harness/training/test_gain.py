"""The full training's two sides and its gate: what is compared, which training goes on, and what passes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evals.harness.training.gain import GainReport, _bare, _plainly, _untrained, judge_training, resumable
from evals.harness.verdicts.gates import GateResult
from papillon.data import load
from papillon.models.trained import with_program
from papillon.profile import load_profile
from papillon.results.rows import Row
from papillon.training.folder.record import RunRecord
from papillon.training.settings import TrainSettings
from papillon.training.task import TrainingTask
from tests.papillon.models.test_trained import training


def row(example: int, overall: float) -> Row:
    name = f"dev-{example:04d}"
    return Row(
        id=name, split="dev", trial=0, group=name, status="scored", error=None, quality=1.0, verdict=None, leaked=0,
        judge_leaked=0, units=1, leakage=0.0, verbatim_leaked=0, overall=overall, tutorial_overall=overall, seconds=0.0,
    )  # fmt: skip


def test_the_report_is_a_table_and_the_gates_sentence() -> None:
    gate = GateResult("threshold", "dev", "gain", 0.25, 0.1, 0.4, 2, 2, "pass", min=0.0, note="gain is 0.250")
    report = GainReport(Path("run"), [row(1, 0.5), row(2, 0.5)], [row(1, 1.0), row(2, 0.5)], gate)
    text = str(report)
    assert "overall              0.500   0.750\n" in text
    assert text.endswith("\n\npass: gain is 0.250")
    data = json.loads(json.dumps(report.to_json()))
    assert data["means"]["after"]["overall"] == 0.75
    assert len(data["rows"]["before"]) == 2
    assert (data["gate"]["verdict"], data["gate"]["low"]) == ("pass", 0.1)


def test_the_report_has_both_rewards_and_what_the_requests_look_like(tmp_path: Path) -> None:
    gate = GateResult("threshold", "dev", "gain", 0.0, -0.1, 0.1, 2, 2, "fail", min=0.0, note="gain is 0.000")
    silent, error = replace(row(1, 1.0), carried=0.0), replace(row(2, 0.0), carried=1.0, status="program_error")
    (tmp_path / "metrics.jsonl").write_text('{"round": 1, "requests": {"seen": 2, "empty": 1, "words": 6}}\n')
    report = GainReport(tmp_path, [silent, silent], [silent, error], gate)
    assert "carried_reward       0.500   0.250\n" in str(report)
    assert "\n\nIts rollouts: requests of 3 words, 1/2 empty in round 1\n\nfail: gain is 0.000" in str(report)
    assert report.to_json()["means"]["before"]["carried_reward"] == 0.5


def test_only_an_unfinished_training_of_the_same_settings_goes_on(tmp_path: Path) -> None:
    task = TrainingTask(load_profile("embedded"), TrainSettings(num_train_steps=7), "cpu", load("mini"))
    assert resumable(tmp_path, "p", task) is None
    for name in ("full-p-1", "full-p-2", "full-q-3"):
        record = RunRecord(tmp_path / name, task.settings, told=task.told())
        record.open()
    assert resumable(tmp_path, "p", task) == tmp_path / "full-p-2"
    assert resumable(tmp_path, "p", replace(task, settings=replace(task.settings, seed=1))) is None
    other = replace(task.dataset, sha256="another data set's")
    assert resumable(tmp_path, "p", replace(task, dataset=other)) is None
    (tmp_path / "full-p-2" / "report.json").write_text("{}")
    assert resumable(tmp_path, "p", task) == tmp_path / "full-p-1"


def test_a_gain_whose_interval_touches_what_is_asked_does_not_pass() -> None:
    before = [row(example, 0.5) for example in range(200)]
    same = judge_training(before, before, 0.0)
    assert (same.verdict, same.value) == ("inconclusive", 0.0)
    assert judge_training(before, before, -0.5).verdict == "pass"
    better = judge_training([row(example, 0.75) for example in range(200)], before, 0.0)
    assert (better.verdict, better.value) == ("pass", 0.25)


@pytest.mark.parametrize("llama", [True, False])
def test_the_two_sides_differ_in_adapter_and_program_alone(tmp_path: Path, llama: bool) -> None:
    asked = load_profile("embedded")
    folder = training(tmp_path / "run", gguf=llama)
    after = _plainly(with_program(asked, folder), guided=False)
    before = _bare(after, asked, "embedded", folder)
    assert (after.local.lora, before.local.lora) == (folder / "adapter", None)
    assert (after.program, before.program) == (folder / "program.json", None)
    assert replace(before, program=after.program, local=replace(before.local, lora=after.local.lora)) == after
    assert before.local.model.startswith("embedded/" if llama else "transformers/")


def test_what_is_evaluated_first_samples_as_the_training_does_and_in_its_format() -> None:
    told = TrainSettings(model="embedded", temperature=0.5, max_tokens=77)
    asked = load_profile("embedded")
    untrained = _untrained(asked, told).local
    assert (untrained.temperature, untrained.max_tokens) == (0.5, 77)
    plain = _plainly(_untrained(asked, told), guided=False).local
    assert (plain.adapter, plain.json_fallback) == ("chat", False)
    # What was guided throughout never learned the markers.
    assert _plainly(asked, guided=True) == asked
