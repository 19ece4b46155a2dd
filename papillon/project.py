"""Project: the folder whose profiles, relative paths and ``.papillon`` a command means, and where shipped data lie.

In a checkout both are the checkout. An installed wheel has no project of its own: there the project is the user's, and
what ships lies beside the package's code.
"""

from __future__ import annotations

import contextlib
import os
import tomllib
from pathlib import Path

__all__ = ["CHECKOUT", "EVALUATE", "FIXTURES", "PACKAGES", "ROOT", "SHIPPED", "TRAIN", "keep_out_of_git", "project_of"]

#: Where ``papillon``, ``judges`` and ``evals`` lie side by side.
PACKAGES = Path(__file__).resolve().parents[1]

_INSTALLED = PACKAGES / "papillon" / "shipped"
#: Whether this code runs from a checkout, also through an editable install; a wheel has its data in a folder more.
CHECKOUT = not _INSTALLED.is_dir()

#: Where the shipped profiles' pyproject.toml and ``fixtures/`` lie.
SHIPPED = PACKAGES if CHECKOUT else _INSTALLED
FIXTURES = SHIPPED / "fixtures"


def project_of(folder: Path, *, checkout: Path | None = None) -> Path:
    """The root of the project that ``folder`` lies in: the nearest one whose pyproject.toml has ``[tool.papillon]``.

    Where there is none, ``checkout``; else the nearest folder with a pyproject.toml or .git, else ``folder`` itself.
    """
    marked = None
    for place in (folder, *folder.parents):
        settings = place / "pyproject.toml"
        if os.path.isfile(settings):
            if _has_settings(settings):
                return place
            marked = marked or place
        elif os.path.exists(place / ".git"):
            marked = marked or place
    return checkout or marked or folder


def _has_settings(file: Path) -> bool:
    try:
        raw = file.read_bytes()
        # Every project of the environment comes by here, and few of their files hold the word.
        return b"papillon" in raw and "papillon" in tomllib.loads(raw.decode("utf-8-sig")).get("tool", {})
    except OSError:
        return False
    except ValueError:
        return True  # whoever reads it next says what is wrong with it


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:
        return Path(os.sep)  # the current folder was removed; no import fails for that


#: The project's root, by the folder in which this process began.
ROOT = project_of(_here(), checkout=PACKAGES if CHECKOUT else None)


#: How an evaluation and a training are started in the project's root, before ``-m``.
EVALUATE = "pytest evals" if ROOT == PACKAGES else "pytest --pyargs evals"
TRAIN = "pytest" if ROOT == PACKAGES else EVALUATE


def keep_out_of_git(folder: Path = ROOT) -> None:
    """Let git ignore the ``.papillon`` in ``folder``, which holds private texts, where it is there and is a user's."""
    if folder == PACKAGES:
        return  # the checkout's own .gitignore names it
    with contextlib.suppress(OSError):
        made = os.open(folder / ".papillon" / ".gitignore", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        os.write(made, b"*\n")
        os.close(made)
