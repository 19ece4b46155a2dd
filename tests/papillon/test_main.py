"""The command line: what each command shows, and how it exits."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from papillon import PAPILLON, save_program
from papillon.__main__ import main
from papillon.profile import ROOT
from papillon.store import Answer, Call, Record, Store, Usage
from tests.model_server import ModelServer

QUERY = "I am Ann Lee; help me with my will."


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)
    monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "cache")


def profile(folder: Path, base: str, **keys: str) -> str:
    path = folder / "own.toml"
    lines = [f'{role} = {{ model = "openai/{role}", api_base = "{base}", max_attempts = 1 }}' for role in MODELS]
    path.write_text("\n".join([*lines, *(f'{key} = "{value}"' for key, value in keys.items())]))
    return str(path)


MODELS = ("local", "untrusted")


class TestAsk:
    def test_what_leaves_the_machine_is_shown_before_it_leaves(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shown: list[str] = []

        def rule(body: dict[str, Any]) -> None:
            if body["model"] == "untrusted":
                shown.append(capsys.readouterr().out)

        with ModelServer(rule=rule) as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 0
            (sent,) = (body for body in server.bodies if body["model"] == "untrusted")
        request = sent["messages"][-1]["content"]
        (before,) = shown
        assert before == (
            f"  stays on this machine, with openai/local:\n\n{QUERY}\n\n"
            f"→ leaves this machine, to openai/untrusted:\n\n{request}\n\n"
        )
        after = capsys.readouterr().out
        assert after.startswith("← came back:\n\nAbout ")
        assert "\n\n  the answer:\n\nA response numbered " in after
        assert QUERY not in str(sent)

    def test_the_same_question_is_replayed(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer() as server:
            own = profile(tmp_path, server.base)
            assert main(["ask", QUERY, "--profile", own]) == 0
            first = capsys.readouterr().out
            assert main(["ask", QUERY, "--profile", own]) == 0
            assert capsys.readouterr().out == first
            assert server.calls == 3

    @pytest.mark.parametrize("where", ["option", "profile"])
    def test_a_saved_program_is_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
    ) -> None:
        program = PAPILLON(untrusted_model=str)
        craft = program.craft_redacted_request.predict
        craft.signature = craft.signature.with_instructions("Be very discreet.")
        save_program(program, tmp_path / "saved.json")
        with ModelServer() as server:
            own = profile(tmp_path, server.base, **({"program": "saved.json"} if where == "profile" else {}))
            monkeypatch.chdir(tmp_path)
            given = ["--program", "saved.json"] if where == "option" else []
            assert main(["ask", QUERY, "--profile", own, *given]) == 0
            assert len(server.asked("Be very discreet.")) == 1

    def test_an_empty_answer_is_no_success(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer(rule=lambda body: "" if body["model"] == "untrusted" else None) as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 1
        assert "→ leaves this machine" in capsys.readouterr().out

    def test_a_server_that_fails_is_one_sentence(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer(failing=lambda body, number: (401, {}, "")) as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 1
            said = capsys.readouterr()
            assert said.err == (
                f"papillon ask: Model local at {server.base} refused the call with status 401. "
                "Check the key in the variable that api_key_env names.\n"
            )
            assert "→ leaves this machine" not in said.out

    def test_a_model_that_answers_rubbish_is_one_sentence(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with ModelServer(rule=lambda body: "rubbish") as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 1
        said = capsys.readouterr().err
        assert said.startswith("papillon ask: ")
        assert said.count("\n") == 1
        assert len(said) < 500

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["ask", "  "], "Expected a query, got an empty one; say what you want to ask."),
            (["ask", "hello", "--profile", "none"], "Unknown profile 'none': expected one of arbor, embedded,"),
            (["ask", "hello", "--profile", "none.toml"], "it cannot be read"),
            (["ask", "hello", "--profile", "openai"], "environment variable OPENAI_API_KEY, which is not set"),
        ],
    )
    def test_what_the_user_can_mend_exits_with_4(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        complaint: str,
    ) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        assert main(arguments) == 4
        said = capsys.readouterr().err
        assert said.startswith("papillon ask: ")
        assert complaint in said
        assert said.count("\n") == 1

    def test_a_program_that_is_not_there_exits_with_4(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        own = profile(tmp_path, "http://127.0.0.1:9")
        assert main(["ask", QUERY, "--profile", own, "--program", str(tmp_path / "none.json")]) == 4
        assert "Expected a saved DSPy program in" in capsys.readouterr().err

    def test_an_answer_that_reached_its_limit_is_no_matter_for_the_screen(self, tmp_path: Path) -> None:
        logger = logging.getLogger("dspy")
        logger.setLevel(logging.WARNING)
        with ModelServer() as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 0
        assert not logger.isEnabledFor(logging.WARNING)

    def test_the_environment_names_the_profile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with ModelServer() as server:
            monkeypatch.setenv("PAPILLON_PROFILE", profile(tmp_path, server.base))
            assert main(["ask", QUERY]) == 0
        assert "with openai/local" in capsys.readouterr().out


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
    @pytest.mark.parametrize(("arguments", "code"), [([], 2), (["nonsense"], 2), (["--help"], 0), (["ask", "-h"], 0)])
    def test_help_and_its_absence(self, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int) -> None:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == code
        said = capsys.readouterr()
        assert "usage: papillon" in said.out + said.err

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
