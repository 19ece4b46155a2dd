"""The same evaluation as the tutorial would run it: dspy.Evaluate with threads; prints its seconds.

``python -m tests.benchmarks.dspy_evaluate BASE EXAMPLES.csv DEV THREADS [CACHE]``
"""

from __future__ import annotations

import os
import sys
import time

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"
os.environ.setdefault("OPENAI_API_KEY", "none")

import dspy

from judges.llm import CompareResponses, CountLeaks, _instructions
from papillon.data import load, pii_units, to_dspy
from papillon.program import PAPILLON
from papillon.splits import split

COMPARE = dspy.Predict(CompareResponses.with_instructions(_instructions("quality.txt")))
COUNT = dspy.Predict(CountLeaks.with_instructions(_instructions("leakage.txt")))


def main(base: str, path: str, dev: int, threads: int, cache: bool) -> None:
    data = load(path)
    devset = [to_dspy(data.rows[index]) for index in split(data.rows, "tutorial")["dev"]][:dev]
    if cache:
        dspy.configure_cache(disk_cache_dir=os.path.join(os.path.dirname(path), "dspy-cache"))
    lms = {role: dspy.LM(f"openai/{role}", api_base=base, cache=cache) for role in ("local", "untrusted", "judge")}
    program = PAPILLON(untrusted_model=lms["untrusted"])
    program.set_lm(lms["local"])

    def metric(gold: dspy.Example, pred: dspy.Prediction, trace: object = None) -> float:
        asked = {"user_query": gold.user_query}
        first = COMPARE(lm=lms["judge"], response_a=pred.response, response_b=gold.target_response, **asked)
        second = COMPARE(lm=lms["judge"], response_a=gold.target_response, response_b=pred.response, **asked)
        units = pii_units(gold.pii_str)
        leaked = COUNT(lm=lms["judge"], pieces="\n".join(units), request=pred.llm_request).leaked if units else 0
        quality = first.a_is_at_least_as_good or not second.a_is_at_least_as_good
        return (quality + 1 - leaked / max(1, len(units))) / 2

    evaluate = dspy.Evaluate(devset=devset, metric=metric, num_threads=threads, display_progress=False)
    started = time.perf_counter()
    evaluate(program)
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), len(sys.argv) > 5)
