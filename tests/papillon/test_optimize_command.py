"""``papillon optimize``: what it shows, what it saves and how it exits."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from papillon import PAPILLON, load, save_program
from papillon.__main__ import main
from papillon.commands import evaluation
from papillon.errors import UsageError
from papillon.optimization.optimizing import check_optimizer
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer
from tests.papillon.optimization.test_optimizing import OTHERS, ROWS, better_when_told, profile


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)
    monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "cache")


def read_calls(file: Path) -> list[str]:
    return gzip.decompress(file.read_bytes()).decode().splitlines()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(rule=better_when_told()) as server:
        yield server


class TestTheCommand:
    @pytest.fixture
    def own(self, tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("COLUMNS", "200")  # a worker of xdist has 80, where the table is folded
        data = tmp_path / "rows.jsonl"
        columns = ("user_query", "target_response", "pii_units")
        data.write_text("\n".join(json.dumps({name: getattr(row, name) for name in columns}) for row in ROWS))
        return profile(tmp_path, server.base, dataset="rows.jsonl")

    def test_a_gain_is_shown_and_what_came_out_can_be_evaluated(
        self, own: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "found.json"
        assert main(["optimize", "--optimizer", "gepa", "--profile", own, "--max-calls", "70", "--out", str(out)]) == 0
        said = capsys.readouterr().out
        head, row = said.partition("\noptimizer ")[2].splitlines()[:2]
        assert head.split() == ["calls", "tokens", "in/out", "USD", "before", "after", "gain", "n"]
        assert row.split()[0] == "gepa"
        assert " 0.500   1.000  +0.500 (" in row
        command = said.partition(f"saved in {out}; evaluate it with: ")[2].strip()
        assert command == evaluation(out, own, "rows.jsonl")
        assert f"evals -m dev --eval-profile={own} --eval-program {out}" in command
        assert main(["ask", "Hello, I am Ann.", "--profile", own, "--program", str(out)]) == 0

    def test_another_profiles_local_model_writes_about_prompts_and_is_asked_nothing_else(
        self, own: str, tmp_path: Path, server: ModelServer
    ) -> None:
        other = tmp_path / "other"
        other.mkdir()
        reflection = profile(other, server.base)
        Path(reflection).write_text(Path(reflection).read_text().replace('"openai/local"', '"openai/larger"'))
        out = tmp_path / "found.json"
        given = ["--profile", own, "--reflection", reflection, "--max-calls", "70", "--out", str(out)]
        assert main(["optimize", "--optimizer", "gepa", *given]) == 0
        asked = server.asked("new_instruction")
        assert asked
        assert {body["model"] for body in asked} == {"larger"}
        assert [body for body in server.bodies if body["model"] == "larger"] == asked
        assert "instruction numbered" in out.read_text()

    @pytest.mark.parametrize("how", ["over", "broken off"])
    def test_its_calls_are_exported_and_taken_up_from_there(
        self,
        own: str,
        tmp_path: Path,
        server: ModelServer,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        how: str,
    ) -> None:
        calls = tmp_path / "calls.jsonl.gz"
        given = ["optimize", "--optimizer", "gepa", "--profile", own, "--max-calls", "70"]
        last = None if how == "over" else 30
        server._failing = lambda body, number: (500, {}, "") if last and number > last else None
        assert main([*given, f"--out={tmp_path / 'found.json'}", f"--export={calls}"]) == (0 if how == "over" else 1)
        made, server._failing = len(read_calls(calls)), None
        assert made == (server.calls if last is None else last)
        monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "another cache")
        before = server.calls
        assert main([*given, f"--out={tmp_path / 'again.json'}", f"--import={calls}"]) == 0
        assert f"calls.jsonl.gz: {made} recorded calls added, 0 were there already" in capsys.readouterr().out
        if how == "over":
            assert server.calls == before
            assert (tmp_path / "again.json").read_bytes() == (tmp_path / "found.json").read_bytes()

    @pytest.mark.slow
    def test_the_command_that_it_ends_with_evaluates_what_came_out(
        self, own: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], server: ModelServer
    ) -> None:
        out = tmp_path / "found.json"
        assert main(["optimize", "--optimizer", "gepa", "--profile", own, "--max-calls", "70", "--out", str(out)]) == 0
        command = capsys.readouterr().out.partition("evaluate it with: ")[2]
        evaluator = Evaluator(tmp_path)
        options = f"--eval-cache={tmp_path / 'cache'} --eval-runs=none --eval-results={tmp_path / 'results.json'}"
        done = subprocess.run(
            ["bash", "-c", command],
            env=evaluator.environment(PYTEST_ADDOPTS=options),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        results = json.loads((tmp_path / "results.json").read_text())
        assert results["run"]["program"]["path"] == str(out)
        assert results["run"]["dataset"]["name"] == "rows.jsonl"
        assert {row["status"] for row in results["rows"]} == {"scored"}

    def test_calls_that_run_out_at_once_leave_the_program_as_it_was(
        self, own: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["optimize", "--optimizer", "simba", "--profile", own, "--max-calls", "2"]) == 0
        said = capsys.readouterr().out
        assert "the calls ran out before the program itself was scored, so it is saved as it was" in said
        assert "none: unchanged" in said
        assert (tmp_path / "optimized" / "simba.json").is_file()

    def test_it_starts_from_the_profiles_own_program(self, own: str, tmp_path: Path) -> None:
        program = PAPILLON(untrusted_model=str)
        craft = program.craft_redacted_request.predict
        craft.signature = craft.signature.with_instructions("Be very discreet.")
        save_program(program, tmp_path / "saved.json")
        with Path(own).open("a") as file:
            file.write('\nprogram = "saved.json"')
        out = tmp_path / "found.json"
        assert main(["optimize", "--optimizer", "simba", "--profile", own, "--max-calls", "2", "--out", str(out)]) == 0
        assert "Be very discreet." in out.read_text()

    def test_a_failure_keeps_what_was_found_and_exits_with_1(
        self, tmp_path: Path, server: ModelServer, own: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server._failing = lambda body, number: (500, {}, "") if number > 3 * 4 + 16 else None
        out = tmp_path / "found.json"
        assert main(["optimize", "--optimizer", "gepa", "--profile", own, "--out", str(out)]) == 1
        said = capsys.readouterr().err
        assert said.startswith("papillon optimize: Model ")
        assert said.endswith(f"The best program so far is in {out}; run again to go on.\n")
        assert said.count("\n") == 1
        assert out.is_file()

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (
                ["--optimizer", "adam"],
                "--optimizer: expected one of gepa, mipro, simba, got 'adam'; name one of these.",
            ),
            (
                ["--optimizer", "gepa", "--max-calls", "0"],
                "--max-calls: expected a number of at least 1, got 0; allow some calls.",
            ),
            (
                ["--optimizer", "gepa", "--out", "none/found.json"],
                "--out: expected a file that can be written, got none/found.json: there is no folder none; ",
            ),
            (
                ["--optimizer", "gepa", "--profile", "openai"],
                "environment variable OPENAI_API_KEY, which is not set",
            ),
        ],
    )
    def test_what_the_user_can_mend_exits_with_4_before_any_call(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        server: ModelServer,
        own: str,
        arguments: list[str],
        complaint: str,
    ) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        monkeypatch.setattr("evals.harness.training.optimizing.load", lambda name: load("mini"))
        given = arguments if "--profile" in arguments else [*arguments, "--profile", own]
        assert main(["optimize", *given]) == 4
        said = capsys.readouterr().err
        assert said.startswith("papillon optimize: ")
        assert complaint in said
        assert said.count("\n") == 1
        assert server.calls == 0

    def test_a_split_without_rows_to_learn_from_exits_with_4_before_any_call(
        self, own: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with Path(own).open("a") as file:
            file.write('\nsplit = "all"')
        assert main(["optimize", "--optimizer", "gepa", "--profile", own]) == 4
        assert capsys.readouterr().err == (
            "papillon optimize: Expected the split tutorial or grouped to learn from, got all, which evaluates every "
            "row and leaves none to learn from; name one of these as the profile's split.\n"
        )
        assert server.calls == 0

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that refuses writing to root too")
    def test_a_folder_that_refuses_writing_is_refused_before_any_call(
        self, capsys: pytest.CaptureFixture[str], own: str, server: ModelServer
    ) -> None:
        assert main(["optimize", "--optimizer", "gepa", "--profile", own, "--out", "/proc/found.json"]) == 4
        assert "--out: expected a file that can be written, got /proc/found.json: " in capsys.readouterr().err
        assert server.calls == 0

    def test_a_log_that_could_not_be_written_is_refused_before_any_call(
        self, capsys: pytest.CaptureFixture[str], own: str, server: ModelServer, tmp_path: Path
    ) -> None:
        os.mkfifo(tmp_path / "found.log")
        for out, why in (("found.json", "that is no regular file"), ("same.log", "another file than that of --out")):
            given = ["--optimizer", "gepa", "--profile", own, "--out", str(tmp_path / out)]
            assert main(["optimize", *given]) == 4
            said = capsys.readouterr().err
            assert said.startswith("papillon optimize: the log of --out: expected ")
            assert why in said
        assert server.calls == 0

    def test_without_optuna_mipro_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(UsageError) as refused:
            check_optimizer("mipro")
        assert str(refused.value) == (
            "--optimizer mipro: MIPROv2 needs optuna, which is not installed: install it with "
            "pip install 'papillon-evals[optimize]', or take gepa or simba."
        )
        assert [check_optimizer(name) for name in OTHERS] == OTHERS
