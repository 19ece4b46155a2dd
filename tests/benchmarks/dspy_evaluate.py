"""The same evaluation as the tutorial would run it: dspy.Evaluate with threads; prints its seconds.

``python -m tests.benchmarks.dspy_evaluate BASE EXAMPLES.csv DEV THREADS [CACHE]``
"""

from __future__ import annotations

import sys
import time

import dspy

from tests.benchmarks.tutorial import Tutorial

if __name__ == "__main__":
    base, path, dev, threads, *cache = sys.argv[1:]
    tutorial = Tutorial(base, path, int(dev), cache=bool(cache))
    evaluate = dspy.Evaluate(
        devset=tutorial.devset, metric=tutorial.metric, num_threads=int(threads), display_progress=False
    )
    started = time.perf_counter()
    evaluate(tutorial.program)
    print(time.perf_counter() - started)
