"""Outputs go to regular files alone: whatever else stands in their place is refused, and left as it is."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.output_files import OutputFile, refuse_outputs


def a_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's address holds 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


#: What may stand where an output is to go, and why none can.
PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (lambda path: path.mkdir(), "that is a folder"),
    "pipe": (os.mkfifo, "that is no regular file"),
    "socket": (a_socket, "that is no regular file"),
    "link-to-device": (lambda path: path.symlink_to("/dev/null"), "that is no regular file"),
    "link-to-pipe": (
        lambda path: (os.mkfifo(path.with_name("real")), path.symlink_to("real")),
        "that is no regular file",
    ),
    "link-to-folder": (lambda path: path.symlink_to("."), "that is a folder"),
    "loop": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_regular_file_is_refused_and_stays(tmp_path: Path, place: str) -> None:
    make, why = PLACES[place]
    path = tmp_path / "out.json"
    make(path)
    before = path.lstat()
    with pytest.raises(UsageError) as refused:
        refuse_outputs([OutputFile("--out", path)])
    assert str(refused.value) == f"--out: expected a file that can be written, got {path}: {why}; name another."
    after = path.lstat()
    assert (before.st_ino, stat.S_IFMT(before.st_mode)) == (after.st_ino, stat.S_IFMT(after.st_mode))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("x" * 300, "File name too long"),
        ("x/" * 3000 + "x", "File name too long"),
        ("a\0b", "its name holds a NUL character"),
        ("a\0b/c", "its name holds a NUL character"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UsageError, match=rf"^--out: expected a file that can be written, got .*: {why}; "):
        refuse_outputs([OutputFile("--out", tmp_path / name)])


def test_a_file_a_link_to_one_and_a_new_one_are_taken(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file2")
    refuse_outputs(OutputFile("--out", tmp_path / name) for name in ("file", "link", "new", "é" * 120))
