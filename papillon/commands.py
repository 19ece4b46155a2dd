"""Commands: what to type next, so that it runs in the folder where it is shown, whatever environment is activated."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from papillon.project import PACKAGES, ROOT

__all__ = ["data_at_hand", "evaluation", "launcher", "seen_from", "showing", "suites"]


def seen_from(folder: Path, path: Path) -> str:
    """What to type in ``folder`` for ``path``: its relative path, or the absolute one where that is shorter."""
    return min(os.path.relpath(path, folder.resolve()), str(path), key=len)


def suites(folder: Path = ROOT) -> list[str]:
    """How the suites are named to pytest in ``folder``: by their path in a checkout, elsewhere as the package."""
    return [seen_from(folder, PACKAGES / "evals")] if ROOT == PACKAGES else ["--pyargs", "evals"]


def launcher(folder: Path, name: str = "pytest") -> list[str]:
    """How the program ``name`` of this interpreter's environment is started from ``folder``."""
    found, interpreter = shutil.which(name), Path(sys.executable)
    if found is not None and os.path.samefile(Path(found).parent, interpreter.parent):
        return [name]
    shown = seen_from(folder, interpreter)
    return [shown if os.sep in shown else f".{os.sep}{shown}", "-m", name]


def showing(folder: Path, runs: Path, run: str | None = None) -> str:
    """The command that shows a row of a run in ``runs``, the last one unless one is named, up to the row's id."""
    from papillon.results.folder import RUNS  # most commands do without

    place = [] if runs.resolve() == RUNS.resolve() else ["--runs", seen_from(folder, runs.resolve())]
    return shlex.join([*launcher(folder, "papillon"), "show", *place, *([] if run is None else [run])])


def data_at_hand(dataset: str) -> list[str]:
    """The variable that says where a PUPA data set lies on this machine, as a shell takes it; [] where none does."""
    at_hand = os.environ.get("PUPA_DIR") if dataset.startswith("pupa_") else None
    return [f"PUPA_DIR={shlex.quote(at_hand)}"] if at_hand else []


def evaluation(program: Path, profile: str | None, dataset: str) -> str:
    """The command that evaluates a saved program on dev, with a profile where one was named, in the current folder."""
    folder = Path.cwd()
    named = [] if profile is None else [f"--eval-profile={profile}"]
    words = [*launcher(folder), *suites(folder), "-m", "dev", *named, "--eval-program", str(program)]
    return " ".join([*data_at_hand(dataset), shlex.join(words)])
