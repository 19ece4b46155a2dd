"""The programs of one run: what they log stands in the rows, and is heard again when the run is over."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from evals.harness.evaluation.subjects import Subjects
from papillon.models.roles import open_models
from papillon.profile import load_profile
from tests.model_server import ModelServer
from tests.papillon.optimization.test_optimizing import profile


def test_logs_are_quiet_during_a_run_and_as_before_it_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loggers = [logging.getLogger(name) for name in ("dspy", "papillon.program")]
    for logger in loggers:
        monkeypatch.setattr(logger, "level", logging.INFO)
    with ModelServer() as server:
        own = load_profile(profile(tmp_path, server.base))
        subjects = Subjects(open_models(own, tmp_path / "cache"), own)
        assert [logger.level for logger in loggers] == [logging.ERROR, logging.CRITICAL]
        subjects.close()
    assert [logger.level for logger in loggers] == [logging.INFO, logging.INFO]
