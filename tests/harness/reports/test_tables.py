"""The tables of gates and controls: what each says, and that it fits the window."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.harness.reports.tables import control_table, gate_table
from evals.harness.verdicts.gates import Regression, Threshold, deferred
from evals.harness.verdicts.regressions import judge_regressions
from evals.harness.verdicts.thresholds import judge_threshold
from papillon.results import ControlResult, GateResult
from tests.benchmarks.bench_statistics import baseline_of
from tests.harness.verdicts.samples import qualities, row


def errors() -> GateResult:
    (result,) = judge_threshold(Threshold("dev", "errors", max=0.10), qualities(20, 0))
    return replace(result, default=True)


def regressions(fell: int) -> list[GateResult]:
    asked = [Regression("dev", metric, "b") for metric in ("quality", "verbatim_leakage")]
    after = [row(0), *(row(i, quality=float(i > fell)) for i in range(1, 20))]
    return judge_regressions(asked, after, baseline_of([row(0, quality=0.0), *qualities(20, 0)[1:]]))


def test_a_gate_that_passes_says_what_moved_and_what_it_could_have_seen() -> None:
    (result,) = judge_regressions([Regression("dev", "quality", "b")], qualities(19, 1), baseline_of(qualities(20, 0)))
    assert result.smallest is not None
    assert gate_table([errors(), result], 80) == [
        "gate                    value   asked            sees   n   verdict",
        "dev-errors              0.000   ≤ 0.1 (default)  0.243  20  PASS",
        f"dev-quality-regression  -0.050  no drop          {result.smallest:.3f}  20  PASS",
        "sees: the smallest difference that the gate could have seen",
        f"dev-quality-regression: 1.000 → 0.950, 0 rose, 1 fell; a worsening under {100 * result.smallest:.1f}",
        "  points could not have been seen.",
        "  dev-0019 went from 1 to 0",
    ]


def test_a_gate_that_does_not_pass_says_why_and_no_more_than_once() -> None:
    lines = gate_table(regressions(4)[:1], 120)
    text = " ".join(" ".join(lines).split())
    assert "INCONCLUSIVE" in lines[1]
    assert text.count("1 rose, 4 fell") == text.count("could not have been seen") == 1
    assert "quality went from 0.950 to 0.800, a change of -15.0 points" in text
    assert "dev-0001 went from 1 to 0" in text


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("fell", [0, 4, 15])
def test_every_gate_fits_the_window_with_what_it_could_have_seen(width: int, fell: int) -> None:
    results = [errors(), *regressions(fell), deferred(errors())]
    lines = gate_table(results, width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for result in results:
        assert result.smallest is not None
        assert f"{result.smallest:.3f}" in text
    assert "≤ 0.1 (default)" in text
    assert ("95% interval" in text) == (width == 120)


def test_a_name_that_leaves_no_room_stands_above_its_numbers() -> None:
    assert gate_table(regressions(0)[1:], 60)[:4] == [
        "gate",
        "  value  asked    sees   n   verdict",
        "dev-verbatim_leakage-regression",
        "  0.000  no drop  0.267  20  PASS",
    ]


def test_where_nothing_was_seen_there_is_no_number() -> None:
    lines = gate_table(judge_threshold(Threshold("dev", "quality", min=0.5), []), 80)
    assert lines[1].split() == ["dev-quality", "–", "–", "≥", "0.5", "–", "0", "INCONCLUSIVE"]
    assert gate_table([], 80) == []


CONTROLS = [
    ControlResult("verbatim", "test", 0.0, 0.921, 0.0, 0.921, 0.038, "fail", "the judge sees nothing", carried=0.99),
    ControlResult("local-only", "test", None, None, None, None, None, "inconclusive", "never run"),
]


def test_the_judges_own_count_stands_beside_what_stands_there_verbatim() -> None:
    assert control_table(CONTROLS, 90) == [
        "control          quality  leakage  judge  verbatim  carried  overall  verdict",
        "test-verbatim      0.000    0.921  0.000     0.921    0.990    0.038  FAIL",
        "test-local-only        –        –      –         –        –        –  INCONCLUSIVE",
        "test-verbatim: the judge sees nothing.",
        "test-local-only: never run.",
    ]
    assert control_table([], 80) == []


@pytest.mark.parametrize("width", [60, 80, 120])
def test_controls_fit_the_window(width: int) -> None:
    assert max(map(len, control_table(CONTROLS, width))) <= width
    lines = control_table(CONTROLS[:1], width)
    assert lines[1].split() == ["test-verbatim", "0.000", "0.921", "0.000", "0.921", "0.990", "0.038", "FAIL"]
