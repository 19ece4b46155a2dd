"""What people read at the end: verdicts by their words, one sentence once, and less of it with -q."""

from __future__ import annotations

import re

import pytest

from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.model_server import ModelServer

DEV = ("evals", "-m", "dev")
CAP = "The cap of 1 calls (--eval-max-calls) is reached"


def section(out: str, name: str) -> str:
    """A section of pytest's output, from its heading to the next."""
    (_, _, rest) = re.split(rf"^(=+ {name} =+)$", out, maxsplit=1, flags=re.MULTILINE)
    return " ".join(re.split(r"^=+ .* =+$", rest, maxsplit=1, flags=re.MULTILINE)[0].split())


@alone_and_with_workers
def test_what_cost_many_rows_their_scores_is_said_once_in_each_place(
    evaluator: Evaluator, workers: tuple[str, ...]
) -> None:
    with ModelServer() as server:
        profile = evaluator.profile(server.base, controls="true")
        run = evaluator.run(*DEV, *workers, f"--eval-profile={profile}", "--eval-limit", "5", "--eval-max-calls", "1")
    assert run.code == 1
    assert {row["error"] for row in run.rows} == {next(str(row["error"]) for row in run.rows)}
    for name in ("FAILURES", "short test summary info", "PAPILLON"):
        assert section(run.out, name).count(CAP[:40]) == 1, name
    first = re.search(r"No score: the same cause as (dev-000\d-[0-9a-f]{8})\.", run.out)
    assert first is not None
    assert section(run.out, "FAILURES").count(f"the same cause as {first[1]}") >= 4 + 2
    assert f"5 × {run.rows[0]['error']}" in run.out


def test_verdicts_stand_by_their_words_in_pytests_last_lines(evaluator: Evaluator) -> None:
    gates = "[gates.dev]\nquality = { min = 0.5, confident = true }\noverall = { min = 1.0 }\n"
    with ModelServer() as server:
        run = evaluator.run(*DEV, f"--eval-profile={evaluator.profile(server.base, gates=gates)}", "--eval-limit", "3")
    assert run.code == 1
    last = section(run.out, "short test summary info")
    assert "FAILED evals/test_gates.py::test_gate[dev-quality] - INCONCLUSIVE: quality is " in last
    assert "FAILED evals/test_gates.py::test_gate[dev-overall] - FAIL: overall is " in last


def test_a_control_without_scores_is_inconclusive_in_the_last_lines_too(evaluator: Evaluator) -> None:
    with ModelServer(failing=lambda body, number: (400, {}, "") if body["model"] == "untrusted" else None) as server:
        profile = evaluator.profile(server.base, controls="true")
        run = evaluator.run(*DEV, f"--eval-profile={profile}", "--eval-limit", "1")
    assert "test_control[dev-verbatim] - INCONCLUSIVE: " in section(run.out, "short test summary info")


@pytest.mark.slow
def test_with_q_it_says_what_is_not_as_it_should_be_and_with_qq_less(evaluator: Evaluator) -> None:
    gates = "[gates.dev]\nquality = { min = 0.01 }\noverall = { min = 1.0 }\n"
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base, gates=gates)}"
        loud = evaluator.run(*DEV, profile, "--eval-limit", "3")
        quiet = evaluator.run(*DEV, profile, "--eval-limit", "3", "-q")
        silent = evaluator.run(*DEV, profile, "--eval-limit", "3", "-qq")
    for said in (
        "profile profile",
        "dev: 3 of 20 examples",
        "dev-quality",
        "worst examples",
        "dev-overall",
        "replayed",
    ):
        assert said in loud.out, said
    assert len(quiet.out.splitlines()) < len(loud.out.splitlines()) / 2
    said = section(quiet.out, "PAPILLON")
    assert "dev-overall" in said
    assert "0 calls made, 18 replayed" in said
    assert "dev-quality" not in said
    assert "worst examples" not in said
    assert "PAPILLON" not in silent.out
    assert "FAILED evals/test_gates.py::test_gate[dev-overall] - FAIL: " in silent.out


@pytest.mark.slow
def test_it_says_how_long_the_run_took_and_what_no_evaluation_asks(evaluator: Evaluator) -> None:
    with ModelServer(latency=0.2) as server:
        profile = f"--eval-profile={evaluator.profile(server.base)}"
        first = evaluator.run(*DEV, profile, "--eval-limit", "2")
        replayed = evaluator.run(*DEV, profile, "--eval-limit", "2")
    for run in (first, replayed):
        took = re.search(r"no price\); (\d+\.\d) s$", " ".join(run.out.split("\nNext")[0].split()))
        assert took is not None, run.out
        assert "20 rows are the train part, which no evaluation asks; --eval-split all has none." in run.out
    assert float(re.findall(r"(\d+\.\d) s\n", first.out)[0]) >= 0.6
