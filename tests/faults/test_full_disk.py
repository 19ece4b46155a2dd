"""A cache that stops taking records stops the calls; what was paid for by then still counts in the rows."""

from __future__ import annotations

import re
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from papillon.store import Store
from tests.harness.runs import EvalRun, Evaluator, alone_and_with_workers
from tests.model_server import ModelServer

DEV = ("evals", "-m", "dev")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a disk"),
]


def kept(cache: Path) -> int:
    with Store(cache, read_only=True) as store:
        return len(store)


def unrecorded(run: EvalRun, why: str) -> int:
    """How many paid answers the run says that it could not record, for that reason."""
    assert run.results is not None, run.out
    (problem,) = run.results["problems"]
    found = re.fullmatch(rf"(\d) paid answers? (?:was|were) used and could not be recorded: {why}", problem)
    assert found, problem
    return int(found[1])


@alone_and_with_workers
def test_a_full_disk_stops_the_calls_and_the_rerun_pays_for_what_was_lost_alone(
    evaluator: Evaluator, small_disk: Path, workers: tuple[str, ...]
) -> None:
    evaluator.cache = small_disk / "cache"
    full = rf"The disk that holds the cache {evaluator.cache} is full \(database or disk is full\): free some space.*"
    with ModelServer(latency=0.1) as server:
        profile = str(evaluator.profile(server.base, concurrency="4"))
        run = evaluator.run(*DEV, *workers, "--eval-profile", profile)
        assert run.code == 1
        # The one that found no room, and those that were in flight with it.
        assert 1 <= (lost := unrecorded(run, full)) <= 4, run.out
        assert (asked := server.calls) == kept(evaluator.cache) + lost == run.calls["made"], run.out
        causes = {row["error"] for row in run.rows if row["status"] != "scored"}
        assert len(causes) == 1
        assert re.fullmatch(full, causes.pop())
        moved = shutil.move(evaluator.cache, evaluator.folder / "roomy")
        evaluator.cache = Path(moved)
        again = evaluator.run(*DEV, "--eval-profile", profile)
        assert again.code == 0, again.out
        assert server.calls == server.distinct + lost
        assert server.calls > asked


def test_a_folder_that_is_removed_in_mid_run_stops_the_calls(evaluator: Evaluator) -> None:
    gone = (
        f"The database of the cache {evaluator.cache} was deleted, emptied or replaced while it was in use: "
        "run again, and leave the folder alone meanwhile."
    )
    asked = []

    def remove() -> None:
        while server.calls < 40:
            time.sleep(0.01)
        shutil.rmtree(evaluator.cache)
        asked.append(server.calls)

    with ModelServer(latency=0.1) as server:
        profile = str(evaluator.profile(server.base, concurrency="8"))
        remover = threading.Thread(target=remove)
        remover.start()
        run = evaluator.run(*DEV, "--eval-profile", profile)
        remover.join()
        assert server.calls <= asked[0] + 8, run.out
        assert run.code == 1
        assert 1 <= unrecorded(run, re.escape(gone)) <= 8
        # No call is asked for by name of what else is missing in the folder.
        assert {row["error"] for row in run.rows if row["status"] != "scored"} == {gone}
