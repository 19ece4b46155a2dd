"""Profiles: which models, judge, data and gates a run uses, read from TOML and checked key by key.

A profile is data. Building models from it is papillon.models' work, judging the gates the harness's.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from papillon.errors import ProfileError
from papillon.splits import CHOICES

__all__ = [
    "CACHE",
    "GATE_METRICS",
    "ROOT",
    "GateSettings",
    "JudgeSettings",
    "ModelSettings",
    "Profile",
    "RecordMode",
    "RegressionSettings",
    "load_profile",
    "profile_names",
]

#: The project's root: where pyproject.toml and fixtures/ lie, and what relative defaults count from.
ROOT = Path(__file__).resolve().parents[1]

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

    ``deadline`` bounds a call with its retries; ``extra_body`` goes into every request as it stands.
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
    max_attempts: int = 5
    deadline: float | None = None
    reasoning_effort: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    adapter: str = "chat"
    json_fallback: bool = True
    lora: Path | None = None


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


class _Table:
    """One TOML table with its address, so that each complaint can say where it stands."""

    def __init__(self, where: str, data: Any, base: Path) -> None:
        self.where, self.base = where, base
        if not isinstance(data, dict):
            raise ProfileError(f"{where}: expected a table, got {_shown(data)}.")
        self.data: dict[str, Any] = data

    def only(self, known: tuple[str, ...]) -> None:
        for key in self.data:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}."
                raise ProfileError(f"{self.where}: unknown key {key!r}; {hint}")

    def table(self, key: str) -> _Table | None:
        return _Table(f"{self.where}.{key}", self.data[key], self.base) if key in self.data else None

    def text(self, key: str, choices: tuple[str, ...] | None = None) -> str | None:
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self._wrong(key, "a non-empty string", value)
        if choices and value not in choices:
            raise self._wrong(key, "one of " + ", ".join(choices), value)
        return value

    def number(self, key: str, low: float | None = None, high: float | None = None) -> float | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self._wrong(key, "a number", value)
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = f"from {low} to {high}" if high is not None else f"of at least {low}"
            raise self._wrong(key, f"a number {bounds}", value)
        return float(value)

    def integer(self, key: str, low: int | None = None) -> int | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or (low is not None and value < low):
            raise self._wrong(key, f"a whole number of at least {low}" if low is not None else "a whole number", value)
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def path(self, key: str) -> Path | None:
        value = self.text(key)
        return None if value is None else (self.base / Path(value).expanduser()).resolve()

    def _wrong(self, key: str, expected: str, value: Any) -> ProfileError:
        return ProfileError(f"{self.where}.{key}: expected {expected}, got {_shown(value)}.")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"the string {value!r}" if isinstance(value, str) else repr(value)


def _model(table: _Table) -> ModelSettings:
    model = table.text("model")
    if model is None:
        raise ProfileError(f"{table.where}: expected a key 'model' that names the model, and there is none.")
    price = table.table("price")
    prices = None
    if price is not None:
        price.only(("input", "output"))
        each = (price.number("input", 0), price.number("output", 0))
        if each[0] is None or each[1] is None:
            raise ProfileError(f"{price.where}: expected both 'input' and 'output' in USD per million tokens.")
        prices = (each[0], each[1])
    key_env = table.data.get("api_key_env")
    if key_env is not None and not _names_a_variable(key_env):
        # A key pasted here by mistake must not be echoed into a log.
        raise ProfileError(f"{table.where}.api_key_env: expected the NAME of an environment variable, never a key.")
    base = table.text("api_base")
    if base is not None and not base.startswith(("http://", "https://")):
        raise ProfileError(f"{table.where}.api_base: expected an http:// or https:// address, got {_shown(base)}.")
    return ModelSettings(
        model=model,
        temperature=table.number("temperature", 0, 2),
        top_p=table.number("top_p", 0, 1),
        top_k=table.integer("top_k", -1),
        repetition_penalty=table.number("repetition_penalty", 0),
        max_tokens=table.integer("max_tokens", 1),
        seed=table.integer("seed"),
        api_base=base,
        endpoint=table.text("endpoint"),
        api_key_env=key_env,
        price=prices,
        max_concurrency=table.integer("max_concurrency", 1),
        timeout=table.number("timeout", 0.001) or 120.0,
        max_attempts=table.integer("max_attempts", 1) or 5,
        deadline=table.number("deadline", 0.001),
        reasoning_effort=table.text("reasoning_effort"),
        extra_body=extra.data if (extra := table.table("extra_body")) is not None else {},
        adapter=table.text("adapter", ("chat", "json")) or "chat",
        json_fallback=table.flag("json_fallback", True),
        lora=table.path("lora"),
    )


def _names_a_variable(value: Any) -> bool:
    # Many keys would pass for names (gsk_…, hf_…), so small letters are a name only where there is such a variable.
    return isinstance(value, str) and (re.fullmatch("[A-Z_][A-Z0-9_]*", value) is not None or value in os.environ)


_MODEL_KEYS = tuple(f.name for f in fields(ModelSettings))
_PROFILE_KEYS = (
    "dataset",
    "split",
    "controls",
    "concurrency",
    "trials",
    "program",
    "local",
    "untrusted",
    "judge",
    "gates",
    "train",
)


def _judge(table: _Table) -> JudgeSettings:
    table.only(("kind", "calibration", *_MODEL_KEYS))
    kind = table.text("kind", ("llm", "lexical"))
    if kind is None:
        raise ProfileError(f"{table.where}: expected kind = 'llm' or 'lexical', and there is no key 'kind'.")
    model = _model(table) if kind == "llm" or "model" in table.data else None
    bars: dict[str, tuple[tuple[str, float | None, float | None], ...]] = {}
    if (calibration := table.table("calibration")) is not None:
        calibration.only(tuple(CALIBRATION_METRICS))
        for question, metrics in CALIBRATION_METRICS.items():
            if (asked := calibration.table(question)) is not None:
                asked.only(metrics)
                bars[question] = tuple((m, *_bounds(m, asked.table(m), ("min", "max"))) for m in asked.data)
    return JudgeSettings(kind, model, bars)


def _bounds(metric: str, table: _Table | None, keys: tuple[str, ...]) -> tuple[float | None, float | None]:
    assert table is not None
    table.only(keys)
    range_ = BOUNDS.get(metric, (0, 1))
    low, high = table.number("min", *range_), table.number("max", *range_)
    if low is None and high is None:
        raise ProfileError(f"{table.where}: expected min or max, and there is neither.")
    if low is not None and high is not None and low > high:
        raise ProfileError(f"{table.where}: expected min to be at most max, got min = {low:g} and max = {high:g}.")
    return low, high


def _gates(table: _Table) -> tuple[tuple[GateSettings, ...], tuple[RegressionSettings, ...]]:
    table.only(("dev", "test"))
    thresholds: list[GateSettings] = []
    regressions: list[RegressionSettings] = []
    for split in table.data:
        gates = table.table(split)
        assert gates is not None
        gates.only((*GATE_METRICS, "regression"))
        for metric in gates.data:
            entry = gates.table(metric)
            assert entry is not None
            if metric != "regression":
                low, high = _bounds(metric, entry, ("min", "max", "confident"))
                thresholds.append(GateSettings(split, metric, low, high, entry.flag("confident", False)))
                continue
            entry.only(("baseline", "metrics", "max_drop", "max_unproven_drop"))
            baseline = entry.path("baseline")
            if baseline is None:
                raise ProfileError(f"{entry.where}: expected a key 'baseline' with a file of accepted scores.")
            metrics = entry.data.get("metrics", ["quality", "leakage"])
            if not isinstance(metrics, list) or not metrics or any(m not in REGRESSION_METRICS for m in metrics):
                raise ProfileError(
                    f"{entry.where}.metrics: expected a list out of {', '.join(REGRESSION_METRICS)}, got {metrics!r}."
                )
            unproven = entry.number("max_unproven_drop", 0, 1)
            regressions.append(
                RegressionSettings(
                    split,
                    baseline,
                    tuple(metrics),
                    max_drop=entry.number("max_drop", 0, 1),
                    max_unproven_drop=0.10 if unproven is None else unproven,
                )
            )
    return tuple(thresholds), tuple(regressions)


def parse_profile(name: str, path: Path | None, data: Any) -> Profile:
    """Check one profile's keys; raises ProfileError that names the key, what came and what was expected.

    ``path`` is the file that holds the profile, None for the project's own pyproject.toml.
    """
    table = _Table(f"Profile {name!r} ({path or 'pyproject.toml'})", data, path.parent if path else ROOT)
    table.only(_PROFILE_KEYS)
    roles = {}
    for role in ("local", "untrusted"):
        entry = table.table(role)
        if entry is None:
            raise ProfileError(
                f"{table.where}: expected a table {role!r} that names the {role} model, and there is none."
            )
        entry.only(_MODEL_KEYS)
        roles[role] = _model(entry)
    judge = table.table("judge")
    gates = table.table("gates")
    train = table.table("train")
    thresholds, regressions = _gates(gates) if gates is not None else ((), ())
    return Profile(
        name=name,
        path=path,
        local=roles["local"],
        untrusted=roles["untrusted"],
        judge=_judge(judge) if judge is not None else JudgeSettings("lexical"),
        dataset=_dataset(table),
        split=table.text("split", CHOICES) or "grouped",
        controls=table.flag("controls", False),
        concurrency=table.integer("concurrency", 1) or 16,
        trials=table.integer("trials", 1) or 1,
        program=table.path("program"),
        gates=thresholds,
        regressions=regressions,
        train=train.data if train is not None else {},
    )


def _dataset(table: _Table) -> str:
    name = table.text("dataset") or "mini"
    # A name stays a name; a path counts from the file that holds the profile.
    return name if name in ("mini", "pupa_new", "pupa_tnb") else str((table.base / Path(name).expanduser()).resolve())


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"Expected a profile in {path}, but it cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"Expected TOML in {path}, but it does not parse: {error}.") from error


def _shipped() -> dict[str, Any]:
    table = _read(ROOT / "pyproject.toml").get("tool", {}).get("papillon", {})
    return table if isinstance(table, dict) else {}


def profile_names() -> list[str]:
    """The names under ``[tool.papillon.profiles]`` in the project's pyproject.toml."""
    return sorted(_shipped().get("profiles", {}))


def load_profile(name: str | None = None) -> Profile:
    """The profile of that name or file; without one, ``PAPILLON_PROFILE``'s, else the project's default.

    Raises ProfileError, in one sentence, for an unknown name, an unreadable file, and every
    unknown key or wrong value in it.
    """
    settings = _shipped()
    name = name or os.environ.get("PAPILLON_PROFILE") or settings.get("default-profile") or "embedded"
    if name.endswith(".toml"):
        path = Path(name).expanduser().resolve()
        return parse_profile(path.stem, path, _read(path))
    profiles = settings.get("profiles", {})
    if name not in profiles:
        raise ProfileError(
            f"Unknown profile {name!r}: expected one of {', '.join(sorted(profiles))}, or a file that ends in .toml."
        )
    return parse_profile(name, None, profiles[name])
