"""Refusals: what a failing status means, by the status and by what the body says with it.

The prompt's own fault concerns one call, the key's, the model's, the quota's and the profile's every call, and
what may pass is asked again. The patterns are the words of servers in use.
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
from papillon.models.dialect import UNSUPPORTED
from papillon.models.error_bodies import ErrorBody
from papillon.models.retry import RefusesAll, TransientFailure

__all__ = ["failed_reply", "refusal"]

_LONGEST_RETRY_AFTER = 120.0

_FILTERED = re.compile(
    r"content[_ -]?filter|content[_ ]management[_ ]policy|responsibleaipolicy|data_?inspection_?failed|flagged|moderation"
    r"|\bsafety(?!_(?:identifier|settings))|(?:content|usage|acceptable use)[_ ](?:polic|guideline)|usage guidelines"
    r"|violat\w+ .{0,40}(?:polic|guideline)|inappropriate content|considered high risk|harmful|prohibited_content"
    r"|guardrail|new_sensitive|sensitive content|unsafe|jailbreak|was filtered|敏感|不安全|违规"
)
_TOO_LONG = re.compile(
    r"context[_ ]length[_ ]exceeded|max(?:imum)? context (?:length|size)|exceed_context_size|(?:available|configured) context size"
    r"|context (?:size|length|window|limit) (?:has been |was )?exceed|context window exceeds|context_window_exceeded"
    r"|exceed\w* (?:the |this |your |its )?(?:model'?s? )?(?:maximum |max )?context|exceed\w* model token limit"
    r"|(?:longer|greater) than the (?:model'?s? |maximum )?(?:context|model) length|context (?:the )?overflows|n_keep .{0,20}n_ctx"
    r"|context length of only|maximum allowed (?:input )?length|maximum prompt length|maximum input length"
    r"|(?:prompt|input)(?: is)? too (?:long|large)|input_too_long|input token count .{0,40}exceeds"
    r"|input length .{0,60}exceed|range of input length|reduce (?:the length of|your) (?:the )?(?:messages?|input|prompt)"
    r"|tokens? limit exceeded|too many (?:input )?tokens|too large for model with|request_too_large"
    r"|`?inputs`? (?:tokens \+ `?max_new_tokens|must have less than)|more tokens than the|exceeds the limit of \d"
)
_WINDOW = re.compile(r"(?:context (?:length|window|size)|model length|max_new_tokens` must be)[^\d;]{0,40}?(\d[\d,]*)")
_LIMIT_TOO_LARGE = re.compile(
    r"max[_ ]?(?:completion_|new_|output_)?tokens\b.{0,80}?(?:too large|at most|maximum|range|less than or equal|<=)"
    r"|at most \d+ (?:completion|output) tokens|maximum allowed number of output tokens"
)
_KEY = re.compile(
    r"api[ _-]?key[ _](?:is |was )?(?:not valid|invalid|expired|not found|disabled|missing|required)|invalid_api_key"
    r"|(?:invalid|incorrect|wrong|expired|missing|revoked|no) (?:or \w+ )?api[ _-]?key|no auth credentials|account_deactivated"
)
_QUOTA = re.compile(
    r"insufficient[_ ](?:quota|credit|balance|fund)|exceeded your current quota|quota exceeded|billing|payment required"
    r"|credit balance|out of credits|not enough credits|used all available credits|arrear|余额"
)
#: Gemini's quota for a minute has the same words as a quota that is spent.
_REFILLS = re.compile(r"resource_exhausted|retry in \d|try again in \d|retrydelay|per[ _]?minute|rate[_ ]limit")
_MODEL = re.compile(
    r"model_?not_?found|unknown model|invalid model|not a valid model|model_decommissioned|deploymentnotfound"
    r"|models?\b.{0,120}(?:not (?:exist|found|available|supported)|does not exist|decommissioned|no longer|try pulling)"
    r"|no (?:such|allowed|endpoints).{0,40}|model not exist"
)
_MIXED_UP = re.compile(r"plain http request|http request (?:was sent )?to (?:an )?https")
_CHOICES = re.compile(r"(?:supported|allowed|valid|available|known|permitted|accepted)\s+(?:\w+\s+)?(?:are|:|include)")


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
    if status == 402 or (status < 500 and status != 404 and _spent(error.text, wait)):
        return RefusesAll(f"{refused}. Its quota or credit is spent: check the account that the key belongs to.")
    if status == 429:
        asks = f"{name} asks for fewer calls (429{error.said})."
        return TransientFailure(asks, retry_after=wait, throttled=True)
    if status not in (401, 404) and (fault := _prompts_fault(name, status, error, sent)) is not None:
        return fault
    if status in (408, 409, 425) or status >= 500:
        failed = f"{name} answered with status {status}{error.said}."
        return TransientFailure(failed, retry_after=wait, may_have_cost=status >= 500)
    return _for_every_call(refused, status, error, sent) or EndpointError(f"{refused}.")


def failed_reply(name: str, what: str, error: ErrorBody, sent: Mapping[str, Any]) -> Exception:
    """What it means that a status of 200 brought no answer: ``what`` says what came, ``error`` what was said of it."""
    told = f"{name} {what}{error.said}"
    if error.html:
        return RefusesAll(f"{told}. Check api_base: no chat completions are served there.", certain=False)
    if error.status == 402 or _spent(error.text, None):
        return RefusesAll(f"{told}. Its quota or credit is spent: check the account that the key belongs to.")
    if (fault := _prompts_fault(name, 200, error, sent)) is not None:
        return fault
    if error.status == 401 or _KEY.search(error.text):
        return RefusesAll(f"{told}. Check the key in the variable that api_key_env names.")
    return TransientFailure(f"{told}.", throttled=error.status == 429, may_have_cost=True)


def _spent(text: str, wait: float | None) -> bool:
    if _QUOTA.search(text) is None:
        return False
    return "insufficient_quota" in text or (wait is None and _REFILLS.search(text) is None)


def _host(location: str | None) -> str:
    """Where a redirection leads: its scheme and host, since the rest may hold what is private."""
    try:
        host = host_of(location or "")
    except ValueError:
        host = ""
    return f"{urlsplit(location or '').scheme}://{host}" if host else "another address"


def _prompts_fault(name: str, status: int, error: ErrorBody, sent: Mapping[str, Any]) -> Exception | None:
    if status < 500 and _FILTERED.search(error.text):
        return Filtered(f"{name} answered with its provider's filter, status {status}{error.said}.")
    limit = sent.get("max_tokens", sent.get("max_completion_tokens"))
    if status == 413 or _TOO_LONG.search(error.text):
        window = _WINDOW.search(error.text)
        size = int(window[1].replace(",", "")) if window else None
        if limit is not None and size is not None and limit >= size:
            return RefusesAll(
                f"{name} has a window of {size} tokens, and max_tokens = {limit} leaves no room in it for a prompt; "
                "set a smaller max_tokens in the profile."
            )
        too_long: Exception = ContextLengthError(f"{name}: the prompt does not fit the model{error.said}.")
        return too_long
    if status < 500 and limit is not None and _LIMIT_TOO_LARGE.search(error.text):
        return RefusesAll(f"{name} refuses max_tokens = {limit}{error.said}; set a smaller one in the profile.")
    return None


def _for_every_call(refused: str, status: int, error: ErrorBody, sent: Mapping[str, Any]) -> RefusesAll | None:
    if status == 401 or _KEY.search(error.text):
        return RefusesAll(f"{refused}. Check the key in the variable that api_key_env names.")
    if _MIXED_UP.search(error.text):
        return RefusesAll(f"{refused}. The server speaks https there: write https:// in api_base.")
    if status == 407:
        return RefusesAll(f"{refused}. The proxy before it wants a user and password.")
    if status in (400, 422) and (fields := _refused_fields(error, sent)):
        names = " and ".join(fields)
        return RefusesAll(
            f"{refused}. Leave {names} out of the profile, or correct it: this model does not take it so."
        )
    model = _MODEL.search(error.text) is not None
    if status == 404 or model:
        # A bare 404 is the model's or the address's; other words may be about this call.
        certain = model or error.html or not error.words
        return RefusesAll(f"{refused}. Check the model's name and api_base.", certain=certain)
    if status == 403:
        return RefusesAll(f"{refused}. Check what the key may do, and api_base.", certain=False)
    if status == 405 or error.html:
        text = f"{refused}. Check api_base: no chat completions are served there."
        return RefusesAll(text, certain=status == 405)
    return None


def _refused_fields(error: ErrorBody, sent: Mapping[str, Any]) -> list[str]:
    """The profile's own fields that a body names as what it does not take."""
    if not UNSUPPORTED.search(error.text):
        return []
    own = [name for name in sent if name not in ("model", "messages", "response_format")]
    if error.names:
        return [name for name in own if name in error.names]
    # Behind such words stand the fields that it would take.
    told = _CHOICES.split(error.text)[0]
    return [name for name in own if re.search(rf"(?<![\w-]){re.escape(name.lower())}(?![\w-])", told)]


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
