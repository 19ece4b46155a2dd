"""Where a model's name leads: to weights in this process or to a server, and which key that server wants."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from papillon.errors import UsageError
from papillon.hosts import checked_address, key_refusal
from papillon.models.local.gguf_place import place_of
from papillon.models.local.transformers import missing_transformers, transformers_name
from papillon.models.served.api_keys import clean_key, unsendable
from papillon.models.served.vllm import missing_server, served_name
from papillon.profile import ModelSettings, paired_hosts

__all__ = [
    "HERE",
    "LLAMA_CPP",
    "OPENAI_BASE",
    "api_key",
    "base_of",
    "identity_of",
    "made_known",
    "missing_means",
    "needed_first",
    "price_of",
    "provider_of",
    "sampling_of",
]

#: Providers whose models run in this process: they cost nothing, and answer by a seed.
HERE = ("embedded", "gguf", "transformers")

#: Those that llama.cpp runs: they share the processors.
LLAMA_CPP = ("embedded", "gguf")

OPENAI_BASE = "https://api.openai.com/v1"

#: Where OpenAI's own clients, and LiteLLM, look for another address.
_BASE_VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")


def provider_of(settings: ModelSettings) -> str:
    """``embedded``, ``gguf``, ``openai``, ``vllm`` or ``transformers``, from the model's name.

    Raises UsageError for any other, for settings that such a model has no use for, and for an adapter on a
    model that somebody else serves: it would be left out without a word.
    """
    provider, slash, name = settings.model.partition("/")
    if not slash or not name or provider not in (*HERE, "openai", "vllm"):
        raise UsageError(
            "Expected a model as embedded/NAME, gguf/PATH, gguf/OWNER/REPO/FILE.gguf, openai/NAME (any "
            f"OpenAI-compatible server, with api_base), vllm/NAME or transformers/NAME, got {settings.model!r}; "
            "correct 'model' in the profile."
        )
    if provider == "gguf":
        place_of(settings)
    elif settings.sha256 is not None or settings.revision is not None:
        raise UsageError(
            f"Expected sha256 and revision for a model named gguf/…, and this one is {settings.model}; leave them out."
        )
    if provider in HERE and (settings.extra_body or settings.reasoning_effort is not None):
        raise UsageError(
            f"Expected reasoning_effort and extra_body for a model that a server has, and {settings.model} runs in "
            "this process; leave them out of the profile."
        )
    if settings.lora is not None and (provider == "openai" or (provider == "vllm" and settings.api_base is not None)):
        raise UsageError(
            f"Expected a model that this run loads itself for the adapter in {settings.lora}, got {settings.model}, "
            "which a server has; let 'model' be the adapter's name there, or leave 'lora' and 'api_base' out."
        )
    return provider


def base_of(settings: ModelSettings) -> str:
    """The address of the model's server: the profile's, else the environment's, else OpenAI's.

    Raises UsageError, which names the variable, where the environment has something else than an address.
    """
    if settings.api_base:
        return settings.api_base
    for variable in _BASE_VARIABLES:
        if address := os.environ.get(variable, "").strip():
            return checked_address(address, f"The environment variable {variable}")
    return OPENAI_BASE


def sampling_of(settings: ModelSettings) -> dict[str, Any]:
    """The sampling values that the profile sets, and what else it adds to every request."""
    names = ("temperature", "top_p", "top_k", "repetition_penalty", "max_tokens", "reasoning_effort")
    sampling = {name: value for name in names if (value := getattr(settings, name)) is not None}
    return sampling | ({"extra_body": dict(settings.extra_body)} if settings.extra_body else {})


def identity_of(settings: ModelSettings) -> dict[str, Any]:
    """Everything about a model that can change what it answers to given messages, and how that is read.

    Raises UsageError where that takes a file that is not there; it is never fetched here.
    """
    model = settings.model
    if provider_of(settings) == "embedded":
        from papillon.models.local.embedded import Embedded

        served = Embedded(sampling=sampling_of(settings), lora=settings.lora).fingerprint
    elif provider_of(settings) == "gguf":
        from papillon.models.local.gguf_model import gguf_identity

        # Files of the same content are one model, whatever their names.
        model, served = gguf_identity(settings)
    elif provider_of(settings) == "vllm" and settings.api_base is None:
        served = settings.endpoint or served_name(settings)
    elif provider_of(settings) == "transformers":
        served = settings.endpoint or transformers_name(settings)
    else:
        served = settings.endpoint or base_of(settings)
    return {
        "model": model,
        "served": served,
        "sampling": sampling_of(settings),
        "seed": settings.seed,
        "adapter": [settings.adapter, settings.json_fallback],
    }


def made_known(settings: ModelSettings) -> None:
    """Have the files that :func:`identity_of` reads; a .gguf from the hub is fetched, with a bar on a terminal.

    Raises UsageError where they cannot be had.
    """
    if provider_of(settings) == "gguf":
        from papillon.models.local.gguf_model import made_known as known

        known(settings)


def needed_first(settings: ModelSettings) -> str:
    """What a call takes that no file is there for yet, to go on a sentence with; nothing where all is here."""
    if provider_of(settings) != "gguf":
        return ""
    from papillon.models.local.gguf_hub import file_here

    if file_here(settings) is not None:
        return ""
    place = place_of(settings)
    return f", which needs its file at {place}" if isinstance(place, Path) else f", which fetches {place} from the hub"


def price_of(settings: ModelSettings) -> Callable[[int | None, int | None], float | None]:
    """Input and output tokens to USD; None where a price or a count is unknown; 0 for a model in this process."""
    if provider_of(settings) in HERE:
        return lambda given, taken: 0.0
    if settings.price is None:
        return lambda given, taken: None
    per_input, per_output = settings.price

    def price(given: int | None, taken: int | None) -> float | None:
        return None if given is None or taken is None else (given * per_input + taken * per_output) / 1e6

    return price


def _variable(settings: ModelSettings) -> str | None:
    # A server of one's own needs no key unless the profile names one.
    if settings.api_key_env:
        return settings.api_key_env
    return "OPENAI_API_KEY" if provider_of(settings) == "openai" and settings.api_base is None else None


def missing_means(settings: ModelSettings) -> str | None:
    """One sentence on what this model needs and does not have here (a key, a GPU, vLLM), else None."""
    if provider_of(settings) == "vllm" and settings.api_base is None:
        return missing_server(settings)
    if provider_of(settings) == "transformers":
        return missing_transformers(settings)
    return _missing_key(settings)


def _refused_key(settings: ModelSettings) -> str | None:
    """Why this profile may not send that variable to that host, None where it may."""
    variable = settings.api_key_env
    if variable is None or settings.file is None or provider_of(settings) in HERE:
        return None  # pyproject.toml is the user's own
    if settings.api_base is None and variable == "OPENAI_API_KEY":
        return None  # neither the host nor the variable is this profile's choice
    return key_refusal(variable, base_of(settings), paired_hosts())


def _missing_key(settings: ModelSettings) -> str | None:
    if (refused := _refused_key(settings)) is not None:
        return refused
    variable = _variable(settings)
    if variable is None:
        return None
    if key := clean_key(os.environ.get(variable, "")):
        return unsendable(key, variable)
    if not settings.api_key_env and base_of(settings) != OPENAI_BASE:
        return None  # the environment's own server may need none
    return (
        f"Model {settings.model} needs a key: expected it in the environment variable {variable}, which is "
        "not set; set it, or replay recorded calls with --eval-record none."
    )


def api_key(settings: ModelSettings) -> str | None:
    """The model's key, None where none is needed; raises UsageError where it is missing."""
    if (missing := _missing_key(settings)) is not None:
        raise UsageError(missing)
    variable = _variable(settings)
    return None if variable is None else clean_key(os.environ.get(variable, "")) or None
