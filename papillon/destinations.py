"""Destinations: which of a run's texts are sent where, by the host that each model's address leads to.

Pure functions of the profile and of what is run. Whether a call is made at all, or replayed, is the run's matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from papillon.hosts import host_of, is_loopback
from papillon.models.providers import HERE, base_of, provider_of
from papillon.profile import ModelSettings, Profile

__all__ = ["Destination", "destination", "destinations", "in_process", "same_place", "where_texts_go"]

_FOR_CONTROLS = "queries (for the controls)"
_JUDGED = ("queries", "requests", "answers", "targets", "units")
_CASES = "labelled cases"
_EVERY = ("queries", _FOR_CONTROLS, *_JUDGED[1:], _CASES)


@dataclass(frozen=True)
class Destination:
    """``host`` gets ``texts``; for a model in a process of this machine ``host`` is the model's name."""

    texts: tuple[str, ...]
    host: str
    stays: bool


def destination(settings: ModelSettings, texts: tuple[str, ...] = ()) -> Destination:
    """Where what this model is sent goes, and whether that stays on this machine."""
    if in_process(settings):
        return Destination(texts, settings.model, True)
    base = base_of(settings)
    return Destination(texts, host_of(base), is_loopback(base))


def same_place(one: ModelSettings, other: ModelSettings) -> bool:
    """Whether what two models are sent reaches the same: one host at whatever port, one port of this machine, or, in a
    process of this machine, one model."""
    return _place(one) == _place(other)


def _place(settings: ModelSettings) -> tuple[str, int | None]:
    to = destination(settings)
    if in_process(settings):
        return to.host, None
    parts = urlsplit(base_of(settings))
    if to.stays:
        return "this machine", parts.port or (443 if parts.scheme == "https" else 80)
    return (parts.hostname or "").removesuffix("."), None


def in_process(settings: ModelSettings) -> bool:
    """Whether a model runs in a process of this run, so that nothing is sent to a server that was there before."""
    provider = provider_of(settings)
    return provider in HERE or (provider == "vllm" and settings.api_base is None)


def destinations(
    profile: Profile, *, rows: bool, controls: bool = False, cases: bool = False, labelled: bool = False
) -> list[Destination]:
    """What an evaluation sends where, for the local model, the untrusted one, and an LLM judge.

    ``rows`` says whether rows are evaluated, ``controls`` whether the untrusted model also gets their queries, as they
    are and redacted, ``cases`` whether the judge is put to its own test, ``labelled`` whether rows that people labelled
    are among its cases.
    """
    found = []
    if rows:
        # It answers the query with what the untrusted model said to the request.
        found.append(destination(profile.local, ("queries", "requests", "answers")))
        found.append(destination(profile.untrusted, ("requests", _FOR_CONTROLS) if controls else ("requests",)))
    judge = profile.models.get("judge")
    if judge is not None and (rows or cases):
        judged = (*(_JUDGED if rows or labelled else ()), *((_CASES,) if cases else ()))
        found.append(destination(judge, judged))
    return found


def where_texts_go(found: Iterable[Destination], *, replay: bool = False) -> str:
    """The destinations in one sentence; in a strict ``replay`` nothing is sent at all."""
    if replay:
        return "Texts: nothing leaves, every call is replayed."
    found = list(found)
    if not found:
        return "Texts: none is sent, as no model is asked."
    away: dict[str, set[str]] = {}
    for each in found:
        if not each.stays:
            away.setdefault(each.host, set()).update(each.texts)
    if not away:
        return f"Texts: all stay on this machine ({', '.join(dict.fromkeys(each.host for each in found))})."
    parts = [f"{_listed(texts)} go to {host}" for host, texts in away.items()]
    gone = set().union(*away.values())
    rest = any(set(each.texts) - gone for each in found if each.stays)
    return f"Texts: {'; '.join(parts)}{'; all else stays on this machine' if rest else ''}."


def _listed(texts: set[str]) -> str:
    names = [text for text in _EVERY if text in texts and not (text == _FOR_CONTROLS and "queries" in texts)]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
