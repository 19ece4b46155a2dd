"""What Arbor prints goes to a file, and its calls within this machine to no proxy."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from papillon.training.arbor.screen import loopback_without_proxy, own_handlers_kept, printed_to


@pytest.mark.parametrize("before", [None, "", "example.org", "localhost,example.org"])
def test_addresses_of_this_machine_are_asked_for_directly(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    requests = pytest.importorskip("requests")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        if before is not None:
            monkeypatch.setenv(name, before)
    with loopback_without_proxy():
        for host in ("127.0.0.1", "localhost", "0.0.0.0"):
            assert requests.utils.get_environ_proxies(f"http://{host}:7") == {}
        assert "http" in requests.utils.get_environ_proxies("http://elsewhere.org")
        assert ("example.org" in (before or "")) == ("example.org" in os.environ["NO_PROXY"].split(","))
    assert os.environ.get("NO_PROXY") == os.environ.get("no_proxy") == before


def test_what_is_printed_is_in_the_file_and_so_is_what_handlers_made_there_say_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("printed")
    with printed_to(tmp_path / "console.log"):
        print("greeting")
        handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    logger.warning("later")
    logger.removeHandler(handler)
    print("ours")
    assert (tmp_path / "console.log").read_text() == "greeting\nlater\n"
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("ours\n", "")


def test_the_roots_own_handlers_come_back_and_files_stay(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    with own_handlers_kept():
        root.handlers = [logging.StreamHandler(), file := logging.FileHandler(tmp_path / "arbor.log")]
    assert root.handlers == [*before, file]
    root.handlers = before
    file.close()
