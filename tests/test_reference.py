"""The API reference: made from the docstrings, and every public name is in it with what it says."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from papillon.profile import ROOT

PAGES = {"papillon": "papillon.html", "papillon.results": "papillon/results.html", "judges": "judges.html"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    script = [sys.executable, "docs/reference.py", str(folder)]
    done = subprocess.run(script, capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("package", PAGES)
def test_every_public_name_is_there(package: str, folder: Path) -> None:
    page = (folder / PAGES[package]).read_text(encoding="utf-8")
    assert [name for name in import_module(package).__all__ if f'id="{name}"' not in page] == []


@pytest.mark.parametrize("package", PAGES)
def test_every_public_name_says_what_it_is(package: str) -> None:
    module = import_module(package)
    assert [name for name in module.__all__ if not (getattr(module, name).__doc__ or "").strip()] == []
