"""What fixtures/README.md promises of the hand-written set: form, hard cases, languages, splits."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from papillon.data import COLUMNS, PupaRow, load
from papillon.data_report import Shared, contamination
from papillon.leaks import near_verbatim, verbatim
from papillon.splits import groups, split

MINI = Path(__file__).parents[2] / "fixtures" / "mini.csv"
ROWS = load("mini").rows
THIRDS = {"train": ROWS[:20], "dev": ROWS[20:40], "test": ROWS[40:]}
MASK = "[REDACTED]"
PUBLIC = {"ikea", "netflix", "serena williams", "siemens", "taylor swift", "toyota"}
#: One of these stands in every English query of the set, and in no other.
ENGLISH = {"and", "at", "for", "is", "my", "of", "the"}
SCRIPTS = {"ARABIC", "CJK", "CYRILLIC", "DEVANAGARI", "HANGUL", "HIRAGANA", "LATIN"}


def entries(row: PupaRow) -> list[str]:
    return row.pii_units.split("||")


def stands(unit: str, row: PupaRow) -> bool:
    return unit.casefold() in row.user_query.casefold()


HARD_CASES = {
    "a repeated unit": lambda row: len(entries(row)) > len(set(entries(row))),
    "an empty unit": lambda row: row.units and "" in entries(row),
    "a placeholder": lambda row: "presidio_anonymized" in row.pii_units,
    "a unit inside another": lambda row: any(a in b for a in row.units for b in row.units if a != b),
    "signs of regular expressions": lambda row: re.search(r"[][()*+?\\]", row.pii_units),
    "a public name": lambda row: PUBLIC.intersection(row.units),
    "another spelling": lambda row: not all(stands(unit, row) for unit in row.units),
    "a long query": lambda row: 2500 <= len(row.user_query) <= 4000,
}


def test_the_file_is_what_a_csv_writer_writes() -> None:
    text = MINI.read_bytes().decode("utf-8")
    table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(table)
    assert tuple(table[0]) == COLUMNS
    assert written.getvalue() == text


def test_it_has_sixty_rows_in_pupas_categories() -> None:
    assert Counter(row.predicted_category for row in ROWS) == {
        "job, visa, and other applications": 27,
        "financial and corporate info": 18,
        "healthcare information": 10,
        "quoted emails and messages": 5,
    }
    assert all(re.fullmatch("[0-9a-f]{32}", row.conversation_hash) for row in ROWS)


def test_targets_are_answers_of_a_few_sentences_without_gaps_to_fill() -> None:
    for row in ROWS:
        assert 80 <= len(row.target_response) <= 900
        assert not re.search(r"\[(your|name|date|redacted|company)", row.target_response, re.IGNORECASE)


def test_most_queries_are_short_enough_for_a_small_model() -> None:
    lengths = [len(row.user_query) for row in ROWS]
    assert sum(length <= 600 for length in lengths) >= 55
    assert sum(lengths) <= 25_000


def test_nearly_all_units_stand_in_their_queries() -> None:
    found = [stands(unit, row) for row in ROWS for unit in row.units]
    assert 0.92 <= sum(found) / len(found) < 1


def test_the_redacted_query_is_the_query_without_its_units() -> None:
    for row in ROWS:
        pattern = ".+?".join(map(re.escape, row.redacted_query.split(MASK)))
        assert re.fullmatch(pattern, row.user_query, re.DOTALL)
        assert (MASK in row.redacted_query) == bool(row.units)
        assert not any(verbatim(row.units, row.redacted_query))
        assert not any(near_verbatim(row.units, row.redacted_query))


@pytest.mark.parametrize("third", THIRDS)
@pytest.mark.parametrize("case", HARD_CASES)
def test_each_third_has_each_hard_case(third: str, case: str) -> None:
    assert any(HARD_CASES[case](row) for row in THIRDS[third])


def test_two_rows_have_no_units() -> None:
    assert [i for i, row in enumerate(ROWS, 1) if not row.units] == [25, 53]


def test_queries_are_in_several_languages_and_scripts() -> None:
    foreign = [
        [row for row in third if not ENGLISH.intersection(re.findall(r"\w+", row.user_query.lower()))]
        for third in THIRDS.values()
    ]
    assert [len(part) for part in foreign] == [5, 5, 6]
    letters = {sign for part in foreign for row in part for sign in row.user_query}
    assert {unicodedata.name(letter, "").split(" ")[0] for letter in letters} >= SCRIPTS
    assert letters.issuperset("äñéı")  # German, Spanish, French, Turkish


@pytest.mark.parametrize("how", ["tutorial", "grouped"])
def test_both_splits_are_twenty_rows_each(how: str) -> None:
    assert [len(part) for part in split(ROWS, how).values()] == [20, 20, 20]


def test_one_query_straddles_the_tutorial_split_and_none_the_grouped_one() -> None:
    positional = contamination(ROWS, "tutorial")
    assert (positional.dev, positional.test) == (Shared(20, 0, 0), Shared(20, 1, 0))
    assert contamination(ROWS, "grouped").clean


def test_rows_that_repeat_a_query_or_a_conversation_form_two_groups() -> None:
    names = groups(ROWS)
    repeated = {name for name, count in Counter(names).items() if count > 1}
    members = sorted([i for i, name in enumerate(names, 1) if name == group] for group in repeated)
    assert members == [[5, 6, 46], [26, 34]]
    assert ROWS[4].conversation_hash == ROWS[5].conversation_hash != ROWS[45].conversation_hash
    assert ROWS[5].user_query == ROWS[45].user_query != ROWS[4].user_query
    assert ROWS[25].user_query == ROWS[33].user_query
    assert ROWS[25].target_response != ROWS[33].target_response


@pytest.mark.skipif("PUPA_DIR" not in os.environ, reason="PUPA_DIR does not name a folder with PUPA's files")
@pytest.mark.parametrize("name", ["pupa_new", "pupa_tnb"])
def test_no_text_of_pupa_stands_in_it(name: str) -> None:
    pupa = {text for row in load(name).rows for text in (row.user_query, row.target_response)}
    assert not pupa.intersection(text for row in ROWS for text in (row.user_query, row.target_response))
