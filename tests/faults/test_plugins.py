"""Other people's plugins that raise at any of pytest's hooks, or take items away: no pass, nothing paid twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.campaign import drawing, points
from tests.faults.processes import DEV, SLOTS, begin_anew, nothing_lost, whole_and_paid_once
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

pytestmark = pytest.mark.faults

#: Hooks of pytest, each with its arguments and how often a run of these suites calls it at least.
HOOKS = {
    "pytest_configure": ("config", 1),
    "pytest_sessionstart": ("session", 1),
    "pytest_collectstart": ("collector", 3),
    "pytest_itemcollected": ("item", 13),
    "pytest_collection_modifyitems": ("items", 1),
    "pytest_collection_finish": ("session", 1),
    "pytest_runtestloop": ("session", 1),
    "pytest_runtest_logstart": ("nodeid", 13),
    "pytest_runtest_setup": ("item", 13),
    "pytest_runtest_call": ("item", 13),
    "pytest_runtest_makereport": ("item", 39),
    "pytest_runtest_logreport": ("report", 39),
    "pytest_runtest_teardown": ("item", 13),
    "pytest_sessionfinish": ("session", 1),
    "pytest_terminal_summary": ("terminalreporter", 1),
    "pytest_unconfigure": ("config", 1),
}


def plugin(folder: Path, text: str) -> dict[str, str]:
    """The environment in which ``-p theirs`` names a plugin of that text."""
    (folder / "theirs.py").write_text(text)
    return {"PYTHONPATH": str(folder)}


def test_a_plugin_that_raises_is_no_pass_and_costs_nothing_twice(evaluator: Evaluator) -> None:
    chance = drawing("raising plugins")
    hooks = sorted(HOOKS)
    chance.shuffle(hooks)
    with ModelServer(latency=0.02) as server:
        profile = str(evaluator.profile(server.base, concurrency=str(SLOTS)))
        for number in range(points(30)):
            begin_anew(evaluator, server, number)
            hook = hooks[number % len(hooks)]
            argument, calls = HOOKS[hook]
            theirs = plugin(
                evaluator.folder,
                f"import itertools, pytest\ncalls = itertools.count(1)\n"
                f"@pytest.hookimpl(tryfirst={chance.random() < 0.5})\n"
                f"def {hook}({argument}):\n"
                f"    if next(calls) == {chance.randrange(1, calls + 1)}:\n"
                "        raise RuntimeError('theirs')\n",
            )
            run = evaluator.run(*DEV, "-p", "theirs", "--eval-profile", profile, **theirs)
            assert run.code not in (0, 5), (hook, run.out)
            assert "RuntimeError: theirs" in run.out, (hook, run.out)
            if (evaluator.cache / "locks").exists():
                nothing_lost(evaluator.cache, server.distinct, 0)
            assert server.calls == server.distinct, hook
            whole_and_paid_once(evaluator, server, profile, 0)


def test_what_a_plugin_takes_away_is_not_asked_and_is_nobodys_score(evaluator: Evaluator) -> None:
    chance = drawing("deselecting plugins")
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base, concurrency=str(SLOTS)))
        for number in range(points(10)):
            begin_anew(evaluator, server, number)
            kept = sorted(chance.sample(range(12), chance.randrange(1, 12)))
            theirs = plugin(
                evaluator.folder,
                "import pytest\n"
                f"@pytest.hookimpl({'tryfirst' if chance.random() < 0.5 else 'trylast'}=True)\n"
                "def pytest_collection_modifyitems(config, items):\n"
                "    examples = [item for item in items if 'test_example' in item.nodeid]\n"
                f"    kept = [examples[place] for place in {kept}]\n"
                "    config.hook.pytest_deselected(items=[item for item in items if item not in kept])\n"
                "    items[:] = kept\n",
            )
            run = evaluator.run(*DEV, "-p", "theirs", "--eval-profile", profile, **theirs)
            assert run.code == 0, run.out
            assert [int(row["id"][4:8]) for row in run.rows] == kept, run.out
            assert {row["status"] for row in run.rows} == {"scored"}
            assert server.calls <= 6 * len(kept)
            whole_and_paid_once(evaluator, server, profile, 0)
