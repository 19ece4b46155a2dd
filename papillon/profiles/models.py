"""The tables ``local``, ``untrusted`` and ``judge`` of a profile: which model answers, and how it is asked."""

from __future__ import annotations

import math
import os
import re
from dataclasses import fields
from typing import Any

from papillon.errors import ProfileError
from papillon.hosts import checked_address
from papillon.profiles.gates import bounds
from papillon.profiles.settings import CALIBRATION_METRICS, JudgeSettings, ModelSettings
from papillon.profiles.table import Table

__all__ = ["MODEL_KEYS", "judge_settings", "model_settings", "names_a_variable"]

#: What the run itself puts into a request's body.
RESERVED = ("model", "messages", "stream", "n")
#: Names as _plain gives them: the answer's form, other names of max_tokens, and what asks for more than one answer.
_FORM = frozenset(("responseformat", "tools", "toolchoice", "functions", "functioncall"))
_LIMITS = frozenset(("maxcompletiontokens", "maxoutputtokens", "maxnewtokens", "maxtokenstosample", "numpredict"))
_MANY = frozenset(("bestof", "candidatecount", "numreturnsequences", "models", "fallbacks"))


def model_settings(table: Table) -> ModelSettings:
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
    if key_env is not None and not names_a_variable(key_env):
        # A key pasted here by mistake must not be echoed into a log.
        raise ProfileError(f"{table.where}.api_key_env: expected the NAME of an environment variable, never a key.")
    effort = table.text("reasoning_effort")
    if effort is not None and not re.fullmatch("[A-Za-z][A-Za-z_-]*", effort):
        raise table.wrong("reasoning_effort", "one word such as low", effort)
    extra = table.table("extra_body")
    if extra is not None:
        _check_extra(extra)
    return ModelSettings(
        model=model,
        temperature=table.number("temperature", 0, 2),
        top_p=table.number("top_p", 0, 1),
        top_k=table.integer("top_k", -1),
        repetition_penalty=table.number("repetition_penalty", 0),
        max_tokens=table.integer("max_tokens", 1),
        seed=table.integer("seed"),
        api_base=_address(table, "api_base"),
        endpoint=_address(table, "endpoint", or_name=True),
        api_key_env=key_env,
        price=prices,
        max_concurrency=table.integer("max_concurrency", 1),
        timeout=table.number("timeout", 0.001) or 120.0,
        max_attempts=table.integer("max_attempts", 1) or 7,
        deadline=table.number("deadline", 0.001),
        reasoning_effort=effort,
        extra_body=extra.data if extra is not None else {},
        adapter=table.text("adapter", ("chat", "json")) or "chat",
        json_fallback=table.flag("json_fallback", True),
        lora=table.path("lora"),
        file=table.file,
    )


def _address(table: Table, key: str, *, or_name: bool = False) -> str | None:
    value = table.data.get(key)
    if isinstance(value, str) and value and not (or_name and "://" not in value):
        return checked_address(value, f"{table.where}.{key}", ProfileError)
    return table.text(key)


def _check_extra(extra: Table) -> None:
    """What goes into a request's body must be JSON, and may not replace what the run itself puts there."""
    own = {_plain(key): key for key in MODEL_KEYS}
    for key in extra.data:
        plain = _plain(key)
        if plain in RESERVED:
            raise ProfileError(
                f"{extra.where}: expected keys other than {', '.join(RESERVED)}, got {key!r}; remove it."
            )
        if plain in _FORM:
            raise ProfileError(
                f"{extra.where}: expected no {key!r}, got one; remove it, the adapter asks for the answer's form."
            )
        if plain in own:
            raise ProfileError(f"{extra.where}: expected no {key!r}, got one; set the profile's own key {own[plain]}.")
    waiting: list[tuple[str, Any]] = [(extra.where, extra.data)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, dict):
            _check_cost(where, value)
            waiting.extend((f"{where}.{key}", each) for key, each in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{where}[{at}]", each) for at, each in enumerate(value))
        elif not isinstance(value, (str, int, float)) or (isinstance(value, float) and not math.isfinite(value)):
            advice = "give a number" if isinstance(value, float) else "write a date or a time as a string"
            raise ProfileError(f"{where}: expected a value that JSON can hold, got {value}; {advice}.")


def _check_cost(where: str, table: dict[str, Any]) -> None:
    """The cap on cost reckons with max_tokens, one answer and the profile's model: what changes them is refused."""
    for key in table:
        if _plain(key) in _LIMITS:
            raise ProfileError(f"{where}: expected no {key!r}, got one; set the profile's own key max_tokens.")
        if _plain(key) in _MANY:
            raise ProfileError(
                f"{where}: expected no {key!r}, got one; remove it, one answer of one model is asked for and paid."
            )


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


def names_a_variable(value: Any) -> bool:
    """Whether a value can be the name of an environment variable, and is no key that was pasted there."""
    # Many keys would pass for names (gsk_…, hf_…), so small letters are a name only where there is such a variable.
    return isinstance(value, str) and (re.fullmatch("[A-Z_][A-Z0-9_]*", value) is not None or value in os.environ)


MODEL_KEYS = tuple(f.name for f in fields(ModelSettings) if f.name != "file")


def judge_settings(table: Table) -> JudgeSettings:
    table.only(("kind", "calibration", *MODEL_KEYS))
    kind = table.text("kind", ("llm", "lexical"))
    if kind is None:
        raise ProfileError(f"{table.where}: expected kind = 'llm' or 'lexical', and there is no key 'kind'.")
    model = model_settings(table) if kind == "llm" or "model" in table.data else None
    bars: dict[str, tuple[tuple[str, float | None, float | None], ...]] = {}
    if (calibration := table.table("calibration")) is not None:
        calibration.only(tuple(CALIBRATION_METRICS))
        for question, metrics in CALIBRATION_METRICS.items():
            if (asked := calibration.table(question)) is not None:
                asked.only(metrics)
                bars[question] = tuple((m, *bounds(m, asked.table(m), ("min", "max"))) for m in asked.data)
    return JudgeSettings(kind, model, bars)
