"""Private texts: a word of a row, of a request or of an answer stands where texts are asked for, and nowhere else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from papillon.profile import ROOT
from papillon.results.folder import RESULTS, run_folders
from papillon.results.traces import TRACES
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

pytestmark = pytest.mark.slow

#: A word of its own for each text; what a row's text becomes in a request or an answer has one, too.
WORDS = ("zquery", "zunit", "ztarget", "zredacted", "zrequest", "zcame", "zanswer", "zreason", "zunparsed")
GATES = "[gates.dev]\nquality = { min = 1.0 }\nleakage = { max = 0.0 }\nerrors = { max = 0.0 }\n"


def says_canaries(body: dict[str, Any]) -> str:
    """Answers that hold the words; for ``brook`` the local model keeps to no format, for ``cliff`` the judge."""
    prompt, model = body["messages"][-1]["content"], body["model"]
    if model == "untrusted":
        return "zcame back"
    if model == "local":
        if "brook" in prompt:
            return "zunparsed it is"
        if "`[[ ## llm_request ## ]]`" in prompt or "llm_request" in prompt.rpartition("Respond")[2]:
            return (
                "[[ ## reasoning ## ]]\nzreason\n[[ ## llm_request ## ]]\nzrequest of zunit"
                + (" cliff" if "cliff" in prompt else "")
                + "\n[[ ## completed ## ]]"
            )
        return "[[ ## response ## ]]\nzanswer\n[[ ## completed ## ]]"
    if "cliff" in prompt:
        return "[[ ## reason ## ]]\nzreason\n[[ ## leaked ## ]]\nzreason\n[[ ## completed ## ]]"
    field = "leaked ## ]]\n0" if "pieces" in prompt else "a_is_at_least_as_good ## ]]\nno"
    return f"[[ ## reason ## ]]\nzreason\n[[ ## {field}\n[[ ## completed ## ]]"


@pytest.fixture
def profile(evaluator: Evaluator, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A profile over rows that hold the words; every run of it has all kinds of rows, and fails."""
    data = tmp_path / "rows.jsonl"
    rows = [
        {
            "conversation_hash": name,
            "predicted_category": "letters",
            "user_query": f"zquery {name}: write to zunit, please",
            "target_response": f"ztarget {name}",
            "pii_units": "zunit||Zoe Zunits",
            "redacted_query": "zredacted",
        }
        for name in ("alder", "brook", "cliff")
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with ModelServer(getattr(request, "param", 0.0), rule=says_canaries) as server:
        path = evaluator.profile(server.base, gates=GATES, dataset=f'"{data}"', split='"all"')
        yield f"--eval-profile={path}"


def words_in(text: str) -> list[str]:
    return [word for word in WORDS if word in text.casefold()]


def test_no_output_of_a_run_holds_a_word_unless_it_was_asked_for(
    evaluator: Evaluator, profile: str, tmp_path: Path
) -> None:
    junit, results = tmp_path / "junit.xml", evaluator.folder / "results.json"
    seen, verdicts = set[str](), set[str]()
    for more in (
        (),
        ("-q",),
        ("-v",),
        ("-vv",),
        ("-vv", "-n", "2"),
        ("--showlocals", "--tb=long", "--full-trace", "-W", "always"),
        ("-W", "error", "-x"),
        ("-k", "not dev-0002", "-v", "-s"),
        ("-k", "gate", "-vv"),
    ):
        run = evaluator.run("evals", "-m", "dev", profile, f"--junitxml={junit}", "-rA", *more)
        assert run.code == 1, run.out
        assert words_in(run.out + junit.read_text() + results.read_text()) == [], (more, run.out)
        assert (" ID shows one" in " ".join(run.out.split())) == ("-vv" in more)
        seen |= {row["status"] for row in run.rows}
        verdicts |= set(run.verdicts().values())
    assert seen == {"scored", "program_error", "infrastructure_error"}
    assert verdicts == {"fail", "inconclusive"}
    folder = run_folders(evaluator.runs)[0]
    assert words_in((folder / RESULTS).read_text()) == []
    assert words_in((folder / TRACES).read_text()) == list(WORDS)


FAULT = """
from evals.harness.run import Run

def fails(self, question, waiting=None):
    jobs = self._of_example.get(question["id"])
    raise RuntimeError("odd")

Run.answer = fails
"""


def test_a_fault_of_the_harness_with_all_its_locals_holds_no_word(
    evaluator: Evaluator, profile: str, tmp_path: Path
) -> None:
    (tmp_path / "faulty.py").write_text(FAULT)
    options = ("-vv", "-p", "faulty", "--showlocals", "--tb=long", "--full-trace")
    run = evaluator.run("evals", "-m", "dev", profile, *options, PYTHONPATH=str(tmp_path))
    assert "RuntimeError: odd" in run.out
    assert "jobs       = [Job(" in run.out
    assert words_in(run.out) == []


@pytest.mark.parametrize("profile", [0.5], indirect=True, ids=["slow"])
def test_the_progress_on_a_terminal_holds_no_word(evaluator: Evaluator, profile: str) -> None:
    ours, theirs = pty.openpty()
    command = evaluator.command("evals", "-m", "dev", profile)
    with os.fdopen(ours, "rb", buffering=0) as screen:
        environment = evaluator.environment(TERM="xterm")
        done = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown = b""
        try:
            while part := screen.read(65536):
                shown += part
        except OSError:
            pass  # its end, on Linux
        assert done.wait(60) == 1
    assert b"/3 examples" in shown
    assert words_in(shown.decode(errors="replace")) == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
@pytest.mark.parametrize("runs", ["folder", "none"])
def test_failing_examples_show_their_texts_where_an_option_says_so(
    evaluator: Evaluator, profile: str, tmp_path: Path, workers: tuple[str, ...], runs: str
) -> None:
    junit = tmp_path / "junit.xml"
    own = ("--eval-runs", str(evaluator.runs) if runs == "folder" else "none")
    run = evaluator.run("evals", "-m", "dev", profile, f"--junitxml={junit}", "--eval-show-text", *workers, *own)
    assert run.code == 1, run.out
    # The row that fails has come to no answer of the judge's; the others show nothing.
    for text in (run.out, junit.read_text()):
        assert text.count("This shows private texts") == 1
        assert words_in(text) == ["zquery", "zunit", "ztarget", "zrequest", "zcame", "zanswer", "zreason"], text
        assert "alder" not in text
    assert "\x1b" not in junit.read_text()
    assert words_in((evaluator.folder / "results.json").read_text()) == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_selected_example_shows_its_texts_with_vv_in_the_terminal_alone_and_makes_no_call_again(
    evaluator: Evaluator, profile: str, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    evaluator.run("evals", "-m", "dev", profile)
    junit = tmp_path / "junit.xml"
    run = evaluator.run("evals", profile, "-k", "dev-0001", "-vv", f"--junitxml={junit}", "-rA", *workers)
    assert run.calls["made"] == 0
    assert run.out.count("This shows private texts") == 1
    assert words_in(run.out) == ["zquery", "zunit", "ztarget", "zunparsed"], run.out
    assert words_in(junit.read_text()) == []


def test_a_node_id_selects_too_and_less_than_vv_shows_nothing(evaluator: Evaluator, profile: str) -> None:
    name = evaluator.run("evals", "-m", "dev", "-k", "dev-0001", profile).rows[0]["id"]
    node = f"evals/test_examples.py::test_example[{name}]"
    assert "What the model wrote, in no format" in evaluator.run(node, profile, "-vv").out
    assert words_in(evaluator.run(node, profile, "-v").out) == []


def test_show_has_all_of_them(evaluator: Evaluator, profile: str) -> None:
    evaluator.run("evals", "-m", "dev", profile)

    def show(*words: str) -> str:
        command = [sys.executable, "-m", "papillon", "show", "--runs", str(evaluator.runs), *words]
        return subprocess.check_output(command, cwd=ROOT, env=evaluator.environment(), text=True)

    assert words_in(show()) == []
    everything = "".join(show(f"dev-000{number}") for number in range(3))
    assert words_in(everything) == [word for word in WORDS if word != "zredacted"]
