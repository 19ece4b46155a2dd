"""The hub: whether it answers at all, asked once; its own client would try for half a minute and more."""

from __future__ import annotations

import re
from pathlib import Path

from papillon.errors import UsageError

__all__ = ["NAME", "away", "check_reach", "silent"]

#: A model's name as the hub has them.
NAME = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*", re.ASCII)


def check_reach(source: str, name: str, setting: str) -> None:
    """Raise UsageError for a model of the hub's that is not here where there is no network either.

    ``source`` is a hub name or a path, of which nothing is asked; ``name`` is what ``setting`` says.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    if constants.HF_HUB_OFFLINE or not NAME.fullmatch(source) or Path(source).exists():
        return
    if not isinstance(try_to_load_from_cache(source, "config.json"), str) and (why := silent()):
        raise UsageError(f"Expected a causal language model at {name!r} ({setting}), but {why}, or name a folder.")


def silent() -> str | None:
    """Why the hub gives no answer at all, None where it does."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except Exception as error:  # of the HTTP library, which is another in other versions of the client
        return away(type(error).__name__)
    return None


def away(failure: str) -> str:
    """The words for a hub that cannot be reached, by the name of what failed."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT} cannot be reached ({failure}); fetch it once with a network"
