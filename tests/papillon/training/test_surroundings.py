"""The libraries' log of a training: private, and without the texts that their messages quote."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)

import litellm

from papillon.training.surroundings import kept_quiet


def test_the_log_is_private_and_quotes_nothing(tmp_path: Path) -> None:
    assert litellm.completion  # DSPy loads it at its first use, and a part of it cannot be the first
    log = tmp_path / "training.log"
    with kept_quiet(log):
        logging.getLogger("dspy.utils").error("Error for Example({'user_query': 'Ann'})\nAnn")
        logging.getLogger("arbor").info("Gathering rollouts: %s", "Ann")
        try:
            raise ValueError("Ann")
        except ValueError:
            logging.getLogger("LiteLLM").exception("Failed")
    lines = [line.split(" ", 2)[2] for line in log.read_text().splitlines()]
    assert lines == [
        "ERROR dspy.utils: Error for Example",
        "INFO arbor: Gathering rollouts",
        "ERROR LiteLLM: Failed ValueError",
    ]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
