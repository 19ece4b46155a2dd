"""Strangers: the folder of somebody else, whose settings and code would say so if pytest took them for its own."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ran", "stranger"]

#: Of pytest: another folder to import from, code that it loads as a plugin, and a run that runs nothing and exits 0.
SETTINGS = "[pytest]\npythonpath = .\naddopts = -p evil --collect-only\n"


def stranger(folder: Path, settings: str = SETTINGS) -> Path:
    """Make the folder, with pytest's settings, a plugin, a package of our name, and a conftest.py."""
    note = f"open({str(folder / 'ran')!r}, 'a').write(__file__ + '\\n')\n"
    (folder / "papillon").mkdir(parents=True)
    (folder / "pytest.ini").write_text(settings)
    for name in ("evil.py", "conftest.py", "papillon/__init__.py"):
        (folder / name).write_text(note)
    return folder


def ran(folder: Path) -> str:
    """The files of a stranger's folder that were run, a line each."""
    noted = folder / "ran"
    return noted.read_text() if noted.exists() else ""
