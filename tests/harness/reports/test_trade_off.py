"""Quality against leakage as a picture."""

from __future__ import annotations

from xml.etree import ElementTree

from evals.harness.reports.trade_off import controls_beside, trade_off
from papillon.results import ControlResult, Measure

SCORES = {"quality": Measure(0.7, 0.6, 0.8, 20), "leakage": Measure(0.1, 0.05, 0.2, 20)}


def test_each_run_is_a_named_point_beside_the_published_ones() -> None:
    picture = trade_off([("run-1", {"dev": SCORES}), ("<run-2>", {"dev": SCORES})])
    assert picture.title == "Quality against leakage on dev"
    drawn = picture.file()
    ElementTree.fromstring(drawn)
    assert "run-1: quality 0.700 (0.600 to 0.800), leakage 0.100 (0.050 to 0.200)" in drawn
    assert "&lt;run-2&gt;" in drawn
    assert "PAPILLON, Llama-3.1-8B: quality 0.855, leakage 0.075; PUPA-TNB, judged by GPT-4o-mini" in drawn


def test_each_split_is_a_drawing_of_its_own() -> None:
    drawn = trade_off([("run-1", {"dev": SCORES, "test": SCORES})]).file()
    assert "Quality against leakage on dev" in drawn
    assert "Quality against leakage on test" in drawn


def test_a_run_without_the_scores_is_left_out() -> None:
    drawn = trade_off([("run-1", {"dev": {"quality": Measure(None)}}), ("run-2", {"dev": SCORES})]).file()
    assert "run-1" not in drawn
    assert "run-2" in drawn


def test_how_much_was_carried_is_the_size_of_a_sign_where_a_run_has_it() -> None:
    drawn = trade_off([("silent", {"dev": SCORES | {"carried": Measure(0.0)}}), ("older", {"dev": SCORES})]).file()
    assert "silent: quality 0.700 (0.600 to 0.800), leakage 0.100 (0.050 to 0.200), carried 0.000<" in drawn
    assert "older: quality 0.700 (0.600 to 0.800), leakage 0.100 (0.050 to 0.200)<" in drawn
    assert "a larger sign carried more of the task" in drawn


def control(name: str, quality: float | None, leakage: float = 0.9, split: str = "dev") -> ControlResult:
    return ControlResult(name, split, quality, leakage, leakage, leakage, quality, "pass", carried=0.5)


def test_a_control_that_came_to_the_same_in_all_runs_is_one_point_and_others_say_whose_they_are() -> None:
    small = [control("verbatim", 0.4), control("local-only", 0.1, 0.0), control("empty", 0.0)]
    large = [control("verbatim", 0.4), control("local-only", 0.3, 0.0), control("redacted", None)]
    found = controls_beside([("small", small), ("large", large)])
    assert [name for name, _ in found] == ["control verbatim", "local-only of small", "local-only of large"]
    assert found[0][1] == {"dev": {"quality": Measure(0.4), "leakage": Measure(0.9), "carried": Measure(0.5)}}


def test_a_control_of_two_splits_is_one_point_in_each() -> None:
    both = [control("redacted", 0.4), control("redacted", 0.5, split="test")]
    assert [(name, [*scores]) for name, scores in controls_beside([("a", both)])] == [
        ("control redacted", ["dev", "test"])
    ]
