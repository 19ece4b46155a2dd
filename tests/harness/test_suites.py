"""The suites as their users run them: what runs, what it writes, and how it exits."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from papillon.profile import ROOT
from papillon.splits import CHOICES
from tests.harness.runs import Evaluator
from tests.model_server import Failure, ModelServer

#: Calls of one run over mini's dev split: 20 examples of six, less two leakage questions about nothing.
DEV = ("evals", "-m", "dev")


def test_a_run_scores_every_example_and_gates_the_split(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = evaluator.profile(
            server.base, gates="[gates.dev]\nquality = { min = 0.01 }\nleakage = { max = 0.9 }\n"
        )
        run = evaluator.run(*DEV, "--eval-profile", str(profile))
    assert run.code == 0, run.out
    assert run.results is not None
    assert run.results["schema"] == 1
    assert [row["id"][:8] for row in run.rows] == [f"dev-{n:04d}" for n in range(20)]
    assert {row["status"] for row in run.rows} == {"scored"}
    assert run.verdicts() == {"dev-quality": "pass", "dev-leakage": "pass", "dev-errors": "pass"}
    assert run.calls == {"made": server.calls, "replayed": 0, "retried": 0, "failed": 0}
    assert "dev: 20 examples, 20 scored" in run.out


@pytest.mark.slow
def test_a_rerun_is_free_and_says_the_same(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        first = evaluator.run(*DEV, "--eval-profile", profile)
        calls = server.calls
        again = evaluator.run(*DEV, "--eval-profile", profile)
        strict = evaluator.run(*DEV, "--eval-profile", profile, "--eval-record", "none")
        assert server.calls == calls
    assert first.same() == again.same() == strict.same()
    assert again.calls["made"] == strict.calls["made"] == 0
    assert first.results is not None
    assert again.results is not None
    assert again.results["run"]["tokens"] == first.results["run"]["tokens"] != {"input": 0, "output": 0}


def test_a_gate_that_fails_fails_the_run(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = evaluator.profile(server.base, gates="[gates.dev]\noverall = { min = 1.0 }\n")
        run = evaluator.run(*DEV, "--eval-profile", str(profile), "--eval-limit", "4")
    assert run.code == 1
    assert run.verdicts() == {"dev-overall": "fail", "dev-errors": "pass"}
    assert "4 of 20" in run.out


@pytest.mark.slow
def test_a_split_whose_gates_were_not_selected_says_so(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = evaluator.profile(server.base, gates="[gates.dev]\nquality = { min = 0.99 }\n")
        for quiet in ((), ("-q",)):
            options = ("--eval-profile", str(profile), "--eval-limit", "2", *quiet)
            run = evaluator.run("evals", "-m", "dev", "-k", "test_example", *options)
            assert run.code == 0
            assert "No gate of dev was selected: its scores are shown, not judged." in run.out
            assert "Texts: all stay on this machine" in run.out


def test_a_split_without_gates_says_so(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        run = evaluator.run(
            "evals", "-m", "test", "--eval-limit", "2", "--eval-profile", str(evaluator.profile(server.base))
        )
    assert run.code == 0
    assert "has no gates for test: its scores are shown, not judged." in run.out


def test_a_gate_alone_asks_for_the_rows_of_its_split(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run("evals/test_gates.py", "--eval-profile", profile, "--eval-limit", "3")
    assert run.code == 0
    assert len(run.rows) == 3


@pytest.mark.slow
def test_what_is_deselected_costs_nothing(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run("evals", "-k", "dev-0003", "--eval-profile", profile)
        assert run.code == 0, run.out
        assert [row["id"][:8] for row in run.rows] == ["dev-0003"]
        assert server.calls <= 6


def rubbish(body: dict[str, Any]) -> str:
    return "I would rather talk about the weather."


def test_a_model_that_answers_rubbish_is_the_programs_error_and_is_counted(evaluator: Evaluator) -> None:
    with ModelServer(rule=lambda body: rubbish(body) if body["model"] == "local" else None) as server:
        profile = evaluator.profile(server.base, gates="[gates.dev]\nerrors = { max = 0.5 }\n")
        run = evaluator.run(*DEV, "--eval-profile", str(profile), "--eval-limit", "3")
    assert run.code == 1
    assert {row["status"] for row in run.rows} == {"program_error"}
    assert {(row["quality"], row["overall"], row["tutorial_overall"]) for row in run.rows} == {(0, 0, 0)}
    assert "3 program errors" in run.out
    assert "ppp" in run.out  # a letter of its own, and the items pass
    assert "3 passed" in run.out
    assert run.verdicts() == {"dev-errors": "fail"}


def test_a_judge_that_will_not_answer_is_no_score_and_no_pass(evaluator: Evaluator) -> None:
    with ModelServer(rule=lambda body: rubbish(body) if body["model"] == "judge" else None) as server:
        run = evaluator.run(*DEV, "--eval-profile", str(evaluator.profile(server.base)), "--eval-limit", "2")
    assert run.code == 1
    assert {row["status"] for row in run.rows} == {"infrastructure_error"}
    assert all(row["quality"] is None and row["overall"] is None for row in run.rows)
    assert "The judge openai/judge gave no usable answer" in run.out


@pytest.mark.slow
def test_an_endpoint_that_refuses_connections_ends_the_run_soon_and_records_nothing(evaluator: Evaluator) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    models = {
        role: f'{{ model = "openai/{role}", api_base = "{base}", deadline = 1 }}' for role in ("local", "untrusted")
    }
    run = evaluator.run(*DEV, "--eval-profile", str(evaluator.profile(base, **models)))
    assert run.code == 1
    assert {row["status"] for row in run.rows} == {"infrastructure_error"}
    assert len(run.rows) == 20
    assert f"Model local at {base} cannot be reached (Connection refused)" in run.out
    assert run.calls["made"] == 0


@pytest.mark.slow
def test_a_cap_on_calls_is_kept_and_is_not_a_pass(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run(*DEV, "--eval-profile", profile, "--eval-max-calls", "30")
        assert run.code == 1
        assert server.calls == 30
        assert "The cap of 30 calls (--eval-max-calls) is reached" in run.out
        on = evaluator.run(*DEV, "--eval-profile", profile)
        assert on.code == 0
        assert on.calls["replayed"] >= 30


def test_a_strict_replay_of_an_unrecorded_call_fails_and_names_it(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run(*DEV, "--eval-profile", profile, "--eval-limit", "1", "--eval-record", "none")
        assert server.calls == 0
    assert run.code == 1
    assert "is not recorded in" in run.out
    assert not evaluator.cache.exists()


@pytest.mark.slow
def test_recorded_calls_travel_as_text(evaluator: Evaluator, tmp_path: Path) -> None:
    text = tmp_path / "calls.jsonl"
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        first = evaluator.run(*DEV, "--eval-profile", profile, "--eval-limit", "3", "--eval-export", str(text))
    evaluator.cache = tmp_path / "elsewhere"
    replay = ("--eval-import", str(text), "--eval-record", "none")
    there = evaluator.run(*DEV, "--eval-profile", profile, "--eval-limit", "3", *replay)
    assert there.code == 0, there.out
    assert there.same() == first.same()
    lines = text.read_text().splitlines()
    assert len(lines) == first.calls["made"]
    assert [json.loads(line)["key"] for line in lines] == sorted(json.loads(line)["key"] for line in lines)
    evaluator.cache = tmp_path / "third"
    text.write_text(text.read_text().replace("numbered", "lettered", 1))
    refused = evaluator.run(*DEV, "--eval-profile", profile, "--eval-import", str(text))
    assert refused.code == 4
    assert "calls.jsonl" in refused.out


def test_trials_are_independent_draws_and_rows_of_their_own(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run(*DEV, "--eval-profile", profile, "--eval-limit", "2", "--eval-trials", "3")
    assert run.code == 0, run.out
    assert [(row["id"][:8], row["trial"]) for row in run.rows] == [
        (f"dev-000{e}", t) for e in (0, 1) for t in (0, 1, 2)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "started", [(".",), ("tests/papillon/results/test_rows.py", "-m", "dev"), ()], ids=["dot", "tests", "bare"]
)
def test_no_evaluation_runs_unless_it_is_asked_for_by_path(evaluator: Evaluator, started: tuple[str, ...]) -> None:
    run = evaluator.run(*started, "--collect-only", "-q", bare=True)
    assert run.code in (0, 5), run.out
    assert "test_example[" not in run.out
    assert "test_gate[" not in run.out


def test_collecting_an_evaluation_asks_no_model(evaluator: Evaluator) -> None:
    run = evaluator.run("evals", "--collect-only", "-q", "--eval-profile", "openai", "--eval-dataset", "mini")
    assert run.code == 0, run.out
    assert run.out.count("test_example[") == 40


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--eval-profile", "nope"), "Unknown profile 'nope': expected one of"),
        (("--eval-dataset", "nope"), "'nope'"),
        (("--eval-limit", "0"), "--eval-limit: expected a whole number of at least 1, got '0'."),
        (("--eval-split", "random"), f"--eval-split: expected one of {', '.join(CHOICES)}, got 'random'."),
        (("--eval-profile", "openai"), "expected it in the environment variable OPENAI_API_KEY, which is not set"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_users_mistake_is_one_sentence_and_exit_4(
    evaluator: Evaluator, arguments: tuple[str, ...], said: str
) -> None:
    run = evaluator.run(*DEV, *arguments)
    assert run.code == 4, run.out
    assert said in " ".join(run.out.split())
    assert "Traceback" not in run.out
    assert run.results is None


def test_a_broken_csv_is_one_sentence_and_exit_4(evaluator: Evaluator, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text('user_query,target_response,pii_units\n"hello,there\n')
    run = evaluator.run(*DEV, "--eval-dataset", str(broken))
    assert run.code == 4, run.out
    assert "broken.csv" in run.out
    assert "Traceback" not in run.out


def test_an_unknown_gate_metric_is_refused_by_name(evaluator: Evaluator) -> None:
    profile = evaluator.profile("http://127.0.0.1:1/v1", gates="[gates.dev]\nqualty = { min = 0.5 }\n")
    run = evaluator.run(*DEV, "--eval-profile", str(profile))
    assert run.code == 4
    assert "unknown key 'qualty'; did you mean 'quality'?" in run.out


@pytest.mark.slow
def test_one_edited_judge_prompt_makes_only_the_judges_calls_again(evaluator: Evaluator, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "project"
    for part in ("papillon", "judges", "evals", "fixtures"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / file, copy / file)
    (copy / "tests").mkdir()
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        evaluator.run(*DEV, "--eval-profile", profile, "--eval-limit", "3", cwd=copy)
        before = server.calls
        prompt = copy / "judges" / "quality.txt"
        prompt.write_text(prompt.read_text() + "\nBe fair.\n")
        run = evaluator.run(*DEV, "--eval-profile", profile, "--eval-limit", "3", cwd=copy)
        assert run.code == 0, run.out
        made = server.bodies[before:]
    assert len(made) == 6
    assert {body["model"] for body in made} == {"judge"}


def test_a_failing_item_stops_new_calls_with_x(evaluator: Evaluator) -> None:
    def fails_first(body: dict[str, Any], number: int) -> Failure | None:
        return (400, {}, "") if number == 1 else None

    with ModelServer(latency=0.1, failing=fails_first) as server:
        profile = str(evaluator.profile(server.base, concurrency="2"))
        run = evaluator.run(*DEV, "-x", "--eval-profile", profile)
        assert server.calls < 60
    assert run.code == 1
    assert len(run.rows) == 20
    assert "stopped before" in " ".join(str(row["error"]) for row in run.rows)
    assert "Run the same command again to go on" in run.out


@pytest.mark.slow
def test_a_run_with_and_without_kept_rows_writes_the_same_bytes(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        evaluator.run(*DEV, "--eval-profile", profile)
        kept = evaluator.run(*DEV, "--eval-profile", profile)
        (evaluator.cache / "rows.db").unlink()
        without = evaluator.run(*DEV, "--eval-profile", profile)
    assert kept.same() == without.same()
    assert kept.calls == without.calls
    assert kept.results is not None
    assert without.results is not None
    for name in ("tokens", "cost_usd", "program"):
        assert kept.results["run"][name] == without.results["run"][name]


@pytest.mark.slow
def test_a_kept_row_counts_only_while_its_calls_are_recorded(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        evaluator.run(*DEV, "--eval-profile", profile, "--eval-limit", "2")
        calls = server.calls
        for file in evaluator.cache.glob("cache.db*"):
            file.unlink()
        evaluator.run(*DEV, "--eval-profile", profile, "--eval-limit", "2")
        assert server.calls == 2 * calls


@pytest.mark.slow
def test_the_judges_own_test_shows_how_far_it_is(evaluator: Evaluator) -> None:
    with ModelServer(latency=3) as server:
        profile = str(evaluator.profile(server.base, concurrency="64"))
        run = evaluator.run("evals", "-m", "judges", "--eval-profile", profile)
    assert re.search(r"^judge \d+ cases · \d+ calls made", run.out, re.MULTILINE), run.out
