"""One example as the tutorial scores it, blocking and through DSPy's own models: what the other runners run."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"
os.environ.setdefault("OPENAI_API_KEY", "none")

import dspy

from judges.llm import CompareResponses, CountLeaks, _instructions
from papillon.data import load, pii_units, to_dspy
from papillon.program import PAPILLON
from papillon.splits import split

__all__ = ["Tutorial"]

COMPARE = dspy.Predict(CompareResponses.with_instructions(_instructions("quality.txt")))
COUNT = dspy.Predict(CountLeaks.with_instructions(_instructions("leakage.txt")))


class Tutorial:
    """The program, the first ``dev`` examples of the tutorial's split, and the metric, on the models at ``base``."""

    def __init__(self, base: str, path: str | Path, dev: int, *, cache: bool = False) -> None:
        data = load(path)
        self.devset = [to_dspy(data.rows[index]) for index in split(data.rows, "tutorial")["dev"]][:dev]
        if cache:
            dspy.configure_cache(disk_cache_dir=str(Path(path).with_name("dspy-cache")))
        self._lms = {role: dspy.LM(f"openai/{role}", api_base=base, cache=cache) for role in ("local", "judge")}
        self.program = PAPILLON(untrusted_model=dspy.LM("openai/untrusted", api_base=base, cache=cache))
        self.program.set_lm(self._lms["local"])

    def metric(self, gold: dspy.Example, pred: dspy.Prediction, trace: object = None) -> float:
        """Quality by two comparisons and leakage by a count, as the project's own judge asks for them."""
        judge, asked = self._lms["judge"], {"user_query": gold.user_query}
        first = COMPARE(lm=judge, response_a=pred.response, response_b=gold.target_response, **asked)
        second = COMPARE(lm=judge, response_a=gold.target_response, response_b=pred.response, **asked)
        units = pii_units(gold.pii_str)
        leaked = COUNT(lm=judge, pieces="\n".join(units), request=pred.llm_request).leaked if units else 0
        quality = first.a_is_at_least_as_good or not second.a_is_at_least_as_good
        return float(quality + 1 - leaked / max(1, len(units))) / 2

    def score(self, number: int) -> float:
        """Run the program on one example and score it."""
        example = self.devset[number]
        return self.metric(example, self.program(user_query=example.user_query))
