"""The process between a run and the server that it starts: it ends the server, and all that this started, with the run.

It is run by its path and so imports the standard library alone. Its standard input is a pipe from the run, which is
closed when the run is gone, also after kill -9. What was written to it before is how many seconds the server has to end
by itself. It ends with the server's status.

python watch.py COMMAND ...
"""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

__all__ = ["PATIENCE"]

#: Seconds that a server has to end by itself where the run said nothing.
PATIENCE = 10.0

#: Seconds that what it started has after it.
REST = 2.0


def main(command: list[str]) -> int:
    # A group of its own: a server starts workers, and all of them must end.
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    threading.Thread(target=_end_with_the_run, args=(server.pid,), daemon=True).start()
    status = server.wait()
    _end(server.pid, REST)
    return status if status >= 0 else 128 - status  # as a shell has it


def _end_with_the_run(group: int) -> None:
    said = sys.stdin.read()
    _end(group, float(said) if said else PATIENCE)


def _end(group: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        while _runs(group) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)


def _runs(group: int) -> bool:
    """Whether a process of the group runs; the dead stay in it until somebody collects them, which init may not do."""
    for file in glob.glob("/proc/[0-9]*/stat"):
        with suppress(OSError), open(file, encoding="utf-8", errors="replace") as stat:
            state, _, its = stat.read().rpartition(")")[2].split()[:3]
            if its == str(group) and state not in "ZX":
                return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
