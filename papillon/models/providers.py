"""Where a model's name leads: to the embedded model or to a server, and which key that server wants."""

from __future__ import annotations

import os

from papillon.errors import UsageError
from papillon.profile import ModelSettings

__all__ = ["OPENAI_BASE", "api_key", "base_of", "missing_key", "provider_of"]

OPENAI_BASE = "https://api.openai.com/v1"


def provider_of(settings: ModelSettings) -> str:
    """``embedded``, ``openai`` or ``vllm``, from the model's name; raises UsageError for any other."""
    provider, slash, name = settings.model.partition("/")
    if not slash or not name or provider not in ("embedded", "openai", "vllm"):
        raise UsageError(
            "Expected a model as embedded/NAME, openai/NAME (any OpenAI-compatible server, with api_base) or "
            f"vllm/NAME, got {settings.model!r}; correct 'model' in the profile."
        )
    return provider


def base_of(settings: ModelSettings) -> str:
    """The address of the model's server."""
    return settings.api_base or OPENAI_BASE


def _variable(settings: ModelSettings) -> str | None:
    # A server of one's own needs no key unless the profile names one.
    if settings.api_key_env:
        return settings.api_key_env
    return "OPENAI_API_KEY" if provider_of(settings) == "openai" and settings.api_base is None else None


def missing_key(settings: ModelSettings) -> str | None:
    """One sentence naming the variable that this model's key is expected in and that is not set, else None."""
    variable = _variable(settings)
    if variable is None or os.environ.get(variable):
        return None
    return (
        f"Model {settings.model} needs a key: expected it in the environment variable {variable}, which is "
        "not set; set it, or replay recorded calls with --eval-record none."
    )


def api_key(settings: ModelSettings) -> str | None:
    """The model's key, None where none is needed; raises UsageError where it is missing."""
    if (missing := missing_key(settings)) is not None:
        raise UsageError(missing)
    variable = _variable(settings)
    return None if variable is None else os.environ[variable]
