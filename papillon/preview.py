"""Preview: a person at the terminal decides whether a text is sent, and may edit it before."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal, TextIO

from papillon.errors import UsageError
from papillon.screen import show

__all__ = ["Preview"]


class Preview:
    """Asks on the terminal, never on standard input, which may hold the query; use it as a context manager."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    @classmethod
    def at_terminal(cls) -> Preview:
        """Raises UsageError where there is no terminal to show a text on and to ask at."""
        try:
            if sys.stdout.isatty():
                return cls(Path("/dev/tty").open(encoding="utf-8", errors="replace"))
        except OSError:
            pass
        raise UsageError("--preview: expected a terminal to ask at, and there is none; leave it out, or use one.")

    def __enter__(self) -> Preview:
        return self

    def __exit__(self, *_: object) -> None:
        self._terminal.close()

    def choice(self) -> Literal["send", "edit", "quit"]:
        """What is to be done with the text that is on the screen; the terminal's end is no consent."""
        while True:
            print("Enter sends it, e edits it, q sends nothing: ", end="", flush=True)
            line = self._terminal.readline()
            answer = line.strip().lower()
            if not line:
                print()
            if not line or answer in ("q", "quit"):
                return "quit"
            if not answer:
                return "send"
            if answer in ("e", "edit"):
                return "edit"

    def edited(self, text: str) -> str:
        """The text as the person wants it: out of $VISUAL or $EDITOR, else line by line; ``text`` where that fails."""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        try:
            changed = self._in_editor(shlex.split(editor), text) if editor else self._in_lines()
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            show(f"The editor {editor!r} gave no text ({error}); the text is as it was.")
            return text
        if not changed.strip():
            print("An empty text is not sent; the text is as it was.")
            return text
        return changed

    def _in_editor(self, command: list[str], text: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "request.txt"
            file.write_text(text + "\n", encoding="utf-8")
            subprocess.run([*command, str(file)], stdin=self._terminal, check=True)  # noqa: S603 the user's own editor
            return file.read_text(encoding="utf-8").removesuffix("\n")

    def _in_lines(self) -> str:
        print("Type the whole text anew, then a line with a single point:", flush=True)
        lines = []
        while (line := self._terminal.readline()) and line.strip() != ".":
            lines.append(line.rstrip("\r\n"))
        return "\n".join(lines)
