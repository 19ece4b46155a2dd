"""The hub: whether it answers at all, asked once; its own client would try for half a minute and more."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["NAME", "away", "out_of_reach", "silent"]

#: A model's name as the hub has them.
NAME = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*", re.ASCII)


def out_of_reach(model: str) -> str | None:
    """Why a model of that name cannot be had where there is no network; None for a path, and where a copy is there."""
    from huggingface_hub import constants, try_to_load_from_cache

    if constants.HF_HUB_OFFLINE or not NAME.fullmatch(model) or Path(model).exists():
        return None
    return None if isinstance(try_to_load_from_cache(model, "config.json"), str) else silent()


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
