"""One label as a line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.labels.label import Drawn, Label
from papillon.reading import Unreadable
from tests.judges.labels.samples import KEY, label, trace


@given(
    st.one_of(st.none(), st.text(max_size=20).filter(lambda name: name.isprintable())),
    st.sampled_from(["better", "tie", "worse", "cannot tell"]),
    st.one_of(st.none(), st.tuples(st.booleans(), st.booleans())),
    st.booleans(),
)
def test_a_label_is_read_as_it_was_written(by: str | None, quality: str, leakage: object, undone: bool) -> None:
    given = label(trace(1), by, quality=quality, leakage=leakage, undone=undone)
    line = given.to_line(KEY)
    assert Label.from_line(line, KEY) == given
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


def test_a_line_holds_no_text_of_the_row() -> None:
    line = label(trace(7)).to_line(KEY).decode()
    words = {word for text in (trace(7).query, trace(7).target, trace(7).response) for word in text.split()}
    assert not [word for word in words if len(word) > 2 and word in line]


@pytest.mark.parametrize(("name", "value"), [("quality", "worse"), ("by", "bert"), ("leakage", None), ("at", "later")])
def test_an_edited_line_is_refused_without_a_quote(name: str, value: object) -> None:
    data = json.loads(label(trace(1)).to_line(KEY)) | {name: value}
    with pytest.raises(Unreadable, match="seal does not fit the rest of the line, which was edited") as error:
        Label.from_line(json.dumps(data).encode(), KEY)
    assert "anna" not in str(error.value)


def test_a_line_without_a_seal_is_one_that_somebody_else_wrote() -> None:
    data = json.loads(label(trace(1)).to_line(KEY))
    del data["seal"]
    with pytest.raises(Unreadable, match=r"^seal is not there, so papillon label did not write the line$"):
        Label.from_line(json.dumps(data).encode(), KEY)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "the line is no JSON"),
        (b"[]", "the whole is a list where an object belongs"),
        (b"{}", "id is not there"),
        (b'{"id": 3}', "id is a whole number where a text belongs|trial is not there"),
    ],
)
def test_what_is_no_label_is_refused(line: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        Label.from_line(line, KEY)


@pytest.mark.parametrize(
    ("quality", "leakage", "good", "leaked"),
    [
        ("better", (True, False), True, 0.5),
        ("tie", (), True, 0.0),
        ("worse", (True, True), False, 1.0),
        ("cannot tell", None, None, None),
    ],
)
def test_a_label_says_what_a_rows_scores_say(
    quality: str, leakage: object, good: bool | None, leaked: float | None
) -> None:
    given = label(trace(1), quality=quality, leakage=leakage, drawn=Drawn("hand"))
    assert (given.good, given.leaked, given.row) == (good, leaked, ("dev-0001", 0))
