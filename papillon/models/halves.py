"""The two halves of an engine as dspy.LM wants them: one that is awaited, and one that blocks another thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from papillon.models.engine import AsyncEngine
from papillon.models.loop import ModelLoop
from papillon.models.turn import noting_failure

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["Awaited", "Blocking"]

_SUPPORTED = frozenset({"temperature", "max_tokens", "top_p", "stop", "seed", "response_format"})


class Awaited:
    """The asynchronous half of an engine, as dspy.LM wants it."""

    supports_response_schema = True
    supported_params = _SUPPORTED

    def __init__(self, engine: AsyncEngine, role: str) -> None:
        self.engine, self.role = engine, role

    async def complete(self, request: Request) -> Response:
        with noting_failure(self.role):
            return await self.engine.acomplete(request)

    def __deepcopy__(self, memo: dict[int, Any]) -> Awaited:
        # DSPy copies modules with their LMs; connections and counters are not copied with them.
        return self


class Blocking:
    """The synchronous half: the same engine, waited for from another thread."""

    supports_response_schema = True
    supported_params = _SUPPORTED

    def __init__(self, engine: AsyncEngine, role: str, loop: ModelLoop) -> None:
        self.engine, self.role, self.loop = engine, role, loop

    def complete(self, request: Request) -> Response:
        with noting_failure(self.role):
            return self.loop.run(self.engine.acomplete(request))

    def __deepcopy__(self, memo: dict[int, Any]) -> Blocking:
        return self
