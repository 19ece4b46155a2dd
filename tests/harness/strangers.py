"""Strangers: the folder of somebody else, whose settings and code would say so if pytest took them for its own."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ran", "refusal", "stranger"]


def stranger(folder: Path, addopts: str = "--collect-only", more: str = "") -> Path:
    """Make the folder, with pytest's settings, a plugin, a conftest.py, and a cache that has one of its own."""
    (folder / "cache").mkdir(parents=True)
    (folder / "pytest.ini").write_text(f"[pytest]\naddopts = {addopts}\n{more}")
    for name in ("evil.py", "conftest.py", "cache/conftest.py"):
        (folder / name).write_text(f"open({str(folder / 'ran')!r}, 'a').write(__file__ + '\\n')\n")
    return folder


def ran(folder: Path) -> str:
    """The files of a stranger's folder that were run, a line each."""
    noted = folder / "ran"
    return noted.read_text() if noted.exists() else ""


def refusal(option: str, value: str | Path, root: Path) -> str:
    return (
        f"{option} {value}: pytest took the value for a path to tests and {root} for the project's root; "
        f"type {option}={value}\n"
    )
