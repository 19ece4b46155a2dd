"""A cache of its own for each test, and sessions of the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.papillon.annotation.sessions import QUERIES, Session


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PAPILLON_PROFILE", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "cache")
    (tmp_path / "queries.txt").write_text(QUERIES)


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Session:
    return Session(tmp_path, monkeypatch, capsys)
