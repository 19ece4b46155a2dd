"""The record of a training: what is forgotten when it goes on from an earlier round."""

from __future__ import annotations

import json
from pathlib import Path

from papillon.training.record import RunRecord
from papillon.training.settings import TrainSettings


def test_rounds_after_the_last_checkpoint_are_forgotten_and_nothing_else(tmp_path: Path) -> None:
    record = RunRecord(tmp_path, TrainSettings(), say=lambda line: None)
    drawn = [{"round": number, "group": [{"text": "a\u2028b\x85c", "reward": 1.0}]} for number in (1, 2, 2, 3)]
    record.completions.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in drawn), "utf-8")
    record.metrics.write_text('{"round": 1}\n{"round": 2}\n{"round": 3}\n{"rou')  # killed as it wrote
    record.keep_rounds(2)
    assert record.metrics.read_text() == '{"round": 1}\n{"round": 2}\n'
    assert [json.loads(line) for line in record.completions.read_text("utf-8").rstrip("\n").split("\n")] == drawn[:3]
