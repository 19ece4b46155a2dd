"""Sessions of ``papillon annotate`` in a folder of their own, for tests."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from papillon.__main__ import main
from papillon.data import load

QUERIES = "Hi, I am Ann Lee, ann@lee.example.\nplease tell bo of my flat in ulm\nExplain rain.\n"


def profile(folder: Path, base: str) -> str:
    path = folder / "own.toml"
    roles = ("local", "untrusted")
    path.write_text(
        "".join(f'{r} = {{ model = "openai/{r}", api_base = "{base}", max_attempts = 1 }}\n' for r in roles)
    )
    return str(path)


def proposing(body: dict[str, Any]) -> str | None:
    """The local model names two units of which one stands in the second query; others answer as ever."""
    if "response_format" not in body and "`units`" not in str(body["messages"][-1]):
        return None
    asked = body["messages"][-1]["content"]
    units = "bo||Bonn||ulm" if "tell bo" in asked else "|| " if "Explain" in asked else "rubbish"
    return json.dumps({"units": units})


class Session:
    """Runs the command in a folder, with what a person types."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.out = folder, folder / "data.csv"
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def run(self, *words: str, typed: str = "", file: str = "queries.txt") -> tuple[int, str]:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(["annotate", str(self.folder / file), "--out", str(self.out), "--terminal", *words])
        shown = self._capsys.readouterr()
        return code, shown.out + shown.err

    @property
    def sidecar(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads((self.folder / "data.annotation.json").read_text())
        return made


def targets(out: Path) -> list[str]:
    return [row.target_response for row in load(out, targets=False).rows]
