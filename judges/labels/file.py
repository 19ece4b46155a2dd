"""Label file: people's labels as JSON lines that are only ever added to, with a key and comments, private, beside it.

A line is written whole and on disk before the next question is asked; what a killed writer left of its last line is
dropped by the next one. Several writers may add to one file at once. Which labels count is left to
:mod:`judges.labels.matching`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from judges.labels.hashing import KEY_BYTES
from judges.labels.label import Label
from papillon.bounds import MOST_FILE
from papillon.errors import DataError, UsageError
from papillon.files import append_lines, held_alone, open_in_place, open_plain, read_file
from papillon.profile import CACHE
from papillon.project import keep_out_of_git
from papillon.reading import Unreadable
from papillon.results.folder import has_results

__all__ = ["LABELS", "LabelFile", "default_file"]

#: Where label files stand where no option says otherwise.
LABELS = CACHE.parent / "labels"


def default_file(data: str) -> Path:
    """Where the labels of rows of a data set lie, by the data's name as far as a file's name can hold it."""
    return LABELS / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', data)[:60].strip('.-') or 'data'}.jsonl"


class LabelFile:
    """One label file with its key. Every method raises UsageError or DataError, in one sentence without a text."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path, self.key = path, key

    @classmethod
    def at(cls, path: Path) -> LabelFile:
        """The file that is there, to be read."""
        try:
            with open_plain(path):
                pass
        except OSError as error:
            raise UsageError(
                f"Expected people's labels in {path}, but it cannot be read ({error.strerror}); "
                "make them with papillon label."
            ) from None
        try:
            key = bytes.fromhex(read_file(_key(path), 4 * KEY_BYTES, links=False).decode("ascii"))
        except OSError as error:
            raise UsageError(
                f"Expected the key of the labels {path} in {_key(path)} beside them, but it cannot be read "
                f"({error.strerror}); copy it there from where they were made."
            ) from None
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise DataError(
                f"Expected {2 * KEY_BYTES} hexadecimal digits as the labels' key in {_key(path)}, got something else; "
                "copy it anew from where the labels were made."
            )
        return cls(path, key)

    @classmethod
    def begun(cls, path: Path) -> LabelFile:
        """The file, made with a new key where there is none, to be added to."""
        if has_results(path.parent):
            raise UsageError(
                f"--out: expected a file outside of the runs' folders, which go in time, got {path}; name another."
            )
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            keep_out_of_git()
            if not os.path.lexists(path):
                _make_key(path)
                os.close(_opened(path))
        except OSError as error:
            raise UsageError(
                f"--out: expected a file that can be written, got {path}: {error.strerror}; name another."
            ) from error
        return cls.at(path)

    def labels(self) -> list[Label]:
        """Every label in the file's order, those that were taken back among them.

        A line that its writer did not end is left out. DataError for a line that was edited or is no label, for a key
        that fits no line, and where one name answered twice about the same row without taking the first back.
        """
        labels: list[Label] = []
        wrong: tuple[int, Unreadable] | None = None
        sealed = True
        for number, line in enumerate(self._lines(), 1):
            try:
                labels.append(Label.from_line(line, self.key))
            except Unreadable as error:
                wrong = wrong or (number, error)
                sealed = sealed and error.where == ".seal"
        if wrong and not labels and sealed:
            raise DataError(
                f"Expected labels that {_key(self.path)} belongs to in {self.path}, but it fits none of them; "
                "copy the key that lay beside them."
            )
        if wrong:
            number, why = wrong
            raise DataError(
                f"Expected a label in line {number} of {self.path}, but {why}; take the line out, or the file from "
                "where it was whole."
            )
        self._refuse_namesakes(labels)
        return labels

    def _refuse_namesakes(self, labels: list[Label]) -> None:
        standing: dict[object, int] = {}
        for number, label in enumerate(labels, 1):
            about = label.by, label.row, label.hashes
            if label.undone:
                standing.pop(about, None)
            elif (before := standing.setdefault(about, number)) != number:
                who = f"one of the name {label.by!r}" if label.by else "one without a name"
                raise DataError(
                    f"Expected one label of each person for a row in {self.path}, but lines {before} and {number} are "
                    f"both by {who}: two people must not share a name; take one line out and give each his own --by."
                )

    def _lines(self) -> Iterator[bytes]:
        self._refuse_gone()
        try:
            lines = io.BytesIO(read_file(self.path, MOST_FILE, links=False))
        except OSError as error:
            raise DataError(
                f"Expected people's labels in {self.path}, but it cannot be read ({error.strerror}); "
                "take the file from where it was whole."
            ) from None
        yield from (line for line in lines if line.endswith(b"\n"))

    def _refuse_gone(self) -> None:
        if not os.path.lexists(self.path):
            raise UsageError(
                f"Expected the labels {self.path}, but they are there no more since this began; put the file back and "
                "go on."
            )

    def append(self, label: Label) -> None:
        """Write one label and have it on disk; the file is the one that was opened, and made anew by nobody."""
        self._refuse_gone()
        self._append(self.path, label.to_line(self.key))

    def comment(self, label: Label, text: str) -> None:
        """Write what a person remarks on a row, which may quote it, to the private file of comments."""
        self._refuse_gone()  # a comment is on a label that is kept
        entry = {"id": label.id, "trial": label.trial, "by": label.by, "at": label.at, "comment": text}
        line = json.dumps(entry, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
        self._append(self.path.with_suffix(".comments.jsonl"), line)

    @staticmethod
    def _append(path: Path, line: bytes) -> None:
        try:
            append_lines(path, line)
        except OSError as error:
            raise UsageError(
                f"Expected to write {path}, but it cannot be written ({error.strerror}); mend that and go on."
            ) from error

    @contextlib.contextmanager
    def held(self, by: str | None) -> Iterator[None]:
        """Inside, nobody else labels here under that name; UsageError where somebody does."""
        name = hashlib.sha256((by or "").encode(errors="surrogatepass")).hexdigest()[:8]
        path = self.path.with_name(f".{self.path.stem}.{name}.lock")
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(held_alone(path))
            except BlockingIOError:
                who = f"under the name {by!r}" if by else "without a name"
                raise UsageError(
                    f"Expected nobody else to label in {self.path} {who}, but somebody does at this moment; "
                    "end that, or give each person a name with --by."
                ) from None
            except OSError as error:
                raise UsageError(
                    f"Expected to write {path}, but it cannot be written ({error.strerror}); name another --out."
                ) from error
            yield


def _key(path: Path) -> Path:
    return path.with_suffix(".key")


def _make_key(path: Path) -> None:
    """A new key for labels, unless one lies there; whole or not at all, whoever else makes one at the same time."""
    new = _key(path).with_name(f".{_key(path).name}.{os.urandom(4).hex()}")
    try:
        with open(_opened(new), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(new, _key(path))
    finally:
        new.unlink(missing_ok=True)


def _opened(path: Path) -> int:
    return open_in_place(path, os.O_RDWR)
