"""What papillon.data reads from files, and what it refuses in which words."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papillon.data import COLUMNS, PupaRow, load, pii_units, to_dspy
from papillon.errors import DataError

ROOT = Path(__file__).parents[2]
HEADER = "conversation_hash,predicted_category,user_query,target_response,pii_units,redacted_query\n"
TWO_ROWS = HEADER + 'c1,health,"Hi, ""Bo""\nhere",Hello,Bo||Ada||Bo,Hi\nc2,,Why?,Because.,,\n'
NO_TARGET = HEADER + "c1,job,q1,t1,u1,r1\nc2,job,q2,,u2,r2\nc3,job,q3,t3,u3,r3\n"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_csv(path: Path, rows: list[PupaRow]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([getattr(row, column) for column in COLUMNS] for row in rows)
    return path


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    return write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def as_dict(row: PupaRow) -> dict[str, Any]:
    return {column: getattr(row, column) for column in COLUMNS}


def refusal(name: str | Path, **options: bool) -> str:
    with pytest.raises(DataError) as caught:
        load(name, **options)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


class TestRows:
    def test_units_are_distinct_stripped_non_empty_and_in_order(self) -> None:
        assert pii_units(" effem ||balaji|| ||balaji||||Zoë") == ("effem", "balaji", "Zoë")
        assert pii_units("") == pii_units("||") == ()

    @given(st.lists(st.text(alphabet="ab |", max_size=4)))
    def test_units_of_units_are_the_same(self, entries: list[str]) -> None:
        units = pii_units("||".join(entries))
        assert pii_units("||".join(units)) == units or any("|" in unit for unit in units)
        assert all(unit == unit.strip() != "" for unit in units)
        assert len(set(units)) == len(units)

    def test_a_digest_tells_rows_apart_by_any_column(self) -> None:
        row = PupaRow("a", "b", "c", "d", "e", "f")
        others = [PupaRow(*("x" if i == k else c for i, c in enumerate("abcdef"))) for k in range(6)]
        assert len({row.digest, *(other.digest for other in others)}) == 7
        assert PupaRow("ab", "", "c", "d", "e", "f").digest != PupaRow("a", "b", "c", "d", "e", "f").digest

    def test_a_dspy_example_has_the_tutorials_names_and_only_the_query_as_input(self) -> None:
        example = to_dspy(PupaRow("c", "job", "query", "target", "Bo||Ada", "redacted"))
        assert example.toDict() == {"target_response": "target", "user_query": "query", "pii_str": "Bo||Ada"}
        assert set(example.inputs().keys()) == {"user_query"}


class TestFiles:
    def test_a_csv_gives_its_rows_and_counts_those_without_units(self, tmp_path: Path) -> None:
        loaded = load(write(tmp_path / "two.csv", TWO_ROWS))
        assert loaded.rows == (
            PupaRow("c1", "health", 'Hi, "Bo"\nhere', "Hello", "Bo||Ada||Bo", "Hi"),
            PupaRow("c2", "", "Why?", "Because.", "", ""),
        )
        assert (loaded.name, loaded.left_out, loaded.without_units) == ("two.csv", (), 1)
        assert loaded.rows[0].units == ("Bo", "Ada")

    def test_optional_columns_may_be_missing_others_are_ignored_and_order_is_free(self, tmp_path: Path) -> None:
        path = write(tmp_path / "few.csv", "note,pii_units,user_query,target_response\nx,Bo,q,t\n\n")
        assert load(str(path)).rows == (PupaRow("", "", "q", "t", "Bo", ""),)

    def test_a_byte_order_mark_is_no_part_of_the_first_column(self, tmp_path: Path) -> None:
        path = write(tmp_path / "bom.csv", b"\xef\xbb\xbf" + TWO_ROWS.encode())
        assert load(path).sha256 == load(write(tmp_path / "two.csv", TWO_ROWS)).sha256

    def test_line_ends_inside_quotes_are_kept_and_those_between_rows_do_not_count(self, tmp_path: Path) -> None:
        inside = 'user_query,target_response,pii_units\n"a\r\nb\rc\nd",t,\n'
        assert load(write(tmp_path / "x.csv", inside)).rows[0].user_query == "a\r\nb\rc\nd"
        between = 'user_query,target_response,pii_units\r\n"a\r\nb\rc\nd",t,\r\n'
        assert load(tmp_path / "x.csv").sha256 == load(write(tmp_path / "y.csv", between)).sha256

    def test_a_field_longer_than_the_csv_modules_default_is_read_and_its_limit_stays(self, tmp_path: Path) -> None:
        before = csv.field_size_limit()
        path = write(tmp_path / "long.csv", f"user_query,target_response,pii_units\n{'q' * 200_000},t,\n")
        assert len(load(path).rows[0].user_query) == 200_000
        assert csv.field_size_limit() == before

    def test_null_and_nan_are_empty_and_whole_numbers_are_their_digits(self, tmp_path: Path) -> None:
        rows = [
            {"conversation_hash": 17, "user_query": "q", "target_response": "t", "pii_units": None},
            {"conversation_hash": None, "user_query": "r", "target_response": "t", "pii_units": "Bo"},
        ]
        expected = (PupaRow("17", "", "q", "t", "", ""), PupaRow("", "", "r", "t", "Bo", ""))
        assert load(write_jsonl(tmp_path / "a.jsonl", rows)).rows == expected
        assert load(write_parquet(tmp_path / "a.parquet", rows)).rows == expected
        nan = '{"user_query": "q", "target_response": "t", "pii_units": NaN}\n'
        assert load(write(tmp_path / "b.jsonl", nan)).rows == (PupaRow("", "", "q", "t", "", ""),)

    def test_json_lines_may_hold_unicode_line_separators(self, tmp_path: Path) -> None:
        line = '{"user_query": "a\u2028b\x85c", "target_response": "t", "pii_units": ""}\r\n'
        loaded = load(write(tmp_path / "a.jsonl", "\n" + line))
        assert loaded.rows[0].user_query == "a\u2028b\x85c"
        assert len(loaded.sha256) == len(loaded.rows[0].digest) == 64

    texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0["), max_size=12)
    filled = texts.filter(str.strip)
    rows = st.lists(st.builds(PupaRow, texts, texts, filled, filled, texts, texts), min_size=1, max_size=4)

    @settings(max_examples=60, deadline=None)
    @given(rows)
    def test_csv_json_lines_and_parquet_of_the_same_rows_agree(
        self, tmp_path_factory: pytest.TempPathFactory, rows: list[PupaRow]
    ) -> None:
        folder = tmp_path_factory.mktemp("same")
        dicts = [as_dict(row) for row in rows]
        loaded = [
            load(write_csv(folder / "a.csv", rows)),
            load(write_jsonl(folder / "a.jsonl", dicts)),
            load(write_parquet(folder / "a.parquet", dicts)),
        ]
        assert [one.rows for one in loaded] == [tuple(rows)] * 3
        assert len({one.sha256 for one in loaded}) == 1

    def test_the_hash_follows_rows_and_their_order(self, tmp_path: Path) -> None:
        a, b = PupaRow("", "", "a", "t", "", ""), PupaRow("", "", "b", "t", "", "")
        hashes = {load(write_csv(tmp_path / "x.csv", rows)).sha256 for rows in ([a, b], [b, a], [a], [a, b, b])}
        assert len(hashes) == 4


THREE = "user_query,target_response,pii_units"

REFUSED = {
    "missing columns": (
        "a.csv",
        "user_query,answer\nq,t\n",
        "Expected the columns user_query, target_response, pii_units in {path}, got 'user_query', 'answer'; "
        "add target_response, pii_units.",
    ),
    "a column given twice": (
        "a.csv",
        f"{THREE},user_query\nq,t,u,q\n",
        "Expected each column once in {path}, got user_query twice; rename one.",
    ),
    "an empty file": (
        "a.csv",
        "",
        "Expected the columns user_query, target_response, pii_units in {path}, got none; "
        "add user_query, target_response, pii_units.",
    ),
    "a header without rows": (
        "a.csv",
        f"{THREE}\n",
        "Expected at least one row in {path}, found none; give a file that holds some.",
    ),
    "a row with too few fields": (
        "a.csv",
        f'{THREE}\n\n"q\nq",t,u\nq,t\n',
        "Expected 3 fields in {path}, row 2, line 5, got 2; check the quotes and commas there.",
    ),
    "a row with too many fields": (
        "a.csv",
        f"{THREE}\nq,t,u,v\n",
        "Expected 3 fields in {path}, row 1, line 2, got 4; check the quotes and commas there.",
    ),
    "a quote that never ends": (
        "a.csv",
        f'{THREE}\nq,t,u\n"q,t,u\nq,t,u\n',
        "Expected CSV in {path}, row 2, line 3, got an error (unexpected end of data); "
        "check the quotes and commas there.",
    ),
    "a quote in the wrong place": (
        "a.csv",
        f'{THREE}\n"q"q,t,u\n',
        "Expected CSV in {path}, row 1, line 2, got an error (',' expected after '\"'); "
        "check the quotes and commas there.",
    ),
    "a row without a query": (
        "a.csv",
        f"{THREE}\nq,t,u\n \t,t,u\n",
        "Expected text in {path}, row 2, line 3, column user_query, got none; fill it or drop the row.",
    ),
    "a row without a target": (
        "a.jsonl",
        '{"user_query": "q", "target_response": null, "pii_units": ""}\n',
        "Expected text in {path}, row 1, line 1, column target_response, got none; fill it or drop the row, or "
        "evaluate without targets (targets = false in the profile).",
    ),
    "Latin-1": (
        "a.csv",
        f"{THREE}\nq,t,u\nZo\xeb,t,u\n".encode("latin-1"),
        "Expected UTF-8 text in {path}, got the byte 0xeb in line 3; save it as UTF-8.",
    ),
    "UTF-16 without a mark": (
        "a.csv",
        f"{THREE}\n".encode("utf-16-le"),
        "Expected UTF-8 text in {path}, got a NUL byte in line 1; save it anew as UTF-8.",
    ),
    "a NUL byte": (
        "a.csv",
        f"{THREE}\nq,t,u\nq\0,t,u\n",
        "Expected UTF-8 text in {path}, got a NUL byte in line 3; save it anew as UTF-8.",
    ),
    "an escaped NUL": (
        "a.jsonl",
        '{"user_query": "q\\u0000", "target_response": "t", "pii_units": ""}\n',
        "Expected text in {path}, row 1, line 1, column user_query, got a NUL character; remove it.",
    ),
    "a line that is not JSON": (
        "a.jsonl",
        '{"user_query": "q", "target_response": "t", "pii_units": ""}\n\n{"user_query": \n',
        "Expected one JSON object in {path}, row 2, line 3, got text that is not JSON "
        "(JSONDecodeError: Expecting value: line 1 column 16 (char 15)); correct it.",
    ),
    "JSON that is nested without end": (
        "a.jsonl",
        "[" * 100_000,
        "Expected one JSON object in {path}, row 1, line 1, got text that is not JSON (RecursionError: ",
    ),
    "a line that is no object": (
        "a.jsonl",
        '["q", "t", "u"]\n',
        "Expected one JSON object in {path}, row 1, line 1, got list; correct it.",
    ),
    "an object without a column": (
        "a.jsonl",
        '{"user_query": "q", "target_response": "t"}\n',
        "Expected the column pii_units in {path}, row 1, line 1, got 'user_query', 'target_response'; add it.",
    ),
    "a query as a list": (
        "a.jsonl",
        '{"user_query": ["q"], "target_response": "t", "pii_units": "Bo"}\n',
        "Expected text in {path}, row 1, line 1, column user_query, got list; write it as text.",
    ),
    "another kind of file": (
        "a.txt",
        "q\n",
        "Expected a .csv, .jsonl or .parquet file, got {path}; convert it or rename it.",
    ),
    "a parquet that is none": (
        "a.parquet",
        "PAR1 and then nothing",
        "Expected a parquet file at {path}, got an error (ArrowInvalid: ",
    ),
}


class TestRefusals:
    @pytest.mark.parametrize("case", REFUSED)
    def test_one_sentence_names_file_row_and_column(self, case: str, tmp_path: Path) -> None:
        name, content, expected = REFUSED[case]
        path = write(tmp_path / name, content)
        assert refusal(path).startswith(expected.format(path=path))

    def test_a_truncated_parquet(self, tmp_path: Path) -> None:
        path = write_parquet(tmp_path / "a.parquet", [as_dict(PupaRow("c", "j", "q", "t", "u", "r"))])
        path.write_bytes(path.read_bytes()[:-40])
        assert refusal(path).startswith(f"Expected a parquet file at {path}, got an error (")

    def test_a_parquet_without_a_column_or_without_a_query(self, tmp_path: Path) -> None:
        path = write_parquet(tmp_path / "a.parquet", [{"user_query": "q", "pii_units": "u"}])
        assert "got 'user_query', 'pii_units'; add target_response, or evaluate without targets" in refusal(path)
        path = write_parquet(path, [as_dict(PupaRow("c", "j", query, "t", "u", "r")) for query in ("q", "")])
        assert f"{path}, row 2, column user_query, got none" in refusal(path)
        path = write_parquet(path, [{"user_query": b"q", "target_response": "t", "pii_units": "u"}])
        assert f"{path}, row 1, column user_query, got bytes" in refusal(path)

    @pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
    def test_a_folder_under_a_files_name(self, suffix: str, tmp_path: Path) -> None:
        path = tmp_path / f"folder.{suffix}"
        path.mkdir()
        message = refusal(path)
        assert str(path) in message
        assert "got an error (that is a folder); check its path" in message

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="The superuser may read every file.")
    def test_a_file_without_permission(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", TWO_ROWS)
        path.chmod(0)
        assert f"at {path}, got an error (Permission denied); check its path" in refusal(path)

    @pytest.mark.parametrize("name", ["pupa", "nowhere/rows.csv", "", "a\0b"])
    def test_a_name_that_is_neither_a_set_nor_a_path(self, name: str) -> None:
        assert refusal(name) == (
            "Expected a data set's name (mini, pupa_new, pupa_tnb) or a path to a .csv, .jsonl or .parquet "
            f"file, got {name!r}, which is neither; check its spelling and the folder it counts from."
        )


class TestWithoutTargets:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.csv", "user_query,pii_units\nq,u\n"),
            ("a.csv", "user_query;pii_units;target_response\nq;u;\n"),
            ("a.jsonl", '{"user_query": "q", "pii_units": ["u"], "target_response": null}\n'),
            ("a.jsonl", '{"user_query": "q", "pii_units": "u"}\n'),
        ],
    )
    def test_a_row_needs_no_target_where_none_is_asked_for(self, name: str, content: str, tmp_path: Path) -> None:
        (tmp_path / name).write_text(content)
        (row,) = load(tmp_path / name, targets=False).rows
        assert (row.user_query, row.target_response, row.units) == ("q", "", ("u",))
        with pytest.raises(DataError, match=r"or evaluate without targets \(targets = false in the profile\)"):
            load(tmp_path / name)

    def test_a_parquet_needs_no_column_of_targets(self, tmp_path: Path) -> None:
        path = write_parquet(tmp_path / "a.parquet", [{"user_query": "q", "pii_units": "u"}])
        assert len(load(path, targets=False).rows) == 1

    def test_the_same_rows_have_the_same_hash_with_and_without(self, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "a.csv", [PupaRow("c", "j", "q", "t", "u", "r")])
        assert load(path).sha256 == load(path, targets=False).sha256

    def test_a_query_is_needed_all_the_same(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("user_query,pii_units\n ,u\n")
        with pytest.raises(DataError, match=r"column user_query, got none; fill it or drop the row\.$"):
            load(tmp_path / "a.csv", targets=False)
