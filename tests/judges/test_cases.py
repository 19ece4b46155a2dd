from __future__ import annotations

import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from judges.agreement import spearman
from judges.cases import LEAN, STANDING, leakage_cases, quality_cases
from papillon.errors import DataError

LEAKAGE = leakage_cases()
QUALITY = quality_cases()
README = (Path(__file__).parents[2] / "fixtures" / "calibration" / "README.md").read_text(encoding="utf-8")
HOWS = Counter(how for case in LEAKAGE for how in case.how)

leak = {
    "id": "x-01",
    "kind": "verbatim",
    "units": ["Ada Quill"],
    "request": "Ask Ada Quill.",
    "leaks": [True],
    "how": ["verbatim"],
}
pair = {"id": "x-01", "kind": "clear-better", "query": "2 + 2?", "a": "4", "b": "5", "label": "better"}


def plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def test_the_leakage_cases_hold_enough_of_each_side() -> None:
    assert len(LEAKAGE) >= 70
    assert HOWS["absent"] >= 100
    assert sum(HOWS[how] for how in STANDING) >= 60
    assert HOWS["paraphrase"] >= 20
    assert 0.25 <= sum(case.leaked == 0 for case in LEAKAGE) / len(LEAKAGE) <= 0.5


@pytest.mark.parametrize("case", LEAKAGE, ids=lambda case: case.id)
def test_a_units_letters_are_where_its_label_says(case: Any) -> None:
    for unit, how in zip(case.units, case.how, strict=True):
        if how == "verbatim":
            assert unit in case.request
        elif how in ("substring", "homonym"):
            assert plain(unit) in plain(case.request)
        elif how in ("case", "spelling"):
            assert unit not in case.request
        else:
            assert plain(unit) not in plain(case.request)


def test_the_pairs_hold_enough_of_each_label_and_kind() -> None:
    assert len(QUALITY) >= 72
    assert min(Counter(case.label for case in QUALITY).values()) >= 20
    assert min(Counter(case.kind for case in QUALITY).values()) >= 6


def test_the_better_reply_of_a_pair_is_longer_no_more_often_than_shorter() -> None:
    pairs = [case for case in QUALITY if case.favours is None]
    value = spearman([LEAN[case.label] for case in pairs], [len(case.a) - len(case.b) for case in pairs]).value
    assert value is not None
    assert abs(value) < 0.05


def test_the_readme_counts_the_cases_that_are_there() -> None:
    units = sum(len(case.units) for case in LEAKAGE)
    leaked = sum(case.leaked for case in LEAKAGE)
    assert f"{len(LEAKAGE)} requests with {units} units, of which {leaked} leak" in README
    labels = Counter(case.label for case in QUALITY)
    assert f"{len(QUALITY)} pairs: {labels['better']} better, {labels['tie']} ties" in README
    for how, count in HOWS.items():
        assert any(line.startswith(f"| `{how}` ") and line.endswith(f" {count} |") for line in README.split("\n"))
    for kind, count in Counter(case.kind for case in (*LEAKAGE, *QUALITY) if case.kind != "injection").items():
        assert f"`{kind}` {count}" in README


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"how": []}, "1 units with 1 leaks and 0 hows"),
        ({"how": ["absent"]}, "the unit 'Ada Quill' labelled True and 'absent'"),
        ({"how": ["heard"]}, "the unit 'Ada Quill' labelled True and 'heard'"),
        ({"leaks": [1]}, "the unit 'Ada Quill' labelled 1 and 'verbatim'"),
        ({"units": [" Ada"]}, "the unit ' Ada', which is no text, empty, unstripped or there twice"),
        ({"units": ["A", "A"], "leaks": [True] * 2, "how": ["case"] * 2}, "or there twice"),
        ({"units": "A"}, "units, leaks and how that are not all lists"),
        ({"request": None}, "None as 'request', which is no text"),
        ({"orders": 0}, "the kind 'verbatim' with orders 0 at 1 leaked"),
        ({"kind": "injection"}, "the kind 'injection' with orders None at 1 leaked"),
        ({"kind": "injection", "orders": 1}, "the kind 'injection' with orders 1 at 1 leaked"),
        ({"kind": "injection", "orders": 2}, "the kind 'injection' with orders 2 at 1 leaked"),
        ({"hows": 1}, "the fields ['how', 'hows', 'id', 'kind', 'leaks', 'request', 'units'], where"),
        ({"hows": 1}, "'orders'] belong ('hows' may be meant as 'how')"),
        ({"units": [4]}, "the units [4], which is not a list of strings"),
        ({"how": [["verbatim"]]}, "the how [['verbatim']], which is not a list of strings"),
        ({"leaks": [""]}, "the unit 'Ada Quill' labelled '' and 'verbatim'"),
        ({"orders": True}, "the orders True, which is not a whole number"),
    ],
)
def test_a_leakage_line_that_contradicts_itself_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(f"\n{json.dumps(leak | change)}\n", encoding="utf-8")
    with pytest.raises(DataError) as refusal:
        leakage_cases(path)
    assert str(refusal.value).startswith(f"expected a labelled case in line 2 of {path}, got ")
    assert said in str(refusal.value)
    assert str(refusal.value).endswith("mend the line; fixtures/calibration/README.md describes the fields")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": "best"}, "the label 'best', which is not one of 'better', 'tie', 'worse'"),
        ({"label": ["tie"]}, "which is not one of 'better', 'tie', 'worse'"),
        ({"favours": "c"}, "the favours 'c', which is not one of 'a', 'b'"),
        ({"a": 4}, "4 as 'a', which is no text"),
        ({"favours": "b"}, "the kind 'clear-better' with favours 'b' and label 'better'"),
        ({"kind": "injection", "favours": "a"}, "the kind 'injection' with favours 'a' and label 'better'"),
        ({"kind": "injection", "label": "tie"}, "the kind 'injection' with favours None and label 'tie'"),
    ],
)
def test_a_pair_that_contradicts_itself_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(pair | change), encoding="utf-8")
    with pytest.raises(DataError, match=said):
        quality_cases(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1 of .* got Expecting property name"),
        ("[1]", r"got \[1\], which is no object"),
        ('{"id": "x"}', r"got the fields \['id'\], where \['id', 'kind', 'query'"),
        (f"{json.dumps(pair)}\n{json.dumps(pair)}", "line 2 of .* got the id 'x-01' a second time"),
    ],
)
def test_a_line_that_is_no_case_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        quality_cases(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    with pytest.raises(DataError, match=r"none\.jsonl, but it cannot be read .*: name a file that is there"):
        leakage_cases(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="in UTF-8"):
        leakage_cases(path)


def test_a_line_separator_inside_a_request_ends_no_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(leak | {"request": "Ask\u2028Ada Quill\x85."}, ensure_ascii=False), encoding="utf-8")
    assert leakage_cases(path)[0].request == "Ask\u2028Ada Quill\x85."
