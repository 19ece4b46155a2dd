"""Pictures: a gate's interval in a row of its table, and what lies beside a run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from evals.harness.reports.page.pictures import delegation, leakage_histogram, strip
from papillon.results import ControlResult, Measure
from tests.harness.reports.page.samples import page_row
from tests.papillon.results.samples import gate

SEEN = {"quality": Measure(0.7, 0.6, 0.8, 20), "leakage": Measure(0.2, 0.1, 0.3, 20)}


def places(picture: str) -> dict[str, float]:
    """Where in a strip its value and the shaded part lie, across."""
    root = ET.fromstring(picture)
    (point,) = root.findall("circle")
    found = {"value": float(point.attrib["cx"])}
    for band in root.findall("rect"):
        found |= {"from": float(band.attrib["x"]), "to": float(band.attrib["x"]) + float(band.attrib["width"])}
    return found


def test_a_value_above_its_least_lies_in_the_shaded_part() -> None:
    at = places(strip(gate(value=0.75, low=0.6, high=0.9, min=0.5)))
    assert at["from"] == pytest.approx(110)
    assert at["from"] < at["value"] < at["to"] == pytest.approx(214)


def test_a_value_above_its_most_lies_outside() -> None:
    at = places(strip(gate(value=0.75, low=0.6, high=0.9, min=None, max=0.5)))
    assert at["to"] < at["value"]


def test_a_change_lies_around_zero() -> None:
    assert places(strip(gate(kind="regression", min=None, value=0.0, low=-0.2, high=0.2)))["value"] == 110


def test_each_verdict_has_a_sign_of_its_own_and_no_value_no_picture() -> None:
    drawn = [
        re.sub(r'class="[^"]*"|#\w{6}', "", strip(gate(verdict=v)))
        for v in ("pass", "fail", "inconclusive", "deferred")
    ]
    assert len(set(drawn)) == 4
    assert strip(gate(value=None, low=None, high=None)) == ""


def test_a_run_lies_among_what_others_published_and_its_controls_that_answer() -> None:
    controls = [
        ControlResult("redacted", "dev", 0.7, 0.0, 0.0, 0.0, 0.8, "pass"),
        ControlResult("empty", "dev", 0.0, 0.0, 0.0, 0.0, 0.0, "pass"),
    ]
    (picture,) = delegation([("this run", {"dev": SEEN})], controls)
    for name in (
        "this run: quality 0.700 (0.600 to 0.800), leakage 0.200",
        "control redacted: ",
        "PAPILLON, Llama-3.1-8B",
    ):
        assert name in picture
    assert "control empty" not in picture


def test_without_scores_there_is_nothing_to_lay_beside() -> None:
    assert [*delegation([("this run", {"dev": {}})])] == []
    assert leakage_histogram([page_row(5)], "dev") is None


def test_the_histogram_counts_rows_that_have_units() -> None:
    assert "leakage of 2 rows" in str(leakage_histogram([page_row(1), page_row(2), page_row(5)], "dev"))
