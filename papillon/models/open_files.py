"""Open files: how many a run needs at once, made sure of before anything is asked."""

from __future__ import annotations

import contextlib
import resource

from papillon.errors import UsageError

__all__ = ["BESIDE", "CALLS_FROM", "make_room"]

#: What a run has open beside its calls: the cache, the locks, the run's folder, modules as they load; 28 were counted.
BESIDE = 48
#: What is needed for a call in flight: each role keeps its connections, and there are three roles.
CALLS_FROM = 3


def make_room(at_once: int) -> None:
    """Let this process have as many files open as ``at_once`` calls in flight need, as far as the system allows.

    Raises UsageError, with the number, where it does not.
    """
    needed = BESIDE + CALLS_FROM * at_once
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard == resource.RLIM_INFINITY or hard >= needed:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
            return
    raise UsageError(
        f"Expected room for {needed} open files, {BESIDE} and {CALLS_FROM} for each of {at_once} calls in flight at "
        f"once, but this process may open {soft}: raise it with ulimit -n {needed}, or set a lower concurrency."
    )
