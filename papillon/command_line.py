"""The command line's parser: a mistake is one sentence with what was meant, and exits 4 like every user's mistake."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any, NoReturn

from papillon.screen import visible
from papillon.spelling import nearest

__all__ = ["CommandParser"]


def _path(text: str) -> Path:
    """The path that an argument names, seen from the current folder; ``~`` is a home here too, where no shell made it
    one, as behind ``--out=``."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"expected a path, got {text!r}, and that user has no home here") from None


class CommandParser(argparse.ArgumentParser):
    """Like argparse's own, but for how it speaks of mistakes and reads paths; each command refuses what it does not
    know itself."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.register("type", Path, _path)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        given, unknown = super().parse_known_args(args, namespace)
        if options := [word for word in unknown if word.startswith("-")]:
            self.error(f"unrecognized arguments: {' '.join(options)}")
        if unknown:
            # Not shown: they may be the words of a private query.
            self.exit(4, f"{self.prog}: expected fewer arguments, got {len(unknown)} too many; quote several words.\n")
        return given, unknown

    def error(self, message: str) -> NoReturn:
        """One sentence on standard error, then exit 4."""
        said = visible(" ".join(message.split()), one_line=True)
        self.exit(4, f"{self.prog}: {said}; {self._advice(message)}\n")

    def _advice(self, message: str) -> str:
        chosen = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
        if chosen is not None:
            wrong, known = [chosen[1]], re.findall(r"[\w-]+", chosen[2])
        else:
            wrong = [word.partition("=")[0] for word in message.split() if word.startswith("-")]
            known = [name for action in self._actions for name in action.option_strings]
        for word in wrong if chosen or message.startswith("unrecognized") else []:
            if (near := nearest(word, known)) is not None:
                return f"did you mean {near}?"
        return f"see {self.prog} --help."
