"""Quiet: what libraries say of themselves, kept off the screen for a while; afterwards all is as it was before."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

__all__ = ["levels_kept", "quiet", "unannounced", "without_bars"]


@contextmanager
def levels_kept() -> Iterator[None]:
    """Inside, anybody may set the levels of loggers; afterwards those that were there have their own again."""
    known = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    before = [(logger, logger.level) for logger in (logging.root, *known)]
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)


@contextmanager
def quiet(level: int, *names: str) -> Iterator[None]:
    """Inside, the loggers of these ``names`` pass on records of ``level`` and above alone."""
    before = [(logger, logger.level) for logger in map(logging.getLogger, names)]
    for logger, _ in before:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, kept in before:
            logger.setLevel(kept)


@contextmanager
def without_bars() -> Iterator[None]:
    """Inside, nobody draws a progress bar."""
    from tqdm.std import tqdm

    draw = tqdm.__init__

    def undrawn(bar: Any, *arguments: Any, **more: Any) -> None:
        draw(bar, *arguments, **{**more, "disable": True})

    with patch.object(tqdm, "__init__", undrawn):
        yield


@contextmanager
def unannounced(*, bars: bool = False) -> Iterator[None]:
    """Inside, libraries are imported and models read without their greetings and warnings, or ``bars`` unless asked."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with nullcontext() if bars else without_bars():
            yield
    finally:
        logging.disable(before)
        if (arbor := sys.modules.get("arbor")) is not None:
            atexit.unregister(arbor.shutdown)  # which says that no server runs; here, whoever starts one stops it
