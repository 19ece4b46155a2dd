"""Dialect: what one server wants to be told otherwise, learnt from its refusals and kept for the run.

Only what changes nothing about what is asked is adapted: the name of the token limit, and the form in which the
answer's format is asked for (the format stands in the prompt as well, and the answer is checked against it).
"""

from __future__ import annotations

import re
from typing import Any

from papillon.models.served.error_bodies import ErrorBody
from papillon.models.served.wordings import CHOICES, FORMAT, REFUSED

__all__ = ["Dialect"]

_LIMITS = ("max_tokens", "max_completion_tokens")
_REASONING_MODEL = re.compile(r"(?:o\d|gpt-[5-9])(?![a-z])", re.IGNORECASE)
_TOO_LARGE = re.compile(r"too large|maximum|at most|range|less than|greater than|exceed")


class Dialect:
    """How to talk to one model's server; ``model`` is its name there."""

    def __init__(self, model: str) -> None:
        # OpenAI's reasoning models want the limit under its other name, behind a router's prefix as well.
        self._limit = _LIMITS[_REASONING_MODEL.match(model.rpartition("/")[2]) is not None]
        self._limit_changed = False
        #: 0: a JSON schema is sent, 1: a JSON object is asked for, 2: nothing.
        self._format = 0

    def spoken(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body as this server takes it; ``body`` stays as it is."""
        spoken = dict(body)
        if "max_tokens" in spoken:
            spoken[self._limit] = spoken.pop("max_tokens")
        shape = spoken.get("response_format")
        if shape is not None and self._format:
            if self._format == 1 and shape.get("type") == "json_schema":
                spoken["response_format"] = {"type": "json_object"}
            elif self._format == 2:
                del spoken["response_format"]
        return spoken

    def learns(self, status: int, error: ErrorBody, sent: dict[str, Any]) -> bool:
        """Whether the refusal of ``sent`` taught something, so that the same call is worth sending again."""
        if status not in (400, 404, 422, 500, 501):
            return False
        return self._learns_format(error, sent) or self._learns_limit(error, sent)

    def _learns_format(self, error: ErrorBody, sent: dict[str, Any]) -> bool:
        shape = sent.get("response_format")
        if shape is None or not FORMAT.search(" ".join(error.names) or CHOICES.split(error.text)[0]):
            return False
        # Of calls in flight together one teaches, and the others are just sent again.
        self._format = max(self._format, 1 if shape.get("type") == "json_schema" else 2)
        return True

    def _learns_limit(self, error: ErrorBody, sent: dict[str, Any]) -> bool:
        limit = next((name for name in _LIMITS if name in sent), None)
        if limit is None or (error.names and limit not in error.names):
            return False
        if limit not in error.text or not REFUSED.search(error.text) or _TOO_LARGE.search(error.text):
            return False
        if limit == self._limit:
            if self._limit_changed:
                return False
            self._limit, self._limit_changed = _LIMITS[limit == "max_tokens"], True
        return True
