"""Pages: from the files of a run alone, where they were asked for, and never over the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evals.harness.comparing import Compared
from evals.harness.pages import written, written_beside
from evals.harness.verdicts.comparison import compare
from papillon.__main__ import main
from papillon.errors import UsageError
from papillon.profile import ROOT
from papillon.results import RunResult
from papillon.results.finding import FoundRun
from tests.harness.reports.page.samples import changed, large_run, left
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer


def found_in(folder: Path, run: RunResult, *, texts: bool = True) -> FoundRun:
    return FoundRun.at(left(folder, run, texts=texts))


def test_a_runs_page_stands_beside_its_results_and_says_what_it_holds_first(tmp_path: Path) -> None:
    found = found_in(tmp_path / "run", large_run(3)[0])
    said, _ = written(found, None, tmp_path)
    assert said[0].startswith("This page holds private texts")
    assert said[1] == "run/report.html"
    assert "private texts" in (tmp_path / "run" / "report.html").read_text().splitlines()[0]


def test_from_results_alone_it_has_figures_alone(tmp_path: Path) -> None:
    found = found_in(tmp_path / "run", large_run(3)[0], texts=False)
    said, _ = written(found, tmp_path / "out" / "page.html", tmp_path)
    assert said == ["This page holds figures alone, no text of a row.", "out/page.html"]


def broken(folder: Path, line: int) -> Path:
    """A run's folder, one line of whose texts ends in its midst."""
    lines = (folder / "traces.jsonl").read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1][:200] + b"\n"
    (folder / "traces.jsonl").write_bytes(b"".join(lines))
    return folder


def test_a_broken_line_costs_the_page_that_rows_texts_alone_and_both_say_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = large_run(3)
    folder = broken(left(tmp_path / "run", run), 2)
    assert main(["report", str(folder)]) == 1
    said = f"Expected the trace of one row in line 2 of {folder / 'traces.jsonl'}, but the line is no JSON"
    assert said in capsys.readouterr().out
    text = (folder / "report.html").read_text()
    assert said in text
    assert [f'id="t{place}"' in text for place in range(3)] == [True, False, True]


def test_a_broken_line_of_two_runs_is_told_too(tmp_path: Path) -> None:
    before, _ = large_run(4)
    paths = [broken(left(tmp_path / name, run), 1) for name, run in (("a", before), ("b", changed(before)))]
    one, other = map(FoundRun.at, paths)
    compared = Compared((one, other), (compare(one.result, other.result),), {})
    lines = written_beside(compared, tmp_path / "page.html", tmp_path)
    text = (tmp_path / "page.html").read_text()
    for path in paths:
        said = f"Expected the trace of one row in line 1 of {path / 'traces.jsonl'}, but the line is no JSON"
        assert any(line.startswith(said) for line in lines)
        assert said in text


def test_the_same_files_make_the_same_page(tmp_path: Path) -> None:
    found = found_in(tmp_path / "run", large_run(5)[0])
    written(found, tmp_path / "a", tmp_path)
    written(FoundRun.at(tmp_path / "run"), tmp_path / "b", tmp_path)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("results.json", "another file than a run's own, got .*; name another"),
        ("traces.jsonl", "another file than a run's own, got .*; name another"),
        ("", "a file that can be written, got .*: that is a folder; name another"),
    ],
)
def test_a_page_never_takes_the_place_of_its_run(tmp_path: Path, name: str, what: str) -> None:
    found = found_in(tmp_path / "run", large_run(1)[0])
    with pytest.raises(UsageError, match=rf"^--out: expected {what}\.$"):
        written(found, tmp_path / "run" / name, tmp_path)


def test_two_runs_are_laid_beside_each_other(tmp_path: Path) -> None:
    before, _ = large_run(20)
    runs = (found_in(tmp_path / "a", before), found_in(tmp_path / "b", changed(before)))
    comparison = compare(runs[0].result, runs[1].result)
    said = written_beside(Compared(runs, (comparison,), {}), tmp_path / "page.html", tmp_path)
    assert said[0].startswith("This page holds private texts")
    assert "Two runs beside each other" in (tmp_path / "page.html").read_text()


def test_the_command_line_writes_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, _ = large_run(12)
    runs = tmp_path / "runs"
    found_in(runs / "20261126T061054Z-small-0001", before)
    found_in(runs / "20261126T071054Z-small-0002", changed(before))
    assert main(["report", "last~1", "--runs", str(runs), "--out", str(tmp_path / "one.html")]) == 0
    assert capsys.readouterr().out.startswith("This page holds private texts")
    assert "4f1c4f1c4f1c4f1c" in (tmp_path / "one.html").read_text()
    pair = ["compare", "last~1", "last", "--runs", str(runs), "--report", str(tmp_path / "two.html")]
    assert main(pair) == 0
    out = capsys.readouterr().out
    assert "quality" in out
    assert "This page holds private texts" in out
    assert main(["report", "nonsense", "--runs", str(runs)]) == 4
    assert "Expected a run" in capsys.readouterr().err


def test_an_evaluation_without_a_page_loads_no_templates() -> None:
    code = "import sys, evals.harness.plugin, evals.harness.outputs; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_an_evaluation_writes_its_page_with_the_texts_of_its_rows(
    evaluator: Evaluator, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base)}"
        page = tmp_path / "new" / "page.html"
        asked = ("evals", "-m", "dev", profile, "--eval-limit", "3", f"--eval-report={page}", *workers)
        run = evaluator.run(*asked)
    text = page.read_text("utf-8")
    assert "private texts" in text.splitlines()[0]
    assert f"\nThe run as a page, private: {page}\n" in run.out
    assert page.stat().st_mode & 0o777 == 0o600
    for row in run.rows:
        assert f'{{"id":"{row["id"]}","query":' in text
    again = tmp_path / "again.html"
    assert main(["report", "--runs", str(evaluator.runs), "--out", str(again)]) == 0
    assert again.read_bytes() == page.read_bytes()
