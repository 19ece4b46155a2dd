"""Single options: what each kind of value is read as; wrong ones and their sentences stand in test_options.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.evaluation.examples import Shard
from evals.harness.option_values import Given, unexpected
from papillon.errors import UsageError


def value(text: Any, folder: Path = Path("/here")) -> Given:
    return Given({"eval_it": text}, folder)


def refused(read: Any) -> str:
    with pytest.raises(UsageError) as raised:
        read()
    return str(raised.value)


def test_what_was_not_typed_has_no_value() -> None:
    none = value(None)
    kinds = (none.count, none.amount, none.shard, none.path, none.folder_of, none.profile)
    assert {read("--eval-it") for read in kinds} == {None}
    assert none.choice("--eval-it", ("a",)) is none.dataset("--eval-it", ("a",)) is None
    assert none.existing("--eval-it", "a file") is None
    assert none.files("--eval-it", "a file") == ()


def test_a_wrong_value_is_one_sentence() -> None:
    assert str(unexpected("--eval-it", "a number", "x")) == "--eval-it: expected a number, got 'x'."


@given(st.integers(1, 999_999_999))
def test_counts_read_back(number: int) -> None:
    assert value(str(number)).count("--eval-it") == number


@given(st.floats(0, 1e300, exclude_min=True))
def test_amounts_read_back(amount: float) -> None:
    assert value(repr(amount)).amount("--eval-it") == amount


@given(st.tuples(st.integers(1, 999), st.integers(1, 999)))
def test_a_shard_is_one_of_its_parts(parts: tuple[int, int]) -> None:
    index, count = parts
    if index <= count:
        assert value(f"{index}/{count}").shard("--eval-it") == Shard(index, count)
    else:
        assert "expected I/N with I from 1 to N" in refused(lambda: value(f"{index}/{count}").shard("--eval-it"))


def test_paths_count_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert value("file", tmp_path).path("--eval-it") == value(str(tmp_path / "file")).path("--eval-it")
    assert value("folder/../file", tmp_path).existing("--eval-it", "x") == tmp_path / "file"
    assert value("new", tmp_path).folder_of("--eval-it") == value("new", tmp_path).path("--eval-it")
    assert value(["file", "file"], tmp_path).files("--eval-it", "x") == (tmp_path / "file",) * 2
    assert value("file", tmp_path).dataset("--eval-it", ("mini",)) == str(tmp_path / "file")
    assert value("mini", tmp_path).dataset("--eval-it", ("mini",)) == "mini"
    assert value("own.toml", tmp_path).profile("--eval-it") == str(tmp_path / "own.toml")
    assert value("own", tmp_path).profile("--eval-it") == "own"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 300, "File name too long"),
        ("~nobodyhere/x", "could not determine home directory"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_what_can_be_no_path_is_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    for read in ("path", "folder_of"):
        said = refused(lambda read=read: getattr(value(text, tmp_path), read)("--eval-it"))
        assert said == f"--eval-it: expected a path that can be looked up ({why}), got {text!r}."
    assert why in refused(lambda: value([text], tmp_path).files("--eval-it", "a file"))


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused(lambda: value("file", tmp_path).folder_of("--eval-it")) == (
        f"--eval-it: expected a folder, or a name for a new one, got '{tmp_path}/file'."
    )
    assert refused(lambda: value(["."], tmp_path).files("--eval-it", "a file of calls")) == (
        f"--eval-it: expected a file of calls, got '{tmp_path}'."
    )
