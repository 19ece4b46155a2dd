"""People's labels in a run: which count, what they correct, what labels of other runs say where they are too few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evals.harness.labels import RunLabels
from evals.harness.verdicts.labelled import correction
from judges.labels.drawing import order
from judges.labels.file import LabelFile
from judges.labels.hashing import hashes
from judges.labels.label import Drawn, Label
from papillon.errors import UsageError
from papillon.results import Row, RunResult
from papillon.results.result import read_result
from papillon.results.traces import Trace, Traces
from tests.harness.runs import Evaluator
from tests.judges.labels.samples import DATA, label, row, trace
from tests.labelling.samples import left
from tests.model_server import ModelServer
from tests.papillon.results.samples import INFO, result


def label_run(
    file: LabelFile,
    rows: Sequence[Row],
    traces: Iterable[Trace],
    n: int,
    wrong: int = 0,
    data: str = DATA,
    *,
    first: int = 1,
    until: int = 0,
) -> None:
    """Label the ``first`` to the ``n``th draw of dev as the judge did, but for the first ``wrong`` of them."""
    by_row = {(each.id, each.trial): each for each in traces}
    judged = {(each.id, each.trial): each.quality for each in rows}
    for place, draw in enumerate(order(rows, "dev", 0)[first - 1 : n], first):
        text = by_row[draw.row]
        good = bool(judged[draw.row]) != (place <= wrong)
        file.append(
            Label(
                id=text.id,
                trial=text.trial,
                data=data[:16],
                hashes=hashes(file.key, text),
                by="anna",
                at="2026-11-26T12:00:00Z",
                drawn=Drawn("random", 0, place, until or n, draw.weight),
                answer_stood="A",
                quality="tie" if good else "worse",
                leakage=(False,) * len(text.units),
            )
        )


def mixed(number: int = 60) -> list[Row]:
    """Rows of which the judge calls every third one bad."""
    return [replace(row(n), quality=float(n % 3 > 0), overall=(float(n % 3 > 0) + 1) / 2) for n in range(number)]


@pytest.fixture
def file(tmp_path: Path) -> LabelFile:
    return LabelFile.begun(tmp_path / "labels.jsonl")


def heard(labels: RunLabels, texts: Iterable[Trace]) -> RunLabels:
    for text in texts:
        labels.hear((text.id, text.trial), lambda text=text: text)  # type: ignore[misc]
    return labels


TEXTS = [trace(n) for n in range(60)]


def test_labels_of_the_runs_own_texts_count_in_the_order_in_which_they_were_drawn(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 20)
    labels = heard(RunLabels(file.path, DATA), TEXTS)
    found = labels.sample(mixed(), "dev")
    assert list(found.answers) == [draw.row for draw in order(mixed(), "dev", 0)[:20]]
    assert labels.said() == "People's labels: 20 of 20 labels count for this run."


def test_labels_of_other_texts_do_not_count(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 20)
    labels = heard(RunLabels(file.path, DATA), [replace(text, response="another") for text in TEXTS])
    assert labels.sample(mixed(), "dev").answers == {}
    assert "20 given for other texts than the row has now do not." in labels.said()


def yet(file: LabelFile, rows: Sequence[Row] = ()) -> tuple[int, str]:
    """Of how many rows the labels may be used, and why no figure may be shown."""
    found = heard(RunLabels(file.path, DATA), TEXTS).sample(rows or mixed(), "dev")
    return len(found.answers), found.yet


def test_before_the_number_that_was_fixed_is_reached_nothing_may_be_shown(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 11, until=20)
    assert yet(file) == (11, "11 of the 20 rows fixed before the first answer are labelled, 9 are missing")
    label_run(file, mixed(), TEXTS, 20, first=12, until=20)
    assert yet(file) == (20, "")


def test_a_smaller_number_fixed_on_the_way_does_not_take_the_place_of_the_first(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 11, until=20)
    label_run(file, mixed(), TEXTS, 12, first=12, until=12)
    assert yet(file)[1].startswith("12 of the 20 rows")


def test_going_on_keeps_the_figures_of_the_first_number_until_the_next_is_reached(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 20)
    label_run(file, mixed(), TEXTS, 29, first=21, until=40)
    assert yet(file) == (20, "")
    label_run(file, mixed(), TEXTS, 40, first=30)
    assert yet(file) == (40, "")


def test_a_number_beyond_the_rows_is_reached_with_the_last(file: LabelFile) -> None:
    label_run(file, mixed(12), TEXTS, 12, until=30)
    assert yet(file, mixed(12)) == (12, "")


def test_a_gap_in_the_order_is_named(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 20, first=2)
    assert yet(file) == (
        0,
        "row 1 of the random order has no label that counts, so the 19 labelled rows stand for no others",
    )


def test_a_gap_behind_labelled_rows_is_named_too(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 12, until=20)
    label_run(file, mixed(), TEXTS, 20, first=14)
    assert yet(file) == (
        12,
        "row 13 of the random order has no label that counts, so the 19 labelled rows stand for no others",
    )


def test_rows_that_are_not_in_the_run_are_not_called_unlabelled(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 20)
    ids = {draw.row[0] for place, draw in enumerate(order(mixed(), "dev", 0)) if place < 5 or place >= 20}
    part = [each for each in mixed() if each.id in ids]
    found = heard(RunLabels(file.path, DATA), [text for text in TEXTS if text.id in ids]).sample(part, "dev")
    assert found.yet == (
        "5 labelled rows are in this run and 15 are not, and a part of what was fixed stands for no others"
    )


def test_a_last_line_that_was_torn_is_told(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 20)
    with file.path.open("ab") as torn:
        torn.write(b'{"id": "dev')
    labels = heard(RunLabels(file.path, DATA), TEXTS)
    assert f"The last line of {file.path} was not ended, and counts for nothing." in labels.said()
    assert labels.sample(mixed(), "dev").answers


def left_out(file: LabelFile) -> str:
    return heard(RunLabels(file.path, DATA), TEXTS).sample(mixed(), "dev").left_out_said("dev")


def test_labelled_rows_that_are_in_no_figure_are_counted(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 20)
    assert left_out(file) == ""
    label_run(file, mixed(), TEXTS, 31, first=23, until=40)
    why = "beyond a row without a label or beyond the last number reached, or were drawn by another seed or by hand."
    assert left_out(file) == f"Of dev, 20 make the figures; 9 labelled rows of it stand {why}"


def test_where_no_figure_is_given_its_reason_is_told_once(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 20, first=2)
    assert left_out(file) == ""


def sending() -> list[Trace]:
    """Texts whose requests hold the first of the two units word for word."""
    return [trace(n, requests=(f"Write to ada zwill, {n}.",)) for n in range(60)]


def test_what_stands_in_the_request_is_given_away_whatever_a_person_ticks(file: LabelFile) -> None:
    label_run(file, mixed(), sending(), 20)
    labels = heard(RunLabels(file.path, DATA), sending())
    assert {said["leakage"] for said in labels.sample(mixed(), "dev").answers.values()} == {0.5}
    assert labels.said() == (
        "People's labels: 20 of 20 labels count for this run. In 20 labelled rows a unit that stands word "
        "for word in the request was left unticked; it counts as given away."
    )


def test_a_unit_that_a_person_ticks_and_one_that_stands_there_are_two(file: LabelFile) -> None:
    text = sending()[0]
    file.append(replace(label(text, leakage=(False, True)), hashes=hashes(file.key, text)))
    [said] = heard(RunLabels(file.path, DATA), [text]).sample([row(0)], "dev").answers.values()
    assert said["leakage"] == 1.0


def test_the_judges_cases_have_what_stands_in_the_request_as_leaked(file: LabelFile, tmp_path: Path) -> None:
    left(tmp_path / "runs", mixed(), texts=sending())
    label_run(file, mixed(), sending(), 5)
    labels = RunLabels(file.path, DATA)
    assert {case.leaks for case in labels.cases(tmp_path / "runs").leakage} == {(True, False)}
    assert labels.raised().startswith("People's labels: In 5 labelled rows a unit")


def test_texts_of_rows_that_nobody_labelled_are_not_even_made(file: LabelFile) -> None:
    label_run(file, mixed(), TEXTS, 20)
    labels = RunLabels(file.path, DATA)

    def never() -> Trace:
        raise AssertionError

    labels.hear(("dev-9999", 0), never)


def test_a_file_that_is_none_is_refused_by_the_options_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--eval-labels: Expected people's labels in .*none\.jsonl"):
        RunLabels(tmp_path / "none.jsonl", DATA)


def fresh(rows: Sequence[Row]) -> RunResult:
    """A run that nobody labelled."""
    info = replace(INFO, id="20261126T081054Z-small-4f1d", dataset=replace(INFO.dataset, sha256=DATA))
    early = tuple(found for metric in ("quality", "overall") if (found := correction(rows, metric, {})) is not None)
    return result(*rows, run=info, corrected=early)


def test_labels_of_another_run_say_how_the_judge_errs(file: LabelFile, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    left(runs, mixed())
    label_run(file, mixed(), TEXTS, 40, wrong=4)
    before = fresh(mixed())
    after = RunLabels(file.path, DATA).carried_over(before, runs)
    quality, overall = after.corrected
    assert quality.assumed is not None
    assert quality.assumed.n == 40
    assert quality.assumed.value is not None
    assert 0.5 < quality.assumed.value < 0.85
    assert overall.assumed is None
    assert replace(after, corrected=before.corrected) == before
    assert RunResult.from_json(after.to_json()) == after


def test_labels_of_a_run_by_another_judge_say_nothing_here(file: LabelFile, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    left(runs, mixed())
    label_run(file, mixed(), TEXTS, 40, wrong=4)
    run = fresh(mixed())
    other = replace(run, run=replace(run.run, models=replace(run.run.models, judge="openai/other")))
    assert RunLabels(file.path, DATA).carried_over(other, runs).corrected[0].assumed is None


def test_the_runs_own_labels_are_none_of_other_runs(file: LabelFile, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    left(runs, mixed())
    label_run(file, mixed(), TEXTS, 40, wrong=4, first=2)
    labels = heard(RunLabels(file.path, DATA), TEXTS)
    assert labels.carried_over(fresh(mixed()), runs).corrected[0].assumed is None


def test_labels_of_another_run_count_up_to_the_number_that_was_fixed_there(file: LabelFile, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    left(runs, mixed())
    label_run(file, mixed(), TEXTS, 20, wrong=4)
    label_run(file, mixed(), TEXTS, 39, first=21, until=40)
    found = RunLabels(file.path, DATA).carried_over(fresh(mixed()), runs).corrected[0].assumed
    assert found is not None
    assert found.n == 20


def test_who_labels_another_run_sees_no_figure_of_it_here_before_the_number_is_reached(
    file: LabelFile, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    left(runs, mixed())
    label_run(file, mixed(), TEXTS, 39, wrong=4, until=40)
    assert RunLabels(file.path, DATA).carried_over(fresh(mixed()), runs).corrected[0].assumed is None


def test_labels_that_a_newer_run_leaves_out_count_in_the_older_one(file: LabelFile, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    left(runs, mixed())
    changed = order(mixed(), "dev", 0)[0].row[0]
    texts = [replace(text, response="another") if text.id == changed else text for text in TEXTS]
    left(runs, mixed(), name="20261126T071054Z-small-4f1e", texts=texts)
    label_run(file, mixed(), TEXTS, 40, wrong=4)
    found = RunLabels(file.path, DATA).carried_over(fresh(mixed()), runs).corrected[0].assumed
    assert found is not None
    assert found.n == 40


def test_a_label_counts_once_in_two_runs_with_the_same_texts(file: LabelFile, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    left(runs, mixed())
    left(runs, mixed(), name="20261126T071054Z-small-4f1e")
    label_run(file, mixed(), TEXTS, 40, wrong=4)
    found = RunLabels(file.path, DATA).carried_over(fresh(mixed()), runs).corrected[0].assumed
    assert found is not None
    assert found.n == 40


def test_of_a_run_that_shares_rows_with_this_one_all_labels_say_how_the_judge_errs(
    file: LabelFile, tmp_path: Path
) -> None:
    """The rows that they do not share are those whose answers changed, and no random ones."""
    runs = tmp_path / "runs"
    left(runs, mixed())
    label_run(file, mixed(), TEXTS, 40, wrong=4)
    changed = {draw.row[0] for draw in order(mixed(), "dev", 0)[::2]}
    here = [replace(text, response="another") if text.id in changed else text for text in TEXTS]
    labels = heard(RunLabels(file.path, DATA), here)
    assert "stand for no others" in labels.sample(mixed(), "dev").yet
    found = labels.carried_over(fresh(mixed()), runs).corrected[0].assumed
    assert found is not None
    assert found.n == 40


@pytest.mark.slow
def test_a_labelled_run_shows_judge_labels_and_corrected_and_gates_by_them(evaluator: Evaluator) -> None:
    gates = "[gates.dev]\nquality = { min = 0.01, corrected = true }\n"
    labels = evaluator.folder / "labels" / "labels.jsonl"
    with ModelServer() as server:
        profile = evaluator.profile(server.base, gates=gates, judge='{ kind = "lexical" }', split='"all"')
        common = ("evals", "-m", "dev", "--eval-profile", str(profile))
        first = evaluator.run(*common)
        assert first.code == 1
        assert "name them with --eval-labels FILE.jsonl" in " ".join(first.out.split())
        [folder] = evaluator.runs.iterdir()
        run = read_result(folder / "results.json")
        file = LabelFile.begun(labels)
        label_run(file, run.rows, Traces(folder), 25, data=run.run.dataset.sha256)
        again = evaluator.run(*common, "--eval-labels", str(labels), "--eval-summary", str(evaluator.folder / "s.md"))
        workers = evaluator.run(*common, "--eval-labels", str(labels), "-n", "2")
    assert again.results is not None
    assert [each["metric"] for each in again.results["corrected"]] == ["quality", "leakage", "overall"]
    assert again.results["corrected"][0]["labelled"] == 25
    assert len(again.results["labels"]) == 25
    assert "25 of 25 labels count for this run" in " ".join(again.out.split())
    assert "labels alone" in again.out
    assert "labels alone" in (evaluator.folder / "s.md").read_text()
    assert again.results["gates"][0]["corrected"] is True
    assert workers.same() == again.same()
    assert workers.results is not None
    assert workers.results["corrected"] == again.results["corrected"]
