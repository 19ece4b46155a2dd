"""The command line: what each command shows, and how it exits."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from papillon import __version__
from papillon.__main__ import main
from papillon.profile import ROOT
from papillon.results.run import DatasetInfo
from papillon.store import Answer, Call, Record, Store, Usage
from tests.papillon.results.samples import INFO, result

#: Data of which the sample run saw everything.
WHOLE = DatasetInfo("mini", "0" * 64, 60, "grouped", {"dev": 1})
QUERY = "I am Ann Lee; help me with my will."


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)
    monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "cache")


class TestData:
    def test_the_shipped_set_is_shown_unasked(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["data"]) == 0
        said = capsys.readouterr().out
        assert said.startswith("mini: 60 rows")
        assert "split tutorial" in said
        assert "split grouped" in said

    def test_a_file_is_shown_by_its_path(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "rows.csv"
        file.write_text("user_query,target_response,pii_units\nI am Ann,Hello,Ann\n")
        assert main(["data", str(file)]) == 0
        assert capsys.readouterr().out.startswith("rows.csv: 1 row")

    def test_one_that_cannot_be_read_exits_with_4(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["data", "nowhere.csv"]) == 4
        assert capsys.readouterr().err.startswith(
            "papillon data: Expected a data set's name (mini, pupa_new, pupa_tnb)"
        )


class TestCache:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        with Store(tmp_path / "calls") as store:
            for number in range(3):
                store.put(Record.of(Call({"model": "m", "n": number}), Answer("a", "stop"), Usage(1, 1)))
        return tmp_path / "calls"

    def damage(self, folder: Path) -> None:
        import diskcache

        cache = diskcache.Cache(str(folder))
        with cache.transact():
            cache._sql("UPDATE Cache SET value = ? WHERE rowid = 1", ('"nonsense"',))
        cache.close()

    def test_a_sound_one_passes(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["cache", "check", str(folder)]) == 0
        assert "3 recorded calls are sound, 0 damaged" in capsys.readouterr().out

    def test_damage_is_found_and_then_set_aside(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.damage(folder)
        assert main(["cache", "check", str(folder)]) == 1
        assert "2 recorded calls are sound, 1 damaged" in capsys.readouterr().out
        main(["cache", "repair", str(folder)])
        capsys.readouterr()
        assert main(["cache", "check", str(folder)]) == 0
        assert "2 recorded calls are sound, 0 damaged" in capsys.readouterr().out

    def test_the_default_folder_is_the_evaluations(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["cache", "check"]) == 0
        assert capsys.readouterr().out.startswith(f"{tmp_path}/cache: 0 recorded calls are sound")

    def test_a_folder_that_is_not_there_is_no_sound_cache(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["cache", "check", str(tmp_path / "none")]) == 4
        assert capsys.readouterr().err == (
            f"papillon cache: Expected a folder of recorded calls, got '{tmp_path}/none'; check its spelling.\n"
        )
        assert not (tmp_path / "none").exists()


class TestTheCommandItself:
    @pytest.mark.parametrize("arguments", [["--help"], ["ask", "-h"]])
    def test_help_is_shown_where_it_is_asked_for(
        self, capsys: pytest.CaptureFixture[str], arguments: list[str]
    ) -> None:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 0
        assert capsys.readouterr().out.startswith("usage: papillon")

    def test_without_a_command_its_help_is_shown_and_it_exits_with_4(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([]) == 4
        said = capsys.readouterr().err
        assert said.startswith("usage: papillon")
        assert all(f"    {command} " in said for command in ("ask", "data", "train", "optimize", "cache"))

    @pytest.mark.parametrize("flag", ["-V", "--version"])
    def test_the_version_is_told(self, capsys: pytest.CaptureFixture[str], flag: str) -> None:
        with pytest.raises(SystemExit) as left:
            main([flag])
        assert left.value.code == 0
        assert capsys.readouterr().out == f"papillon {__version__}\n"

    @pytest.mark.parametrize(
        ("arguments", "who", "complaint", "advice"),
        [
            (["aks"], "papillon", "invalid choice: 'aks' (choose from", "did you mean ask?"),
            (["nonsense"], "papillon", "invalid choice: 'nonsense' (choose from", "see papillon --help."),
            (["--vresion"], "papillon", "unrecognized arguments: --vresion", "did you mean --version?"),
            (["ask"], "papillon ask", "the following arguments are required: query", "see papillon ask --help."),
            (["ask", "q", "--porfile=x"], "papillon ask", "arguments: --porfile=x", "did you mean --profile?"),
            (["ask", "one", "two"], "papillon ask", "expected fewer arguments, got 1 too many", "quote several words."),
            (["ask", "q", "--profile"], "papillon ask", "argument --profile: expected one", "see papillon ask --help."),
            (["cache", "chekc"], "papillon cache", "invalid choice: 'chekc' (choose from", "did you mean check?"),
            (["cache"], "papillon cache", "arguments are required: action", "see papillon cache --help."),
            (
                ["optimize", "--optimizer", "gepa", "--max-calls", "many"],
                "papillon optimize",
                "argument --max-calls: invalid int value: 'many'",
                "see papillon optimize --help.",
            ),
        ],
    )
    def test_a_mistake_is_one_sentence_and_exits_with_4(
        self, capsys: pytest.CaptureFixture[str], arguments: list[str], who: str, complaint: str, advice: str
    ) -> None:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 4
        said = capsys.readouterr()
        assert said.err.startswith(f"{who}: ")
        assert complaint in said.err
        assert said.err.endswith(f"; {advice}\n")
        assert said.err.count("\n") == 1
        assert not said.out

    def test_a_terminal_of_another_encoding_is_no_traceback(self, tmp_path: Path) -> None:
        file = tmp_path / "Zoë.csv"
        file.write_text("user_query,target_response,pii_units\nI am Ann,Hello,Ann\n")
        command = [sys.executable, "-m", "papillon", "data", str(file)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
        assert run.returncode == 0
        assert run.stdout.startswith(rb"Zo\xeb.csv: 1 row")

    def test_an_interruption_is_no_traceback(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def interrupted(name: str) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("papillon.data.load", interrupted)
        assert main(["data"]) == 130
        assert capsys.readouterr().err == "papillon: interrupted\n"

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_reader_that_had_enough_is_no_error(self, monkeypatch: pytest.MonkeyPatch, unbuffered: str) -> None:
        monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
        command = [sys.executable, "-m", "papillon", "data"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        process.stderr.close()
        assert process.wait(30) == 0
        assert said == b""


class TestHistory:
    @pytest.fixture
    def runs(self, tmp_path: Path) -> Path:
        for day in (25, 26):
            folder = tmp_path / "runs" / f"202611{day}T061054Z-small-4f1c"
            folder.mkdir(parents=True)
            known = replace(INFO, id=folder.name, started=f"2026-11-{day}T06:10:54+00:00", dataset=WHOLE)
            (folder / "results.json").write_text(result(run=known).to_text())
        return tmp_path / "runs"

    def test_it_shows_the_runs_and_draws_them(self, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
        picture = runs / "history.svg"
        assert main(["history", "--runs", str(runs), "--metric", "quality", "--plot", str(picture)]) == 0
        shown = capsys.readouterr().out
        assert "dev of mini, grouped split, profile small, judged by openai/judge: 2 runs" in shown
        assert shown.index("20261125T061054Z") < shown.index("20261126T061054Z") < shown.index(f"Drawn in {picture}")
        assert picture.read_text().startswith("<svg ")

    def test_folders_of_other_machines_are_read_beside_the_runs(
        self, runs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = runs.parent / "artefacts" / "nightly" / "results.json"
        other.parent.mkdir(parents=True)
        other.write_text(result(run=replace(INFO, id="from-ci", started="2026-11-24", dataset=WHOLE)).to_text())
        assert main(["history", str(runs.parent / "artefacts")]) == 0
        assert ": 1 run\n" in capsys.readouterr().out
        assert main(["history", str(runs.parent / "artefacts"), "--runs", str(runs)]) == 0
        assert ": 3 runs\n" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (["--plot", "history.png"], "--plot: expected a file that ends in .svg, got 'history.png'; name another."),
            (["--metric", "charm"], "--metric: expected one of quality, leakage, "),
            (["nowhere"], "Expected a folder with runs, or a results file, got 'nowhere'; check its spelling."),
        ],
    )
    def test_a_mistake_is_one_sentence(
        self, runs: Path, capsys: pytest.CaptureFixture[str], given: list[str], said: str
    ) -> None:
        assert main(["history", "--runs", str(runs), *given]) == 4
        assert capsys.readouterr().err.startswith(f"papillon history: {said}")
