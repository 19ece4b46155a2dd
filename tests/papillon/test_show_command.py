"""``papillon show``: as a user types it, with its exit codes, its colours and its speed."""

from __future__ import annotations

import resource
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from papillon.__main__ import main
from papillon.profile import ROOT
from tests.harness.reports.test_show import LAST, leave
from tests.papillon.results.samples import INFO, ROW, result


@pytest.fixture
def runs(tmp_path: Path) -> str:
    leave(tmp_path / "runs", LAST, *(replace(ROW, id=f"dev-{number:04d}-abcdabcd") for number in range(225)))
    return f"--runs={tmp_path / 'runs'}"


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for name in ("PY_COLORS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_the_rows_and_one_of_them(runs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", runs]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith(f"Run {LAST}: 225 examples")
    assert "Ann Lee" not in listed
    assert main(["show", runs, "last", "dev-0007"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("This shows private texts: ")
    assert "I am ⟦Ann Lee⟧ from ⟦Oslo⟧." in shown


def test_the_command_in_the_list_shows_a_row(runs: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", runs, "last~0"])
    command = capsys.readouterr().out.splitlines()[-1]
    words = shlex.split(command.split(" show ")[1].replace(" ID", " dev-0003"))
    assert words[-2:] == ["last~0", "dev-0003"]
    assert main(["show", *words]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dev-0"], "225 begin with it (dev-0000-abcdabcd, dev-0001-abcdabcd, dev-0002-abcdabcd …)"),
        (["none", "dev-0001"], "Expected a run: its folder, results file or id, last or last~N; got 'none'"),
        (["last", "dev-0001", "--trial=2"], "--trial: expected one that dev-0001-abcdabcd has (0), got 2"),
        (["last", "dev-0001", "more"], "expected fewer arguments"),
        (["last~9"], "Expected 10 runs in"),
    ],
)
def test_a_mistake_is_one_sentence_and_exits_4(
    runs: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["show", runs, *words])
    except SystemExit as left:
        code = left.code  # type: ignore[assignment]
    error = capsys.readouterr().err
    assert code == 4
    assert said in error
    assert error.count("\n") == 1


def test_a_results_file_alone_shows_the_figures_and_exits_1(
    runs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "kept.json"
    file.write_text(result(run=replace(INFO, id="gone")).to_text())
    assert main(["show", runs, str(file), "dev-0000"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "overall 1.000" in said
    assert "a run leaves them in its own folder alone" in said


def test_colours_are_there_where_they_are_asked_for(
    runs: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    main(["show", runs, "dev-0007"])
    assert "I am \x1b[1;31mAnn Lee\x1b[0m from" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("dev-0224",)], ids=["rows", "row"])
def test_it_takes_about_half_a_second_at_most(runs: str, words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "papillon", "show", runs, *words]

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # It waits for nothing, so its processor's time is its time on a machine with nothing else to do; the bar is 0.5 s,
    # and it takes half of that where it was measured.
    assert min(once() for _ in range(3)) < 1
