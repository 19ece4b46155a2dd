"""docs/own-program.md: its program does what it says, its table is measured, its ten lines are those of a test."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from typing import Any

import pytest

from judges.lexical import lexical_leakage
from papillon.data import load
from papillon.leaks import redact
from papillon.project import ROOT
from papillon.splits import split
from tests.test_installed import PYPROJECT

PAGE = (ROOT / "docs" / "own-program.md").read_text(encoding="utf-8")
FILE = ROOT / "docs" / "examples" / "redacting.py"


@pytest.fixture(scope="module")
def example() -> Any:
    spec = importlib.util.spec_from_file_location("redacting", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leakage(edit: Callable[[str, tuple[str, ...]], str]) -> str:
    """Over the dev examples of ``mini``, where a request is what ``edit`` makes of a query and its units."""
    rows = load("mini").rows
    dev = [rows[index] for index in split(rows, "grouped")["dev"]]
    found = [(lexical_leakage(row.units, edit(row.user_query, row.units)).leaked, len(row.units)) for row in dev]
    return f"{sum(leaked / units if units else 0.0 for leaked, units in found) / len(found):.3f}"


def test_it_hides_asks_and_puts_back(example: Any) -> None:
    asked: list[str] = []

    def untrusted(request: str) -> list[str]:
        asked.append(request)
        return ["Dear [NAME_1], write to [EMAIL_3]. [NAME_9]"]

    query = "Tell Maeve that I, Otto, moved: otto@home.example. Maeve has Dr. Stannard-Kaya's number 07700 900417."
    answer = example.Redacting(untrusted_model=untrusted)(user_query=query)
    assert asked == [
        "Tell [NAME_1] that I, [NAME_2], moved: [EMAIL_3]. [NAME_1] has [PERSON_4]'s number [NUMBER_5] [NUMBER_6]."
    ]
    assert answer.response == "Dear Maeve, write to otto@home.example. [NAME_9]"


def test_the_table_is_what_comes_of_it(example: Any) -> None:
    for row, edit in {
        "the query as it is (control `verbatim`)": lambda query, units: query,
        "`redacting:Redacting`": lambda query, units: example.hidden(query)[0],
        "every unit masked (control `redacted`)": lambda query, units: redact(units, query),
    }.items():
        assert f"| {row} | {leakage(edit)} | 0.000 |" in PAGE


def test_its_ten_lines_are_those_that_are_tried_in_a_repository_of_ones_own() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert block == PYPROJECT
    assert len(PYPROJECT.splitlines()) == 10
