"""The workflows: what every one of them keeps to, and that their commands do what they say."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from papillon.data import load
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer
from tests.workflows import WORKFLOWS, Runner, read_workflow

NAMES = [path.name for path in WORKFLOWS]
#: What a job may do beside reading the repository.
GRANTED = {
    ("evaluation.yml", "comment"): {"pull-requests": "write"},
    ("nightly.yml", "whole"): {"contents": "read", "actions": "read"},
}


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name in NAMES:
        for job, data in read_workflow(name)["jobs"].items():
            yield name, job, data


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job, data in jobs():
        for step in data["steps"]:
            yield f"{name}, {job}", step


class TestEveryWorkflow:
    def test_there_are_those_that_the_documentation_names(self) -> None:
        assert NAMES == ["ci.yml", "evaluation.yml", "nightly.yml"]

    def test_reads_the_repository_and_no_more_where_it_need_not(self) -> None:
        for name in NAMES:
            assert read_workflow(name)["permissions"] == {"contents": "read"}, name
            assert "pull_request_target" not in read_workflow(name)["on"], name
        assert {(name, job): data["permissions"] for name, job, data in jobs() if "permissions" in data} == GRANTED

    def test_pins_actions_by_commit_with_their_version_beside(self) -> None:
        for path in WORKFLOWS:
            for line in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8")):
                assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), (path.name, line)

    def test_puts_no_expression_into_a_command(self) -> None:
        for where, step in steps():
            assert "${{" not in step.get("run", ""), where

    def test_ends_by_itself_and_leaves_no_token_in_the_clone(self) -> None:
        for name, job, data in jobs():
            assert data["timeout-minutes"] <= 120, (name, job)
        for where, step in steps():
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}, where

    def test_the_job_that_may_write_runs_nothing_of_the_repository(self) -> None:
        comment = read_workflow("evaluation.yml")["jobs"]["comment"]
        assert not any("checkout" in step.get("uses", "") for step in comment["steps"])
        assert "head.repo.full_name == github.repository" in comment["if"]

    def test_a_secret_is_in_the_environment_of_the_step_that_needs_it_alone(self) -> None:
        for name, job, data in jobs():
            rest = {key: value for key, value in data.items() if key != "steps"} | {
                "top": read_workflow(name).get("env")
            }
            assert "secrets." not in json.dumps(rest), (name, job)
        holding = [where for where, step in steps() if "secrets." in json.dumps(step)]
        assert set(holding) == {"nightly.yml, part", "nightly.yml, whole"}

    def test_texts_are_kept_only_where_somebody_says_that_they_are_public(self) -> None:
        for where, step in steps():
            command = step.get("run", "")
            for line in command.splitlines():
                if "--eval-report" in line or "--eval-runs out" in line:
                    assert line.strip().startswith('if [ "$PUBLIC" = true ]; then '), where
            if "--eval-export" in command:
                assert "--eval-export out/" not in command, where
            if "PUBLIC" in step.get("env", {}):
                assert step["env"]["PUBLIC"] == "${{ inputs.public || 'false' }}"


def strings(folder: Path) -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    return tmp_path / "jobs"


GH = """\
#!/usr/bin/env python3
'''Stands for gh: comments are a file.'''
import json, os, subprocess, sys
file, words = os.environ["COMMENTS"], sys.argv[1:]
there = json.load(open(file))
assert words[0] == "api", words
if "--jq" in words:
    assert "repos/owner/name/issues/12/comments" in words
    done = subprocess.run(["jq", "-r", words[words.index("--jq") + 1]], input=json.dumps(there), text=True)
    sys.exit(done.returncode)
(body,) = [word.removeprefix("body=@") for word in words if word.startswith("body=@")]
text = open(body).read()
if "PATCH" in words:
    (url,) = [word for word in words if word.startswith("repos/owner/name/issues/comments/")]
    (comment,) = [each for each in there if str(each["id"]) == url.rpartition("/")[2]]
    comment["body"] = text
else:
    assert "POST" in words and "repos/owner/name/issues/12/comments" in words
    there.append({"id": len(there) + 1, "user": {"login": "github-actions[bot]"}, "body": text})
json.dump(there, open(file, "w"))
"""


class TestTheComment:
    @pytest.fixture
    def comments(self, tmp_path: Path) -> Path:
        if shutil.which("jq") is None:
            pytest.skip("The stand-in for gh needs jq.")
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "gh").write_text(GH)
        (tmp_path / "bin" / "gh").chmod(0o755)
        mark = "<!-- papillon-evaluation -->"
        stranger = {"id": 1, "user": {"login": "somebody"}, "body": f"quoted: {mark}"}
        (tmp_path / "comments.json").write_text(json.dumps([stranger]))
        return tmp_path / "comments.json"

    def run(self, place: Path, comments: Path) -> list[dict[str, Any]]:
        expressions = {"github.token": "t", "github.event.pull_request.number": "12"}
        path = f"{comments.parent / 'bin'}:/usr/bin:/bin"
        runner = Runner("evaluation.yml", place, expressions, {"COMMENTS": str(comments), "PATH": path})
        assert runner.job("comment", checks_out=False) == 0, runner.said
        return list(json.loads(comments.read_text()))

    def summary(self, place: Path, text: str) -> None:
        shutil.rmtree(place.parent / "artefacts", ignore_errors=True)
        (place.parent / "artefacts" / "evaluation").mkdir(parents=True)
        (place.parent / "artefacts" / "evaluation" / "summary.md").write_text(text)

    def test_is_made_once_and_changed_after_that_and_nobody_elses_is_touched(self, place: Path, comments: Path) -> None:
        self.summary(place, "## PASS: first\n")
        assert [each["user"]["login"] for each in self.run(place, comments)] == ["somebody", "github-actions[bot]"]
        self.summary(place, "## FAIL: second\n")
        stranger, own = self.run(place, comments)
        assert stranger["body"].startswith("quoted")
        assert own["body"].splitlines() == [
            *("## FAIL: second", "", "[Log and results](https://github.example/owner/name/actions/runs/7)"),
            *("", "<!-- papillon-evaluation -->"),
        ]

    def test_says_so_where_the_evaluation_left_nothing(self, place: Path, comments: Path) -> None:
        assert self.run(place, comments)[1]["body"].startswith("## NOT RUN: the evaluation ended before it began; ")


@pytest.mark.slow
class TestThePullRequest:
    def test_is_evaluated_by_replay_without_a_key_and_leaves_results_and_markdown(self, place: Path) -> None:
        runner = Runner("evaluation.yml", place, {"inputs.public || 'false'": "false"})
        assert runner.job("replay") == 0, runner.said
        out = runner.artefact("evaluation")
        assert sorted(path.name for path in out.iterdir()) == ["junit.xml", "results.json", "summary.md"]
        results = json.loads((out / "results.json").read_text("utf-8"))
        assert results["run"]["calls"]["made"] == 0
        assert len(results["rows"]) == 40
        assert (out / "summary.md").read_text("utf-8") == runner.page
        assert runner.page.startswith("## PASS: ")

    def test_keeps_the_page_and_the_texts_where_somebody_says_that_they_are_public(self, place: Path) -> None:
        runner = Runner("evaluation.yml", place, {"inputs.public || 'false'": "true"})
        assert runner.job("replay") == 0, runner.said
        names = {path.name for path in runner.artefact("evaluation").rglob("*")}
        assert {"report.html", "traces.jsonl", "results.json", "summary.md", "junit.xml"} <= names


@pytest.mark.slow
class TestTheNight:
    @pytest.fixture
    def server(self) -> Iterator[ModelServer]:
        with ModelServer() as server:
            yield server

    def runner(self, place: Path, server: ModelServer, **environment: str) -> Runner:
        price = "price = { input = 0.1, output = 0.4 }, max_tokens = 64"
        model = f'api_base = "{server.base}", endpoint = "here", {price} }}'
        profile = Evaluator(place.parent).profile(
            server.base,
            local=f'{{ model = "openai/local", {model}',
            untrusted=f'{{ model = "openai/untrusted", {model}',
            judge=f'{{ kind = "llm", model = "openai/judge", {model}',
        )
        expressions = {
            "inputs.profile || 'openai'": str(profile),
            "inputs.budget || '1.00'": "1.00",
            "inputs.public || 'false'": "false",
            "secrets.PAPILLON_CALLS_KEY": "long random text",
            "secrets.OPENAI_API_KEY": "",
            "strategy.job-total": "2",
            "github.token": "t",
        }
        # Where there is no gh, the last night is not found, which is no failure.
        path = f"{place.parent}:/usr/bin:/bin"
        return Runner("nightly.yml", place, expressions, {"PATH": path, "DATASET": "mini", **environment})

    def test_is_put_together_from_its_parts_without_a_call_and_leaves_no_text(
        self, place: Path, server: ModelServer
    ) -> None:
        runner = self.runner(place, server)
        for part in ("1", "2"):
            assert runner.job("part", **{"matrix.part": part}) == 0, runner.said
            (locked,) = runner.artefact(f"calls-{part}").iterdir()
            assert locked.read_bytes().startswith(b"Salted__")
        made = server.calls
        assert runner.job("whole") == 0, runner.said
        assert server.calls == made
        out = runner.artefact("nightly")
        assert sorted(path.name for path in out.iterdir()) == ["junit.xml", "results.json", "summary.md"]
        results = json.loads((out / "results.json").read_text("utf-8"))
        assert len(results["rows"]) == 40
        assert {gate["verdict"] for gate in results["gates"]} == {"pass"}
        assert {report["subject"] for report in results["judge"]} == {"leakage", "quality"}
        kept = strings(out)
        for row in load("mini").rows:
            assert row.user_query not in kept
            assert row.target_response not in kept

    def test_is_compared_with_the_last_night(self, place: Path, server: ModelServer) -> None:
        runner = self.runner(place, server)
        for part in ("1", "2"):
            assert runner.job("part", **{"matrix.part": part}) == 0, runner.said
        assert runner.job("whole") == 0, runner.said
        last = runner.artefact("nightly").rename(runner.artefact("last-night"))
        gh = place.parent / "gh"
        # It lists two nights, of which the newer one left nothing, and puts what the other left where --dir says.
        gh.write_text(f'#!/bin/sh\n[ "$2" = list ] && echo 4 && echo 5 && exit\n[ "$3" = 5 ] && cp -r "{last}" last\n')
        gh.chmod(0o755)
        assert runner.job("whole") == 0, runner.said
        compared = (runner.artefact("nightly") / "compared.md").read_text("utf-8")
        assert compared.startswith("## UNCHANGED: ")
        assert compared in runner.page

    def test_makes_no_call_without_a_key_to_lock_them_with(self, place: Path, server: ModelServer) -> None:
        runner = self.runner(place, server)
        runner.expressions = {**runner.expressions, "secrets.PAPILLON_CALLS_KEY": ""}
        assert runner.job("part", **{"matrix.part": "1"}) != 0
        assert "make a secret PAPILLON_CALLS_KEY with any long random text" in runner.said
        assert server.calls == 0

    def test_a_part_that_ran_out_of_its_budget_is_named_by_the_last_job(self, place: Path, server: ModelServer) -> None:
        runner = self.runner(place, server)
        assert runner.job("part", **{"matrix.part": "1"}) == 0, runner.said
        runner.expressions = {**runner.expressions, "inputs.budget || '1.00'": "0.0005"}
        assert runner.job("part", **{"matrix.part": "2"}) != 0
        assert runner.job("whole") != 0
        summary = (runner.artefact("nightly") / "summary.md").read_text("utf-8")
        assert summary.startswith("## INCOMPLETE: "), summary
