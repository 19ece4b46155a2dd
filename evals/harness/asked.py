"""What the command line asks for: an evaluation or a training never starts unless it was named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

__all__ = ["asks_for_evaluation", "asks_for_training"]

EVALS = Path(__file__).resolve().parents[1]


def asks_for_evaluation(config: pytest.Config) -> bool:
    """Whether an argument, or the folder where pytest was started, lies in ``evals/``.

    The training suite does not count: it evaluates nothing by itself.
    """
    start = config.invocation_params.dir
    paths = [(start / arg.partition("::")[0]).resolve() for arg in config.args]
    return any(
        path == EVALS or (EVALS in path.parents and path != EVALS / "test_training.py")
        for path in [*paths, start.resolve()]
    )


def asks_for_training(config: pytest.Config) -> bool:
    """Whether ``-m`` holds the word ``gpu`` without a ``not`` before it."""
    expression = config.getoption("markexpr", "") or ""
    return bool(re.search(r"\bgpu\b", expression)) and not re.search(r"\bnot\s*\(*\s*gpu\b", expression)
