"""No model is asked before the first item of an evaluation runs, whatever else pytest was asked to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.model_server import ModelServer


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server
        assert server.calls == 0


@pytest.fixture
def profile(evaluator: Evaluator, server: ModelServer) -> str:
    return f"--eval-profile={evaluator.profile(server.base)}"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("-m", "dve"), 4),
        (("-m", "dev and"), 4),
        (("-k", "dev-0001 and"), 4),
        (("-k", "dev-4711"), 5),
        (("--collect-only",), 0),
        (("--fixtures",), 0),
        (("--fixtures-per-test",), 0),
        (("--setup-plan",), 0),
        (("--setup-only",), 0),
        (("--deselect", "evals"), 5),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_where_nothing_is_to_run(evaluator: Evaluator, profile: str, arguments: tuple[str, ...], code: int) -> None:
    run = evaluator.run("evals", *arguments, profile)
    assert run.code == code, run.out
    assert "Traceback" not in run.out
    assert run.results is None
    assert not evaluator.cache.exists()


def test_where_models_could_not_be_had_nothing_is_missed(evaluator: Evaluator) -> None:
    run = evaluator.run("evals", "--setup-plan", "--eval-profile=openai", "--eval-dataset=mini")
    assert run.code == 0, run.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("-m", "dve"), ("--setup-plan",), ("--setup-only",), ("-k", "dev-4711")], ids=str
)
def test_where_nothing_is_to_run_in_workers_either(
    evaluator: Evaluator, profile: str, arguments: tuple[str, ...]
) -> None:
    run = evaluator.run("evals", *arguments, "-n", "2", profile)
    assert run.results is None
    assert not evaluator.cache.exists()


@alone_and_with_workers
def test_beside_a_test_file_that_cannot_be_read(
    evaluator: Evaluator, profile: str, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    broken = tmp_path / "test_broken.py"
    broken.write_text("import nothing_of_that_name\n")
    run = evaluator.run("evals", str(broken), *workers, profile)
    assert run.code == 2, run.out
    assert "1 errors during collection" in run.out or "1 error during collection" in run.out


RAISES = {
    "modifyitems": "def pytest_collection_modifyitems(): raise ValueError('a plugin of others')",
    "collection_finish": "def pytest_collection_finish(): raise ValueError('a plugin of others')",
    "runtestloop": "import pytest\n@pytest.hookimpl(tryfirst=True)\n"
    "def pytest_runtestloop(): raise ValueError('a plugin of others')",
    "fixture": "import pytest\n@pytest.fixture(scope='session', autouse=True)\n"
    "def broken(): raise ValueError('a plugin of others')",
}


def beside(folder: Path, text: str) -> dict[str, str]:
    """The environment in which ``-p others`` loads a plugin of that text."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / "others.py").write_text(text)
    return {"PYTHONPATH": str(folder / "plugins")}


@pytest.mark.parametrize("how", RAISES)
def test_beside_a_plugin_that_raises(evaluator: Evaluator, profile: str, tmp_path: Path, how: str) -> None:
    run = evaluator.run("evals", "-p", "others", profile, **beside(tmp_path, RAISES[how]))
    assert run.code == (1 if how == "fixture" else 3)
    assert "a plugin of others" in run.out
    assert ("no model was asked" in run.out) == (how == "fixture")


@pytest.mark.slow
@pytest.mark.parametrize("how", RAISES)
def test_beside_a_plugin_that_raises_in_workers(evaluator: Evaluator, profile: str, tmp_path: Path, how: str) -> None:
    run = evaluator.run("evals", "-p", "others", "-n", "2", profile, **beside(tmp_path, RAISES[how]))
    assert run.code != 0
    assert "a plugin of others" in run.out, run.out


@pytest.mark.slow
def test_what_a_plugin_raised_in_workers_that_ended_before_they_had_their_items_is_shown(
    evaluator: Evaluator, profile: str, tmp_path: Path
) -> None:
    # pytest tells what it collected even where a plugin raised, and xdist then sends items to workers that end.
    late = (
        "import pytest, time\nnodes = []\n"
        + RAISES["modifyitems"]
        + "\n@pytest.hookimpl(trylast=True)\n"
        + "def pytest_collection_finish(): time.sleep(1)\n"
        + "def pytest_xdist_node_collection_finished(node):\n"
        + "    nodes.append(node)\n"
        + "    if len(nodes) == 2: time.sleep(4)\n"
    )
    run = evaluator.run("evals", "-p", "others", "-n", "2", profile, **beside(tmp_path, late))
    assert "cannot send to" in run.out
    assert run.code == 3
    assert "a plugin of others" in run.out, run.out


@pytest.mark.slow
def test_where_another_plugin_skips_all_of_it_nothing_was_evaluated_and_that_is_no_pass(
    evaluator: Evaluator, profile: str, tmp_path: Path
) -> None:
    skips = (
        "import pytest\ndef pytest_collection_modifyitems(items):\n"
        "    for item in items: item.add_marker(pytest.mark.skip(reason='later'))"
    )
    run = evaluator.run("evals", "-m", "dev", "-p", "others", profile, **beside(tmp_path, skips))
    assert run.code == 1, run.out
    assert "22 skipped" in run.out
    assert "No item got as far as asking for its result, so no model was asked and nothing was evaluated." in run.out
    assert {row["status"] for row in run.rows} == {"infrastructure_error"}


@alone_and_with_workers
def test_what_a_user_can_mend_is_refused_before_any_item_runs(
    evaluator: Evaluator, profile: str, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    broken = tmp_path / "calls.jsonl"
    broken.write_text("{}\n")
    run = evaluator.run("evals", "-m", "dev", *workers, profile, "--eval-import", str(broken))
    assert run.code == 4, run.out
    assert f"ERROR: Line 1 of {broken} is not a recorded call" in run.out
    assert "passed" not in run.out
    assert "Traceback" not in run.out
