"""Targets: answers that a model writes to the queries as they are, for rows that have none; only where a user asks.

Which texts go to whom is said before any does. The untrusted model gets no query unless that was asked for by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from papillon.annotation.answers import all_answers
from papillon.destinations import destination, in_process, same_place
from papillon.errors import PapillonError, UsageError
from papillon.models.roles import Models
from papillon.profile import Profile
from papillon.program import response_text

__all__ = ["refuse_sending", "said_of_targets", "written_targets"]


def refuse_sending(profile: Profile, role: str | None, *, proposing: bool, send_queries: bool) -> None:
    """Raise UsageError where queries would go to the untrusted model, or to where it is, unless ``send_queries``.

    ``proposing`` says whether the local model is asked for units, ``role`` who writes targets, None for nobody; one
    that the profile has no model for is refused too.
    """
    local, untrusted = profile.local, profile.untrusted
    # One in this process gives the queries to nobody else.
    served = not in_process(local)
    is_untrusted = served and proposing and local.model == untrusted.model and same_place(local, untrusted)
    if is_untrusted and not send_queries:
        raise UsageError(
            f"--from model: the queries would go as they are to {destination(local).host}, where {local.model} is the "
            "untrusted model too, which is what PAPILLON keeps from it; add --send-queries where that may be, or leave "
            "model out of --from."
        )
    if role is None:
        if send_queries and not is_untrusted:
            raise UsageError("--send-queries: expected --targets beside it, got none; leave it out, or add that.")
        return
    known = profile.models
    if profile.judge.model is not None:
        known = {**known, "judge": profile.judge.model}
    if role not in known:
        raise UsageError(f"--targets: expected one of {', '.join(known)}, got {role!r}; name a role of {profile.name}.")
    if same_place(known[role], untrusted) and not send_queries and (served or role != "local"):
        host = destination(known[role]).host
        raise UsageError(
            f"--targets {role}: the queries would go as they are to {host}, where the untrusted model is, which is "
            "what PAPILLON keeps from it; add --send-queries where that may be, or name another role."
        )


def said_of_targets(profile: Profile, role: str, queries: int) -> str:
    """Which texts go to whom, in one sentence."""
    settings = profile.untrusted if role == "untrusted" else profile.local if role == "local" else profile.judge.model
    assert settings is not None
    to = destination(settings)
    whole, stay, go = (f"{queries} queries", "stay", "go") if queries != 1 else ("1 query", "stays", "goes")
    where = f"{stay} on this machine" if to.stays else f"{go} as {'they are' if queries != 1 else 'it is'} to {to.host}"
    return f"Targets: {whole} {where}, where {settings.model} answers ({role} model)."


def written_targets(
    models: Models, role: str, queries: Sequence[str], told: Callable[[int], None] = lambda answered: None
) -> list[str]:
    """What the role's model answers to each query.

    Raises PapillonError where an answer is empty, and what a model's failure raises; what was answered is recorded.
    """
    lm = models.lm(role)

    async def answer(query: str) -> str:
        try:
            return response_text(await lm.acall(query))
        except (ValueError, TypeError):
            return ""

    found = all_answers(models, answer, queries, told)
    if empty := sum(not answer.strip() for answer in found):
        raise PapillonError(
            f"The {role} model answered {empty} of {len(found)} queries with nothing, so they have no target; "
            "name another role, or leave --targets out and evaluate with targets = false."
        )
    return found
