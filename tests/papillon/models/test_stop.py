"""A stop ends every wait at once and lets no other begin; a wait that goes on is told of once."""

from __future__ import annotations

import asyncio

import pytest

from papillon.errors import RunStopped
from papillon.models import stop as module
from papillon.models.stop import Stop


async def gives(answer: str, seconds: float = 0.0) -> str:
    await asyncio.sleep(seconds)
    return answer


async def fails() -> None:
    raise ValueError("no such thing")


def test_a_wait_gives_what_it_waits_for_and_fails_as_that_does() -> None:
    assert asyncio.run(Stop().wait(gives("here"))) == "here"
    with pytest.raises(ValueError, match="no such thing"):
        asyncio.run(Stop().wait(fails()))


def test_a_stop_ends_every_wait_at_once_and_lets_none_begin() -> None:
    async def main() -> list[BaseException | str]:
        stop = Stop()
        waits = [asyncio.ensure_future(stop.wait(gives("late", 60))) for _ in range(3)]
        await asyncio.sleep(0.01)
        stop.ask()
        return await asyncio.wait_for(asyncio.gather(*waits, stop.wait(gives("later")), return_exceptions=True), 1)

    ended = asyncio.run(main())
    assert [(type(each), str(each)) for each in ended] == [
        (RunStopped, "The run was stopped before this call was made.")
    ] * 4


def test_one_who_is_cancelled_leaves_nothing_running() -> None:
    async def main() -> None:
        stop = Stop()
        wait = asyncio.ensure_future(stop.wait(gives("late", 60)))
        await asyncio.sleep(0.01)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 0), (0.3, 1)])
def test_a_long_wait_is_told_of_once(monkeypatch: pytest.MonkeyPatch, seconds: float, told: int) -> None:
    monkeypatch.setattr(module, "TOLD_AFTER", 0.05)
    words: list[str] = []
    assert asyncio.run(Stop().wait(gives("here", seconds), tell=lambda: words.append("waits"))) == "here"
    assert len(words) == told
