"""Queries alone, in each form that people have them in, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from papillon.annotation.queries import read_queries
from papillon.errors import DataError


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "user_query\nOne, two\n\nThree\n".replace("One, two", '"One, two"')),
        ("a.csv", "user_query;kept\nOne, two;1\nThree;2\n"),
        ("a.jsonl", '{"user_query": "One, two"}\n{"user_query": "Three", "other": 3}\n'),
        ("a.txt", "One, two\n\n  Three \n"),
        ("a.TXT", "\ufeffOne, two\r\nThree"),
    ],
)
def test_queries_are_read_from_every_form(name: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content, newline="")
    assert [(query.place, query.text) for query in read_queries(path)] == [(0, "One, two"), (1, "Three")]


def test_what_a_file_says_besides_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    columns = "conversation_hash,predicted_category,user_query,target_response,pii_units"
    path.write_text(f"{columns}\nc,job,I am Ann.,Hello,Ann||Bo\n")
    (query,) = read_queries(path)
    assert (query.conversation_hash, query.category, query.target, query.units) == ("c", "job", "Hello", ("Ann", "Bo"))


def test_a_query_is_told_apart_without_being_quoted(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("I am Ann.\nI am Bo.\n")
    one, other = read_queries(path)
    assert one.digest != other.digest
    assert "Ann" not in repr(one)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "\n \n", "Expected at least one query in {path}, found none; give a file that holds some."),
        ("a.csv", "user_query\n", "Expected at least one query in {path}, found none; give a file that holds some."),
        ("a.csv", "query\nq\n", "Expected the columns user_query in {path}, got one of another name; add user_query."),
        ("a.jsonl", '{"user_query": 1.5}\n', "column user_query, got float; write it as text."),
        ("a.csv", 'user_query,b\n" ",1\n', "column user_query, got none; fill it or drop the row."),
        ("a.xlsx", "", "Expected a .csv, .jsonl or .parquet file, got {path}; convert it or rename it."),
        ("a.txt", "one\n\0\n", "got a NUL byte in line 2"),
    ],
)
def test_what_is_no_file_of_queries_is_refused_in_a_sentence(
    name: str, content: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError) as refused:
        read_queries(path)
    assert said.format(path=path) in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Expected a file of queries at .*a\.csv, and there is none; check its path\."):
        read_queries(tmp_path / "a.csv")
