"""Refusals: what a failing status means, by the status and by what the body says with it.

The prompt's own fault concerns one call, the key's, the model's, the quota's and the profile's every call, and
what may pass is asked again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from dspy.lm15 import ContextLengthError

from papillon.errors import EndpointError, Filtered
from papillon.hosts import host_of
from papillon.models.failures import RefusesAll, TransientFailure
from papillon.models.served.error_bodies import ErrorBody
from papillon.models.served.wordings import (
    ACCOUNT,
    CHOICES,
    FILTER_ITSELF,
    FILTERED,
    KEY,
    LIMIT_TOO_LARGE,
    MODEL,
    QUOTA,
    REFILLS,
    REFUSED,
    SPEAKS_TLS,
    TOO_LONG,
    WINDOW,
)

__all__ = ["failed_reply", "refusal"]

_LONGEST_RETRY_AFTER = 120.0


def refusal(
    name: str, status: int, error: ErrorBody, sent: Mapping[str, Any], headers: Mapping[str, str] = {}
) -> Exception:
    """What it means that the model ``name`` answered ``sent`` with a failing status.

    A TransientFailure for what may pass, lm15's ContextLengthError and Filtered for the prompt's own fault,
    RefusesAll for what concerns every call, with a sentence that names it, and else EndpointError.
    """
    wait = _seconds(headers.get("Retry-After"))
    refused = f"{name} refused the call with status {status}{error.said}"
    if 300 <= status < 400:
        return RefusesAll(f"{name} redirects to {_host(headers.get('Location'))}; correct api_base.")
    if _spent(status, error.text, wait):
        return RefusesAll(f"{refused}. Its quota or credit is spent: check the account that the key belongs to.")
    told = _told_wait(error.text)
    if status == 429 and told > _LONGEST_RETRY_AFTER:
        return RefusesAll(f"{refused}. It asks to wait {told / 60:.0f} minutes: run the same command again then.")
    if status == 429:
        asks = f"{name} asks for fewer calls (429{error.said})."
        return TransientFailure(asks, retry_after=wait, throttled=True)
    if not _may_pass(status) and (fault := _prompts_fault(name, status, error, sent)) is not None:
        return fault
    if _may_pass(status) or status == 500:
        failed = f"{name} answered with status {status}{error.said}."
        return TransientFailure(failed, retry_after=wait, may_have_cost=status >= 500)
    return _for_every_call(refused, status, error, sent) or EndpointError(f"{refused}.")


def failed_reply(name: str, what: str, error: ErrorBody, sent: Mapping[str, Any]) -> Exception:
    """What it means that a status of success brought no answer: ``what`` says what came, ``error`` what was said of it.

    A status in the body itself counts like one in its place.
    """
    told, status = f"{name} {what}{error.said}", error.status or 200
    if error.html:
        return RefusesAll(f"{told}. Check api_base: no chat completions are served there.", certain=False)
    if _spent(status, error.text, None):
        return RefusesAll(f"{told}. Its quota or credit is spent: check the account that the key belongs to.")
    meant: Exception | None = None
    if not _may_pass(status):
        meant = _prompts_fault(name, status, error, sent)
        if meant is None and status != 500:
            meant = _for_every_call(told, status, error, sent)
    return meant or TransientFailure(f"{told}.", throttled=status == 429, may_have_cost=True)


def _may_pass(status: int) -> bool:
    # Some servers have 500 for a prompt that does not fit.
    return status in (408, 409, 425, 429) or status > 500


def _spent(status: int, text: str, wait: float | None) -> bool:
    if status == 402:
        return True
    if status >= 500 or status == 404 or QUOTA.search(text) is None:
        return False
    return "insufficient_quota" in text or (wait is None and REFILLS.search(text) is None)


def _host(location: str | None) -> str:
    """Where a redirection leads: its scheme and host, since the rest may hold what is private."""
    try:
        host = host_of(location or "")
    except ValueError:
        host = ""
    return f"{urlsplit(location or '').scheme}://{host}" if host else "another address"


def _prompts_fault(name: str, status: int, error: ErrorBody, sent: Mapping[str, Any]) -> Exception | None:
    """That a prompt does not fit or is filtered; or that no prompt fits, as the profile leaves no room for one."""
    if status in (401, 404) or KEY.search(error.text) or ACCOUNT.search(error.text):
        return None
    if status < 500 and _filtered(status, error, sent):
        return Filtered(f"{name} answered with its provider's filter, status {status}{error.said}.")
    limit = sent.get("max_tokens", sent.get("max_completion_tokens"))
    if (status == 413 or TOO_LONG.search(error.text)) and not REFILLS.search(error.text):
        window = WINDOW.search(error.text)
        size = int(window[1].replace(",", "")) if window else None
        if limit is not None and size is not None and limit >= size:
            return RefusesAll(
                f"{name} has a window of {size} tokens, and max_tokens = {limit} leaves no room in it for a prompt; "
                "set a smaller max_tokens in the profile."
            )
        too_long: Exception = ContextLengthError(f"{name}: the prompt does not fit the model{error.said}.")
        return too_long
    if status < 500 and limit is not None and LIMIT_TOO_LARGE.search(error.text):
        return RefusesAll(f"{name} refuses max_tokens = {limit}{error.said}; set a smaller one in the profile.")
    return None


def _filtered(status: int, error: ErrorBody, sent: Mapping[str, Any]) -> bool:
    """Whether a filter has refused the prompt, and not a server the filter, or a proxy the address."""
    text = error.text
    for name in _refused_fields(status, error, sent):
        # A field of the profile may be named like a filter.
        text = text.replace(name.lower(), "")
    return not error.html and FILTERED.search(text) is not None and FILTER_ITSELF.search(text) is None


def _for_every_call(refused: str, status: int, error: ErrorBody, sent: Mapping[str, Any]) -> RefusesAll | None:
    if status == 401 or KEY.search(error.text):
        return RefusesAll(f"{refused}. Check the key in OPENAI_API_KEY, or in the variable that api_key_env names.")
    if ACCOUNT.search(error.text):
        return RefusesAll(f"{refused}. Check the account that the key belongs to: it is closed to its owner.")
    if SPEAKS_TLS.search(error.text):
        return RefusesAll(f"{refused}. The server speaks https there: write https:// in api_base.")
    if status == 407:
        return RefusesAll(f"{refused}. The proxy before it wants a user and password.")
    if fields := _refused_fields(status, error, sent):
        names = " and ".join(fields)
        return RefusesAll(
            f"{refused}. Leave {names} out of the profile, or correct it: this model does not take it so."
        )
    model = status >= 400 and MODEL.search(error.text) is not None
    if status == 404 or model:
        # A bare 404 is the model's or the address's; other words may be about this call.
        certain = model or error.html or not error.words
        return RefusesAll(f"{refused}. Check the model's name and api_base.", certain=certain)
    if status == 403:
        alone = f"{refused}, and answers other calls."
        return RefusesAll(f"{refused}. Check what the key may do, and api_base.", certain=False, alone=alone)
    if status == 405 or error.html:
        text = f"{refused}. Check api_base: no chat completions are served there."
        return RefusesAll(text, certain=status == 405)
    return None


def _refused_fields(status: int, error: ErrorBody, sent: Mapping[str, Any]) -> list[str]:
    """The profile's own fields that a body names as what it does not take."""
    if status not in (400, 422) or not REFUSED.search(error.text):
        return []
    own = [name for name in sent if name not in ("model", "messages", "response_format")]
    if error.names:
        return [name for name in own if name in error.names]
    # Behind such words stand the fields that it would take.
    told = CHOICES.split(error.text)[0]
    return [name for name in own if re.search(rf"(?<![\w-]){re.escape(name.lower())}(?![\w-])", told)]


_TOLD = re.compile(
    r"(?:try again|retry) (?:in|after) (?:(\d+)d)? ?(?:(\d+)h)? ?(?:(\d+)m(?!s))? ?(?:(\d+)(?:\.\d+)?s)?"
)


def _told_wait(text: str) -> float:
    """The seconds after which a server says in words that it may be asked again ("try again in 12m3s"), else 0."""
    told = _TOLD.search(text)
    units = (86_400, 3_600, 60, 1)
    return sum(int(n or 0) * unit for n, unit in zip(told.groups(), units, strict=True)) if told else 0


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds, given as a number or an HTTP date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    try:
        wait = float(retry_after)
    except ValueError:
        try:
            wait = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(max(wait, 0.0), _LONGEST_RETRY_AFTER) if wait == wait else None
