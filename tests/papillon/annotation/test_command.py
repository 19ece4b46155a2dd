"""``papillon annotate``: from a file of queries to a data set, with models over the loopback, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from papillon.annotation.local_model import PART, parts
from papillon.annotation.targets import refuse_sending
from papillon.data import load
from papillon.errors import UsageError
from papillon.profile import load_profile
from papillon.store import Store
from tests.model_server import ModelServer
from tests.papillon.annotation.sessions import QUERIES, Session, profile, proposing
from tests.papillon.store.samples import refusing_after

pytestmark = pytest.mark.usefixtures("own_cache")


def test_rules_and_the_local_model_propose_and_a_person_makes_a_data_set(session: Session) -> None:
    with ModelServer(rule=proposing) as server:
        own = profile(session.folder, server.base)
        code, out = session.run("--profile", own, "--by", "Bo", typed="a\n\na\n+ my flat\n\n\n")
        assert code == 0, out
        calls = server.calls
        assert {body["model"] for body in server.bodies} == {"local"}
        code, out = session.run("--profile", own)
        assert (code, server.calls) == (0, calls), "answers are recorded, and the review is done"
    assert "The queries stay on this machine, where the local model (openai/local) is asked for units." in out
    rows = load(session.out, targets=False).rows
    assert [row.units for row in rows] == [("Ann Lee", "ann@lee.example"), ("bo", "my flat", "ulm"), ()]
    assert rows[0].redacted_query == "Hi, I am [REDACTED], [REDACTED]."
    assert "No target stands in 3 rows: evaluate with targets = false in the profile." in out
    assert session.out.stat().st_mode & 0o077 == 0


def test_the_sidecar_says_how_it_was_made_and_holds_no_text(session: Session) -> None:
    with ModelServer(rule=proposing) as server:
        session.run("--profile", profile(session.folder, server.base), "--by", " Bo ", typed="a\n\nr\n+ Annie\n\n\n")
    made = session.sidecar
    assert made["source"]["name"] == "queries.txt"
    assert made["sha256"] == load(session.out, targets=False).sha256
    assert (made["queries"], made["rows"], made["without_units"]) == (3, 3, 1)
    proposals = made["proposals"]
    assert (proposals["origins"], proposals["model"]) == (["forms", "capitals", "model"], "openai/local")
    assert (proposals["unusable_units"], proposals["unparsed_answers"]) == (2, 0)
    assert proposals["proposed"]["by model"] == 2
    assert "by model" not in proposals["accepted"] or proposals["accepted"]["by model"] == 0
    assert made["review"] == {"by": ["Bo"], "added": 0, "written_by_hand": 1}
    text = (session.folder / "data.annotation.json").read_text()
    assert not re.search(r"Ann|lee|Explain|rain|Annie", text)


def test_a_review_that_stops_goes_on_where_it_stopped(session: Session) -> None:
    own = ("--from", "forms,capitals")
    code, out = session.run(*own, typed="y\n")
    assert code == 1
    assert "No query is reviewed yet" in out
    assert not session.out.exists()
    code, out = session.run("--from", "capitals,forms,forms", typed="y\n\n")
    assert code == 1
    assert f"Written: {session.out}, 1 row of 3; the same command goes on with the others" in out
    code, out = session.run(*own, typed="\n\n")
    assert code == 0
    assert len(load(session.out, targets=False).rows) == 3


def test_targets_come_from_the_role_that_was_named_after_a_sentence(session: Session) -> None:
    with ModelServer() as server:
        own = profile(session.folder, server.base)
        code, out = session.run(
            "--profile", own, "--from", "forms", "--targets", "untrusted", "--send-queries", typed="a\n\n\n\n"
        )
    assert code == 0, out
    assert "Targets: 3 queries stay on this machine, where openai/untrusted answers (untrusted model)." in out
    assert all(row.target_response.startswith("About ") for row in load(session.out).rows)
    assert session.sidecar["targets"] == {"model": "openai/untrusted", "rows": 3}
    assert {body["model"] for body in server.bodies} == {"untrusted"}


def test_the_untrusted_model_gets_no_query_unless_that_was_asked_for(session: Session) -> None:
    with ModelServer() as server:
        code, out = session.run("--profile", profile(session.folder, server.base), "--targets", "untrusted")
        assert (code, server.calls) == (4, 0)
    assert re.search(
        r"--targets untrusted: the queries would go as they are to 127\.0\.0\.1:\d+, where the untrusted model is, "
        r"which is what PAPILLON keeps from it; add --send-queries where that may be, or name another role\.",
        out,
    )


JUDGE = 'judge = {{ kind = "lexical", model = "openai/{}", api_base = "{}" }}\n'


@pytest.mark.parametrize("name", ["untrusted", "another"])
def test_no_other_role_sends_queries_to_the_untrusted_models_host_unless_that_was_asked_for(
    session: Session, name: str
) -> None:
    with ModelServer() as server, ModelServer() as elsewhere:
        own = Path(profile(session.folder, server.base))
        roles = own.read_text()
        own.write_text(roles + JUDGE.format(name, server.base.replace("127.0.0.1", "localhost")))
        words = ("--profile", str(own), "--from", "forms", "--targets", "judge")
        code, out = session.run(*words, typed="a\n\n\n\n")
        assert (code, server.calls) == (4, 0), out
        assert re.search(
            r"--targets judge: the queries would go as they are to localhost:\d+, where the untrusted model is, "
            r"which is what PAPILLON keeps from it; add --send-queries where that may be, or name another role\.",
            out,
        )
        assert session.run(*words, "--send-queries", typed="a\n\n\n\n")[0] == 0
        session.out.unlink()
        own.write_text(roles + JUDGE.format(name, elsewhere.base))
        assert session.run(*words)[0] == 0, "a model of another server is no untrusted one"


def test_a_local_model_that_is_the_untrusted_one_is_not_asked_for_units_unless_that_was_asked_for(
    session: Session,
) -> None:
    with ModelServer(rule=proposing) as server:
        own = Path(profile(session.folder, server.base))
        own.write_text(own.read_text().replace("openai/untrusted", "openai/local"))
        code, out = session.run("--profile", str(own), typed="a\n\n\n\n")
        assert (code, server.calls) == (4, 0), out
        assert re.search(
            r"--from model: the queries would go as they are to 127\.0\.0\.1:\d+, where openai/local is the untrusted "
            r"model too, .*; add --send-queries where that may be, or leave model out of --from\.",
            out,
        )
        assert session.run("--profile", str(own), "--send-queries", typed="a\n\na\n\n\n")[0] == 0


def test_the_model_of_this_process_may_write_targets_where_it_plays_both_parts() -> None:
    refuse_sending(load_profile("embedded"), "local", proposing=True, send_queries=False)
    with pytest.raises(UsageError, match=r"^--targets judge: the queries would go as they are to embedded/SmolLM2"):
        refuse_sending(load_profile("embedded"), "judge", proposing=False, send_queries=False)


@pytest.mark.parametrize("shipped", ["openai", "vllm"])
def test_the_shipped_profiles_judge_is_at_the_untrusted_models_host(shipped: str) -> None:
    with pytest.raises(UsageError, match=r"^--targets judge: .* api\.openai\.com, where the untrusted model is"):
        refuse_sending(load_profile(shipped), "judge", proposing=False, send_queries=False)


def test_a_model_that_fails_ends_it_in_a_sentence_and_what_was_answered_is_kept(session: Session) -> None:
    def failing(body: dict[str, Any], number: int) -> Any:
        return (401, {}, "no") if "Explain" in str(body["messages"][-1]) else None

    with ModelServer(rule=proposing, failing=failing) as server:
        code, out = session.run("--profile", profile(session.folder, server.base))
    assert code == 1
    assert re.search(r"papillon annotate: \d of 3 queries were answered and recorded, then: ", out)
    assert "Traceback" not in out
    assert "Explain" not in out


def test_an_answer_that_could_not_be_recorded_is_no_good_end(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    (session.folder / "queries.txt").write_text("please tell bo of my flat in ulm\n")
    monkeypatch.setattr(Store, "put_all", refusing_after(0))
    monkeypatch.setattr(Store, "put", refusing_after(0))
    with ModelServer(rule=proposing) as server:
        code, out = session.run("--profile", profile(session.folder, server.base))
    assert code == 1
    assert "papillon annotate: 1 paid answer was used and could not be recorded: no room\n" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "forms,magic"), "--from: expected forms, capitals, model, joined by commas, got 'magic'."),
        (("--by", " "), "--by: expected a name of 1 to 60 plain signs, got ' '; give another."),
        (("--region", "XX"), "--region: expected a country's two letters such as US, got 'XX'."),
        (("--targets", "judge2"), "--targets: expected one of local, untrusted"),
        (("--send-queries",), "--send-queries: expected --targets beside it"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(
    session: Session, words: tuple[str, ...], said: str
) -> None:
    code, out = session.run(*words)
    assert code == 4
    assert said in out


def test_the_result_is_a_csv_beside_its_source(session: Session) -> None:
    session.out = session.folder / "data.json"
    assert "--out: expected a file that ends in .csv" in session.run()[1]
    (session.folder / "data.csv").write_text(QUERIES)
    session.out = session.folder / "data.csv"
    (session.folder / "queries.txt").unlink()
    (session.folder / "queries.txt").symlink_to(session.out)
    assert "--out: expected another file than the one with the queries" in session.run()[1]


def test_a_file_that_was_not_made_so_is_not_written_over(session: Session) -> None:
    session.out.write_text("precious")
    code, out = session.run("--from", "forms", typed="a\n\n\n\n")
    assert code == 4
    assert f"--out: expected a new file, or one that was made so before, got {session.out}" in out
    assert session.out.read_text() == "precious"


def test_rules_that_take_long_say_how_far_they_are(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "queries read by the rules" not in session.run("--from", "forms")[1]
    monkeypatch.setattr("papillon.annotation.command._EVERY", 0.0)
    assert "1 of 3 queries read by the rules\n2 of 3 queries read" in session.run("--from", "forms")[1]


def test_units_that_a_file_names_are_proposed_where_they_stand(session: Session) -> None:
    (session.folder / "queries.csv").write_text("user_query,pii_units\ni am ann,ann||bo\n")
    code, out = session.run("--from", "forms", typed="a\n\n", file="queries.csv")
    assert code == 0
    assert "Not proposed, as it stands nowhere in its query: 1 unit that the file names." in out
    assert "Private? ann (by file)" in out
    assert load(session.out, targets=False).rows[0].units == ("ann",)


def test_a_long_query_is_asked_about_in_parts_that_cut_no_word() -> None:
    query = "word and more\n" * 500
    found = parts(query)
    assert "".join(query[start:end] for start, end in found) == query
    assert all(end - start <= PART for start, end in found)
    assert all(query[end - 1] in " \n" for _, end in found)
    assert parts("x" * (2 * PART)) == [(0, PART), (PART, 2 * PART)]
    assert parts(" ") == []


def test_the_embedded_profile_proposes_in_json_without_chance() -> None:
    from papillon.annotation.local_model import MOST_TOKENS, asking

    local = asking(load_profile("embedded")).local
    assert (local.adapter, local.temperature, local.max_tokens) == ("json", 0.0, MOST_TOKENS)


def test_another_go_with_other_proposers_is_refused_once_something_is_decided(session: Session) -> None:
    session.run("--from", "forms,capitals", typed="")
    code, out = session.run("--from", "forms", typed="y\n")
    assert code == 1
    code, out = session.run("--from", "forms,capitals", typed="y\n")
    assert code == 4
    assert "got --from forms,capitals --region US; name the same, or another --out." in out
