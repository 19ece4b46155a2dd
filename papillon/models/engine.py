"""Engine: DSPy's word for what answers one request; a model, and each layer around one, is such."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["AsyncEngine", "LoadedFirst"]


class AsyncEngine(Protocol):
    """What answers one request, once."""

    async def acomplete(self, request: Request) -> Response: ...


@runtime_checkable
class LoadedFirst(Protocol):
    """An engine that has weights to load, or a server to start, before it can be asked.

    ``load`` does so once, and at once where it has been done; a caller that is stopped meanwhile leaves it.
    """

    async def load(self) -> None: ...
