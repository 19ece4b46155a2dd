"""The run for a pull request: the file that was asked for, the job's own page, and what stands there after any end."""

from __future__ import annotations

import csv
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.harness.pull_request import JOB_PAGE, append_to_job_page
from papillon.__main__ import main
from papillon.commands import seen_from
from papillon.data import MINI
from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.harness.verdicts.samples import qualities
from tests.model_server import ModelServer
from tests.papillon.results.samples import INFO, result

DEV = ("evals", "-m", "dev")


class TestTheJobsPage:
    def test_without_one_nothing_is_done(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(JOB_PAGE, "")
        assert append_to_job_page("text") is None

    def test_it_is_appended_to_what_the_step_wrote_before(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = tmp_path / "page.md"
        page.write_text("before\n")
        monkeypatch.setenv(JOB_PAGE, str(page))
        assert append_to_job_page("手\n") is None
        assert page.read_text() == "before\n手\n"

    def test_a_page_that_would_hold_too_much_keeps_what_it_has(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = tmp_path / "page.md"
        page.write_bytes(b"x" * 2**20)
        monkeypatch.setenv(JOB_PAGE, str(page))
        said = append_to_job_page("y")
        assert said == (
            f"The summary could not be appended to {page} (GITHUB_STEP_SUMMARY): "
            "it holds 1048576 bytes of 1 MiB already."
        )
        assert page.stat().st_size == 2**20

    def test_a_folder_a_pipe_and_no_folder_are_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        os.mkfifo(tmp_path / "pipe")
        for path, why in (
            (tmp_path, "that is a folder"),
            (tmp_path / "pipe", "that is no regular file"),
            (tmp_path / "no" / "page", "No such file or directory"),
        ):
            monkeypatch.setenv(JOB_PAGE, str(path))
            assert append_to_job_page("y") == f"The summary could not be appended to {path} ({JOB_PAGE}): {why}."


def canaries(folder: Path) -> Path:
    """Rows each of whose texts holds a word that stands nowhere else."""
    with MINI.open(encoding="utf-8", newline="") as file:
        (row, *_) = csv.DictReader(file)
    path = folder / "canaries.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, list(row))
        out.writeheader()
        for n in range(4):
            texts = {
                "user_query": f"quercanary{n} asks for unitcanary{n}",
                "target_response": f"targcanary{n} it is",
                "pii_units": f"unitcanary{n}",
                "redacted_query": f"redacanary{n} asks",
            }
            out.writerow(
                {**row, **{key: value for key, value in texts.items() if key in row}, "conversation_hash": str(n)}
            )
    return path


def leaving_canaries(body: dict[str, Any]) -> str | None:
    """Words of its own in what came back, and in what was in no format, which the second row's request is."""
    if body["model"] == "untrusted":
        return "repcanary"
    return "unparscanary" if body["model"] == "local" and "quercanary1" in str(body) else None


@pytest.mark.slow
@alone_and_with_workers
def test_the_file_and_the_jobs_page_hold_the_same_and_no_text_of_a_row(
    evaluator: Evaluator, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    summary, page = tmp_path / "new" / "summary.md", tmp_path / "page.md"
    gates = "[gates.dev]\nquality = { min = 1.0 }\nleakage = { max = 0.0 }\n"

    with ModelServer(rule=leaving_canaries) as server:
        profile = evaluator.profile(server.base, dataset=f'"{canaries(tmp_path)}"', split='"all"', gates=gates)
        asked = (*DEV, *workers, f"--eval-profile={profile}", f"--eval-summary={summary}")
        run = evaluator.run(*asked, GITHUB_STEP_SUMMARY=str(page))
    said = summary.read_text()
    assert said == page.read_text()
    assert said.startswith("## FAIL: "), run.out
    assert "canary" not in said
    assert f" evals -m dev {' '.join([*workers, ''])}--eval-profile={profile} " in said
    assert "--eval-summary" not in said
    assert "--eval-results" not in said


@pytest.mark.slow
def test_a_page_that_cannot_be_written_is_one_remark_and_fails_nothing(evaluator: Evaluator, tmp_path: Path) -> None:
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base)}"
        run = evaluator.run(*DEV, profile, "--eval-limit", "1", GITHUB_STEP_SUMMARY=str(tmp_path / "no" / "page.md"))
    assert run.code == 0, run.out
    assert " ".join(run.out.split()).count("The summary could not be appended to ") == 1


def test_a_selection_of_nothing_says_so(evaluator: Evaluator, tmp_path: Path) -> None:
    page, summary = tmp_path / "page.md", tmp_path / "summary.md"
    summary.write_text("## PASS: of yesterday\n")
    run = evaluator.run(
        *DEV, "-k", "nosuch", f"--eval-summary={summary}", "--eval-record=none", GITHUB_STEP_SUMMARY=str(page)
    )
    assert run.code == 5, run.out
    assert summary.read_text() == page.read_text()
    assert summary.read_text().startswith("## NOT RUN: No item matches -m 'dev' and -k 'nosuch': ")


def test_what_only_shows_writes_nothing(evaluator: Evaluator, tmp_path: Path) -> None:
    page, summary = tmp_path / "page.md", tmp_path / "summary.md"
    asked = (*DEV, "--collect-only", "-q", f"--eval-summary={summary}", "--eval-record=none")
    run = evaluator.run(*asked, GITHUB_STEP_SUMMARY=str(page))
    assert run.code == 0, run.out
    assert not page.exists()
    assert not summary.exists()


def test_a_run_that_is_refused_before_it_begins_says_that_the_log_has_it(evaluator: Evaluator, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    broken = tmp_path / "x.jsonl"
    broken.write_text("no record\n")
    run = evaluator.run(*DEV, f"--eval-import={broken}", f"--eval-summary={summary}", "--eval-record=none")
    assert run.code == 4, run.out
    assert summary.read_text().startswith("## NOT RUN: The evaluation ended before it began; the log says why.\n")


@pytest.mark.slow
def test_after_ctrl_c_it_is_incomplete_and_says_how_to_go_on(evaluator: Evaluator, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    with ModelServer(latency=0.3) as server:
        profile = evaluator.profile(server.base, concurrency="1")
        process = evaluator.start(*DEV, f"--eval-profile={profile}", f"--eval-summary={summary}")
        while server.calls < 8:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 2, out
    said = summary.read_text()
    assert said.startswith("## INCOMPLETE: "), said
    assert "- Run the same command again to go on: what is recorded is replayed." in said


@pytest.mark.slow
def test_accepting_is_told_and_so_is_what_became_of_the_results(evaluator: Evaluator, tmp_path: Path) -> None:
    summary, accepted = tmp_path / "summary.md", tmp_path / "accepted.json"
    gates = f'[gates.dev]\nregression = {{ baseline = "{accepted}", metrics = ["quality"] }}\n'
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base, gates=gates)}"
        run = evaluator.run(*DEV, profile, f"--eval-summary={summary}", "--eval-accept")
        assert run.code == 0, run.out
        said = summary.read_text()
        assert f"- Accepted: the scores of this run stand in `{accepted}` now." in said
        assert "--eval-accept" not in said
        again = evaluator.run(*DEV, profile, f"--eval-summary={summary}")
        assert again.code == 0, again.out
    assert ", 0 rose, 0 fell against `" in summary.read_text()


class TestCompare:
    """``papillon compare --summary``."""

    def written(self, folder: Path, name: str, good: int) -> str:
        info = replace(INFO, id=name)
        rows = qualities(good, 20 - good)
        (folder / name).mkdir()
        text = result(*rows, run=info, splits=(replace(result().splits[0], selected=20),)).to_text()
        (folder / name / "results.json").write_text(text)
        return str(folder / name)

    def test_is_written_beside_the_table(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        before, after = self.written(tmp_path, "before", 20), self.written(tmp_path, "after", 8)
        file = tmp_path / "new" / "compared.md"
        assert main(["compare", before, after, "--summary", str(file)]) == 0
        assert f"For a pull request: {file}" in capsys.readouterr().out
        text = file.read_text()
        assert text.startswith("## WORSE: `dev-quality` -0.600: worse")
        assert text.rstrip("`\n").endswith(
            f" compare {seen_from(Path.cwd(), Path(before))} {seen_from(Path.cwd(), Path(after))}"
        )

    def test_a_file_that_cannot_be_written_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        before, after = self.written(tmp_path, "before", 20), self.written(tmp_path, "after", 8)
        assert main(["compare", before, after, "--summary", str(tmp_path)]) == 4
        said = f"--summary: expected a file that can be written, got {tmp_path}: that is a folder; name another."
        assert said in capsys.readouterr().err
