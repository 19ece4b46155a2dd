"""docs/scale.md: the options and settings that it names are there, and the bounds that it reckons with hold."""

from __future__ import annotations

import re

from evals.harness.option_group import OPTIONS
from papillon.bounds import MOST_ROWS, MOST_SAMPLES, MOST_TEXT, MOST_UNPACKED
from papillon.profile import ROOT
from papillon.profile.models import MODEL_KEYS
from papillon.shape import keys_of
from papillon.store.finished import LIMIT
from papillon.training.settings import TrainSettings

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_every_option_and_setting_that_the_page_names_is_there() -> None:
    options = set(re.findall(r"--eval-[a-z-]+", PAGE))
    assert len(options) > 8
    assert options <= {option.flag for option in OPTIONS}
    settings = set(re.findall(r"`((?:api|max|num)_\w+)`", PAGE))
    assert {"api_base", "max_concurrency", "num_training_gpus"} <= settings
    assert settings <= {*MODEL_KEYS, *keys_of(TrainSettings)}


def test_the_bounds_that_the_page_reckons_with_are_the_projects() -> None:
    assert (MOST_ROWS, MOST_TEXT // 10**6, MOST_SAMPLES, LIMIT) == (1_000_000, 268, 250_000, 50_000)
    assert (MOST_TEXT / 4157) // 1000 == 64  # thousands of rows of PUPA's lengths
    assert 300_000 * 4.2e3 < 1.3e9 < MOST_UNPACKED
    for figure in (
        "a million rows and 268 million characters",
        "64,000 rows",
        "250,000 samples",
        "the last 50,000 rows",
    ):
        assert figure in PAGE
