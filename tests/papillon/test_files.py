from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.files import write_whole


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
