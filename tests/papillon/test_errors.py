"""The project's own exception behind an error, and its sentence."""

from __future__ import annotations

import pytest

from papillon.errors import EndpointError, behind, cause_of


def wrapped(error: Exception, *, cause: bool) -> Exception:
    """The error as somebody else's code passes it on, twice wrapped."""
    for _ in range(2):
        outer = RuntimeError("wrapped\n by   another")
        outer.__cause__, outer.__context__ = (error, None) if cause else (None, error)
        error = outer
    return error


@pytest.mark.parametrize("cause", [True, False])
def test_the_nearest_of_its_own_among_the_causes_speaks(cause: bool) -> None:
    own = EndpointError("Model m is down.")
    assert behind(own) is behind(wrapped(own, cause=cause)) is own
    assert cause_of(own) == cause_of(wrapped(own, cause=cause)) == "Model m is down."


def test_an_error_of_no_family_is_named_with_its_type_on_one_short_line() -> None:
    assert behind(wrapped(ValueError("x"), cause=True)) is None
    assert cause_of(wrapped(ValueError("x"), cause=True)) == "RuntimeError: wrapped by another"
    assert cause_of(ValueError("x" * 500)) == f"ValueError: {'x' * 199}…"
