import asyncio
import threading

import dspy
import pytest

from papillon.models.loop import ModelLoop
from tests.model_server import ModelServer
from tests.papillon.models.test_roles import opened


@pytest.fixture
def loop():
    loop = ModelLoop()
    yield loop
    loop.close()


def test_work_of_others_still_leaves_the_loop(loop):
    async def where() -> threading.Thread:
        return await asyncio.to_thread(threading.current_thread)

    assert loop.run(where()) is not loop._thread


def test_an_error_in_work_on_the_loop_reaches_who_waits(loop):
    def fails() -> None:
        raise KeyError("lost")

    fails.__module__ = "dspy.clients.execution"

    async def ask() -> None:
        await asyncio.to_thread(fails)

    with pytest.raises(KeyError, match="lost"):
        loop.run(ask())


def test_a_call_through_dspy_needs_no_other_thread(tmp_path):
    with ModelServer() as server, opened(server.base, tmp_path) as models:
        started = set(threading.enumerate())
        with dspy.context(adapter=models.adapter("local")):
            answer = models.loop.run(dspy.Predict("question -> answer").acall(lm=models.lm("local"), question="Why?"))
        assert answer.answer
        new = {thread.name for thread in threading.enumerate() if thread not in started}
        assert not {name for name in new if "ThreadPoolExecutor" in name}
