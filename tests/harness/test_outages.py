"""Whole runs against servers that are away: an outage that passes costs no row, one that stays is waited for twice."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from papillon.store import Store
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

DEV = ("evals", "-m", "dev")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def profile(evaluator: Evaluator, port: int, misbehaviour: str = "", more: str = "", **changed: str) -> tuple[str, str]:
    """The option that names a profile whose three models are served on that port; ``more`` are their further keys."""
    below = f"/{misbehaviour}" if misbehaviour else ""
    at = f'api_base = "http://127.0.0.1:{port}{below}/v1", endpoint = "here"{more}'
    models = {
        "local": f'{{ model = "openai/local", {at} }}',
        "untrusted": f'{{ model = "openai/untrusted", {at} }}',
        "judge": f'{{ kind = "llm", model = "openai/judge", {at} }}',
    }
    return "--eval-profile", str(evaluator.profile("", **(models | changed)))


class Restarted(threading.Thread):
    """A server that goes away after so many calls and comes back on the same port ``seconds`` later; after none, that
    many seconds after the run has opened its ``cache``, since how long a run takes to begin depends on the machine."""

    def __init__(self, port: int, after: int, seconds: float, cache: Path) -> None:
        super().__init__(daemon=True)
        self.port, self.after, self.seconds, self.cache = port, after, seconds, cache
        self.calls = 0
        self.over = threading.Event()

    def run(self) -> None:
        if self.after:
            with ModelServer(latency=0.05, port=self.port) as first:
                until(lambda: first.calls >= self.after)
            self.calls += first.calls
        else:
            until(self.cache.exists)
        time.sleep(self.seconds)
        with ModelServer(port=self.port) as second:
            self.over.wait()
        self.calls += second.calls


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("after", "workers"),
    [(0, ()), (20, ()), (20, ("-n", "2"))],
    ids=["started-late", "restarted", "restarted-beside-workers"],
)
def test_a_server_that_is_away_for_12_seconds_costs_no_row(
    evaluator: Evaluator, after: int, workers: tuple[str, ...]
) -> None:
    port = free_port()
    server = Restarted(port, after, 12, evaluator.cache)
    server.start()
    run = evaluator.run(*DEV, *workers, *profile(evaluator, port))
    server.over.set()
    server.join(15)
    assert run.code == 0, run.out
    assert {row["status"] for row in run.rows} == {"scored"}
    named = rf"Model (\w+) at http://127\.0\.0\.1:{port}/v1 cannot be reached \(.*\); it is tried for 30 s\."
    over = r"Model openai/(\w+) can be reached again, after \d+ s\."
    assert re.findall(named, run.out), run.out
    # Each model that was away is named once when that begins, and once when it is over.
    assert sorted(re.findall(named, run.out)) == sorted(set(re.findall(over, run.out))), run.out


@pytest.mark.slow
def test_an_outage_costs_no_row_where_the_judges_own_test_runs_beside_them(evaluator: Evaluator) -> None:
    port = free_port()
    server = Restarted(port, 0, 16, evaluator.cache)
    server.start()
    # Each model is tried for 10 s, given up, and tried for 10 s more: 20 s at least from its first call.
    run = evaluator.run("evals", "-m", "dev or judges", *profile(evaluator, port, more=", deadline = 10"))
    server.over.set()
    server.join(15)
    assert run.results is not None, run.out
    assert {row["status"] for row in run.rows} == {"scored"}, run.out
    assert run.code == 0, run.out
    assert run.out.count("Model openai/local is tried once more.") == 1, run.out
    assert run.out.count("Model openai/judge is tried once more.") == 1, run.out


@pytest.mark.slow
def test_a_server_that_never_comes_is_waited_for_twice_and_not_once_a_row(evaluator: Evaluator) -> None:
    began = time.monotonic()
    run = evaluator.run(*DEV, *profile(evaluator, free_port(), more=", deadline = 3"))
    assert time.monotonic() - began < 30
    assert run.code == 1
    assert [row["status"] for row in run.rows] == ["infrastructure_error"] * 20
    assert all("cannot be reached" in row["error"] and "tried for 3 s" in row["error"] for row in run.rows)
    assert run.out.count("Model openai/local is tried once more.") == 1
    assert (run.calls["made"], run.calls["failed"]) == (0, 16)  # the 8 that were under way, twice
    assert "Run the same command again to go on" in run.out


@pytest.mark.slow
def test_other_work_is_done_while_one_model_is_away(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        away = f'{{ model = "openai/untrusted", api_base = "http://127.0.0.1:{free_port()}/v1", deadline = 1 }}'
        # The control sends nothing, so it needs no untrusted model.
        run = evaluator.run(*DEV, *profile(evaluator, server.port, untrusted=away, controls="true"))
    assert run.code == 1
    assert {row["status"] for row in run.rows} == {"infrastructure_error"}
    assert run.results is not None
    controls = {control["name"]: control["verdict"] for control in run.results["controls"]}
    assert (controls["empty"], controls["local-only"]) == ("pass", "pass"), run.out
    assert len(server.asked('"local"')) > 20  # the queries and the local-only control, each once


@pytest.mark.slow
@pytest.mark.parametrize("how", ["null-content-at-first", "broken-off-at-first"])
def test_a_fault_that_comes_as_an_answer_is_asked_again_and_never_recorded(evaluator: Evaluator, how: str) -> None:
    with ModelServer() as server:
        named = ("--eval-profile", str(evaluator.profile(server.at(how))), "--eval-limit", "4")
        run = evaluator.run(*DEV, *named)
        assert run.code == 0, run.out
        assert [row["status"] for row in run.rows] == ["scored"] * 4
        assert (run.calls["retried"], run.calls["made"]) == (3, server.calls - 3)
        with Store(evaluator.cache, read_only=True) as store:
            assert len(store) == run.calls["made"]
        assert evaluator.run(*DEV, *named, "--eval-record", "none").same() == run.same()


@pytest.mark.slow
def test_a_fault_that_stays_costs_its_rows_and_is_not_kept(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        more = {"judge": f'{{ kind = "llm", model = "openai/judge", api_base = "{server.base}" }}'}
        bad = evaluator.run(
            *DEV, *profile(evaluator, server.port, "null-content", ", max_attempts = 2", **more), "--eval-limit", "3"
        )
        assert bad.code == 1
        assert all("broke off with an error: upstream failed, after 2 attempts" in row["error"] for row in bad.rows)
        good = evaluator.run(*DEV, *profile(evaluator, server.port, **more), "--eval-limit", "3")
        assert good.code == 0, good.out
        assert good.calls["replayed"] == 0


class TestRefusals:
    """Whole runs of twenty rows against servers that refuse some of their calls, or all."""

    @pytest.mark.slow
    def test_one_prompt_that_a_filter_refuses_is_one_program_error(self, evaluator: Evaluator) -> None:
        gates = "[gates.dev]\nquality = { min = 0.01 }\nerrors = { max = 0.05 }\n"
        with ModelServer() as server:
            named = ("--eval-profile", str(evaluator.profile(server.at("flags-one"), gates=gates)))
            run = evaluator.run(*DEV, *named)
            assert run.code == 0, run.out
            refused = [row for row in run.rows if row["status"] != "scored"]
            assert [(row["id"][:8], row["status"]) for row in refused] == [("dev-0001", "program_error")]
            assert refused[0]["error"].startswith("filtered: Model local at http://127.0.0.1:")
            assert "its provider's filter, status 403: Your input was flagged." in refused[0]["error"]
            scores = ("quality", "leakage", "overall", "tutorial_overall")
            assert [refused[0][name] for name in scores] == [0.0] * 4
            assert run.verdicts() == {"dev-quality": "pass", "dev-errors": "pass"}
            # What a status refused is nowhere kept: a later run asks again, that call alone.
            calls = server.calls
            assert evaluator.run(*DEV, *named).same() == run.same()
            assert server.calls == calls + 1

    @pytest.mark.slow
    def test_a_403_without_a_word_on_a_filter_is_its_own_prompts_where_the_model_answers_others(
        self, evaluator: Evaluator
    ) -> None:
        with ModelServer() as server:
            named = ("--eval-profile", str(evaluator.profile(server.at("forbids-one"))))
            for calls in (range(20, 200), [1]):
                before = server.calls
                run = evaluator.run(*DEV, *named)
                assert server.calls - before in calls  # the second run asks that one prompt alone
                assert run.code == 0, run.out
                errors = {row["id"][:8]: row["error"] for row in run.rows if row["status"] == "program_error"}
                assert list(errors) == ["dev-0001"]
                assert errors["dev-0001"].startswith("filtered: Model local at ")
                assert errors["dev-0001"].endswith(
                    "refused the call with status 403: Forbidden, and answers other calls."
                )

    @pytest.mark.slow
    @pytest.mark.parametrize(("how", "most"), [("no-quota", 8), ("forbidden", 8 + 2)])
    def test_what_concerns_every_call_costs_the_calls_that_were_in_flight(
        self, evaluator: Evaluator, how: str, most: int
    ) -> None:
        # Of those that may be one call's own it takes three, and the first two let others in.
        with ModelServer() as server:
            run = evaluator.run(*DEV, "--eval-profile", str(evaluator.profile(server.at(how))))
            assert server.calls <= most
        assert run.code == 1
        assert {row["status"] for row in run.rows} == {"infrastructure_error"}
        assert run.calls["made"] == 0
        assert run.calls["failed"] == server.calls  # and none of those that never began
        assert "  20 × Model local at http" in run.out

    def test_a_limit_larger_than_the_window_is_the_profiles_mistake_and_said_once(self, evaluator: Evaluator) -> None:
        with ModelServer() as server:
            named = profile(evaluator, server.port, "too-many-tokens", ", max_tokens = 9000")
            run = evaluator.run(*DEV, *named)
            assert server.calls <= 8
        assert run.code == 1
        assert len(re.findall(r"  20 × Model local at .* max_tokens = 9000 .*in the profile\.", run.out)) == 1, run.out


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals a process group")
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_ctrl_c_ends_the_wait_at_once(evaluator: Evaluator, workers: tuple[str, ...]) -> None:
    process = evaluator.start(*DEV, *workers, *profile(evaluator, free_port()))
    seen: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line)
        if "it is tried for 30 s" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    rest: Any = process.communicate(timeout=30)[0]
    assert time.monotonic() - began < 10
    assert process.returncode == 2, rest
    assert "Run the same command again to go on" in rest
