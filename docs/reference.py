"""The API reference, one HTML page a package, made by pdoc from the docstrings: ``make reference``."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pdoc
import pdoc.render

PACKAGES = ("papillon", "papillon.results", "judges")


def main(folder: Path) -> None:
    """Write the pages into ``folder``."""
    for package in map(import_module, PACKAGES):
        for name in package.__all__:
            # pdoc looks no further than what is loaded, and these names load when they are first used.
            vars(package).setdefault(name, getattr(package, name))
    pdoc.render.configure(docformat="restructuredtext", show_source=False)
    pdoc.pdoc(*PACKAGES, output_directory=folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
