"""A profile's settings, as data that cannot change: models, judge, gates, comparisons.

Reading them from TOML is the other modules' work here; building models from them that of papillon.models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = [
    "BOUNDS",
    "CACHE",
    "CALIBRATION_METRICS",
    "GATE_METRICS",
    "REGRESSION_METRICS",
    "ROOT",
    "GateSettings",
    "JudgeSettings",
    "ModelSettings",
    "Profile",
    "RecordMode",
    "RegressionSettings",
]

#: The project's root: where pyproject.toml and fixtures/ lie, and what relative defaults count from.
ROOT = Path(__file__).resolve().parents[2]

#: Where recorded calls live unless told otherwise.
CACHE = ROOT / ".papillon" / "cache"

#: How a run uses the store: strict replay, record what is new, or make every call anew.
RecordMode = Literal["none", "new", "all"]

GATE_METRICS = ("quality", "leakage", "overall", "joint", "verbatim_leakage", "errors", "gain")
REGRESSION_METRICS = ("quality", "leakage", "overall", "joint", "verbatim_leakage", "errors")
_BOTH = ("accuracy", "kappa", "sensitivity", "specificity", "injection_success")
CALIBRATION_METRICS = {
    "leakage": (*_BOTH, "blind_spot", "count_error"),
    "quality": (*_BOTH, "swap_consistency", "position_effect", "length_effect"),
}
#: Where a bound on a figure may lie; elsewhere it is a share, 0..1.
BOUNDS: Mapping[str, tuple[float, float | None]] = {
    "gain": (-1, 1),
    "kappa": (-1, 1),
    "position_effect": (-1, 1),
    "length_effect": (-1, 1),
    "count_error": (0, None),
}


@dataclass(frozen=True)
class ModelSettings:
    """One model and how it is asked; prices in USD per million tokens, times in seconds.

    ``deadline`` bounds a call with its retries; ``extra_body`` goes into every request as it stands. ``file`` is
    where it was read, None for the project's own pyproject.toml: which keys may be sent where depends on it.
    """

    model: str
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    api_base: str | None = None
    endpoint: str | None = None
    api_key_env: str | None = None
    price: tuple[float, float] | None = None
    max_concurrency: int | None = None
    timeout: float = 120.0
    max_attempts: int = 7
    deadline: float | None = None
    reasoning_effort: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    adapter: str = "chat"
    json_fallback: bool = True
    lora: Path | None = None
    file: Path | None = field(default=None, compare=False)


@dataclass(frozen=True)
class JudgeSettings:
    """``kind`` is ``llm`` or ``lexical``; ``model`` answers for the LLM judge; bars are (metric, min, max)."""

    kind: str
    model: ModelSettings | None = None
    calibration: Mapping[str, tuple[tuple[str, float | None, float | None], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class GateSettings:
    """A threshold on one metric's mean over one split."""

    split: str
    metric: str
    min: float | None = None
    max: float | None = None
    confident: bool = False


@dataclass(frozen=True)
class RegressionSettings:
    """A comparison with the accepted scores in ``baseline``; drops are shares of 1."""

    split: str
    baseline: Path
    metrics: tuple[str, ...] = ("quality", "leakage")
    max_drop: float | None = None
    max_unproven_drop: float = 0.10


@dataclass(frozen=True)
class Profile:
    """Everything a run is configured by, apart from the command line's own options."""

    name: str
    path: Path | None
    local: ModelSettings
    untrusted: ModelSettings
    judge: JudgeSettings
    dataset: str = "mini"
    split: str = "grouped"
    controls: bool = False
    concurrency: int = 16
    trials: int = 1
    program: Path | None = None
    gates: tuple[GateSettings, ...] = ()
    regressions: tuple[RegressionSettings, ...] = ()
    train: Mapping[str, Any] = field(default_factory=dict)

    @property
    def models(self) -> dict[str, ModelSettings]:
        """The models that an evaluation asks, by role; a lexical judge asks none."""
        judge = {"judge": self.judge.model} if self.judge.kind == "llm" and self.judge.model is not None else {}
        return {"local": self.local, "untrusted": self.untrusted, **judge}
