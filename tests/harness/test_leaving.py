"""What a run leaves: a folder with its results and the texts of its rows, and no text anywhere else."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evals.harness.leaving import Leaving
from evals.harness.options import OPTIONS, resolve
from papillon.data import load
from papillon.errors import UsageError
from papillon.results.folder import RESULTS, RUNS, run_folders
from papillon.results.traces import TRACES, Trace, Traces
from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.model_server import ModelServer

DEV = ("evals", "-m", "dev")
THREE = (*DEV, "--eval-limit", "3")


def the_folder(evaluator: Evaluator) -> Path:
    (folder,) = run_folders(evaluator.runs)
    return folder


def bytes_of(folder: Path) -> tuple[Any, bytes]:
    """Results and traces without what may differ between two runs over the same records."""
    results = json.loads((folder / RESULTS).read_text())
    for name in ("id", "started", "seconds", "finished", "wall_seconds"):
        results["run"].pop(name)
    for row in results["rows"]:
        row.pop("seconds")
    return results, (folder / TRACES).read_bytes()


@alone_and_with_workers
def test_a_run_leaves_its_results_and_every_rows_texts(evaluator: Evaluator, workers: tuple[str, ...]) -> None:
    with ModelServer() as server:
        run = evaluator.run(*THREE, *workers, "--eval-profile", str(evaluator.profile(server.base)))
        asked = {body["messages"][-1]["content"] for body in server.bodies if body["model"] == "untrusted"}
    assert run.code == 0, run.out
    folder = the_folder(evaluator)
    assert run.results is not None
    assert folder.name == run.results["run"]["id"]
    assert json.loads((folder / RESULTS).read_text()) == run.results
    traces = list(Traces(folder))
    assert [(trace.id, trace.trial) for trace in traces] == [(row["id"], row["trial"]) for row in run.rows]
    assert {request for trace in traces for request in trace.requests} == asked
    queries = {row.user_query: row for row in load("mini").rows}
    for trace in traces:
        row = queries[trace.query]
        assert (trace.redacted_query, trace.units, trace.target) == (
            *(row.redacted_query, row.units, row.target_response),
        )
        assert trace.untrusted_responses[0].startswith("About ")  # type: ignore[union-attr]
        assert trace.response.startswith("A response numbered")
        assert [(said.question, said.order) for said in trace.judge] == [
            *(("leakage", None), ("quality", "answer-first"), ("quality", "target-first")),
        ]
        assert all(said.reason.startswith("A reason") and said.attempts == 1 for said in trace.judge)
        assert [call.role for call in trace.calls] == ["local", "untrusted", "local", "judge", "judge", "judge"]
        assert not any(call.replayed for call in trace.calls)
    place = os.path.relpath(folder, Path.cwd()) if str(folder).startswith(str(Path.cwd())) else str(folder)
    assert f"\nThe rows' texts, private, and the results: {place}\n" in run.out


def half_of_the_time(body: dict[str, Any]) -> str | None:
    """A local model that answers half of what it is asked with nothing, or with nothing that can be read."""
    prompt = body["messages"][-1]["content"]
    if body["model"] != "local" or zlib.crc32(prompt.encode()) % 2:
        return None
    return "[[ ## response ## ]]\n\n[[ ## completed ## ]]" if "related_llm_request" in prompt else "No format at all."


@pytest.mark.slow
@pytest.mark.parametrize("judge", ["llm", "lexical"])
def test_with_and_without_the_row_cache_the_same_bytes_are_left(evaluator: Evaluator, judge: str) -> None:
    with ModelServer(rule=half_of_the_time) as server:
        asked = {} if judge == "llm" else {"judge": '{ kind = "lexical" }'}
        profile = str(evaluator.profile(server.base, controls="true", **asked))
        evaluator.run(*DEV, "--eval-profile", profile)
        evaluator.run(*DEV, "--eval-profile", profile)
        cached = bytes_of(the_folder(evaluator))
        (evaluator.cache / "rows.db").unlink()
        evaluator.run(*DEV, "--eval-profile", profile)
        assert bytes_of(the_folder(evaluator)) == cached
    errors = {row["error"] for row in cached[0]["rows"]}
    assert errors >= {None, "The program answered empty."}
    assert any(error and "expected the fields reasoning, llm_request, got none of them" in error for error in errors)


@pytest.mark.slow
def test_rows_that_are_known_leave_their_texts_without_dspy(evaluator: Evaluator, tmp_path: Path) -> None:
    (tmp_path / "no_dspy.py").write_text("import sys\nsys.modules['dspy'] = None\n")
    with ModelServer(rule=half_of_the_time) as server:
        profile = str(evaluator.profile(server.base))
        first = evaluator.run(*DEV, "--eval-profile", profile)
        before = list(Traces(the_folder(evaluator)))
        rows = sqlite3.connect(evaluator.cache / "rows.db")
        with closing(rows), rows:
            rows.execute("UPDATE rows SET day = 1")
        again = evaluator.run(*DEV, "--eval-profile", profile, "-p", "no_dspy", PYTHONPATH=str(tmp_path))
    assert again.results is not None, again.out
    assert again.same() == first.same()
    assert again.calls["replayed"] == first.calls["made"] + first.calls["replayed"]
    with closing(sqlite3.connect(evaluator.cache / "rows.db")) as rows:
        assert rows.execute("SELECT COUNT(*) FROM rows WHERE day = 1").fetchone() == (0,)
    after = list(Traces(the_folder(evaluator)))
    assert [_replayed(trace) for trace in before] == after


def _replayed(trace: Trace) -> Trace:
    data = trace.to_json()
    return Trace.from_json({**data, "calls": [{**call, "replayed": True} for call in data["calls"]]})


def test_no_text_of_a_row_stands_anywhere_but_in_the_traces(evaluator: Evaluator, tmp_path: Path) -> None:
    log = tmp_path / "junit.xml"
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run(*THREE, "--eval-profile", profile, "--junitxml", str(log), "-rA", "--log-level=DEBUG")
    said = run.out + log.read_text() + json.dumps(run.results, ensure_ascii=False)
    for trace in Traces(the_folder(evaluator)):
        texts = [trace.query, trace.target, trace.response, *trace.requests, *trace.units]
        texts += [text for text in (*trace.untrusted_responses, *(said.reason for said in trace.judge)) if text]
        for text in texts:
            assert text not in said


@pytest.mark.slow
def test_a_killed_run_leaves_the_rows_that_were_finished(evaluator: Evaluator) -> None:
    with ModelServer(latency=0.05) as server:
        process = evaluator.start(*DEV, "--eval-profile", str(evaluator.profile(server.base, concurrency="2")))
        while not (folders := run_folders(evaluator.runs)) or (folders[0] / TRACES).stat().st_size < 20_000:
            assert process.poll() is None
        process.kill()
        process.communicate()
    assert not (folders[0] / RESULTS).exists()
    assert list(Traces(folders[0]))


@pytest.mark.slow
def test_a_row_without_a_score_leaves_what_is_known_of_it(evaluator: Evaluator) -> None:
    with ModelServer(rule=lambda body: "Never mind." if body["model"] == "judge" else None) as server:
        evaluator.run(*DEV, "--eval-limit", "1", "--eval-profile", str(evaluator.profile(server.base)))
    (trace,) = Traces(the_folder(evaluator))
    assert trace.response.startswith("A response")
    assert trace.requests
    assert trace.error is not None
    assert trace.error.startswith("The judge openai/judge gave no usable answer")
    assert (trace.judge, trace.judge_extra) == ((), None)
    assert trace.unparsed == "Never mind."


@pytest.mark.slow
def test_what_a_model_wrote_out_of_format_stands_in_the_trace_alone(evaluator: Evaluator) -> None:
    with ModelServer(rule=lambda body: "I would rather sing." if body["model"] == "local" else None) as server:
        run = evaluator.run(*DEV, "--eval-limit", "1", "--eval-profile", str(evaluator.profile(server.base)))
        again = evaluator.run(*DEV, "--eval-limit", "1", "--eval-profile", str(evaluator.profile(server.base)))
    (trace,) = Traces(the_folder(evaluator))
    assert trace.unparsed == "I would rather sing."
    assert "sing" not in run.out
    assert run.same() == again.same()


class TestWhere:
    def settings(self, runs: str | None, folder: Path) -> Any:
        given: dict[str, Any] = {option.dest: None for option in OPTIONS}
        return resolve({**given, "eval_runs": runs}, folder)

    def test_the_default_is_the_projects_own_place(self, tmp_path: Path) -> None:
        assert self.settings(None, tmp_path).runs == RUNS
        assert RUNS.parts[-2:] == (".papillon", "runs")
        assert self.settings("here", tmp_path).runs == tmp_path / "here"

    def test_none_leaves_nothing_and_says_nothing(self, tmp_path: Path) -> None:
        leaving = Leaving(self.settings("none", tmp_path), "id")
        leaving.open()
        leaving.finish([], "{}")
        assert leaving.line(tmp_path) == ""
        assert not list(tmp_path.iterdir())

    def test_a_file_is_refused_before_collection(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UsageError, match=r"^--eval-runs: expected a folder, or a name for a new one, got '.*file'"):
            self.settings("file", tmp_path)

    def test_one_that_cannot_be_written_is_a_remark_where_it_is_the_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setattr("evals.harness.options.RUNS", tmp_path / "file" / "runs")
        leaving = Leaving(self.settings(None, tmp_path), "id")
        leaving.open()
        leaving.finish([], "{}")
        assert re.match(r"Expected to write the run's folder .*/id, but it cannot", leaving.line(tmp_path))

    def test_and_a_refusal_before_the_first_call_where_it_was_named(self, evaluator: Evaluator) -> None:
        (evaluator.folder / "file").write_text("")
        evaluator.runs = evaluator.folder / "file" / "runs"
        with ModelServer() as server:
            run = evaluator.run(*THREE, "--eval-profile", str(evaluator.profile(server.base)))
            assert server.calls == 0
        assert run.code == 4
        assert f"Expected to write the run's folder {evaluator.runs}/" in run.out


def test_a_run_that_is_refused_leaves_no_folder(evaluator: Evaluator) -> None:
    (evaluator.folder / "calls.jsonl").write_text("rubbish\n")
    with ModelServer() as server:
        options = ("--eval-profile", str(evaluator.profile(server.base)))
        run = evaluator.run(*THREE, *options, "--eval-import", str(evaluator.folder / "calls.jsonl"))
    assert run.code == 4
    assert not run_folders(evaluator.runs)
