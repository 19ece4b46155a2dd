"""An evaluation among other people's plugins says what it says without them: `make beside-plugins`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.harness.runs import EvalRun, Evaluator
from tests.model_server import ModelServer

#: The packages of the extra `plugins` by the modules that they install.
PLUGINS = {
    "pytest_asyncio": "pytest-asyncio",
    "pytest_benchmark": "pytest-benchmark",
    "pytest_cov": "pytest-cov",
    "pytest_flakefinder": "pytest-flakefinder",
    "pytest_html": "pytest-html",
    "pytest_instafail": "pytest-instafail",
    "pytest_metadata": "pytest-metadata",
    "pytest_mock": "pytest-mock",
    "pytest_order": "pytest-order",
    "pytest_randomly": "pytest-randomly",
    "pytest_repeat": "pytest-repeat",
    "pytest_rerunfailures": "pytest-rerunfailures",
    "pytest_sugar": "pytest-sugar",
    "pytest_timeout": "pytest-timeout",
    "syrupy": "syrupy",
}

MISSING = [name for module, name in PLUGINS.items() if find_spec(module) is None]

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"runs in an environment of its own, with make beside-plugins; here {MISSING[:1]} is missing"
)

GATES = "[gates.dev]\nquality = { min = 0.01 }\n"
DEV = ("evals", "-m", "dev")


class Recorded:
    """A run without any plugin, and replays of it among all of them."""

    def __init__(self, folder: Path, server: ModelServer) -> None:
        self.evaluator, self.server = Evaluator(folder), server
        self.option = f"--eval-profile={self.evaluator.profile(server.base, gates=GATES)}"
        # The project's own plugin comes with the settings' addopts then, and xdist not at all.
        self.alone = self.run(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        assert self.alone.code == 0, self.alone.out
        self.calls = server.calls

    def run(self, *arguments: str, **environment: str) -> EvalRun:
        return self.evaluator.run(*DEV, self.option, *arguments, **environment)

    def same(self, *arguments: str) -> EvalRun:
        """Replay with those arguments; what comes out must be the same, and no call made."""
        run = self.run(*arguments)
        assert run.code == 0, run.out
        assert run.same() == self.alone.same()
        assert self.server.calls == self.calls
        assert "dev: 20 examples, 20 scored" in run.out
        assert "Traceback" not in run.out
        return run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    with ModelServer() as server:
        yield Recorded(tmp_path_factory.mktemp("beside"), server)


def test_among_all_of_them_at_once(recorded: Recorded) -> None:
    run = recorded.same("-p", "no:sugar")
    for name in PLUGINS.values():
        assert f"{name.removeprefix('pytest-')}-" in run.out or name == "pytest-sugar", name
    (recorded.evaluator.cache / "rows.db").unlink()
    recorded.same()  # the program itself, over the recorded calls


@pytest.mark.parametrize(
    "arguments",
    [
        ("-p", "randomly", "-n", "2"),
        ("--reruns", "1"),
        ("--cov=papillon", "--cov-report="),
        ("--instafail",),
        ("--timeout=60",),
        ("--benchmark-skip",),
        ("--indulgent-ordering",),
        ("--asyncio-mode=auto",),
        ("--force-sugar",),
        ("-n", "2"),
    ],
    ids=" ".join,
)
def test_with_what_each_of_them_does(recorded: Recorded, arguments: tuple[str, ...]) -> None:
    recorded.same(*arguments)


@pytest.mark.parametrize("arguments", [("--count", "2"), ("--flake-finder", "--flake-runs=2")], ids=" ".join)
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_an_item_that_is_repeated_asks_the_same_run(
    recorded: Recorded, arguments: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    run = recorded.same(*arguments, *workers)
    (once,) = re.findall(r"(\d+) passed", recorded.alone.out)
    assert re.search(rf"\b{2 * int(once)} passed", run.out), run.out


def test_a_page_holds_every_item(recorded: Recorded, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    recorded.same(f"--html={page}", "--self-contained-html")
    assert "test_gate[dev-quality]" in page.read_text()


def test_a_failure_that_is_tried_again_fails_again_for_the_same_cause(tmp_path: Path) -> None:
    evaluator = Evaluator(tmp_path)
    with ModelServer(failing=lambda body, number: (400, {}, "")) as server:
        option = f"--eval-profile={evaluator.profile(server.base, gates='')}"
        run = evaluator.run(*DEV, option, "--eval-limit", "2", "--reruns", "1", "-p", "no:sugar", "-p", "no:randomly")
    assert run.code == 1
    assert "2 rerun" in run.out
    assert run.out.count("No score: the same cause as dev-0000") >= 1
