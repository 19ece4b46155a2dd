"""The record of a training: what it must be told again to go on, and what it forgets then."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.training.folder.record import RunRecord
from papillon.training.settings import TrainSettings


def test_rounds_after_the_last_checkpoint_are_forgotten_and_nothing_else(tmp_path: Path) -> None:
    record = RunRecord(tmp_path, TrainSettings(), say=lambda line: None)
    drawn = [{"round": number, "group": [{"text": "a\u2028b\x85c", "reward": 1.0}]} for number in (1, 2, 2, 3)]
    record.completions.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in drawn), "utf-8")
    record.metrics.write_text('{"round": 1}\n{"round": 2}\n{"round": 3}\n{"rou')  # killed as it wrote
    record.keep_rounds(2)
    assert record.metrics.read_text() == '{"round": 1}\n{"round": 2}\n'
    assert [json.loads(line) for line in record.completions.read_text("utf-8").rstrip("\n").split("\n")] == drawn[:3]


def test_a_training_goes_on_with_the_data_and_the_models_it_began_with(tmp_path: Path) -> None:
    begun = RunRecord(tmp_path, TrainSettings(), told={"dataset": "a", "judge": "lexical"})
    begun.check(resume=False)
    begun.open()
    begun.check(resume=True)
    with pytest.raises(
        UsageError, match=r"^Expected dataset to be 'a', as when the training in .* began, got 'b'; set"
    ):
        RunRecord(tmp_path, TrainSettings(), told={"dataset": "b", "judge": "lexical"}).check(resume=True)
    for strange in ("{", "[]", "5", "null"):
        (tmp_path / "task.json").write_text(strange)
        with pytest.raises(
            UsageError,
            match=r"^Expected an object of JSON in .*/task\.json, got: .*; train into another folder, or repair",
        ):
            RunRecord(tmp_path, TrainSettings(), told={"dataset": "a", "judge": "lexical"}).check(resume=True)


def test_a_training_goes_on_with_the_reward_it_began_with_and_an_older_one_had_the_composite(tmp_path: Path) -> None:
    RunRecord(tmp_path, TrainSettings(reward="carried")).open()
    with pytest.raises(UsageError, match=r"^Expected train\.reward to be 'carried', as when .*, got 'composite'; set"):
        RunRecord(tmp_path, TrainSettings()).check(resume=True)
    older = json.loads((tmp_path / "settings.json").read_text())
    del older["reward"]
    (tmp_path / "settings.json").write_text(json.dumps(older))
    RunRecord(tmp_path, TrainSettings()).check(resume=True)
    with pytest.raises(UsageError, match=r"^Expected train\.reward to be 'composite', as when"):
        RunRecord(tmp_path, TrainSettings(reward="carried")).check(resume=True)


def test_a_pipe_in_the_place_of_a_file_is_refused_before_the_first_round(tmp_path: Path) -> None:
    record = RunRecord(tmp_path, TrainSettings(), say=lambda line: None)
    os.mkfifo(record.completions)
    with pytest.raises(UsageError, match=r"^--out: expected a file that can be written, got .*: that is no regular"):
        record.check(resume=False)
    assert list(tmp_path.iterdir()) == [record.completions]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"alike": 2, "groups": 2}, "no step: every group's rewards are alike"),
        ({"alike": 1, "groups": 2}, "no step: whatever told something ran into max_tokens"),
        ({"steps": 1, "validation_score": 40.0, "unvalidated": 3}, "validation +0.400 (3 failed)"),
        ({"steps": 1, "dropped": 2}, "dropped 2"),
        ({"steps": 1, "requests": {"seen": 8, "empty": 3, "words": 40}}, "requests of 5 words, 3/8 empty ·"),
    ],
)
def test_a_rounds_line_says_what_was_out_of_the_ordinary(tmp_path: Path, line: dict[str, object], said: str) -> None:
    shown: list[str] = []
    record = RunRecord(tmp_path, TrainSettings(num_train_steps=4), shown.append)
    ordinary = {"round": 2, "steps": 0, "reward": 0.25, "spread": 0.5, "validation_score": None}
    counts = {"rollouts": 8, "scored": 8, "format_failures": 0, "dropped": 0, "unvalidated": 0}
    ordinary["requests"] = {}
    record.add(ordinary | counts | line, [])
    assert said in shown[0]
    assert shown[0].startswith("round 2/4 · reward +0.250 (spread 0.500) · ")


def test_what_was_drawn_is_the_owners_alone_and_stays_so(tmp_path: Path) -> None:
    record = RunRecord(tmp_path, TrainSettings(num_train_steps=4, logging_steps=1), lambda line: None)
    counts = {"rollouts": 8, "scored": 8, "format_failures": 0, "dropped": 0, "unvalidated": 0, "requests": {}}
    drawn = [[{"completion": {"content": "For Ann."}, "reward": 1.0}]]
    record.add({"round": 1, "steps": 1, "reward": 0.25, "spread": 0.5, "validation_score": None} | counts, drawn)
    for _ in range(2):
        assert "Ann" in record.completions.read_text()
        assert stat.S_IMODE(record.completions.stat().st_mode) == 0o600
        record.keep_rounds(1)
    record.completions.write_bytes(b"\xff\n")
    with pytest.raises(UsageError, match=r"^Expected a whole .*/completions\.jsonl, got: "):
        record.keep_rounds(1)


def test_wandb_is_asked_for_by_name_and_missed_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    RunRecord(tmp_path / "without", TrainSettings()).open()
    with pytest.raises(
        UsageError, match=r"^Expected the package wandb for train\.report_to = 'wandb', got none; install"
    ):
        RunRecord(tmp_path / "with", TrainSettings(report_to="wandb")).open()
