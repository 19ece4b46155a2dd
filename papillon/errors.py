"""The project's exceptions, one family.

::

    PapillonError                    anything this project refuses or gives up on
    ├── UsageError                   the user asked for something that cannot be (exit 4)
    │   ├── ProfileError             a profile, or a key or value in it
    │   └── DataError                a data set that cannot be read
    └── InfrastructureError          no answer could be had: no score at all
        ├── EndpointError            a model server refused a call, or failed or timed out past its retries
        │   ├── Filtered             a provider's filter refused this one prompt, or its answer
        │   └── Unreachable          no connection to the server could be made, for as long as was tried
        ├── JudgeError               the judge would not answer in its type, asked again or not
        ├── RecordMissing            strict replay met a call that is not recorded
        ├── StoreError               the store of recorded calls is damaged or unusable
        ├── BudgetSpent              the cap on calls or cost leaves no room for the next call
        └── RunStopped               the run was stopped before this call's turn

Every message is one sentence: what was expected, what came, where, and what to do.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from types import CodeType

__all__ = [
    "BudgetSpent",
    "DataError",
    "EndpointError",
    "Filtered",
    "InfrastructureError",
    "JudgeError",
    "PapillonError",
    "ProfileError",
    "RecordMissing",
    "RunStopped",
    "StoreError",
    "Unreachable",
    "UsageError",
    "behind",
    "cause_of",
    "one_line",
    "place_of",
]


class PapillonError(Exception):
    """Anything this project refuses or gives up on; its text is one sentence for a person."""


class UsageError(PapillonError):
    """The user asked for something that cannot be done as asked."""


class ProfileError(UsageError):
    """A profile does not exist, or holds a key or value that means nothing."""


class DataError(UsageError):
    """A data set cannot be read as PUPA rows."""


class InfrastructureError(PapillonError):
    """No answer could be had, so there is nothing to score."""


class EndpointError(InfrastructureError):
    """A model server refused a call, or failed or timed out as often as it was asked."""


class Filtered(EndpointError):
    """A provider's filter refused this one prompt or its answer; other calls are not concerned.

    For the program under evaluation that is a bad score, for a judge no score at all.
    """


class Unreachable(EndpointError):
    """No connection to a model's server could be made; what it was asked may be tried once more, later."""


class JudgeError(InfrastructureError):
    """The judge gave no verdict of its type within its attempts; ``calls`` are the keys of the recorded ones."""

    def __init__(self, message: str, calls: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.calls = tuple(calls)


class RecordMissing(InfrastructureError):
    """Strict replay met a call that was never recorded."""


class StoreError(InfrastructureError):
    """The store of recorded calls is damaged or cannot be used."""


class BudgetSpent(InfrastructureError):
    """The run's cap leaves no room for the next call."""


class RunStopped(InfrastructureError):
    """The run was stopped before this call had its turn."""


def behind(error: BaseException) -> PapillonError | None:
    """The project's own exception behind an error, the nearest among its causes; DSPy wraps what an engine raises."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, PapillonError):
        seen = seen.__cause__ or seen.__context__
    return seen


def cause_of(error: BaseException) -> str:
    """The sentence of the project's own exception behind an error, else the error itself."""
    return str(behind(error) or f"{type(error).__name__}: {one_line(error)}")


def place_of(error: BaseException, files: Collection[str] = ()) -> str:
    """Where an exception came from, in one of ``files`` if it passed one: ``mine.py, line 12``."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{os.path.basename(error.filename)}, line {error.lineno}"
    frames = [(code.co_filename, line) for code, line in _passed(error) if not code.co_filename.startswith("<")]
    own = [frame for frame in frames if frame[0] in files]
    if not (found := own or frames):
        return "unknown place"
    return f"{os.path.basename(found[-1][0])}, line {found[-1][1]}"


def _passed(error: BaseException) -> Iterator[tuple[CodeType, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code, trace.tb_lineno
        trace = trace.tb_next


def one_line(error: BaseException) -> str:
    """An error's text on one line, of at most 200 characters, none of which acts on who reads it."""
    from papillon.screen import visible  # a tenth of a second, in every project where the pytest plugin is loaded

    text = visible(" ".join(str(error).split()), one_line=True)
    return text if len(text) <= 200 else f"{text[:199]}…"
