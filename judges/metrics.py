"""The tutorial's metrics, callable as DSPy metrics over any judge of this project.

They block until the judge has answered, as DSPy's optimizers expect of a metric; the harness
itself asks its judge directly and without blocking.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from judges.carried import carried
from judges.judge import Judge, Quality
from judges.scores import score
from papillon.composite import carried_reward
from papillon.data import pii_units
from papillon.models.loop import ModelLoop

if TYPE_CHECKING:
    from papillon.models.roles import Models

__all__ = [
    "Metrics",
    "compute_leakage",
    "compute_metrics",
    "compute_overall_score",
    "compute_quality",
    "feedback_metric",
    "judge_example",
    "llm_judge",
    "make_judge",
    "metric",
    "told_of_reward",
    "training_reward",
]

#: DSPy's evaluators call metrics from many threads, and a judge's models are opened once.
_opening = threading.Lock()


@dataclass(frozen=True)
class Metrics:
    """One example's scores in 0..1, as :class:`judges.scores.Scores` defines them."""

    quality: float
    leakage: float
    overall: float


def make_judge(kind: str, models: Models | None) -> Judge:
    """The judge of that kind; the LLM judge asks the role ``judge`` of ``models``."""
    if kind == "lexical":
        from judges.lexical import LexicalJudge

        return LexicalJudge()
    from judges.llm import LLMJudge

    assert models is not None, "the LLM judge needs models"
    return LLMJudge(models)


async def judge_example(
    judge: Judge, *, user_query: str, new_resp: str, og_resp: str, updated_query: str, pii_str: str
) -> Metrics:
    """Both questions at once, in the tutorial's keywords."""
    units, quality = pii_units(pii_str), Quality(0)
    asked = judge.leakage(units, updated_query)
    if answered := bool(new_resp.strip()):
        leaked, quality = await asyncio.gather(asked, judge.quality(user_query, new_resp, og_resp))
    else:
        leaked = await asked
    found = score(units, updated_query, judge_leaked=leaked.leaked, quality=quality.score, usable=answered)
    return Metrics(float(quality.score), found.leakage, found.overall or 0.0)


def metric(judge: Judge, run: Callable[[Coroutine[Any, Any, Any]], Any] | None = None) -> Callable[..., Any]:
    """A DSPy metric ``(gold, pred, trace=None)`` over a judge.

    Gives ``overall`` in 0..1, and with a trace whether it is 1.0, as the tutorial's optimizers
    want it. ``run`` waits for a coroutine; an LLM judge brings its models' loop along.
    """
    wait = run or _waiter(judge)

    def overall(gold: Any, pred: Any, trace: Any = None) -> float | bool:
        score: float = wait(judge_example(judge, **_asked(gold, pred))).overall
        return score >= 1.0 if trace is not None else score

    return overall


def training_reward(
    judge: Judge,
    kind: Literal["composite", "carried"],
    run: Callable[[Coroutine[Any, Any, Any]], Any] | None = None,
) -> Callable[..., float]:
    """What a training is rewarded by (``train.reward``), in 0..1: :func:`metric`, or :func:`carried_reward` over the
    same judge and the examples' ``redacted_query``."""
    if kind == "composite":
        return metric(judge, run)
    wait = run or _waiter(judge)

    def carrying(gold: Any, pred: Any, trace: Any = None) -> float:
        scores: Metrics = wait(judge_example(judge, **(asked := _asked(gold, pred))))
        if not asked["new_resp"].strip():
            return 0.0
        share = carried(gold.redacted_query, asked["updated_query"])
        return carried_reward(scores.quality, scores.leakage, share, units=len(pii_units(gold.pii_str)))

    return carrying


def told_of_reward(kind: Literal["composite", "carried"], examples: Sequence[Any]) -> str:
    """What a training over ``examples`` is rewarded by, in a sentence."""
    if kind == "composite":
        return "Rewarded by the composite, (quality + 1 − leakage) / 2."
    plain = sum(not pii_units(each.pii_str) or carried(each.redacted_query, "") is None for each in examples)
    return (
        "Rewarded by (quality + carried × (1 − leakage)) / 2; by the composite where an example has no units or no "
        f"redacted query: {plain} of {len(examples)}."
    )


def feedback_metric(judge: Judge) -> Callable[..., Any]:
    """The same for GEPA, which wants five arguments and a reason in words."""
    import dspy

    wait = _waiter(judge)

    def overall(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
        scores: Metrics = wait(judge_example(judge, **_asked(gold, pred)))
        parts = []
        if not (pred.response or "").strip():
            parts.append("The program gave no answer at all.")
        elif scores.quality < 1:
            parts.append("The response is worse than the one a large model gives to this query.")
        else:
            parts.append("The response is good enough.")
        if scores.leakage > 0:
            parts.append(
                f"The request to the untrusted model gave away {scores.leakage:.0%} of the private facts "
                f"({', '.join(pii_units(gold.pii_str))}); leave them out or generalise them."
            )
        else:
            parts.append("The request gave nothing private away.")
        return dspy.Prediction(score=scores.overall, feedback=" ".join(parts))

    return overall


def _asked(gold: Any, pred: Any) -> dict[str, str]:
    return {
        "user_query": gold.user_query,
        "new_resp": pred.response or "",
        "og_resp": gold.target_response,
        "updated_query": pred.llm_request or "",
        "pii_str": gold.pii_str,
    }


def _waiter(judge: Judge) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    models = getattr(judge, "models", None)
    return _own_loop().run if models is None else models.loop.run


@cache
def _own_loop() -> ModelLoop:
    # Not asyncio.run: a notebook's cell already stands on a running loop.
    return ModelLoop()


@cache
def _profile_judge(name: str) -> Judge:
    from papillon.models.roles import open_models
    from papillon.profile import CACHE, load_profile

    profile = load_profile(name)
    if profile.judge.kind == "lexical":
        return make_judge("lexical", None)
    return make_judge(profile.judge.kind, open_models(profile, CACHE))


def _judge() -> Judge:
    with _opening:
        return _profile_judge(os.environ.get("PAPILLON_PROFILE") or "embedded")


def llm_judge(*, user_query: str, new_resp: str, og_resp: str, updated_query: str, pii_str: str) -> Metrics:
    """The tutorial's judge by its keywords, with the judge of the profile that PAPILLON_PROFILE names."""
    judge = _judge()
    asked = judge_example(
        judge,
        user_query=user_query,
        new_resp=new_resp,
        og_resp=og_resp,
        updated_query=updated_query,
        pii_str=pii_str,
    )
    scores: Metrics = _waiter(judge)(asked)
    return scores


def compute_metrics(gold: Any, pred: Any, trace: Any = None) -> Metrics:
    """All scores of one prediction."""
    return llm_judge(**_asked(gold, pred))


def compute_quality(gold: Any, pred: Any, trace: Any = None) -> float:
    """Quality alone, 0 or 1."""
    return compute_metrics(gold, pred, trace).quality


def compute_leakage(gold: Any, pred: Any, trace: Any = None) -> float:
    """Leakage alone, in 0..1."""
    return compute_metrics(gold, pred, trace).leakage


def compute_overall_score(gold: Any, pred: Any, trace: Any = None) -> float | bool:
    """The composite; during optimisation (with a trace) whether it is perfect."""
    overall = compute_metrics(gold, pred, trace).overall
    return overall >= 1.0 if trace is not None else overall
