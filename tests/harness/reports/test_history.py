"""Scores over time, as a table in any window and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evals.harness.reports.history import history_lines, history_picture
from papillon.results import Measure
from papillon.results.gathering import Gathered
from papillon.results.history import SHOWN, Bound, Entry, History, Strand
from papillon.tables import width_of
from tests.papillon.pictures.drawn import signs, written

ALL_READ = Gathered((), {}, 0)


def entry(day: int, quality: float | None = 0.5, seen: int = 20, hour: int = 6) -> Entry:
    scores = dict.fromkeys(SHOWN, Measure(0.25, 0.125, 0.5, seen))
    scores["quality"] = (
        Measure(quality, None, None, 0) if quality is None else Measure(quality, quality - 0.25, 0.75, seen)
    )
    started = f"2026-11-{day:02d}T{hour:02d}:10:54+00:00"
    return Entry(f"202611{day:02d}T061054Z-small-4f1c", started, seen, scores, {"pass": 2, "fail": 1})


def history(*entries: Entry, **more: Any) -> History:
    strand = Strand("small", "mini", "grouped", "lexical", "dev", 20, entries or (entry(1), entry(2, 0.625)), **more)
    return History(SHOWN, (strand,), {})


def test_a_strand_says_what_its_runs_have_in_common_and_each_run_its_scores() -> None:
    lines = history_lines(history(), ALL_READ, 200)
    assert lines[0] == "dev of mini, grouped split, profile small, judged by the lexical judge: 2 runs"
    head, first, second = (line.split() for line in lines[1:4])
    assert [*head][:3] == ["run", "n", "quality"]
    assert first == [
        *("20261101T061054Z-small-4f1c", "20", "0.500", "0.250…0.750"),
        *("0.250", "0.125…0.500") * 3,
        *("2", "pass,", "1", "fail"),
    ]
    assert second[2] == "0.625"


def test_what_is_asked_and_what_was_accepted_stand_below_the_runs() -> None:
    bounds = (Bound("quality", 0.5, None), Bound("quality", None, 0.9), Bound("leakage", None, 0.25))
    lines = history_lines(history(bounds=bounds, baselines={"leakage": 0.2}), ALL_READ, 200)
    assert lines[4].split() == ["asked", "by", "the", "gates", "≥", "0.5,", "≤", "0.9", "≤", "0.25"]
    assert lines[5].split() == ["accepted", "(baseline)", "0.200"]
    # Each below its own column.
    assert lines[5].index("0.200") + len("0.200") == lines[2].index("0.125…0.500") + len("0.125…0.500")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_it_fits_the_window(width: int) -> None:
    gathered = Gathered((), {Path(f"artefacts/{'x' * 30}/results{i}.json"): "" for i in range(5)}, 2)
    asked = history(entry(1), entry(2, None, seen=7), bounds=(Bound("quality", 0.5, None),), baselines={"quality": 0.5})
    lines = history_lines(asked, gathered, width)
    assert max(map(width_of, lines)) <= width
    assert "7 of 20" in "\n".join(lines)


def test_what_was_left_out_or_cannot_be_read_is_named_once_and_counted() -> None:
    left = History(SHOWN, (), {f"run-{i}": "it saw 3 of 20 examples of dev" for i in range(4)})
    gathered = Gathered((), {Path("a/results.json"): "x", Path("b\x1b[31m/results.json"): "y"}, 1)
    assert history_lines(left, gathered, 300) == [
        "No run saw its splits whole and came to all scores; --all shows the others.",
        "Left out 4 runs: run-0 (it saw 3 of 20 examples of dev), run-1 (it saw 3 of 20 examples of dev), "
        "run-2 (it saw 3 of 20 examples of dev), 1 more; --all shows them too.",
        "1 file holds a run that another holds too.",
        "2 files cannot be read as results: a/results.json, b\\x1b[31m/results.json.",
    ]


def test_nothing_of_another_machines_file_acts_on_the_terminal() -> None:
    strand = Strand("p\x1b[2J", "d\u202e", "grouped", "j\r", "dev", 1, (entry(1),))
    text = "\n".join(history_lines(History(SHOWN, (strand,), {}), ALL_READ, 200))
    assert not {"\x1b", "\u202e", "\r"} & {*text}


def test_the_picture_has_each_metric_with_its_bounds_and_its_baseline() -> None:
    bounds = (Bound("quality", 0.4, None), Bound("leakage", None, 0.25))
    picture = history_picture(history(bounds=bounds, baselines={"quality": 0.625}))
    words = written(picture)
    assert [word for word in words if " on dev: " in word] == [
        f"{metric} on dev: small, mini (grouped)" for metric in SHOWN
    ]
    assert {"at least 0.4 is asked", "at most 0.25 is asked", "baseline 0.625", "11-01", "11-02"} <= {*words}
    assert "20261102T061054Z-small-4f1c: quality 0.625 0.375…0.750, n 20" in signs(picture)


def test_runs_of_one_day_are_told_by_their_time() -> None:
    words = written(history_picture(history(entry(1), entry(1, hour=9), entry(2))))
    assert [word for word in words if word in ("11-01", "09:10", "11-02")][:3] == ["11-01", "09:10", "11-02"]


def test_a_metric_that_no_run_has_is_not_drawn_and_a_run_alone_is() -> None:
    assert not any(word.startswith("quality") for word in written(history_picture(history(entry(1, None)))))
    assert len(signs(history_picture(history(entry(1))))) == len(SHOWN)
    assert history_picture(History(SHOWN, (), {})).description == "Nothing to show."
