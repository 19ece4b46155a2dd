"""Training, where ``-m gpu`` names it: the smoke test, or with ``--full-train`` the full training alone.

The smoke test passes when two rounds taught something that can be used; the full training when the whole interval
of its paired gain over the untrained program on dev lies above ``train.min_gain``.
"""

from collections.abc import Callable
from math import isfinite
from pathlib import Path

import pytest

from evals.harness.training.suite import Training

pytestmark = [
    pytest.mark.gpu,
    # The trainers' own libraries warn of their old habits.
    *(
        pytest.mark.filterwarnings(f"ignore::{kind}")
        for kind in ("DeprecationWarning", "FutureWarning", "UserWarning", "ResourceWarning")
    ),
]


def test_smoke_training(training: Training, tmp_path: Path, say: Callable[[str], None]) -> None:
    smoke = training.smoke(tmp_path / "training", say)
    assert smoke.rewarded > 0, "no rollout was rewarded: every output failed, see completions.jsonl"
    assert smoke.spread > 0, "every group's rewards were alike, so there was nothing to learn from"
    assert isfinite(smoke.moved), "the adapter holds weights that are no numbers"
    assert smoke.moved > 0, "the adapter's weights did not change"
    assert smoke.loads, "the last checkpoint does not fit the model"
    assert smoke.answer


def test_full_training(training: Training, say: Callable[[str], None]) -> None:
    from evals.harness.training.gain import full_training

    report = full_training(training, say)
    say(str(report))
    if report.gate.verdict != "pass":
        pytest.fail(report.gate.note, pytrace=False)
