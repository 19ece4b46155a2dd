"""Review file: what survives a kill, who may read it, and what is said of an edited line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from papillon.annotation.review_file import Proposers, ReviewFile
from papillon.errors import UsageError
from papillon.files import torn
from tests.papillon.annotation.samples import PROPOSED, review


def test_each_decision_is_in_the_file_with_who_took_it(tmp_path: Path) -> None:
    file, row = ReviewFile(tmp_path / "sub" / "out.csv", "Bo"), review().rows[0]
    assert file.decisions() == []
    kept = [*file.add([row.answered(PROPOSED[0], True)]), *file.add([row.added("Annie"), row.added("Oslo")])]
    assert ReviewFile(tmp_path / "sub" / "out.csv").decisions() == kept
    assert {each.by for each in kept} == {"Bo"}
    assert all(each.when for each in kept)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.path.name == "out.review.jsonl"


def test_a_torn_last_line_is_left_out_and_the_next_one_is_not_lost(tmp_path: Path) -> None:
    file, row = ReviewFile(tmp_path / "out.csv"), review().rows[0]
    first = file.add([row.answered(PROPOSED[0], True)])
    with file.path.open("ab") as half:
        half.write(b'{"place": 0, "dig')
    assert file.decisions() == first
    assert torn(file.path) == f"The last line of {file.path} was not ended, and counts for nothing."
    second = file.add([row.answered(PROPOSED[1], False)])
    assert file.decisions() == [*first, *second]
    assert torn(file.path) == ""


@pytest.mark.parametrize("line", ["{}", "no JSON", '{"place": 0, "digest": "a", "what": "maybe"}', "[" * 9999])
def test_an_edited_line_is_named(line: str, tmp_path: Path) -> None:
    file = ReviewFile(tmp_path / "out.csv")
    file.add([review().rows[0].answered(PROPOSED[0], True)])
    with file.path.open("a") as edited:
        edited.write(f"{line}\n")
    with pytest.raises(UsageError) as refused:
        file.decisions()
    assert str(refused.value) == (
        f"Expected a decision in line 2 of {file.path}, got something else; take that line out, or name another --out "
        "to begin anew."
    )


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    (tmp_path / "out.review.jsonl").symlink_to(tmp_path / "other")
    file = ReviewFile(tmp_path / "out.csv")
    with pytest.raises(UsageError, match="it cannot be read"):
        file.decisions()
    with pytest.raises(UsageError, match="it cannot be written"):
        file.add([review().rows[0].added("Annie")])


ALL, FORMS = Proposers(("forms", "model"), ("US",), "openai/one"), Proposers(("forms",), ("US",))


def test_a_review_is_about_the_units_of_the_same_proposers(tmp_path: Path) -> None:
    file = ReviewFile(tmp_path / "out.csv")
    file.begin(FORMS)
    file = ReviewFile(tmp_path / "out.csv")
    file.begin(ALL)
    kept = file.add([review().rows[0].answered(PROPOSED[0], True)])
    again = ReviewFile(tmp_path / "out.csv")
    again.begin(ALL)
    assert again.decisions() == kept
    with pytest.raises(UsageError) as refused:
        again.begin(FORMS)
    assert str(refused.value) == (
        f"Expected --from forms,model (the model openai/one) --region US, by which the units in {file.path} were "
        "proposed, got --from forms --region US; name the same, or another --out."
    )


def test_two_do_not_review_for_one_result_at_once(tmp_path: Path) -> None:
    with ReviewFile(tmp_path / "out.csv").held():
        with ReviewFile(tmp_path / "other.csv").held():
            pass
        with pytest.raises(UsageError, match=r"nobody else to review in .*out\.review\.jsonl, but somebody does"):
            ReviewFile(tmp_path / "out.csv").held().__enter__()
    with ReviewFile(tmp_path / "out.csv").held():
        pass


def test_a_review_that_was_moved_away_is_not_begun_anew(tmp_path: Path) -> None:
    file, row = ReviewFile(tmp_path / "out.csv"), review().rows[0]
    file.begin(FORMS)
    file.add([row.answered(PROPOSED[0], True)])
    file.path.rename(tmp_path / "away")
    again = ReviewFile(tmp_path / "out.csv")
    again.begin(FORMS)
    again.add([row.answered(PROPOSED[0], True)])
    again.path.unlink()
    for each in (file, again):
        with pytest.raises(UsageError, match="it is there no more since this began; put it back and go on"):
            each.add([row.answered(PROPOSED[1], True)])


def test_a_file_of_any_size_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    file = ReviewFile(tmp_path / "out.csv")
    file.path.touch()
    os.truncate(file.path, 2**40)
    with pytest.raises(UsageError, match=r"cannot be read \(it holds more than 536870912 bytes\); mend that, "):
        file.decisions()
