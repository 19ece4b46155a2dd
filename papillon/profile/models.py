"""The tables ``local``, ``untrusted`` and ``judge`` of a profile: which model answers, and how it is asked."""

from __future__ import annotations

import math
import os
import re
from typing import Annotated, Any

from papillon.errors import ProfileError
from papillon.hosts import checked_address
from papillon.profile.gates import bounds
from papillon.profile.settings import CALIBRATION_METRICS, JudgeSettings, ModelSettings
from papillon.profile.table import Table
from papillon.shape import at_least, keys_of

__all__ = ["MODEL_KEYS", "judge_settings", "model_settings", "names_a_variable"]

MODEL_KEYS = keys_of(ModelSettings)

#: USD per million tokens.
PRICE = Annotated[float, at_least(0)]

#: What the run itself puts into a request's body.
RESERVED = ("model", "messages", "stream", "n")
#: Names as _plain gives them: the answer's form, other names of max_tokens, and what asks for more than one answer.
_FORM = frozenset(("responseformat", "tools", "toolchoice", "functions", "functioncall"))
_LIMITS = frozenset(("maxcompletiontokens", "maxoutputtokens", "maxnewtokens", "maxtokenstosample", "numpredict"))
_MANY = frozenset(("bestof", "candidatecount", "numreturnsequences", "models", "fallbacks"))


def model_settings(table: Table) -> ModelSettings:
    """The model that a table names; raises ProfileError."""
    own = {
        "price": _price,
        "api_base": _address,
        "endpoint": _endpoint,
        "api_key_env": _variable,
        "extra_body": _extra_body,
    }
    return table.read(ModelSettings, {"file": table.file}, own)


def _price(table: Table, key: str) -> tuple[float, float]:
    price = table.at(key)
    price.only(("input", "output"))
    each = (price.value("input", PRICE), price.value("output", PRICE))
    if None in each:
        raise ProfileError(f"{price.where}: expected both 'input' and 'output' in USD per million tokens.")
    return each


def _address(table: Table, key: str) -> str:
    return checked_address(table.value(key, str), f"{table.where}.{key}", ProfileError)


def _endpoint(table: Table, key: str) -> str:
    name: str = table.value(key, str)
    return _address(table, key) if "://" in name else name


def _variable(table: Table, key: str) -> str:
    variable: str = table.data[key]
    if not names_a_variable(variable):
        # A key pasted here by mistake must not be echoed into a log.
        raise ProfileError(f"{table.where}.{key}: expected the NAME of an environment variable, never a key.")
    return variable


def _extra_body(table: Table, key: str) -> dict[str, Any]:
    extra = table.at(key)
    _check_extra(extra)
    return extra.data


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


def judge_settings(table: Table) -> JudgeSettings:
    """The judge that a table names, with its model's keys beside its own; raises ProfileError."""
    table.only((*keys_of(JudgeSettings), *MODEL_KEYS))
    model = None
    if table.data.get("kind") == "llm" or "model" in table.data:
        model = model_settings(table.part(MODEL_KEYS))
    return table.part(keys_of(JudgeSettings)).read(JudgeSettings, {"model": model}, {"calibration": _calibration})


def _calibration(table: Table, key: str) -> dict[str, tuple[tuple[str, float | None, float | None], ...]]:
    calibration = table.at(key)
    calibration.only(tuple(CALIBRATION_METRICS))
    bars = {}
    for question, asked in calibration.tables().items():
        asked.only(CALIBRATION_METRICS[question])
        bars[question] = tuple((metric, *bounds(metric, bar)) for metric, bar in asked.tables().items())
    return bars
