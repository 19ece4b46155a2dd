"""Published: what papers and tutorials report of such systems, each by a judge of its own, to lay a run beside."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PUBLISHED", "Published"]


@dataclass(frozen=True)
class Published:
    """One system's published scores as shares of 1: ``quality`` and ``leakage``, or a ``composite`` alone.

    ``before`` is the same system's composite before it was trained or optimised, None where none is given; ``judge`` is
    None where it is not named. ``contaminated`` says that the split shares queries between its parts.
    """

    system: str
    data: str
    judge: str | None
    quality: float | None = None
    leakage: float | None = None
    composite: float | None = None
    before: float | None = None
    contaminated: bool = False


_TNB, _MINI_4O, _MINI_41 = "PUPA-TNB", "GPT-4o-mini", "gpt-4.1-mini"

PUBLISHED = (
    Published("PAPILLON, Llama-3.1-8B", _TNB, _MINI_4O, 0.855, 0.075),
    Published("PAPILLON, not optimised", _TNB, _MINI_4O, 0.718, 0.174),
    Published("Llama-3.1-8B alone", _TNB, _MINI_4O, 0.815, 0.0),
    Published("GPT-4o-mini, gold redaction", _TNB, _MINI_4O, 0.772, 0.0),
    Published(
        "DSPy RL tutorial, Qwen2.5-1.5B, ArborGRPO",
        *("dev, n=225", _MINI_41),
        composite=0.600,
        before=0.546,
        contaminated=True,
    ),
    Published(
        "DSPy GEPA tutorial, gpt-4.1-nano local",
        *("test, n=214", _MINI_41),
        composite=0.861,
        before=0.765,
        contaminated=True,
    ),
    Published("mmGRPO, Llama-3.1-8B", "221", None, composite=0.839, before=0.762, contaminated=True),
    Published("MIPROv2, Llama-3.1-8B", "221", None, composite=0.839, before=0.762, contaminated=True),
    Published("mmGRPO and MIPROv2, Llama-3.1-8B", "221", None, composite=0.865, before=0.762, contaminated=True),
    Published("GRPO, Qwen3-8B", "221", _MINI_41, composite=0.8666, before=0.8082, contaminated=True),
    Published("MIPROv2, Qwen3-8B", "221", _MINI_41, composite=0.8155, before=0.8082, contaminated=True),
    Published("GEPA, Qwen3-8B", "221", _MINI_41, composite=0.9185, before=0.8082, contaminated=True),
    Published("GEPA + merge, gpt-4.1-mini", "221", _MINI_41, composite=0.9646, before=0.7857, contaminated=True),
)
