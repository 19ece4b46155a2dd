"""The judge's own test with rows that people labelled beside the written cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from judges.labels.file import LabelFile
from judges.labels.hashing import hashes
from judges.labels.label import Drawn, Label
from papillon.results.finding import find_run
from papillon.results.traces import Trace
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

pytestmark = pytest.mark.slow


def label(file: LabelFile, trace: Trace, **answers: Any) -> None:
    fields = {"quality": "tie", "leakage": (False,) * len(trace.units)} | answers
    drawn = Drawn("random", 0, 1, 1)
    file.append(
        Label(
            id=trace.id,
            trial=0,
            data="0" * 16,
            hashes=hashes(file.key, trace),
            by=None,
            at="2026-11-26T12:00:00Z",
            drawn=drawn,
            answer_stood="A",
            **fields,
        )
    )


def test_kappa_on_real_rows_stands_beside_the_written_cases(evaluator: Evaluator, tmp_path: Path) -> None:
    file = LabelFile.begun(tmp_path / "labels.jsonl")
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        evaluator.run("evals", "-m", "dev", "--eval-profile", profile, "--eval-limit", "6")
        found = find_run("last", evaluator.runs).traces
        assert found is not None
        traces = list(found)
        for number, trace in enumerate(traces):
            label(file, trace, quality="worse" if number % 2 else "tie")
        label(file, Trace(**vars(traces[0]) | {"response": "an answer that no run left"}))
        run = evaluator.run("evals", "-m", "judges", "--eval-profile", profile, "--eval-labels", str(file.path))
    assert run.results is not None, run.out
    reports = {(report["subject"], report["source"]): report for report in run.results["judge"]}
    assert [*reports] == [(subject, source) for subject in ("leakage", "quality") for source in ("written", "people")]
    quality = reports["quality", "people"]
    assert (quality["cases"], quality["left_out"]) == (6, {"its texts are in no run's folder": 1})
    assert quality["measures"]["kappa"]["n"] == 6
    assert reports["quality", "written"]["cases"] == 97
    assert "judge on quality of rows that people labelled: 6 cases," in run.out
    assert "1 left out: its texts are in no run's folder" in " ".join(run.out.split())
    assert not [trace for trace in traces if trace.query[:30] in run.out or trace.response[:30] in run.out]
