"""Files as spreadsheets and programs write them: separators, encodings, and every form of the same rows."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papillon.__main__ import main
from papillon.data import COLUMNS, PupaRow, load
from tests.papillon.test_data import as_dict, refusal, write, write_jsonl, write_parquet

SEPARATORS = [",", ";", "\t", "|"]
#: What each of these may not be mistaken for: the other separators, quotes and line ends inside fields.
ROWS = [
    PupaRow("c1", "health; etc", 'Hi, "Bo";\r\nI am\there', "Hello|you", "Bo||Ada, or so||x;y", "Hi"),
    PupaRow("c2", "", "Why?", "Because.\nSo.", "", ""),
]


def csv_text(rows: list[PupaRow], separator: str = ",", first: str = "") -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, column) for column in COLUMNS] for row in rows)
    return first + text.getvalue()


class TestSeparators:
    @pytest.mark.parametrize("separator", SEPARATORS)
    @pytest.mark.parametrize("named", [False, True])
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    def test_fields_may_stand_between_any_of_the_usual_ones(
        self, separator: str, named: bool, mark: str, tmp_path: Path
    ) -> None:
        text = csv_text(ROWS, separator, f"{mark}sep={separator}\r\n" if named else mark)
        assert load(write(tmp_path / "a.csv", text)).rows == tuple(ROWS)

    def test_a_first_line_may_name_another(self, tmp_path: Path) -> None:
        assert load(write(tmp_path / "a.csv", csv_text(ROWS, "^", '"sep=^"\n'))).rows == tuple(ROWS)

    def test_a_first_line_that_names_the_wrong_one_is_not_believed(self, tmp_path: Path) -> None:
        assert load(write(tmp_path / "a.csv", csv_text(ROWS, ";", "sep=,\n"))).rows == tuple(ROWS)

    def test_blank_lines_above_the_header_are_none_of_it(self, tmp_path: Path) -> None:
        assert load(write(tmp_path / "a.csv", "\r\n\n" + csv_text(ROWS, ";"))).rows == tuple(ROWS)

    @pytest.mark.parametrize(("above", "place"), [("", "row 1, line 3"), ('"q\nq";t;u\n\n', "row 2, line 6")])
    def test_lines_are_counted_from_the_first_of_the_file(self, above: str, place: str, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", f"sep=;\nuser_query;target_response;pii_units\n{above} ;t;u\n")
        assert refusal(path) == (
            f"Expected text in {path}, {place}, column user_query, got none; fill it or drop the row."
        )

    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            ("q;t;u;v\n", "Expected 3 fields in {path}, row 1, line 2, got 4; check the quotes and semicolons there."),
            ('"q"q;t;u\n', "got an error (';' expected after '\"'); check the quotes and semicolons there."),
        ],
    )
    def test_a_row_that_does_not_fit_is_told_what_separates_it(self, rows: str, said: str, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", f"user_query;target_response;pii_units\n{rows}")
        assert refusal(path).endswith(said.format(path=path))

    @pytest.mark.parametrize(
        ("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars"), ("^", "the separator '^'")]
    )
    def test_a_header_that_lacks_a_column_names_the_separator(self, separator: str, name: str, tmp_path: Path) -> None:
        first = f"sep={separator}\n"
        path = write(tmp_path / "a.csv", f"{first}user_query{separator}answer{separator}pii_units\nq{separator}t\n")
        assert refusal(path) == (
            f"Expected the columns user_query, target_response, pii_units in {path}, read with {name} between "
            "fields, got 'user_query', 'answer', 'pii_units'; add target_response, or evaluate without targets "
            "(targets = false in the profile)."
        )

    def test_a_header_with_a_broken_quote_is_an_error_in_the_header(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", '"user_query"x,target_response,pii_units\nq,t,u\n')
        assert refusal(path).startswith(f"Expected CSV in {path}, the header, got an error (")


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_the_unicode_text_of_a_spreadsheet_is_read(self, encoding: str, tmp_path: Path) -> None:
        rows = [*ROWS, PupaRow("", "", "Zoë 😀 \u2028 김민수", "t", "Zoë", "")]
        path = write(tmp_path / "a.csv", ("\ufeff" + csv_text(rows, "\t")).encode(encoding))
        assert load(path).rows == tuple(rows)
        lines = "".join(json.dumps(as_dict(row)) + "\n" for row in rows)
        assert load(write(tmp_path / "a.jsonl", ("\ufeff" + lines).encode(encoding))).rows == tuple(rows)

    def test_characters_that_straddle_the_blocks_of_reading_stay_whole(self, tmp_path: Path) -> None:
        rows = [PupaRow("", "", shift + "😀" * 9000, "t", "", "") for shift in ("", "x")]
        path = write(tmp_path / "a.csv", ("\ufeff" + csv_text(rows, "\t")).encode("utf-16-le"))
        assert load(path).rows == tuple(rows)

    def test_half_a_character_in_it_is_refused_by_row_and_column(self, tmp_path: Path) -> None:
        text = "\ufeffuser_query\ttarget_response\tpii_units\nq\tt\tu\nq\tt\td83d \ud83d\n"
        path = write(tmp_path / "a.csv", text.encode("utf-16-le", "surrogatepass"))
        assert refusal(path) == (
            f"Expected text in {path}, row 2, line 3, column pii_units, got half of a character "
            "(the surrogate U+D83D) as its character 6; remove it, or write both halves."
        )

    def test_bytes_that_are_none_of_it_are_refused_by_line(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", ("\ufeff" + csv_text(ROWS, "\t")).encode("utf-16-le") + b"\x41")
        assert refusal(path) == f"Expected UTF-16 text in {path}, got the byte 0x41 in line 6; save it as UTF-8."

    def test_the_byte_that_is_named_is_the_one_behind_a_mark_as_well(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", b"\xef\xbb\xbfuser_query,target_response,pii_units\nZo\xebxyz,t,u\n")
        assert refusal(path) == f"Expected UTF-8 text in {path}, got the byte 0xeb in line 2; save it as UTF-8."


class TestTheCommand:
    @pytest.mark.parametrize("separator", SEPARATORS)
    def test_papillon_data_reads_the_same(
        self, separator: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = write(tmp_path / "a.csv", csv_text(ROWS, separator))
        assert main(["data", str(path)]) == 0
        said = capsys.readouterr().out
        assert said.startswith("a.csv: 2 rows")
        assert f"- rows without any unit{1:>36}  row 2\n" in said

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.csv", ""),
            ("a.csv", "sep=;\n"),
            ("a.csv", "\ufeff"),
            ("a.csv", "user_query;target_response;pii_units\n"),
            ("a.csv", "user_query\nq\n"),
            ("a.csv", "User_Query ,target_response,pii_units\nq,t,u\n"),
            ("a.jsonl", ""),
            ("a.jsonl", '{"user_query": "\\ud800", "target_response": "t", "pii_units": ""}\n'),
            ("a.jsonl", '{"user_query": "q", "target_response": "t", "pii_units": [null]}\n'),
            ("a.parquet", ""),
        ],
    )
    def test_and_refuses_the_same_with_4_in_one_sentence(
        self, name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = write(tmp_path / name, content)
        assert main(["data", str(path)]) == 4
        assert capsys.readouterr().err == f"papillon data: {refusal(path)}\n"


def listed(row: PupaRow) -> dict[str, Any]:
    return as_dict(row) | {"pii_units": row.pii_units.split("||") if row.pii_units else []}


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
filled = texts.filter(str.strip)
#: Units whose edges are no bars can be told apart once they are joined.
units = st.lists(texts.map(lambda text: text.replace("|", "/")), max_size=4).map("||".join)
#: A text that begins as a list is read as one.
units = units.filter(lambda text: not text.lstrip().startswith("["))
some_rows = st.lists(st.builds(PupaRow, texts, texts, filled, filled, units, texts), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(some_rows, st.booleans())
def test_every_form_of_the_same_rows_gives_the_same_rows_and_hash(
    tmp_path_factory: pytest.TempPathFactory, rows: list[PupaRow], named: bool
) -> None:
    folder = tmp_path_factory.mktemp("same")
    files = [
        write(folder / f"{number}.csv", csv_text(rows, separator, f"sep={separator}\r\n" if named else ""))
        for number, separator in enumerate(SEPARATORS)
    ]
    files.append(write(folder / "utf16.csv", ("\ufeff" + csv_text(rows, "\t")).encode("utf-16-le")))
    as_json = [replaced | {"pii_units": json.dumps(replaced["pii_units"])} for replaced in map(listed, rows)]
    files.append(write(folder / "list.csv", csv_text([PupaRow(**row) for row in as_json])))
    for name, dicts in {"text": [as_dict(row) for row in rows], "list": [listed(row) for row in rows]}.items():
        files.append(write_jsonl(folder / f"{name}.jsonl", dicts))
        files.append(write_parquet(folder / f"{name}.parquet", dicts))
    loaded = [load(file) for file in files]
    assert [one.rows for one in loaded] == [tuple(rows)] * len(files)
    assert len({one.sha256 for one in loaded}) == 1


def test_a_file_without_targets_is_shown_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.csv", "user_query,pii_units\nI am Ann.,Ann\n")
    assert main(["data", str(path)]) == 0
    assert "1 of 1 rows have no target" in " ".join(capsys.readouterr().out.split())
