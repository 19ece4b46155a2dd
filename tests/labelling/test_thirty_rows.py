"""Thirty rows of the recorded small models' run are labelled in a real browser, and the keys are counted."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from evals.labelling.opening import Wanted, opened
from papillon.data import MINI, load
from papillon.profile import ROOT
from papillon.results.finding import find_run
from papillon.results.traces import Trace
from papillon.splits import split
from tests.chromium import Browser
from tests.harness.runs import Evaluator
from tests.labelling.test_browser import head, left
from tests.labelling.test_browser import opened as on_page

#: The units' keys, and what Shift makes of them on an American keyboard.
KEYS, SHIFTED = "123456789bdefghijklnopqrstvxyz", "!@#$%^&*(BDEFGHIJKLNOPQRSTVXYZ"


def keys_for(given_away: set[int], units: int) -> list[str]:
    """The keys with which a practised person ticks those of the units, by number from 1, and goes on."""
    others = set(range(1, units + 1)) - given_away
    if not given_away:
        return ["ENTER"]
    if not others:
        return ["A"]
    first, ticked = (["a"], sorted(others)) if len(others) < len(given_away) else ([], sorted(given_away))
    return [*first, *(KEYS[place - 1] for place in ticked[:-1]), SHIFTED[ticked[-1] - 1]]


def leaks(trace: Trace) -> set[int]:
    """The units that the judge found in the requests, by number from 1."""
    found = {leak.unit for leak in trace.leaked_units}
    return {place for place, unit in enumerate(trace.units, 1) if unit in found}


@pytest.mark.parametrize(
    ("given_away", "units", "keys"),
    [
        (set(), 3, ["ENTER"]),
        ({1, 2, 3}, 3, ["A"]),
        ({2}, 14, ["@"]),
        ({1, 3}, 5, ["1", "#"]),
        ({1, 2, 3, 5, 6}, 6, ["a", "$"]),
        ({4, 12}, 13, ["4", "E"]),
    ],
)
def test_none_one_two_all_and_all_but_one_take_at_most_two_keys(
    given_away: set[int], units: int, keys: list[str]
) -> None:
    assert keys_for(given_away, units) == keys


@pytest.mark.slow
def test_no_row_takes_more_than_three_keys(browser: Browser, tmp_path: Path) -> None:
    evaluator = Evaluator(tmp_path)
    data, parts = tmp_path / "forty.csv", split(load("mini").rows, "grouped")
    columns, *rows = csv.reader(io.StringIO(MINI.read_text(encoding="utf-8"), newline=""))
    with data.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *(rows[at] for at in sorted([*parts["dev"], *parts["test"]]))])
    ran = evaluator.run(
        *("evals", "-m", "dev", "--eval-profile=demo", "--eval-split=all", f"--eval-dataset={data}"),
        *("--eval-record=none", f"--eval-import={ROOT / 'fixtures/recorded/demo-mini.jsonl.gz'}"),
    )
    assert len(ran.rows) == 40
    pressed = []
    with opened(find_run("last", evaluator.runs), Wanted(30, out=tmp_path / "labels" / "labels.jsonl")) as desk:
        now = desk.sitting
        with on_page(browser, now):
            for number, draw in enumerate(now.draws):
                left(browser, f"{30 - number} left of 30")
                trace = now.texts[draw.row]
                keys = ["2"]
                browser.press("2")
                if trace.units and any(trace.requests):
                    assert head(browser).startswith("What do")
                    keys += keys_for(leaks(trace), len(trace.units))
                    browser.press(*keys[1:])
                pressed.append(len(keys))
            left(browser, "30 of 30")
        for draw, label in zip(now.draws, now.labels, strict=True):
            trace = now.texts[draw.row]
            flags = label.leakage or ()
            assert {place for place, flag in enumerate(flags, 1) if flag} == leaks(trace)
    assert max(pressed) <= 3
    assert sum(pressed) / 30 < 2.5
