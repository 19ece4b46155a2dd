"""Failures of one attempt at a model: those that may pass, and those that every other call would meet as well.

Whoever makes the attempt says which it was; what follows from it is the retries' matter.
"""

from __future__ import annotations

from papillon.errors import EndpointError

__all__ = ["RefusesAll", "TransientFailure"]


class TransientFailure(EndpointError):
    """A failure that may pass.

    ``retry_after`` is the server's own wish in seconds; ``throttled`` says it was asked too much;
    ``unreachable`` that no connection could be made; ``may_have_cost`` that an answer may be billed.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        throttled: bool = False,
        unreachable: bool = False,
        may_have_cost: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after, self.throttled, self.unreachable = retry_after, throttled, unreachable
        self.may_have_cost = may_have_cost


class RefusesAll(EndpointError):
    """The server would refuse every other call for the same reason (a wrong key, an unknown model, no quota).

    Where ``certain`` is false it may as well be this call alone: only several in a row, and no answer among the calls
    in flight with them, say that it is not. ``alone`` then says what it means where the model answers other calls: that
    a filter refused this one.
    """

    def __init__(self, message: str, *, certain: bool = True, alone: str | None = None) -> None:
        super().__init__(message)
        self.certain, self.alone = certain, alone
