"""The files of a run: refused before anything is spent where they cannot be written, and each on its own afterwards."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evals.harness import outputs
from evals.harness.options import OPTIONS, RunSettings, resolve
from evals.harness.outputs import Outputs, refuse_unwritable
from papillon.errors import StoreError, UsageError
from papillon.results import RunResult, read_result
from tests.harness.runs import Evaluator
from tests.harness.verdicts.samples import row
from tests.harness.verdicts.test_baseline import baseline
from tests.model_server import ModelServer
from tests.papillon.results.samples import result

DEV = ("evals", "-m", "dev")


def settings(folder: Path, **given: str) -> RunSettings:
    return resolve({option.dest: given.get(option.dest) for option in OPTIONS}, folder)


class TestRefuseUnwritable:
    def refused(self, folder: Path, **given: str) -> str:
        with pytest.raises(UsageError) as refused:
            refuse_unwritable(settings(folder, **given))
        return str(refused.value)

    def test_where_nothing_is_known_to_be_in_the_way_nothing_is_refused_or_left(self, tmp_path: Path) -> None:
        refuse_unwritable(settings(tmp_path, eval_export="x.jsonl", eval_results="new/folder/r.json"))
        assert list(tmp_path.iterdir()) == []

    def test_an_export_makes_no_folder(self, tmp_path: Path) -> None:
        said = self.refused(tmp_path, eval_export="no/such/x.jsonl")
        missing = tmp_path / "no" / "such"
        assert said == (
            f"--eval-export: expected a file that can be written, got {missing}/x.jsonl: there is no folder {missing}; "
            "name another."
        )

    def test_a_file_where_a_folder_is_needed(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for option in ("eval_results", "eval_export"):
            said = self.refused(tmp_path, **{option: "file/below"})
            assert said.endswith(f"got {tmp_path}/file/below: {tmp_path}/file is no folder; name another.")

    def test_a_folder_and_a_device_are_no_files(self, tmp_path: Path) -> None:
        for option in ("results", "summary", "report", "export"):
            assert self.refused(tmp_path, **{f"eval_{option}": "."}) == (
                f"--eval-{option}: expected a file that can be written, got {tmp_path}: that is a folder; name another."
            )
        assert self.refused(tmp_path, eval_export="/dev/null").endswith("that is no regular file; name another.")

    def test_a_summary_where_no_file_can_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        said = self.refused(tmp_path, eval_summary="file/below.md")
        assert said.startswith("--eval-summary: expected a file that can be written, got ")

    def test_two_outputs_in_one_file(self, tmp_path: Path) -> None:
        said = self.refused(tmp_path, eval_results="a.json", eval_export="../" + tmp_path.name + "/a.json")
        assert said.startswith("--eval-results: expected another file than that of --eval-export, got ")

    def test_a_page_is_refused_like_the_others(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        said = self.refused(tmp_path, eval_report="file/below")
        assert said.startswith("--eval-report: expected a file that can be written, got ")
        assert said.endswith(f"{tmp_path}/file is no folder; name another.")
        said = self.refused(tmp_path, eval_report="a", eval_results="a")
        assert said.startswith("--eval-report: expected another file than that of --eval-results, got ")

    def test_where_scores_are_accepted_their_files_count(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        asked = replace(settings(tmp_path), accept=True, baseline_file=tmp_path / "file" / "b.json")
        with pytest.raises(UsageError, match=r"^--eval-accept: expected a file that can be written, got "):
            refuse_unwritable(asked)
        refuse_unwritable(replace(asked, accept=False))


class TestOutputs:
    """Each is tried, whatever became of the others."""

    @pytest.fixture
    def run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        asked = replace(settings(tmp_path, eval_export="x.jsonl", eval_results="r.json"), accept=True)
        plan = SimpleNamespace(settings=asked, labels=None)
        run = SimpleNamespace(plan=plan, export=lambda: None, leave=lambda text: None)
        files = {tmp_path / name: baseline([row(0)]) for name in ("a.json", "b.json")}
        monkeypatch.setattr(outputs, "accepted_baselines", lambda result, plan: files)
        return run

    def accepted(self, run: Any, *names: str) -> list[str]:
        folder = run.plan.settings.results_file.parent
        return [str(folder / name) for name in names or ("a.json", "b.json")]

    def written(self, run: Any, before: RunResult | None = None) -> Outputs:
        done = Outputs(run, before or result())
        done.write()
        return done

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (StoreError("The disk is full."), "The disk is full."),
            (RuntimeError("odd"), "--eval-export {file}: the harness could not write it (RuntimeError: odd)."),
        ],
    )
    def test_an_export_that_fails_is_a_problem_in_the_results_that_are_written(
        self, run: Any, error: Exception, said: str
    ) -> None:
        def fails() -> None:
            raise error

        run.export = fails
        done = self.written(run)
        said = said.format(file=run.plan.settings.export_file)
        assert (done.result.problems, done.accepted) == ((said,), self.accepted(run))
        assert read_result(run.plan.settings.results_file) == done.result
        assert done.result.exit_code == 1

    def test_results_that_cannot_be_written_cost_no_acceptance(self, run: Any) -> None:
        run.plan.settings.results_file.mkdir()
        done = self.written(run)
        assert done.accepted == self.accepted(run)
        assert len(done.result.problems) == 1
        assert "r.json, but it cannot be written" in done.result.problems[0]

    def test_of_two_files_of_accepted_scores_one_that_fails_costs_not_the_other(self, run: Any) -> None:
        Path(self.accepted(run)[0]).mkdir()
        done = self.written(run)
        assert done.accepted == self.accepted(run, "b.json")
        assert "a.json, but it cannot be written" in done.result.problems[0]

    def test_a_page_that_cannot_be_written_is_a_problem_in_the_results(self, run: Any, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        run.plan.settings = replace(run.plan.settings, report_file=page)
        run.leaving = SimpleNamespace(folder=None)
        assert self.written(run).result.problems == ()
        assert "figures alone" in page.read_text().splitlines()[0]  # the run left no folder
        page.unlink()
        page.mkdir()
        done = self.written(run)
        assert "page.html, but it cannot be written" in done.result.problems[0]
        assert read_result(run.plan.settings.results_file) == done.result

    def test_the_summary_tells_of_results_that_cannot_be_written(self, run: Any) -> None:
        settings = run.plan.settings
        run.plan.settings = replace(settings, summary_file=settings.results_file.parent / "s.md")
        assert self.written(run).result.problems == ()
        assert run.plan.settings.summary_file.read_text().startswith("## PASS: ")
        settings.results_file.unlink()
        settings.results_file.mkdir()
        self.written(run)
        assert run.plan.settings.summary_file.read_text().startswith("## INCOMPLETE: Expected to write ")

    def test_a_summary_that_cannot_be_written_is_a_problem_in_the_results(self, run: Any) -> None:
        settings = run.plan.settings
        run.plan.settings = replace(settings, summary_file=settings.results_file.parent)
        done = self.written(run)
        assert len(done.result.problems) == 1
        assert read_result(settings.results_file) == done.result

    def test_what_an_older_run_holds_costs_no_file(self, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: object) -> None:
            raise RuntimeError("odd")

        monkeypatch.setattr(outputs, "since_last", fails)
        done = self.written(run)
        assert (done.result.problems, done.since, done.since_line()) == ((), None, "")
        assert done.result.remarks == ("The last comparable run could not be compared with (RuntimeError).",)
        assert read_result(run.plan.settings.results_file) == done.result

    def test_problems_of_before_stay(self, run: Any) -> None:
        done = self.written(run, result().with_problems("A worker died."))
        assert done.result.problems == ("A worker died.",)
        assert not done.stopped

    def test_a_ctrl_c_ends_the_writing_in_words(self, run: Any) -> None:
        def stopped() -> None:
            raise KeyboardInterrupt

        run.export = stopped
        done = self.written(run)
        assert (done.stopped, done.accepted) == (True, [])
        assert done.result.problems == (
            "Stopped while the run's files were written: run the same command again, what is recorded is replayed.",
        )


def test_what_is_known_to_be_wrong_costs_no_call(evaluator: Evaluator, tmp_path: Path) -> None:
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base)}"
        run = evaluator.run(*DEV, profile, f"--eval-export={tmp_path}/no/such/x.jsonl")
        assert server.calls == 0
    assert run.code == 4, run.out
    assert "--eval-export: expected a file that can be written, got " in " ".join(run.out.split())
    assert "Traceback" not in run.out


@pytest.mark.slow
def test_files_that_cannot_be_written_in_the_end_are_named_and_the_others_are_there(
    evaluator: Evaluator, tmp_path: Path
) -> None:
    folder, results, accepted = tmp_path / "exports", tmp_path / "results", tmp_path / "accepted.json"
    folder.mkdir()
    results.mkdir()

    def pulls_the_folders_away(body: dict[str, Any]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(results, ignore_errors=True)
        results.touch()

    gates = f'[gates.dev]\nregression = {{ baseline = "{accepted}", metrics = ["quality"] }}\n'
    with ModelServer(rule=pulls_the_folders_away) as server:
        profile = f"--eval-profile={evaluator.profile(server.base, gates=gates)}"
        more = (f"--eval-export={folder / 'x.jsonl'}", f"--eval-results={results / 'r.json'}", "--eval-accept")
        run = evaluator.run(*DEV, profile, f"--eval-cache={evaluator.cache}", *more, bare=True)
    said = " ".join(run.out.split())
    assert run.code == 1, run.out
    assert f"The recorded calls could not be exported to {folder}/x.jsonl" in said
    assert f"Expected to write {results}/r.json, but it cannot be written: " in said
    assert f"Accepted: the scores of this run stand in {accepted} now" in said
    assert json.loads(accepted.read_text())["rows"]["dev"]
    assert "Traceback" not in run.out
