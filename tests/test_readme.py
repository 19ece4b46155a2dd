"""The README's examples do what it says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from papillon.columns import COLUMNS
from papillon.data import load
from papillon.profile import ROOT


@pytest.fixture
def section() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.split("\n## Your own data\n")[1].split("\n## ")[0]


def test_the_rows_of_its_own_data_are_read_and_are_the_same_in_both_forms(section: str, tmp_path: Path) -> None:
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL))
    assert set(blocks) == {"csv", "json"}
    (tmp_path / "a.csv").write_text(blocks["csv"], encoding="utf-8")
    (tmp_path / "a.jsonl").write_text(blocks["json"], encoding="utf-8")
    table = load(tmp_path / "a.csv")
    assert [row.units for row in table.rows] == [("Ann Lee", "Oslo"), ()]
    assert all(unit in table.rows[0].user_query for unit in table.rows[0].units)
    assert load(tmp_path / "a.jsonl").sha256 == table.sha256


def test_every_column_is_explained(section: str) -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(COLUMNS)
