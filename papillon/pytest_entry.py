"""pytest entry: what pytest loads of this package in every project of the environment, the suites' plugin.

A project may have a package ``evals`` of its own. Then one of the two hides the other, and it is the project's own that
its tests mean: the plugin stays out, and says so where one of its options is typed.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from papillon.project import PACKAGES, ROOT

__all__ = ["hiding"]


def __getattr__(name: str) -> Any:
    if name != "plugin":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if (theirs := hiding(Path.cwd(), ROOT)) is not None:
        return _Hidden(theirs)
    from evals.harness import plugin

    return plugin


def hiding(*folders: Path) -> Path | None:
    """The package ``evals`` of somebody else that would be imported in one of ``folders`` or is on the path, if any."""
    ours = PACKAGES / "evals"
    for folder in folders:
        if (folder / "evals" / "__init__.py").is_file() and (folder / "evals").resolve() != ours:
            return folder / "evals"
    spec = importlib.util.find_spec("evals")
    found = Path(spec.origin).resolve().parent if spec is not None and spec.origin is not None else ours
    return None if found == ours else found


class _Hidden:
    """In the plugin's place."""

    def __init__(self, by: Path) -> None:
        self._by = by

    def pytest_load_initial_conftests(self, args: list[str]) -> None:
        """End pytest with a sentence, as a mistake of the user's, where an evaluation or a training was meant."""
        for word in args:
            if word.startswith(("--eval-", "--full-train", "--train-device")):
                sys.stderr.write(
                    f"{word.partition('=')[0]}: expected no other package evals, but {self._by} hides the suites' own "
                    "package of that name; rename it, or evaluate from a folder elsewhere.\n"
                )
                raise SystemExit(4)
