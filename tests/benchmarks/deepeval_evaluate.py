"""The same calls under deepeval, as many test cases at once as the others have calls; prints its seconds.

``python -m tests.benchmarks.deepeval_evaluate BASE EXAMPLES.csv DEV CASES``; needs the package deepeval.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "YES"

from deepeval import evaluate
from deepeval.evaluate import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics import BaseMetric
from deepeval.test_case import LLMTestCase

from tests.benchmarks.tutorial import Tutorial

base, path, dev, cases = sys.argv[1:]
tutorial = Tutorial(base, path, int(dev))
threads = ThreadPoolExecutor(int(cases))


class Composite(BaseMetric):
    def __init__(self) -> None:
        self.threshold, self.async_mode, self.include_reason = 0.0, True, False

    def measure(self, test_case: LLMTestCase) -> float:
        self.score = tutorial.score(int(test_case.input))
        self.success = True
        return self.score

    async def a_measure(self, test_case: LLMTestCase, *args: object, **kwargs: object) -> float:
        return await asyncio.get_running_loop().run_in_executor(threads, self.measure, test_case)

    def is_successful(self) -> bool:
        return bool(self.success)


if __name__ == "__main__":
    asked = [LLMTestCase(input=str(number), actual_output="") for number in range(int(dev))]
    started = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        evaluate(
            asked,
            [Composite()],
            async_config=AsyncConfig(max_concurrent=int(cases), throttle_value=0),
            display_config=DisplayConfig(show_indicator=False, print_results=False),
            cache_config=CacheConfig(write_cache=False, use_cache=False),
        )
    print(time.perf_counter() - started)
