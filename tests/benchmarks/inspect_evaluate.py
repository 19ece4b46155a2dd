"""The same calls under inspect-ai, as many samples at once as the others have calls; prints its seconds.

``python -m tests.benchmarks.inspect_evaluate BASE EXAMPLES.csv DEV SAMPLES``; needs the package inspect-ai.
"""

from __future__ import annotations

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, Target, mean, scorer
from inspect_ai.solver import Generate, TaskState, solver

from tests.benchmarks.tutorial import Tutorial

base, path, dev, samples = sys.argv[1:]
tutorial = Tutorial(base, path, int(dev))
threads = ThreadPoolExecutor(int(samples))


@solver
def papillon():
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return state

    return solve


@scorer(metrics=[mean()])
def composite():
    async def score(state: TaskState, target: Target) -> Score:
        number = int(state.input_text)
        return Score(value=await asyncio.get_running_loop().run_in_executor(threads, tutorial.score, number))

    return score


if __name__ == "__main__":
    task = Task(
        dataset=[Sample(input=str(number)) for number in range(int(dev))], solver=papillon(), scorer=composite()
    )
    started = time.perf_counter()
    logs = eval(task, model="mockllm/model", max_samples=int(samples), display="none", log_dir=f"{path}.inspect")
    assert logs[0].status == "success", logs[0].error
    print(time.perf_counter() - started)
