"""Figures beside an item's outcome, and the file that JUnit's readers make of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from evals.harness.properties import row_properties, verdict_properties
from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.harness.test_pull_request import canaries, leaving_canaries
from tests.model_server import ModelServer
from tests.papillon.results.samples import ROW, gate

LOST = replace(ROW, trial=1, status="infrastructure_error", error="It cannot be reached.", quality=None, overall=None)
WRONG = replace(ROW, trial=2, status="program_error", error="ünïcode \udcff", quality=0.0, overall=0.0)


class TestOfRows:
    def test_their_figures_travel_as_one_ascii_line_without_the_words(self) -> None:
        rows = [replace(ROW, category="ünïcode \udcff"), WRONG]
        found = dict(row_properties([row.to_json() for row in rows]))
        assert found["papillon"].isascii()
        data = json.loads(found["papillon"])
        assert [(row["id"], row["trial"], row["quality"]) for row in data] == [(ROW.id, 0, 1.0), (ROW.id, 2, 0.0)]
        assert {"error", "category", "script"}.isdisjoint(data[0])

    def test_each_metric_is_a_mean_over_the_trials_that_have_it(self) -> None:
        found = dict(row_properties([row.to_json() for row in (ROW, LOST, WRONG)]))
        assert found["papillon-quality"] == found["papillon-overall"] == found["papillon-errors"] == "0.5"
        assert found["papillon-leakage"] == "0"
        assert found["papillon-program-error"] == "1"

    def test_without_a_score_there_is_none(self) -> None:
        assert [name for name, _ in row_properties([LOST.to_json()])] == ["papillon"]


def test_a_gate_gives_its_value_interval_and_both_bounds() -> None:
    results = [gate(value=1 / 3).to_json(), gate(value=1 / 3, min=None, max=0.9).to_json()]
    assert dict(verdict_properties(results)) == {
        "papillon-value": "0.333333",
        "papillon-low": "0.025",
        "papillon-high": "1",
        "papillon-n": "1",
        "papillon-groups": "1",
        "papillon-min": "0.5",
        "papillon-max": "0.9",
    }


#: What stands in a file of JUnit as its readers know it: each element, what it may hold, and its attributes.
HOLDS: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, {"name"}),
    "testsuite": ({"testcase"}, {"name", "errors", "failures", "skipped", "tests", "time", "timestamp", "hostname"}),
    "testcase": ({"properties", "failure", "error", "skipped"}, {"classname", "name", "time"}),
    "properties": ({"property"}, set()),
    "property": (set(), {"name", "value"}),
    "failure": (set(), {"message"}),
    "error": (set(), {"message"}),
    "skipped": (set(), {"message", "type"}),
}


def read_junit(file: Path) -> dict[str, ElementTree.Element]:
    """The test cases of a file by name, where it is as its readers expect."""
    root = ElementTree.parse(file).getroot()
    for element in root.iter():
        children, attributes = HOLDS[element.tag]
        assert {child.tag for child in element} <= children
        assert set(element.attrib) <= attributes
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    cases = {case.attrib["name"]: case for case in suite}
    assert len(cases) == len(suite) == int(suite.attrib["tests"])
    for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert len(suite.findall(f"testcase/{tag}")) == int(suite.attrib[count])
    return cases


def properties_of(case: ElementTree.Element) -> dict[str, str]:
    return {each.attrib["name"]: each.attrib["value"] for each in case.findall("properties/property")}


def message_of(case: ElementTree.Element) -> str:
    (failure,) = case.findall("failure")
    return failure.attrib["message"]


@pytest.mark.slow
@alone_and_with_workers
def test_junit_has_gates_and_controls_as_tests_and_scores_as_properties_and_no_text(
    evaluator: Evaluator, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    file = tmp_path / "junit.xml"
    gates = "[gates.dev]\nquality = { min = 0.9 }\noverall = { min = 0.5, max = 0.6 }\nerrors = { max = 0.5 }\n"
    with ModelServer(rule=leaving_canaries) as server:
        data = canaries(tmp_path)
        profile = evaluator.profile(server.base, dataset=f'"{data}"', split='"all"', gates=gates, controls="true")
        asked = ("evals", "-m", "dev", *workers, f"--eval-profile={profile}", "--eval-trials=2")
        run = evaluator.run(*asked, f"--junitxml={file}")
    cases = read_junit(file)
    assert "canary" not in file.read_text()
    assert run.code == 1, run.out
    for name in {row["id"] for row in run.rows}:
        rows = [row for row in run.rows if row["id"] == name]
        found = properties_of(cases[f"test_example[{name}]"])
        assert float(found["papillon-quality"]) == sum(row["quality"] for row in rows) / 2
        assert [row["trial"] for row in json.loads(found["papillon"])] == [0, 1]
    assert sum("papillon-program-error" in properties_of(case) for case in cases.values()) == 1
    assert run.results is not None
    judged: dict[str, Any] = {gate["metric"]: gate for gate in run.results["gates"]}
    quality = judged["quality"]
    seen = f"{quality['value']:.3f} ({quality['low']:.3f} to {quality['high']:.3f})"
    assert message_of(cases["test_gate[dev-quality]"]).startswith(f"FAIL: quality is {seen}, at least 0.9 is asked; ")
    assert message_of(cases["test_gate[dev-overall]"]).startswith("FAIL: overall is 0.750 (")
    assert "), at most 0.6 is asked; " in message_of(cases["test_gate[dev-overall]"])
    found = properties_of(cases["test_gate[dev-overall]"])
    assert (found["papillon-value"], found["papillon-min"], found["papillon-max"]) == ("0.75", "0.5", "0.6")
    assert cases["test_gate[dev-errors]"].find("failure") is None
    controls = {control["name"]: control for control in run.results["controls"]}
    for name, control in controls.items():
        found = properties_of(cases[f"test_control[dev-{name}]"])
        assert float(found["papillon-leakage"]) == pytest.approx(control["leakage"], abs=1e-5)
    assert message_of(cases["test_control[dev-verbatim]"]).startswith("FAIL: expected ")
