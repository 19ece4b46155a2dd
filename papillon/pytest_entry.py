"""pytest entry: what pytest loads of this package in every project of the environment, the suites' plugin.

A project may have a package ``evals`` or ``judges`` of its own. Then one of the two hides the other, and it is the
project's own that its tests mean: the plugin stays out, and says so where one of its options is typed.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from papillon.project import PACKAGES, ROOT
from papillon.screen import show

__all__ = ["hiding"]


def __getattr__(name: str) -> Any:
    if name != "plugin":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Within the checkout its own packages come first, in a folder that has one of the same name too.
    here = Path.cwd()
    if not here.is_relative_to(PACKAGES) and (theirs := hiding(here, ROOT)) is not None:
        return _Hidden(theirs)
    from evals.harness import plugin

    return plugin


def hiding(*folders: Path) -> Path | None:
    """A package of somebody else that would be imported for one of ours in ``folders``, or from the path, if any."""
    for name in ("evals", "judges"):
        spec = importlib.util.find_spec(name)
        places = [folder / name for folder in folders if (folder / name / "__init__.py").is_file()]
        places += [Path(spec.origin).parent] if spec is not None and spec.origin is not None else []
        for place in places:
            if place.resolve() != PACKAGES / name:
                return place
    return None


class _Hidden:
    """In the plugin's place."""

    def __init__(self, by: Path) -> None:
        self._by = by

    def pytest_load_initial_conftests(self, args: list[str]) -> None:
        """End pytest with a sentence, as a mistake of the user's, where an evaluation or a training was meant."""
        for word in args:
            if word.startswith(("--eval-", "--full-train", "--train-device")):
                show(
                    f"{word.partition('=')[0]}: expected no other package {self._by.name}, but {self._by} hides the "
                    "suites' own of that name; rename it, or evaluate from a folder elsewhere.",
                    file=sys.stderr,
                )
                raise SystemExit(4)
