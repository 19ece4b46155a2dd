"""Quiet for a while: what is kept off the screen inside, and that nothing of it is left afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from papillon.quiet import levels_kept, quiet, unannounced


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("papillon.tests.talker")
    logger.setLevel(logging.INFO)
    yield logger
    logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize("failing", [False, True])
def test_a_logger_is_quiet_inside_and_afterwards_as_it_was(logger: logging.Logger, failing: bool) -> None:
    def inside() -> None:
        with quiet(logging.ERROR, logger.name):
            assert not logger.isEnabledFor(logging.WARNING)
            assert logger.isEnabledFor(logging.ERROR)
            if failing:
                raise KeyboardInterrupt

    if failing:
        with pytest.raises(KeyboardInterrupt):
            inside()
    else:
        inside()
    assert logger.level == logging.INFO


def test_levels_that_others_set_are_put_back(logger: logging.Logger) -> None:
    root = logging.getLogger().level
    with levels_kept():
        logger.setLevel(logging.CRITICAL)
        logging.getLogger().setLevel(logging.DEBUG)
    assert (logger.level, logging.getLogger().level) == (logging.INFO, root)


def test_greetings_are_not_heard_and_bars_not_drawn(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    from tqdm import tqdm

    with caplog.at_level(logging.INFO):
        with unannounced():
            logger.warning("hello")
            list(tqdm(range(3)))
        assert (caplog.messages, capsys.readouterr().err) == ([], "")
        logger.warning("goodbye")
        list(tqdm(range(3)))
    assert caplog.messages == ["goodbye"]
    assert "3/3" in capsys.readouterr().err
