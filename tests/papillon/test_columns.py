"""What columns may be called and what a cell may hold, whatever the file; and what is said about the rest."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.columns import COLUMNS, units_of
from papillon.data import PupaRow, load, pii_units
from tests.papillon.test_data import refusal, write, write_jsonl, write_parquet

GOOD: dict[str, Any] = {"user_query": "q", "target_response": "t", "pii_units": "u"}


def test_the_columns_are_a_rows_fields_in_their_order() -> None:
    assert tuple(field.name for field in fields(PupaRow)) == COLUMNS


class TestNames:
    @pytest.mark.parametrize(
        ("header", "said"),
        [
            ("User_Query ,target_response,pii_units", "rename 'User_Query ' to user_query."),
            ("user_query,target response,PII Units", "rename 'target response' to target_response and "),
            ("user_querry,target_response", "rename 'user_querry' to user_query and add pii_units."),
            ("query,target_response,pii_units", "got 'query', 'target_response', 'pii_units'; add user_query."),
        ],
    )
    def test_a_name_that_is_nearly_one_is_named_with_it(self, header: str, said: str, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", f"{header}\nq,t,u\n")
        message = refusal(path)
        assert message.startswith(f"Expected the columns user_query, target_response, pii_units in {path}, got '")
        assert said in message

    @pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
    def test_an_optional_column_in_another_spelling_is_not_read_as_if_it_were_not_there(
        self, suffix: str, tmp_path: Path
    ) -> None:
        row, path = GOOD | {"Conversation Hash": "c"}, tmp_path / f"a.{suffix}"
        if suffix == "csv":
            write(path, f"{','.join(row)}\n{','.join(row.values())}\n")
        else:
            (write_jsonl if suffix == "jsonl" else write_parquet)(path, [row])
        where = f"{path}, row 1, line 1" if suffix == "jsonl" else path
        assert refusal(path) == (
            f"Expected the column conversation_hash in {where}, got 'Conversation Hash'; "
            "rename it to conversation_hash."
        )

    def test_a_file_without_a_header_shows_no_word_of_its_first_row(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "I am Ann of Oslo,Hello Ann,Ann||Oslo\n")
        assert refusal(path) == (
            f"Expected the columns user_query, target_response, pii_units in {path}, got 3 of other names; "
            "add user_query, target_response, pii_units."
        )

    def test_each_line_of_json_is_looked_at(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "a.jsonl", [GOOD, {"User_Query": "q", "target_response": "t", "pii_units": "u"}])
        assert refusal(path) == (
            f"Expected the column user_query in {path}, row 2, line 2, got 'User_Query', 'target_response', "
            "'pii_units'; rename 'User_Query' to user_query."
        )


class TestSurrogates:
    @pytest.mark.parametrize("column", COLUMNS)
    @pytest.mark.parametrize("escape", ["\\ud800", "\\udfff", "\\ude00\\ud83d"])
    def test_half_a_character_is_refused_by_row_and_column(self, column: str, escape: str, tmp_path: Path) -> None:
        line = json.dumps(GOOD | {column: "zoë HALF"}).replace("HALF", escape)
        path = write(tmp_path / "a.jsonl", f"{json.dumps(GOOD)}\n{line}\n")
        assert refusal(path) == (
            f"Expected text in {path}, row 2, line 2, column {column}, got half of a character "
            f"(the surrogate U+{escape[2:6].upper()}) as its character 5; remove it, or write both halves."
        )

    def test_two_halves_are_one_character(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.jsonl", json.dumps(GOOD).replace('"q"', '"\\ud83d\\ude00"'))
        assert load(path).rows[0].user_query == "😀"


class TestLists:
    @pytest.mark.parametrize(
        ("units", "text"),
        [
            (["Ann", "Oslo"], "Ann||Oslo"),
            (["Ann"], "Ann"),
            ([], ""),
            ([5551234], "5551234"),
            ([" Ann ", "", "a|b"], " Ann ||||a|b"),
        ],
    )
    def test_a_list_is_its_entries_joined_in_each_kind_of_file(
        self, units: list[Any], text: str, tmp_path: Path
    ) -> None:
        as_json = json.dumps(units).replace('"', '""')
        files = [
            write_jsonl(tmp_path / "list.jsonl", [GOOD | {"pii_units": units}]),
            write_jsonl(tmp_path / "text.jsonl", [GOOD | {"pii_units": json.dumps(units)}]),
            write_parquet(tmp_path / "list.parquet", [GOOD | {"pii_units": units}]),
            write(tmp_path / "list.csv", f'user_query,target_response,pii_units\nq,t," {as_json}"\n'),
            write_jsonl(tmp_path / "joined.jsonl", [GOOD | {"pii_units": text}]),
        ]
        assert [load(file).rows[0].pii_units for file in files] == [text] * 5
        assert len({load(file).sha256 for file in files}) == 1

    @pytest.mark.parametrize("text", ["[NAME]", "[NAME]||[City, State]", "[", "[a", '["Ann"', "[1]x", "{}"])
    def test_what_only_begins_as_a_list_is_a_unit_in_brackets(self, text: str) -> None:
        assert units_of(text) == text

    @pytest.mark.parametrize(
        ("units", "said"),
        [
            (["Ann", None], "entry 2 of its list, got null; remove it"),
            (["Ann", float("nan")], "entry 2 of its list, got null; remove it"),
            ([True], "entry 1 of its list, got bool; write it as text"),
            ([["Ann"]], "entry 1 of its list, got list; write it as text"),
            (["Ann", "\0"], "entry 2 of its list, got a NUL character; remove it"),
            (["\ud800"], "entry 1 of its list, got half of a character (the surrogate U+D800) as its character 1"),
            (["Ann||Oslo"], "got a list with || in an entry, or | at its edge, and || is what joins units"),
            (["Ann|", "Oslo"], "got a list with || in an entry, or | at its edge, and || is what joins units"),
        ],
    )
    def test_an_entry_that_is_no_unit_is_refused_by_row_and_column(
        self, units: list[Any], said: str, tmp_path: Path
    ) -> None:
        path = write(tmp_path / "a.jsonl", f"{json.dumps(GOOD)}\n{json.dumps(GOOD | {'pii_units': units})}\n")
        assert refusal(path).startswith(f"Expected text in {path}, row 2, line 2, column pii_units, {said}")

    def test_a_null_in_a_parquets_list_is_refused(self, tmp_path: Path) -> None:
        path = write_parquet(tmp_path / "a.parquet", [GOOD | {"pii_units": ["Ann", None]}])
        assert refusal(path) == (
            f"Expected text in {path}, row 1, column pii_units, entry 2 of its list, got null; remove it."
        )

    @pytest.mark.parametrize("text", ["['Ann', None]", "[ 'Ann' 'Oslo' ]", '["Ann", "Oslo",]', "[\"Ann\", 'Oslo']"])
    def test_a_list_in_another_languages_spelling_is_refused(self, text: str, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "a.jsonl", [GOOD | {"pii_units": text}])
        assert refusal(path) == (
            f"Expected text in {path}, row 1, line 1, column pii_units, got a list that is not JSON; "
            "write it as JSON, or its units joined with ||."
        )

    @pytest.mark.parametrize("column", ["user_query", "redacted_query"])
    def test_another_column_takes_no_list(self, column: str, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "a.jsonl", [GOOD | {column: ["q"]}])
        assert refusal(path).endswith(f"column {column}, got list; write it as text.")

    @given(st.lists(st.text(st.sampled_from("ab |"), max_size=4)))
    def test_what_is_taken_has_the_lists_entries_as_its_units(self, entries: list[str]) -> None:
        try:
            text = units_of(entries)
        except ValueError:
            assert any("||" in entry or entry.startswith("|") or entry.endswith("|") for entry in entries)
        else:
            assert pii_units(text) == tuple(dict.fromkeys(stripped for entry in entries if (stripped := entry.strip())))
