"""A session that owns its run: what it refuses before collection, the items that it makes, and how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evals.harness.options import OPTIONS, resolve
from evals.harness.plan import Plan
from evals.harness.session import LocalSession
from papillon.errors import UsageError
from tests.harness.runs import Evaluator, alone_and_with_workers


class Config:
    """Stands for pytest's configuration: the options that were typed."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def getoption(self, name: str, default: Any = None) -> Any:
        return self.options.get(name, default)


class Metafunc:
    """Stands for a suite's function: its fixtures, and the items that it was given."""

    def __init__(self, *fixtures: str) -> None:
        self.fixturenames = fixtures
        self.items: list[tuple[str, list[str]]] = []

    def parametrize(self, name: str, values: Any) -> None:
        for value in values:
            marks = [mark.name for mark in getattr(value, "marks", ())]
            self.items.append((getattr(value, "id", value), marks))


class Terminal:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def write_line(self, line: str) -> None:
        self.lines.append(line)


def session(folder: Path, *, config: Config | None = None, model: str = "openai/m", **named: Any) -> LocalSession:
    (folder / "own.toml").write_text(
        f'dataset = "mini"\nlocal = {{ model = "{model}" }}\nuntrusted = {{ model = "{model}" }}\n'
        'judge = { kind = "lexical" }\ncontrols = true\n[gates.test]\noverall = { min = 0.1, max = 0.9 }\n'
    )
    given = {option.dest: None for option in OPTIONS} | {"eval_profile": "own.toml"} | named
    return LocalSession(Plan(resolve(given, folder)), config or Config())  # type: ignore[arg-type]


class TestCheck:
    def test_a_key_that_is_missing_is_refused_unless_nothing_will_be_called(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(UsageError, match="OPENAI_API_KEY"):
            session(tmp_path).check()
        session(tmp_path, eval_record="none").check()
        session(tmp_path, config=Config(collectonly=True)).check()

    def test_data_and_baselines_are_read_before_collection(self, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
        with pytest.raises(UsageError, match=r"rows\.csv"):
            session(tmp_path, eval_record="none", eval_dataset="rows.csv").check()
        with pytest.raises(UsageError, match=r"Expected accepted scores in baseline .*b\.json, but No such file"):
            session(tmp_path, eval_record="none", eval_baseline="b.json").check()


class TestItems:
    """What a suite's function becomes: one item for each id, marked with its split."""

    def items(self, tmp_path: Path, fixture: str, **named: Any) -> list[tuple[str, list[str]]]:
        metafunc = Metafunc(fixture, "evaluation")
        session(tmp_path, **named).parametrize(metafunc)  # type: ignore[arg-type]
        return metafunc.items

    def test_examples(self, tmp_path: Path) -> None:
        found = self.items(tmp_path, "example", eval_limit="2")
        assert [(name[:8], marks) for name, marks in found] == [
            *(("dev-0000", ["dev"]), ("dev-0001", ["dev"]), ("test-000", ["test"]), ("test-000", ["test"]))
        ]

    def test_a_gate_with_two_bounds_is_one_item(self, tmp_path: Path) -> None:
        assert self.items(tmp_path, "gate") == [("test-overall", ["test"]), ("test-errors", ["test"])]

    def test_controls_of_both_splits(self, tmp_path: Path) -> None:
        found = self.items(tmp_path, "control")
        assert len(found) == 10
        assert ("test-local-only", ["test"]) in found

    def test_the_judges_questions_are_the_first_shards(self, tmp_path: Path) -> None:
        assert [name for name, _ in self.items(tmp_path, "question")] == ["leakage", "quality"]
        assert self.items(tmp_path, "question", eval_shard="2/2") == []

    def test_another_fixture_is_let_be(self, tmp_path: Path) -> None:
        assert self.items(tmp_path, "training") == []


def test_an_empty_selection_is_explained_and_nothing_else_is_shown(tmp_path: Path) -> None:
    config = Config(keyword="nowhere", markexpr="dev")
    own, terminal = session(tmp_path, config=config), Terminal()
    own.pytest_terminal_summary(terminal, pytest.ExitCode.OK)
    assert terminal.lines == []
    own.pytest_terminal_summary(terminal, pytest.ExitCode.NO_TESTS_COLLECTED)
    (line,) = terminal.lines
    assert line.startswith("No item matches -m 'dev' and -k 'nowhere': ")


@pytest.mark.slow
@alone_and_with_workers
def test_where_a_file_cannot_be_collected_nothing_is_run(
    evaluator: Evaluator, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    (broken := tmp_path / "test_broken.py").write_text("import nothing_of_that_name\n")
    profile = f"--eval-profile={evaluator.profile('http://127.0.0.1:1/v1')}"
    run = evaluator.run("evals", str(broken), "-m", "dev", profile, *workers)
    assert run.code == 2, run.out
    assert "error" in run.out
    assert run.results is None
    assert "INTERNALERROR" not in run.out


def test_a_model_that_cannot_be_is_refused_in_a_strict_replay_too(evaluator: Evaluator) -> None:
    local = '{ model = "openai/local", api_base = "http://127.0.0.1:9/v1", lora = "/nonexistent" }'
    profile = str(evaluator.profile("http://127.0.0.1:9/v1", local=local))
    run = evaluator.run("evals", "-m", "dev", "--eval-profile", profile, "--eval-record", "none")
    assert run.code == 4, run.out
    assert "ERROR: Expected a model that this run loads itself for the adapter in " in run.out
