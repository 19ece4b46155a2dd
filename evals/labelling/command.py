"""Command: a run's rows judged by a person, from the first line to the last; each answer is kept whatever ends it."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from evals.labelling.closing import closing
from evals.labelling.opening import Opened, Wanted, opened
from evals.labelling.terminal import asked_at_terminal
from papillon.results.finding import FoundRun
from papillon.screen import show

__all__ = ["label"]


def label(found: FoundRun, wanted: Wanted, *, terminal: bool = False, port: int = 0) -> None:
    """Ask a person about the rows of a run until all are labelled or they have enough, on a page or at the terminal.

    Raises UsageError and DataError, in one sentence, where that cannot be.
    """
    print("This shows private texts: queries, requests, answers and targets.")
    with opened(found, wanted) as desk:
        show(*desk.remarks)
        with contextlib.suppress(KeyboardInterrupt):
            if terminal:
                asked_at_terminal(desk.sitting, input)
            else:
                _on_page(desk, port)
        show("", *closing(desk.sitting, desk.rows))


def _on_page(desk: Opened, port: int) -> None:
    from evals.labelling.pages import page
    from evals.labelling.server import LabellingServer, listening

    async def serve() -> None:
        end = partial(closing, desk.sitting, desk.rows)
        server = LabellingServer(desk.sitting, page("judging"), end)
        address = server.address(sock.getsockname()[1])
        print(
            f"Open {address}\nand leave it to nobody else; Ctrl-C ends this, and what was answered stays.", flush=True
        )
        await server.serve(sock)

    with listening(port) as sock:
        asyncio.run(serve())
