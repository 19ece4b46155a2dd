"""Judges of PAPILLON's two numbers, and the tutorial's metric names over them.

One room per matter: what a judge is (judge), the one that reads (llm), how it asks (questions) and its typed answers
(values), the one that compares letters (lexical) and how close two answers are (closeness), what a judge's answers come
to (scores), how much of the task was sent (carried), DSPy's metrics over any judge (metrics), and how far one can be
believed: the labelled cases (cases), its answers on them (calibration), the figures for that (agreement), and what
people say of a run's rows (labels).

The names below load on first use: a judge that needs no DSPy does not pay for its import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from judges.judge import Judge, Leakage, Quality
    from judges.lexical import LexicalJudge, compute_fidelity, compute_usefulness
    from judges.llm import LLMJudge
    from judges.metrics import (
        Metrics,
        compute_leakage,
        compute_metrics,
        compute_overall_score,
        compute_quality,
        feedback_metric,
        llm_judge,
        make_judge,
        metric,
    )

__all__ = [
    "Judge",
    "LLMJudge",
    "Leakage",
    "LexicalJudge",
    "Metrics",
    "Quality",
    "compute_fidelity",
    "compute_leakage",
    "compute_metrics",
    "compute_overall_score",
    "compute_quality",
    "compute_usefulness",
    "feedback_metric",
    "llm_judge",
    "make_judge",
    "metric",
]

_HOMES = {
    "judges.judge": ("Judge", "Leakage", "Quality"),
    "judges.lexical": ("LexicalJudge", "compute_fidelity", "compute_usefulness"),
    "judges.llm": ("LLMJudge",),
    "judges.metrics": (
        "Metrics",
        "compute_leakage",
        "compute_metrics",
        "compute_overall_score",
        "compute_quality",
        "feedback_metric",
        "llm_judge",
        "make_judge",
        "metric",
    ),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'judges' has no attribute {name!r}")
