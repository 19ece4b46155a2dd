"""Backends: what answers for a model by its provider: weights in this process, a server of the run's own, an address.

Nothing is loaded or asked yet. Who may ask how often is left to the layers around them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from papillon.errors import UsageError
from papillon.models.engine import AsyncEngine
from papillon.models.local.transformers import missing_transformers
from papillon.models.providers import api_key, base_of, provider_of, sampling_of
from papillon.models.stop import Stop
from papillon.profile import ModelSettings

__all__ = ["Backend", "backend_of"]

#: A model without a limit of its own is bounded by the run's.
UNBOUNDED = 100_000


@dataclass(frozen=True)
class Backend:
    """An engine, how many calls it takes ``at_once``, and what lets go of it; what that gives is awaited."""

    engine: AsyncEngine
    at_once: int
    close: Callable[[], Any]


def backend_of(
    settings: ModelSettings, *, logs: Path, keyless: bool, deadline: float, stop: Stop, say: Callable[[str], None]
) -> Backend:
    """The backend of a model; ``logs`` is the folder of a server's log, ``keyless`` leaves its key unread.
    ``say`` hears of a file that is fetched.

    Raises UsageError where a key or a package is missing.
    """
    provider, sampling = provider_of(settings), sampling_of(settings)
    at_once = settings.max_concurrency or UNBOUNDED
    if provider == "embedded":
        from papillon.models.local.embedded import Embedded

        embedded = Embedded(sampling=sampling, lora=settings.lora)
        return Backend(embedded, embedded.parallel, embedded.close)
    if provider == "gguf":
        from papillon.models.local.gguf_model import GgufModel

        gguf = GgufModel(settings, sampling, say)
        return Backend(gguf, gguf.parallel, gguf.close)
    if provider == "vllm" and settings.api_base is None:
        from papillon.models.served.vllm import VllmServer

        server = VllmServer(settings, logs, sampling, stop)
        return Backend(server, at_once, server.aclose)
    if provider == "transformers":
        from papillon.models.local.transformers import Transformers

        if (missing := missing_transformers(settings)) is not None:
            raise UsageError(missing)
        here = Transformers(settings, sampling)
        return Backend(here, at_once, here.aclose)
    from papillon.models.served.endpoint import Endpoint

    endpoint = Endpoint(
        settings.model.partition("/")[2],
        base=base_of(settings),
        key=None if keyless else api_key(settings),
        sampling=sampling,
        timeout=min(settings.timeout, deadline),
        stop=stop,
    )
    return Backend(endpoint, at_once, endpoint.aclose)
