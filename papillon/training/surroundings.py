"""The libraries under a training, kept quiet while it runs: their log in a file, and one noise at its cause."""

from __future__ import annotations

import gc
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from papillon.files import open_in_place
from papillon.quiet import without_bars

__all__ = ["each_run_once", "kept_quiet", "let_go"]

#: Where a library's message may begin to quote an example or what a model wrote.
_QUOTES = re.compile(r"[(\[{<'\"`:\n]")


class _Textless(logging.Formatter):
    """Messages up to where they may quote a text, and of an exception its class alone."""

    def format(self, record: logging.LogRecord) -> str:
        said = _QUOTES.split(record.getMessage().strip(), maxsplit=1)[0].strip()
        raised = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        whole = logging.makeLogRecord(
            {
                **vars(record),
                "msg": " ".join(filter(None, (said, raised))),
                "args": (),
                "exc_info": None,
                "exc_text": None,
            }
        )
        return super().format(whole)


@contextmanager
def kept_quiet(log: Path) -> Iterator[None]:
    """Inside, log records go to the private file ``log`` alone, without the texts that they quote.

    Afterwards everything is as it was before.
    """
    from litellm.proxy.spend_tracking.cold_storage_handler import ColdStorageHandler

    handler = logging.StreamHandler(open(open_in_place(log, os.O_WRONLY | os.O_APPEND), "a", encoding="utf-8"))  # noqa: SIM115
    handler.setFormatter(_Textless("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    talkers = [logging.getLogger(), logging.getLogger("dspy"), logging.getLogger("LiteLLM")]
    before = [(logger, logger.handlers, logger.propagate, logger.level) for logger in talkers]
    for logger in talkers:
        logger.handlers, logger.propagate = [], True
    talkers[0].handlers = [handler]
    talkers[0].setLevel(logging.INFO)
    # After each call LiteLLM asks its proxy where to keep logs, which fails loudly without the proxy's packages.
    nowhere = patch.object(ColdStorageHandler, "_get_configured_cold_storage_custom_logger", staticmethod(lambda: None))
    # That a full disk takes no more of a log is no news: whatever cannot go on says so.
    with patch.object(logging, "raiseExceptions", False):
        try:
            with nowhere, without_bars():
                yield
        finally:
            for logger, handlers, propagate, level in before:
                logger.handlers, logger.propagate = handlers, propagate
                logger.setLevel(level)
            with suppress(OSError):
                handler.stream.close()


@contextmanager
def each_run_once() -> Iterator[None]:
    """Inside, DSPy waits for a slow run; else it starts another one beside it after two minutes, and counts both."""
    from dspy.utils.parallelizer import ParallelExecutor

    begin = ParallelExecutor.__init__

    def patient(executor: Any, *arguments: Any, **more: Any) -> None:
        begin(executor, *arguments, **more)
        executor.timeout = 0

    with patch.object(ParallelExecutor, "__init__", patient):
        yield


def let_go() -> None:
    """Collect what a training leaves: LiteLLM's clients with open sockets, where that is known, and a GPU's memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
