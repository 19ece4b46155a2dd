"""Examples as data: figures, whole texts, and marks as a browser counts them."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evals.harness.reports.marked import Piece
from evals.harness.reports.page.examples import FIELDS, figures, link_of, marks, texts_of, trace_blocks
from papillon.results import Flip
from papillon.results.traces import Judgement, LeakedUnit
from tests.harness.reports.page.samples import large_run, page_row, trace_of
from tests.papillon.results.samples import gate, result


def test_figures_are_the_rows_in_their_order_under_the_names_of_their_fields() -> None:
    run, _ = large_run(3)
    data = figures(run)
    assert data["fields"] == FIELDS
    first = dict(zip(FIELDS, data["rows"][0], strict=True))
    assert [row[1] for row in data["rows"]] == [row.id for row in run.rows]
    assert (first["id"], first["leakage"], first["category"]) == (
        *(run.rows[0].id, run.rows[0].leakage, "Job, Visa, & Other Applications"),
    )
    assert data["models"] == {"local": "openai/local", "untrusted": "openai/untrusted", "judge": "openai/judge"}


def test_a_link_has_the_trial_where_there_are_several() -> None:
    row = replace(page_row(0), id="dev-0000-1f3c9a2e", trial=2)
    assert link_of(row, several=False) == "dev-0000-1f3c9a2e"
    assert link_of(row, several=True) == "dev-0000-1f3c9a2e.2"


def test_a_row_that_flipped_says_which_way_and_the_worse_where_its_metrics_differ() -> None:
    rows = tuple(replace(page_row(i), id=f"dev-{i}") for i in range(4))
    quality = gate(
        kind="regression", flipped=(Flip("dev-0", 1.0, 0.0), Flip("dev-1", 0.0, 1.0), Flip("dev-2", 0.0, 1.0))
    )
    leakage = gate(kind="regression", metric="leakage", flipped=(Flip("dev-2", 0.0, 0.5),))
    data = figures(replace(result(*rows), gates=(leakage, quality)))
    assert [row[FIELDS.index("flip")] for row in data["rows"]] == ["worse", "better", "worse", ""]


@given(st.lists(st.tuples(st.text(), st.sampled_from(["plain", "verbatim", "near", "only"]))))
def test_marks_cut_a_text_where_a_browser_would(parts: list[tuple[str, str]]) -> None:
    pieces = [Piece(text, kind) for text, kind in parts]  # type: ignore[arg-type]
    units = "".join(piece.text for piece in pieces).encode("utf-16-le", "surrogatepass")
    cut = [
        (units[2 * start : 2 * end].decode("utf-16-le", "surrogatepass"), kind) for start, end, kind in marks(pieces)
    ]
    assert cut == [(piece.text, piece.kind) for piece in pieces if piece.kind != "plain"]


def test_texts_stand_whole_with_their_marks_beside_them() -> None:
    row = replace(page_row(4), units=1, leaked=1)
    trace = replace(
        trace_of(row),
        query="👋 I am Ada Quill.",
        units=("ada quill", "nobody"),
        requests=("She is Ada Quill.",),
        leaked_units=(LeakedUnit("ada quill", 0, "verbatim", 7, 16),),
        response="a b c",
        target="a x c",
    )
    texts = json.loads(json.dumps(texts_of(trace)))
    assert texts["query"] == "👋 I am Ada Quill."
    assert texts["query_marks"] == [[8, 17, "verbatim"]]  # 👋 is two units of UTF-16
    assert texts["absent"] == ["nobody"]
    assert texts["requests"][0]["text"] == "She is Ada Quill."
    assert texts["requests"][0]["marks"] == [[7, 16, "verbatim"]]
    assert (texts["answer"], texts["target"]) == ("a b c", "a x c")


def test_the_lexical_judges_reason_is_among_the_texts_where_no_model_judged() -> None:
    trace = replace(trace_of(page_row(0)), response="Hello Bob.", target="Hello Ann.")
    assert texts_of(replace(trace, judge=(Judgement("quality", "answer-first", True, "", 1),)))["closeness"] is None
    assert json.loads(json.dumps(texts_of(replace(trace, judge=()))))["closeness"] == {
        "value": 0.625,
        "content": 0.625,
        "length": 1.0,
        "enough": 0.25,
        "lacks": [["ann", 1]],
        "more": 0,
    }


def test_a_request_without_an_answer_beside_it_is_still_shown() -> None:
    trace = replace(trace_of(page_row(0)), requests=("one", "two"), untrusted_responses=("back",), leaked_units=())
    assert [(sent["text"], sent["came_back"]) for sent in texts_of(trace)["requests"]] == [
        ("one", "back"),
        ("two", None),
    ]


def test_blocks_are_named_by_their_rows_place_and_texts_of_other_rows_are_left_out() -> None:
    rows = [page_row(i) for i in range(3)]
    traces = [trace_of(rows[2]), trace_of(page_row(9)), trace_of(rows[0]), trace_of(rows[0])]
    names = [str(made).split('"')[3] for made in trace_blocks(rows, traces)]
    assert names == ["t2", "t0"]
