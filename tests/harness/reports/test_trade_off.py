"""Quality against leakage as a picture."""

from __future__ import annotations

from xml.etree import ElementTree

from evals.harness.reports.trade_off import trade_off
from papillon.results import Measure

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
