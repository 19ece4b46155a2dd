"""The floor: a bare aiohttp client that makes as many calls with as many in flight; prints its seconds.

``python -m tests.benchmarks.bare_client BASE CALLS IN_FLIGHT``
"""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp


async def calls(base: str, count: int, in_flight: int) -> float:
    """Seconds for ``count`` calls, each with a body of its own."""
    room = asyncio.Semaphore(in_flight)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call(number: int) -> None:
            body = {"model": "bare", "messages": [{"role": "user", "content": f"({number}) " + "word " * 200}]}
            async with room, session.post(f"{base}/chat/completions", json=body) as reply:
                assert (await reply.json())["choices"]

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(call(number))
        return time.perf_counter() - started


if __name__ == "__main__":
    print(asyncio.run(calls(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
