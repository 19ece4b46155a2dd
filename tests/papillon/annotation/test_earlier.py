"""What an earlier go of ``papillon annotate`` wrote, and what of it the next one keeps or refuses."""

from __future__ import annotations

import csv
import io
import json

import pytest

from papillon.annotation.review import Keep, Review
from papillon.data import load
from tests.model_server import ModelServer
from tests.papillon.annotation.sessions import QUERIES, Session, profile, targets

pytestmark = pytest.mark.usefixtures("own_cache")


def with_targets(session: Session, *written: str) -> None:
    """What a person writes into the result by hand."""
    lines = list(csv.reader(io.StringIO(session.out.read_bytes().decode(), newline="")))
    for line, target in zip(lines[1:], written, strict=True):
        line[3] = target
    with session.out.open("w", newline="") as file:
        csv.writer(file).writerows(lines)


def test_queries_that_moved_in_their_file_stay_reviewed(session: Session) -> None:
    session.run("--from", "forms", typed="y\n\n\n\n")
    (session.folder / "queries.txt").write_text(f"A new one.\n{QUERIES}")
    code, out = session.run("--from", "forms", typed="")
    assert (code, "left out" in out) == (1, False), out
    assert len(load(session.out, targets=False).rows) == 3
    assert session.run("--from", "forms", typed="\n")[0] == 0
    assert [row.units for row in load(session.out, targets=False).rows] == [(), ("ann@lee.example",), (), ()]


def test_targets_that_stand_in_the_result_stay_there(session: Session) -> None:
    session.run("--from", "forms", typed="y\n\n\n")
    with_targets(session, "One.", "")
    (session.folder / "queries.txt").write_text(f"A new one.\n{QUERIES}")
    assert session.run("--from", "forms", typed="\n\n")[0] == 0
    assert targets(session.out) == ["", "One.", "", ""]


def test_targets_of_a_model_stay_too_and_it_is_asked_for_no_other(session: Session) -> None:
    with ModelServer() as server:
        own = ("--profile", profile(session.folder, server.base), "--from", "forms")
        session.run(*own, "--targets", "untrusted", "--send-queries", typed="y\n\n\n")
        code, out = session.run(*own, "--targets", "untrusted", "--send-queries", typed="\n")
        assert (code, server.calls) == (0, 3)
        assert "Targets: 1 query stays on this machine" in out
        assert session.run(*own)[0] == 0
    assert all(target.startswith("About ") for target in targets(session.out))
    assert session.sidecar["targets"] == {"model": "openai/untrusted", "rows": 3}


def test_a_result_with_rows_of_other_queries_is_not_written_over(session: Session) -> None:
    session.run("--from", "forms", typed="y\n\n\n\n")
    before = session.out.read_bytes()
    (session.folder / "queries.txt").write_text("Explain rain.\n")
    code, out = session.run("--from", "forms", typed="\n")
    assert code == 4
    assert (
        f"--out: expected rows of the queries in {session.folder / 'queries.txt'}, got {session.out}, where 2 of 3 are "
        "of others and would be gone; move it away, or name another (a review beside it is kept)." in out
    )
    assert session.out.read_bytes() == before
    session.out.rename(session.folder / "away.csv")
    assert session.run("--from", "forms")[0] == 0


def test_a_result_whose_units_were_changed_by_hand_is_not_written_over(session: Session) -> None:
    session.run("--from", "forms", typed="y\n\n\n\n")
    session.out.write_text(session.out.read_text().replace(",ann@lee.example,", ",Ann Lee,"))
    code, out = session.run("--from", "forms")
    assert code == 4
    assert f"got {session.out}, where 1 of 3 were changed by hand and would be gone; move it away" in out


def test_a_result_whose_review_is_gone_is_not_written_over(session: Session) -> None:
    session.run("--from", "forms", typed="y\n\n\n\n")
    (session.folder / "data.review.jsonl").unlink()
    code, out = session.run("--from", "forms", typed="y\n\n")
    assert code == 4
    assert "--out: expected rows that are reviewed in" in out
    assert f"got {session.out}, where 3 of 3 are not and would be gone; move it away" in out


def test_a_result_of_odd_texts_is_gone_on_with(session: Session) -> None:
    odd = ["\ufeffa\r\nb", "c\rd\u2028e ", '"f", g', "h\n\n", "\u00e9 e\u0301\u200b", "twice", "twice", "last\x0c"]
    lines = [json.dumps({"user_query": text, "predicted_category": f"{n}"}) for n, text in enumerate(odd)]
    (session.folder / "queries.jsonl").write_text("\n".join(lines))
    assert session.run("--from", "forms", typed="\n" * 4 + "q", file="queries.jsonl")[0] == 1
    with_targets(session, *["A target."] * 4)
    assert session.run("--from", "forms", typed="\n" * 9, file="queries.jsonl")[0] == 0
    assert targets(session.out) == ["A target."] * 4 + [""] * 4
    assert [row.user_query for row in load(session.out, targets=False).rows] == odd


def test_a_result_that_changes_during_the_review_is_left_so(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.run("--from", "forms", typed="y\n\n\n")

    def meanwhile(review: Review, keep: Keep) -> bool:
        with_targets(session, "One.", "")
        review.take(keep([review.rows[2].finish()]))
        return True

    monkeypatch.setattr("papillon.annotation.command.at_terminal", meanwhile)
    code, out = session.run("--from", "forms")
    assert code == 4
    assert f"Expected {session.out} as it was when this began, but it was changed meanwhile, and is left so" in out
    assert targets(session.out) == ["One.", ""]


def test_an_earlier_review_of_other_queries_is_said(session: Session) -> None:
    session.run("--from", "forms", typed="y\n\n\n\n")
    session.out.unlink()
    (session.folder / "queries.txt").write_text("Other text.\n")
    code, out = session.run("--from", "forms", typed="\n")
    assert code == 0
    assert "4 of 4 earlier decisions are about other queries, and left out." in out


@pytest.mark.parametrize("strange", ["[" * 200_000, "[]", '{"targets": 1}'])
def test_a_strange_sidecar_says_nothing_and_is_written_anew(session: Session, strange: str) -> None:
    assert session.run("--from", "forms", typed="y\n\n\n\n")[0] == 0
    whole = session.sidecar
    (session.folder / "data.annotation.json").write_text(strange)
    code, out = session.run("--from", "forms")
    assert code == 0, out
    assert {**session.sidecar, "made": whole["made"]} == whole
