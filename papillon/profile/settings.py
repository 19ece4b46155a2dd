"""A profile's settings, as data that cannot change: models, judge, gates, comparisons.

What each key may be, and its default, stands here alone. Reading them from TOML is the other modules' work here;
building models from them that of papillon.models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from papillon.bounds import MOST_TRIALS
from papillon.program_class import ProgramClass
from papillon.project import ROOT
from papillon.shape import NO_KEY, Bound, Needed, at_least, between

__all__ = [
    "BOUNDS",
    "CACHE",
    "CALIBRATION_METRICS",
    "CORRECTED_METRICS",
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

#: Where recorded calls live unless told otherwise.
CACHE = ROOT / ".papillon" / "cache"

#: How a run uses the store: strict replay, record what is new, or make every call anew.
RecordMode = Literal["none", "new", "all"]

RegressionMetric = Literal["quality", "leakage", "overall", "joint", "carried", "verbatim_leakage", "errors"]
REGRESSION_METRICS: tuple[str, ...] = get_args(RegressionMetric)
GATE_METRICS = (*REGRESSION_METRICS, "gain")
#: Those that hold an answer against its target.
TARGET_METRICS = ("quality", "overall", "joint", "gain")
#: Those whose gate may ask for the figure that people's labels correct.
CORRECTED_METRICS = ("quality", "leakage")
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


Count = Annotated[int, at_least(1)]
Share = Annotated[float, between(0, 1)]
Seconds = Annotated[float, between(0.001, 7 * 86400)]


def _is_word(text: str) -> bool:
    return re.fullmatch("[A-Za-z][A-Za-z_-]*", text) is not None


@dataclass(frozen=True)
class ModelSettings:
    """One model and how it is asked; prices in USD per million tokens, times in seconds.

    ``deadline`` bounds a call with its retries; ``extra_body`` goes into every request as it stands. ``revision`` and
    ``sha256`` say which file a model named ``gguf/…`` has. ``file`` is where all this was read, None for the project's
    own pyproject.toml: which keys may be sent where depends on it, and relative paths in ``model`` count from it.
    """

    model: Annotated[str, Needed("a key 'model' that names the model, and there is none")]
    temperature: Annotated[float, between(0, 2)] | None = None
    top_p: Annotated[float, between(0, 1)] | None = None
    top_k: Annotated[int, at_least(-1)] | None = None
    repetition_penalty: Annotated[float, at_least(0)] | None = None
    max_tokens: Count | None = None
    seed: int | None = None
    api_base: str | None = None
    endpoint: str | None = None
    api_key_env: str | None = None
    price: tuple[float, float] | None = None
    max_concurrency: Count | None = None
    timeout: Seconds = 120.0
    max_attempts: Count = 7
    deadline: Seconds | None = None
    reasoning_effort: Annotated[str, Bound(_is_word, "one word such as low")] | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    adapter: Literal["chat", "json"] = "chat"
    json_fallback: bool = True
    lora: Path | None = None
    revision: str | None = None
    sha256: str | None = None
    file: Annotated[Path | None, NO_KEY] = field(default=None, compare=False)


@dataclass(frozen=True)
class JudgeSettings:
    """``kind`` is ``llm`` or ``lexical``; ``model`` answers for the LLM judge; bars are (metric, min, max)."""

    kind: Annotated[Literal["llm", "lexical"], Needed("kind = 'llm' or 'lexical', and there is no key 'kind'")]
    model: Annotated[ModelSettings | None, NO_KEY] = None
    calibration: Mapping[str, tuple[tuple[str, float | None, float | None], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class GateSettings:
    """A threshold on one metric's mean over one split; with ``corrected`` on that which people's labels correct."""

    split: Annotated[str, NO_KEY]
    metric: Annotated[str, NO_KEY]
    min: float | None = None
    max: float | None = None
    confident: bool = False
    corrected: bool = False


@dataclass(frozen=True)
class RegressionSettings:
    """A comparison with the accepted scores in ``baseline``; drops are shares of 1."""

    split: Annotated[str, NO_KEY]
    baseline: Annotated[Path, Needed("a key 'baseline' with a file of accepted scores, and there is none")]
    metrics: Annotated[tuple[RegressionMetric, ...], Bound(bool)] = ("quality", "leakage")
    max_drop: Share | None = None
    max_unproven_drop: Share = 0.10


@dataclass(frozen=True)
class Profile:
    """Everything a run is configured by, apart from the command line's own options."""

    name: Annotated[str, NO_KEY]
    path: Annotated[Path | None, NO_KEY]
    local: Annotated[ModelSettings, Needed("a table 'local' that names the local model, and there is none")]
    untrusted: Annotated[ModelSettings, Needed("a table 'untrusted' that names the untrusted model, and there is none")]
    judge: JudgeSettings = JudgeSettings("lexical")
    dataset: str = "mini"
    split: Literal["tutorial", "grouped", "all"] = "grouped"
    #: Whether answers are held against the data's targets; without, nothing is said of their quality.
    targets: bool = True
    controls: bool = False
    concurrency: Count = 16
    trials: Annotated[int, between(1, MOST_TRIALS)] = 1
    program: Path | None = None
    #: The class that ``program`` names as ``module:Class``; beside it a saved program sets its prompts.
    program_class: Annotated[ProgramClass | None, NO_KEY] = None
    gates: tuple[GateSettings, ...] = ()
    regressions: Annotated[tuple[RegressionSettings, ...], NO_KEY] = ()
    train: Mapping[str, Any] = field(default_factory=dict)

    @property
    def models(self) -> dict[str, ModelSettings]:
        """The models that an evaluation asks, by role; a lexical judge asks none."""
        judge = {"judge": self.judge.model} if self.judge.kind == "llm" and self.judge.model is not None else {}
        return {"local": self.local, "untrusted": self.untrusted, **judge}
