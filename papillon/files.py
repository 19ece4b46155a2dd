"""Files and folders that are written whole or not at all: a reader sees the old ones or the new, never half of them.

The one place where that is done. What is new is written beside its place and renamed into it, or added to a file as
whole lines. What is written, and what is read in a place that others can write, is a regular file: a device, a pipe or
a folder that stands in its place is left alone.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from papillon.errors import UsageError

__all__ = [
    "append_lines",
    "in_the_way",
    "looked_up",
    "make_own_folder",
    "open_file",
    "open_in_place",
    "open_plain",
    "plain_lines",
    "read_file",
    "standing",
    "whole_file",
    "whole_folder",
    "write_whole",
]

_NUL = "its name holds a NUL character"


def in_the_way(path: Path) -> str:
    """What stands where a file is to be written and is none, or is a link to such a thing, in words; "" for nothing.

    Raises OSError where that place cannot be looked up, also for a name that no file can have.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except ValueError:
        raise OSError(errno.EINVAL, _NUL) from None
    if stat.S_ISREG(mode):
        return ""
    return "that is a folder" if stat.S_ISDIR(mode) else "that is no regular file"


def open_in_place(path: Path, flags: int, mode: int = 0o600) -> int:
    """The descriptor of a regular file, made with ``mode`` where there is none, that is written where it stands.

    No link is followed, nothing is waited for, and a device is not even opened. Raises OSError.
    """
    if not (why := "that is a link" if path.is_symlink() else in_the_way(path)):
        number = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
        if stat.S_ISREG(os.fstat(number).st_mode):
            return number
        os.close(number)
        why = "that is no regular file"
    raise OSError(errno.EINVAL, why)


def make_own_folder(path: Path) -> None:
    """Make a private folder where there is none; raises OSError, also where a link to one stands."""
    if (path.is_symlink() or path.exists()) and not path.is_dir():
        raise OSError(errno.ENOTDIR, f"{path} is no folder, and one belongs there")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"{path} is a link, and a folder belongs there")


def open_plain(path: Path) -> BufferedReader:
    """A plain file, opened for reading: no link is followed and nothing is waited for; raises OSError."""
    return _opened(path, os.O_NOFOLLOW, errno.ELOOP, "no plain file")


def open_file(path: Path) -> BufferedReader:
    """A regular file, or the one that a link leads to, opened for reading without waiting; raises OSError."""
    return _opened(path, 0, errno.EINVAL, "that is no regular file")


def read_file(path: Path, most: int, *, links: bool = True) -> bytes:
    """What such a file holds; raises OSError, also where that is more than ``most`` bytes, or for a link without
    ``links``."""
    with open_file(path) if links else open_plain(path) as file:
        if len(data := file.read(most + 1)) > most:
            raise OSError(errno.EFBIG, f"it holds more than {most} bytes")
        return data


def plain_lines(path: Path, longest: int) -> Iterator[bytes]:
    """The lines of a plain file, each with its end but for a last one that was not ended; raises OSError, also at a
    line of more than ``longest`` bytes."""
    with open_plain(path) as file:
        for number in itertools.count(1):
            if len(line := file.readline(longest + 1)) > longest:
                raise OSError(errno.EFBIG, f"its line {number} holds more than {longest} bytes")
            if not line:
                return
            yield line


def looked_up(text: str, folder: Path) -> Path:
    """The absolute path that a text names, seen from ``folder``; ValueError, with why, for one that none can have."""
    try:
        path = (folder / Path(text).expanduser()).resolve()
        path.exists()  # what no file system can hold, such as a name of 300 letters, is refused here
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError("it holds half of a character") from None
    except OSError as error:
        raise ValueError(error.strerror or type(error).__name__) from None
    except RuntimeError as error:  # a loop of links, or a user who is not there
        why = str(error).partition(" from ")[0]
        raise ValueError(why[:1].lower() + why[1:].rstrip(".")) from None
    return path


def _opened(path: Path, flags: int, number: int, why: str) -> BufferedReader:
    try:
        opened = os.open(path, os.O_RDONLY | flags | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:
        raise OSError(errno.EINVAL, _NUL) from None
    except OSError as error:
        if error.errno == errno.ELOOP and flags and path.is_symlink():
            raise OSError(errno.ELOOP, "that is a link") from None
        raise
    if not stat.S_ISREG(mode := os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(number, "that is a folder" if stat.S_ISDIR(mode) and not flags else why)
    return os.fdopen(opened, "rb")


def append_lines(path: Path, lines: bytes) -> None:
    """Add whole lines to a private file and have them on disk, whoever else adds to it at the same time.

    What a killed writer left of its last line is dropped: nobody was told that it is kept. Raises OSError.
    """
    with open(open_in_place(path, os.O_RDWR), "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = file.seek(0, os.SEEK_END)
        while end and os.pread(file.fileno(), 1, end - 1) != b"\n":
            end -= 1
        file.truncate(end)
        left = memoryview(lines)
        while left:
            written = os.pwrite(file.fileno(), left, end)
            left, end = left[written:], end + written
        os.fsync(file.fileno())


def torn(path: Path) -> str:
    """That the last line of a file was not ended, as a killed writer leaves it, as a sentence; ``""`` where it was."""
    with suppress(OSError), open_plain(path) as file:
        if file.seek(0, os.SEEK_END) and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
            return f"The last line of {path} was not ended, and counts for nothing."
    return ""


@contextmanager
def held_alone(path: Path) -> Iterator[None]:
    """Inside, no other process holds the private file ``path``, which is made; BlockingIOError where one does."""
    with open(open_in_place(path, os.O_RDWR), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def write_whole(path: Path, text: str, *, private: bool = False) -> None:
    """Replace a file, with the folders that it needs, as :func:`whole_file` does; UsageError where that fails."""
    data = text.encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, private=private) as new:
            new.write_bytes(data)
    except OSError as error:
        raise UsageError(f"Expected to write {path}, but it cannot be written: {error.strerror}.") from error


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[Path]:
    """An empty file beside ``path`` to write; it takes that place, on disk, when the block ends without an error.

    ``private`` lets its owner alone read it. Raises OSError, also where a device, a pipe or a link to a folder stands,
    which root could replace; whatever is raised, what was there stays as it was.
    """
    if why := in_the_way(path):
        raise OSError(errno.EINVAL, why)
    new = path.with_name(f".{path.name[:32]}.{os.urandom(4).hex()}")  # a name that fits whatever the path's own takes
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666))
    try:
        yield new
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside ``path`` to fill; it takes that place when the block ends without an error.

    Where a process is killed between the two renames, the old folder is where :func:`standing` says. One writer.
    """
    new = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        if path.exists():
            shutil.rmtree(_replaced(path), ignore_errors=True)
            path.rename(_replaced(path))
        new.rename(path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    shutil.rmtree(_replaced(path), ignore_errors=True)


def standing(path: Path) -> Path:
    """Where the whole folder ``path`` is: there, or where the old one was put when its writer was killed."""
    return _replaced(path) if _replaced(path).exists() and not path.exists() else path


def _replaced(path: Path) -> Path:
    return path.with_name(f".{path.name}.replaced")
