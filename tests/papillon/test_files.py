import os
import stat
from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.files import (
    append_lines,
    make_own_folder,
    open_in_place,
    plain_lines,
    standing,
    whole_file,
    whole_folder,
    write_whole,
)
from tests.papillon.test_output_files import PLACES


def test_a_file_is_replaced_in_one_go(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "file", "one")
    write_whole(tmp_path / "new" / "file", "two")
    assert (tmp_path / "new" / "file").read_text() == "two"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_a_text_that_cannot_be_encoded_leaves_the_old_one(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "file", "\ud800")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("place", ["a-file/below", "a-folder"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").write_text("")
    (tmp_path / "a-folder").mkdir()
    with pytest.raises(UsageError, match=rf"^Expected to write .*{place}, but it cannot be written: .*\.$"):
        write_whole(tmp_path / place, "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-file", "a-folder"]


def test_what_is_no_plain_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # as a device is, which root could replace
    with pytest.raises(UsageError) as refused:
        write_whole(tmp_path / "pipe", "text")
    assert str(refused.value) == (
        f"Expected to write {tmp_path}/pipe, but it cannot be written: that is no regular file."
    )
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]


def test_a_link_to_a_folder_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    for name in ("folder", "link"):
        with pytest.raises(UsageError, match="but it cannot be written: that is a folder"):
            write_whole(tmp_path / name, "text")
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("place", PLACES)
def test_no_writer_takes_the_place_of_what_is_no_regular_file(tmp_path: Path, place: str) -> None:
    path = tmp_path / "out"
    PLACES[place][0](path)
    before = path.lstat().st_ino
    with pytest.raises(UsageError, match=r"^Expected to write .*/out, but it cannot be written: "):
        write_whole(path, "text")
    for write in (lambda: append_lines(path, b"line\n"), lambda: open_in_place(path, os.O_WRONLY | os.O_TRUNC)):
        with pytest.raises(OSError, match=r"that is a folder|no regular file|is a link"):
            write()
    assert path.lstat().st_ino == before


def test_the_longest_name_that_a_file_can_have_can_be_written(tmp_path: Path) -> None:
    name = "\U0001f600" * 63 + "end"  # 255 bytes
    write_whole(tmp_path / name, "text")
    assert (tmp_path / name).read_text() == "text"


def test_a_folder_of_ones_own_is_no_link(tmp_path: Path) -> None:
    make_own_folder(tmp_path / "own")
    make_own_folder(tmp_path / "own")
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700
    (tmp_path / "link").symlink_to("own")
    with pytest.raises(OSError, match="is a link, and a folder belongs there"):
        make_own_folder(tmp_path / "link")


def test_a_file_takes_its_place_when_its_block_ends(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with whole_file(tmp_path / "file") as new:
        new.write_text("new")
        assert (tmp_path / "file").read_text() == "old"
    assert [path.read_text() for path in tmp_path.iterdir()] == ["new"]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")

    def break_off() -> None:
        with whole_file(tmp_path / "file") as new:
            new.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_private_file_is_its_owners_alone_and_another_is_as_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with whole_file(tmp_path / "private", private=True), whole_file(tmp_path / "open"):
        pass
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"plain": modes["plain"], "open": modes["plain"], "private": 0o600}


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with whole_file(tmp_path / "file") as one:
        with whole_file(tmp_path / "file") as other:
            other.write_text("other")
        one.write_text("one")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["one"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with whole_folder(tmp_path / "in" / "folder") as new:
            assert list(new.iterdir()) == []
            (new / name).touch()
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["folder"]
    assert [path.name for path in (tmp_path / "in" / "folder").iterdir()] == ["second"]


def test_a_folder_whose_block_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()

    def break_off() -> None:
        with whole_folder(tmp_path / "folder") as new:
            (new / "half").touch()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        break_off()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["folder", "folder/old"]


def test_a_writer_that_was_killed_leaves_a_whole_folder_which_the_next_one_replaces(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert standing(folder) == folder
    (tmp_path / ".folder.unfinished").mkdir()
    (tmp_path / ".folder.unfinished" / "half").touch()
    (tmp_path / ".folder.replaced").mkdir()
    (tmp_path / ".folder.replaced" / "old").touch()
    assert [path.name for path in standing(folder).iterdir()] == ["old"]
    with whole_folder(folder) as new:
        (new / "new").touch()
    assert standing(folder) == folder
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["folder", "folder/new"]


@pytest.mark.parametrize("torn", [b"", b"half a line", b"x" * 5000])
def test_lines_are_added_in_place_of_one_that_was_torn_off(tmp_path: Path, torn: bytes) -> None:
    append_lines(tmp_path / "lines", b"one\ntwo\n")
    with (tmp_path / "lines").open("ab") as file:
        file.write(torn)
    append_lines(tmp_path / "lines", b"three\n")
    assert (tmp_path / "lines").read_bytes() == b"one\ntwo\nthree\n"
    assert stat.S_IMODE((tmp_path / "lines").stat().st_mode) == 0o600


def test_a_system_that_writes_a_part_at_a_time_is_asked_for_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite
    monkeypatch.setattr("os.pwrite", lambda number, data, place: write(number, bytes(data[:3]), place))
    append_lines(tmp_path / "lines", b"one and two\n")
    assert (tmp_path / "lines").read_bytes() == b"one and two\n"


def test_a_plain_file_is_read_line_by_line_and_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"one\n\ntwo\nhal")
    assert [*plain_lines(tmp_path / "lines", 4)] == [b"one\n", b"\n", b"two\n", b"hal"]
    with pytest.raises(OSError, match="its line 1 holds more than 3 bytes"):
        [*plain_lines(tmp_path / "lines", 3)]
    (tmp_path / "link").symlink_to("lines")
    with pytest.raises(OSError, match="that is a link"):
        [*plain_lines(tmp_path / "link", 4)]
