"""The hub: whether it answers at all, asked once; its own client would try for half a minute and more."""

from __future__ import annotations

__all__ = ["away", "silent"]


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
