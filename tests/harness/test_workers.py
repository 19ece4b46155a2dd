"""The same run over several workers: same rows, no call twice, nothing lost with a worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import pytest

from evals.harness.workers import _share_texts
from papillon.profile import ROOT
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer, answer_fields

BOTH = ("evals", "-m", "dev or test")
GATES = "[gates.dev]\nquality = { min = 0.01 }\n[gates.test]\nleakage = { max = 0.9 }\n"


@pytest.mark.slow
def test_workers_write_what_one_process_writes_and_pay_no_call_twice(evaluator: Evaluator, tmp_path: Path) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base, gates=GATES))
        several = evaluator.run(*BOTH, "-n", "2", "--eval-profile", profile)
        assert several.code == 0, several.out
        assert server.calls == server.distinct == several.calls["made"]
        evaluator.cache = tmp_path / "other"
        alone = evaluator.run(*BOTH, "--eval-profile", profile)
    assert alone.code == 0, alone.out
    assert alone.same() == several.same()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["worksteal", "loadscope", "each"])
def test_every_way_to_distribute_gives_the_same_rows(evaluator: Evaluator, tmp_path: Path, how: str) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base, gates=GATES))
        several = evaluator.run(*BOTH, "-n", "4", "--dist", how, "--eval-profile", profile)
        assert several.code == 0, several.out
        assert server.calls == server.distinct
        (evaluator.cache / "rows.db").unlink()
        alone = evaluator.run(*BOTH, "-p", "no:xdist", "--eval-profile", profile)
        assert server.calls == server.distinct
    assert alone.same() == several.same()


@pytest.mark.slow
def test_limits_count_over_all_workers(evaluator: Evaluator) -> None:
    with ModelServer(latency=0.02) as server:
        profile = str(evaluator.profile(server.base, gates=GATES))
        run = evaluator.run(
            *BOTH, "-n", "2", "--eval-profile", profile, "--eval-concurrency", "3", "--eval-max-calls", "40"
        )
        assert server.most_in_flight <= 3
        assert server.calls == 40
    assert run.code == 1


@pytest.mark.slow
def test_a_cap_on_cost_holds_over_all_workers_with_every_call_that_may_have_been_charged(evaluator: Evaluator) -> None:
    price, most = 0.001, 400  # USD a token, and tokens of an answer
    failing = [number for number in range(1000) if number % 6 == 0]
    with ModelServer(
        latency=0.02, failing=lambda body, number: (503, {"Retry-After": "0"}, "") if number in failing else None
    ) as server:
        models = {
            role: f'{{ {kind}model = "openai/{role}", api_base = "{server.base}", endpoint = "here", '
            f"max_tokens = {most}, price = {{ input = {price * 1e6}, output = {price * 1e6} }} }}"
            for role, kind in (("local", ""), ("untrusted", ""), ("judge", 'kind = "llm", '))
        }
        profile = str(evaluator.profile(server.base, gates=GATES, **models))
        run = evaluator.run(*BOTH, "-n", "2", "--eval-profile", profile, "--eval-max-cost", "25")
        asked = [sum(len(message["content"]) for message in body["messages"]) // 4 for body in server.bodies]
        answered = [
            most if number in failing else len(answer_fields(body)) // 4
            for number, body in enumerate(server.bodies, start=1)
        ]
    assert run.code == 1
    assert "(--eval-max-cost)" in run.out
    assert 12 < price * (sum(asked) + sum(answered)) <= 25


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the workers in /proc")
def test_a_killed_worker_loses_no_row_and_no_call_and_is_no_pass(evaluator: Evaluator) -> None:
    with ModelServer(latency=0.1) as server:
        profile = str(evaluator.profile(server.base, gates=GATES, concurrency="4"))
        process = subprocess.Popen(
            evaluator.command(*BOTH, "-n", "2", "--max-worker-restart", "0", "--eval-profile", profile),
            cwd=ROOT,
            env=evaluator.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + 60
        while server.calls < 10 and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(children(process.pid)[0], signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
        assert process.returncode != 0, out
        again = evaluator.run(*BOTH, "--eval-profile", profile)
        assert again.code == 0, again.out
        assert server.calls == server.distinct


def test_texts_that_reports_of_workers_have_alike_are_held_once() -> None:
    def report(when: Literal["call", "teardown"]) -> pytest.TestReport:
        alike = json.loads('{"row": "[1]", "7": 7}')  # as they come from a worker: other objects each time
        return pytest.TestReport("id", ("file", 1, "id"), alike, "passed", None, when, user_properties=[*alike.items()])

    first, second = report("call"), report("teardown")
    for each in (first, second):
        _share_texts(each)
    assert first.keywords == second.keywords == {"row": "[1]", "7": 7}
    assert first.user_properties == second.user_properties == [("row", "[1]"), ("7", 7)]
    assert all(one is other for one, other in zip(first.keywords, second.keywords, strict=True))
    assert first.user_properties[0][1] is second.user_properties[0][1]


def test_workers_on_other_machines_are_refused_by_name(evaluator: Evaluator) -> None:
    profile = str(evaluator.profile("http://127.0.0.1:1/v1"))
    run = evaluator.run(*BOTH, "--dist", "load", "--tx", "ssh=elsewhere", "--eval-profile", profile)
    assert run.code == 4
    assert "--tx ssh=elsewhere: the workers of an evaluation run on this machine" in run.out
    assert "--eval-shard I/N" in run.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tx", "popen"), "--tx popen: expected --dist beside it, without which pytest-xdist starts no worker; "),
        pytest.param(
            ("--tx", "2*popen", "--dist", "no"),
            "--tx 2*popen: expected --dist beside it",
            marks=pytest.mark.slow,
            id="said not to",
        ),
    ],
)
def test_workers_that_would_not_be_started_are_refused(
    evaluator: Evaluator, arguments: tuple[str, ...], said: str
) -> None:
    run = evaluator.run(*BOTH, *arguments, f"--eval-profile={evaluator.profile('http://127.0.0.1:1/v1')}")
    assert run.code == 4, run.out
    assert said in run.out
    assert "Traceback" not in run.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        *(("--dist", "load"), ("--dist", "no"), ("-n", "0"), ("-n", "0", "--tx", "popen"), ("-d",)),
        *(("-n", "2", "-p", "no:dsession"), ("-n", "2", "--dist", "no"), ("-n", "2", "-p", "no:terminal")),
        *(("-n", "2", "-s"), ("-n", "2", "-p", "no:capture"), ("--tx", "popen", "--dist", "load")),
        *(("-n", "2", "-p", "no:cacheprovider"), ("-p", "no:xdist"), ("-n", "2", "--maxprocesses", "1")),
    ],
    ids=" ".join,
)
def test_whatever_xdist_makes_of_its_options_the_run_is_the_same_and_leaves_no_folder(
    evaluator: Evaluator, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base)}"
        run = evaluator.run("evals", "-m", "dev", "--eval-limit=2", profile, *arguments, TMPDIR=str(temporary))
    assert run.code == 0, run.out
    assert len(run.rows) == 2
    assert not list(temporary.glob("papillon-*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "gux", "-n", "2"),
        pytest.param(("-m", "dev", "-n", "2", "--eval-limit", "0"), marks=pytest.mark.slow),
        pytest.param(("-m", "dev", "--dist", "load", "--tx", "ssh=elsewhere"), marks=pytest.mark.slow),
        pytest.param(("-m", "dev", "-n", "2", "--pdb"), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_a_refused_run_leaves_no_folder_of_its_socket(
    evaluator: Evaluator, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    run = evaluator.run("evals", *arguments, bare=True, TMPDIR=str(temporary))
    assert run.code == 4, run.out
    assert "Traceback" not in run.out
    assert not list(temporary.glob("papillon-*"))


@pytest.mark.slow
def test_two_runs_at_once_on_one_cache_pay_each_call_once(evaluator: Evaluator) -> None:
    with ModelServer(latency=0.05) as server:
        profile = str(evaluator.profile(server.base, gates=GATES))
        processes = [
            subprocess.Popen(
                evaluator.command("evals", "-m", "dev", "--eval-profile", profile),
                cwd=ROOT,
                env=evaluator.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for _ in range(2)
        ]
        outs = [process.communicate(timeout=100)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0], outs
        assert server.calls == server.distinct


@pytest.mark.slow
def test_shards_and_a_last_job_give_what_one_run_gives(evaluator: Evaluator, tmp_path: Path) -> None:
    with ModelServer() as server:
        gates = GATES.replace("quality = { min", "overall = { min")
        profile = str(evaluator.profile(server.base, gates=gates, controls="true", judge='{ kind = "lexical" }'))
        whole = evaluator.run(*BOTH, "--eval-profile", profile)
        calls = server.calls
        parts = []
        for index in (1, 2):
            evaluator.cache = tmp_path / f"shard{index}"
            export = tmp_path / f"shard{index}.jsonl"
            shard = evaluator.run(
                *BOTH, "--eval-profile", profile, "--eval-shard", f"{index}/2", "--eval-export", str(export)
            )
            assert shard.code == 0, shard.out
            assert set(shard.verdicts().values()) == {"deferred"}
            assert shard.results is not None
            controls = {f"{each['split']}-{each['name']}": each["verdict"] for each in shard.results["controls"]}
            deferred = {name for name, verdict in controls.items() if verdict == "deferred"}
            assert deferred == {f"{split}-{name}" for split in ("dev", "test") for name in ("verbatim", "target")}
            assert len(controls) == 10
            assert "skipped" in shard.out
            parts.append(export.read_text())
        assert server.calls >= 2 * calls
    every = tmp_path / "every.jsonl"
    every.write_text("".join(parts))
    evaluator.cache = tmp_path / "last"
    last = evaluator.run(*BOTH, "--eval-profile", profile, "--eval-import", str(every), "--eval-record", "none")
    assert last.code == 0, last.out
    assert last.same() == whole.same()


@pytest.mark.slow
@pytest.mark.parametrize(("shows", "threads"), [((), 1), (("--setup-plan",), 0)], ids=["runs", "shows"])
def test_one_thread_shows_progress_however_many_workers_there_are_and_none_where_there_is_no_run(
    evaluator: Evaluator, shows: tuple[str, ...], threads: int
) -> None:
    (evaluator.folder / "counts.py").write_text(
        "import threading\n"
        "started, start = [], threading.Thread.start\n"
        "def counted(self):\n"
        "    started.append(self.name)\n"
        "    start(self)\n"
        "threading.Thread.start = counted\n"
        "def pytest_unconfigure(config):\n"
        "    if not hasattr(config, 'workerinput'):\n"
        "        print('progress threads:', started.count('papillon-progress'))\n"
    )
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base)}"
        run = evaluator.run(
            *("evals", "-m", "dev", "-n", "2", "-p", "counts", profile, "--eval-limit=1", *shows),
            PYTHONPATH=str(evaluator.folder),
        )
    assert f"progress threads: {threads}" in run.out
