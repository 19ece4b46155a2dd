"""Which runs are compared, named and unnamed, what is refused, and what a run says of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from evals.harness.comparing import compared, since_last
from papillon.__main__ import main
from papillon.errors import UsageError
from papillon.results import Row, RunResult
from papillon.results.folder import RESULTS
from papillon.results.run import DatasetInfo
from tests.harness.runs import EvalRun, Evaluator
from tests.harness.verdicts.samples import qualities
from tests.model_server import ModelServer
from tests.papillon.results.samples import INFO, result
from tests.papillon.results.test_folder import named

DATA = DatasetInfo("mini", "0" * 64, 60, "grouped", {"dev": 20})


def left(runs: Path, number: int, rows: Sequence[Row], **changed: object) -> RunResult:
    """Leave a run's results in its folder."""
    began = f"2026-11-26T06:{number // 60:02d}:{number % 60:02d}+00:00"
    info = replace(INFO, id=named(number), started=began, dataset=DATA, **changed)  # type: ignore[arg-type]
    run = result(*rows, run=info)
    (runs / info.id).mkdir(parents=True)
    (runs / info.id / RESULTS).write_text(run.to_text())
    return run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two comparable runs, between them one of a selection, and after them another one of those."""
    folder = tmp_path / "runs"
    for number, good in ((0, 20), (2, 8)):
        left(folder, number, qualities(good, 20 - good))
    for number in (1, 3):
        left(folder, number, qualities(2, 0))
    return folder


class TestCompared:
    def test_without_names_the_last_two_comparable_runs(self, runs: Path) -> None:
        found = compared([], runs)
        assert [run.name for run in found.runs] == [named(0), named(2)]
        assert found.passed == {named(n): "it saw 2 of 20 examples of dev" for n in (3, 1)}
        (split,) = found.comparisons[0].splits
        assert (split.changes[0].before, split.changes[0].after) == (1.0, 0.4)

    def test_with_one_name_that_run_after_its_last_comparable_one(self, runs: Path) -> None:
        assert [run.name for run in compared([named(3)], runs).runs] == [named(2), named(3)]

    def test_with_two_names_these_also_where_they_saw_a_selection(self, runs: Path) -> None:
        found = compared(["last~2", "last"], runs)
        assert [run.name for run in found.runs] == [named(1), named(3)]
        assert found.comparisons[0].splits[0].shared == 2

    def test_where_there_are_no_two_it_says_why(self, runs: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError) as refused:
            compared([], tmp_path / "none")
        assert str(refused.value) == (
            f"Expected two comparable runs in {tmp_path}/none, but there is none; "
            "name two with papillon compare A B, papillon runs lists them."
        )
        with pytest.raises(UsageError) as refused:
            compared([named(0)], runs)
        assert f"Expected a run in {runs} that {named(0)} can be compared with, but there is none; " in str(
            refused.value
        )
        left(runs, 4, qualities(20, 0), scores=1)
        with pytest.raises(UsageError, match=r"but none of its 4 is one: their scores are of other definitions \("):
            compared(["last"], runs)

    def test_what_cannot_be_compared_is_refused_with_the_reason(self, runs: Path) -> None:
        left(runs, 4, qualities(20, 0), scores=1)
        with pytest.raises(UsageError) as refused:
            compared([named(0), named(2), named(4)], runs)
        assert str(refused.value) == (
            f"Expected runs that can be compared, but {named(0)} and {named(4)} cannot: "
            "their scores are of other definitions (versions 2 and 1); papillon runs lists them."
        )

    def test_a_foreign_file_does_not_act_on_the_terminal_by_what_is_said_of_it(self, runs: Path) -> None:
        hostile = left(runs, 4, qualities(20, 0))
        data = replace(DATA, name="\x1b[2J", sha256="1" * 64)
        (runs / named(4) / RESULTS).write_text(replace(hostile, run=replace(hostile.run, dataset=data)).to_text())
        for names in ([named(0), named(4)], [named(4)]):
            with pytest.raises(UsageError) as refused:
                compared(names, runs)
            assert r"\x1b[2J" in str(refused.value)
            assert "\x1b" not in str(refused.value)

    def test_scores_that_are_none_are_refused(self, runs: Path) -> None:
        left(runs, 4, [replace(row, quality=7.0) for row in qualities(20, 0)])
        with pytest.raises(UsageError, match=r"rows\[0\]\.quality is 7\.0 where a number from 0 to 1 belongs; write"):
            compared([named(0), named(4)], runs)


class TestCommand:
    def test_it_shows_what_changed_and_exits_with_0(self, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", "--runs", str(runs)]) == 0
        said = capsys.readouterr().out
        assert f"before: {named(0)}\nafter:  {named(2)}\npassed over: {named(3)}, as it saw 2 of 20" in said
        assert "12 examples of dev flipped: 12 became worse, 0 better" in said
        assert f"show {runs / named(2)} ID" in " ".join(said.split())

    def test_three_runs_are_a_table_and_a_picture(self, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
        plot = runs.parent / "plot.svg"
        assert main(["compare", named(0), named(1), named(2), "--runs", str(runs), "--plot", str(plot)]) == 0
        said = capsys.readouterr().out
        assert said.count(named(0)) == 3
        assert said.endswith(f"\nQuality against leakage: {plot}\n")
        ElementTree.fromstring(plot.read_text())

    def test_three_runs_go_by_their_profiles_where_they_differ_and_their_summary_begins_with_a_table(
        self, runs: Path
    ) -> None:
        for number, profile in ((4, "tiny"), (5, "larger")):
            left(runs, number, qualities(20, 0), profile=profile)
        plot, summary = runs.parent / "plot.svg", runs.parent / "summary.md"
        asked = [named(0), named(4), named(5), "--runs", str(runs), "--plot", str(plot), "--summary", str(summary)]
        assert main(["compare", *asked]) == 0
        rows = [line for line in summary.read_text().splitlines() if " | `dev` | 20 | 1.000 (" in line]
        assert [row.split(" | ")[0] for row in rows] == ["| small", "| tiny", "| larger"]
        assert "<title>larger: quality 1.000 (" in plot.read_text()

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["nowhere", "last"], "papillon compare: Expected a run: its folder, results file or id"),
            (["last~9", "last"], "papillon compare: Expected 10 runs in"),
            (["last", "last~1", "--summary", "{runs}"], "papillon compare: --summary: expected a file that can be"),
        ],
    )
    def test_a_mistake_exits_with_4_in_one_sentence(
        self, runs: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["compare", *(word.format(runs=runs) for word in words), "--runs", str(runs)]) == 4
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith(said.format(runs=runs))
        assert shown.err.count("\n") == 1


class TestSinceLast:
    def test_what_changed_since_the_last_comparable_run(self, runs: Path) -> None:
        new = left(runs, 5, qualities(9, 11))
        since = since_last(new, runs)
        assert since is not None
        assert (since.before, since.after) == (named(2), named(5))
        assert since.splits[0].slices == ()

    def test_there_is_none_for_a_selection_without_runs_and_where_old_ones_cannot_be_read(self, runs: Path) -> None:
        assert since_last(left(runs, 5, qualities(3, 0)), runs) is None
        new = left(runs, 6, qualities(20, 0))
        assert since_last(new, None) is None
        assert since_last(new, runs / "none") is None
        for folder in (named(0), named(2)):
            (runs / folder / RESULTS).write_text("nonsense")
        assert since_last(new, runs) is None


@pytest.mark.slow
def test_each_runs_summary_says_what_moved_since_the_last_comparable_one(evaluator: Evaluator) -> None:
    broken = False

    def run(server: ModelServer, *more: str, temperature: float = 0.0) -> EvalRun:
        served = f'model = "openai/local", api_base = "{server.base}", endpoint = "e", temperature = {temperature}'
        profile = evaluator.profile(server.base, local=f"{{ {served} }}")
        return evaluator.run("evals", "-m", "dev", f"--eval-profile={profile}", *more)

    def only() -> str:
        (folder,) = evaluator.runs.iterdir()
        return folder.name

    with ModelServer(rule=lambda body: "nonsense" if broken and body["model"] == "local" else None) as server:
        first = run(server)
        assert "Since " not in first.out
        before = only()
        again = run(server, "-n", "2")
        assert f"The same rows as {before}, which this run replaces." in again.out
        assert again.same() == first.same()
        before, broken = only(), True
        assert "Since " not in run(server, "--eval-limit", "3", temperature=0.5).out
        said = " ".join(run(server, temperature=0.7).out.split())
        assert f"Since {before}: dev quality " in said
        assert ", more than chance), leakage " in said
        assert "errors 0.000 → 1.000 (+1.000, " in said
        assert "; papillon compare shows all." in said
        assert "rows as" not in run(server, "-q", temperature=0.7).out


class TestItsFiles:
    """What compare is to write is refused before anything is written."""

    def test_no_file_takes_the_place_of_a_run_that_is_read(
        self, runs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for option in ("--summary", "--report", "--plot"):
            own = runs / named(0) / (RESULTS if option != "--plot" else "drawn.svg")
            if option == "--plot":
                own.symlink_to(RESULTS)
            before = own.read_bytes()
            assert main(["compare", named(0), named(2), "--runs", str(runs), option, str(own)]) == 4
            said = f"{option}: expected another file than a run's own, got {own}; name another.\n"
            assert capsys.readouterr() == ("", f"papillon compare: {said}")
            assert own.read_bytes() == before

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (["--plot", "x.png"], "--plot: expected a file that ends in .svg, got 'x.png'; name another."),
            (["--summary", "x", "--report", "x"], "--report: expected another file than that of --summary, got x"),
            (
                ["--report", "."],
                "--report: expected a file that can be written, got .: that is a folder; ",
            ),
            (["last", "--report", "x"], "--report: expected two runs to lay beside each other, got 3; name two."),
        ],
    )
    def test_a_mistake_in_one_costs_no_other(
        self,
        runs: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        asked: list[str],
        said: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        more = [] if "--summary" in asked else ["--summary", "s.md"]
        assert main(["compare", named(0), named(2), *asked, "--runs", str(runs), *more]) == 4
        out, err = capsys.readouterr()
        assert (out, err.startswith(f"papillon compare: {said}")) == ("", True), err
        assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_runs_without_targets_have_no_quality_to_draw(tmp_path: Path) -> None:
    none = dict.fromkeys(("quality", "verdict", "overall", "tutorial_overall"))
    for number in (0, 1):
        left(tmp_path, number, [replace(each, **none) for each in qualities(20, 0)], targets=False)
    with pytest.raises(UsageError) as refused:
        compared([], tmp_path).plot(tmp_path / "plot.svg")
    assert str(refused.value) == (
        "--plot: expected runs with a quality to draw, but none was held against targets (targets = false)."
    )
