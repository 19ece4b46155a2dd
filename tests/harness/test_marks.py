"""What a ``-m`` selects: evaluated as pytest does it, not searched for words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.marks import names, needs, selects
from tests.harness.runs import Evaluator


class TestNamesGpu:
    """Whether an expression names a mark so that a marked item may run because of it."""

    @pytest.mark.parametrize(
        "expression",
        [
            *("gpu", "(gpu)", "not not gpu", "not (not gpu)", "gpu or slow", "slow or gpu", "gpu or not slow"),
            *("gpu and not dev", "not (slow and not gpu)", "gpu and (gpu or dev)"),
        ],
    )
    def test_it_does(self, expression: str) -> None:
        assert names(expression, "gpu")

    @pytest.mark.parametrize(
        "expression",
        [
            *("", "not gpu", "not (slow or gpu)", "not (gpu or slow)", "not(gpu)", "slow", "dev and not gpu"),
            *("not not not gpu", "not gpu or not dev", "not dev", "gpux", "not_gpu", "gpu and dev", "gpu and not gpu"),
            *("gpu and", "(gpu", "gpu gpu"),
        ],
    )
    def test_it_does_not(self, expression: str) -> None:
        assert not names(expression, "gpu")

    def test_a_mark_with_arguments_is_that_mark(self) -> None:
        assert names("gpu(count=2)", "gpu")

    def test_many_marks_are_no_matter(self) -> None:
        others = " or ".join(f"m{number}" for number in range(200))
        assert names(f"gpu or {others}", "gpu")
        assert not names(f"not (gpu or {others})", "gpu")


@pytest.mark.parametrize(
    ("expression", "needed"),
    [
        *(("gpu", True), (" gpu ", True), ("gpu and not slow", True), ("not not gpu", True), ("gpu and slow", True)),
        *(("gpu or slow", False), ("not gpu", False), ("", False), ("slow", False), ("gpu and", False)),
    ],
)
def test_what_only_a_marked_item_can_match(expression: str, needed: bool) -> None:
    assert needs(expression, "gpu") == needed


@pytest.mark.parametrize(
    ("expression", "marks"),
    [
        ("", "dev test judges gpu"),
        ("dev", "dev"),
        ("not dev", "test judges gpu"),
        ("dev or test", "dev test"),
        ("not (dev or test)", "judges gpu"),
        ("latest", ""),
        ("dev and", ""),
    ],
)
def test_an_item_of_one_mark(expression: str, marks: str) -> None:
    assert [mark for mark in ("dev", "test", "judges", "gpu") if selects(expression, mark)] == marks.split()


EXPRESSIONS = st.recursive(
    st.sampled_from(["gpu", "slow", "dev"]),
    lambda inner: st.one_of(
        inner.map("not {}".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS)
def test_a_double_not_changes_nothing_and_needing_is_naming(expression: str) -> None:
    for asked in (names, needs, selects):
        assert asked(expression, "gpu") == asked(f"not not ({expression})", "gpu")
    if needs(expression, "gpu") and selects(expression, "gpu"):
        assert names(expression, "gpu")
    assert not (names(expression, "gpu") and names(f"not ({expression})", "gpu"))


@pytest.mark.parametrize("marks", ["not (slow or gpu)", pytest.param("not gpu", marks=pytest.mark.slow)])
def test_a_full_training_that_no_mark_selects_is_refused(evaluator: Evaluator, marks: str) -> None:
    run = evaluator.run("evals/test_training.py", "-m", marks, "--full-train", "--collect-only", bare=True)
    assert run.code == 4, run.out
    assert "--full-train: a training runs only where it is selected; type pytest -m gpu --full-train." in run.out


@pytest.mark.slow
@pytest.mark.parametrize(("marks", "found"), [("not not gpu", 1), ("slow or gpu", 1), ("gpu and dev", 0)])
def test_the_smoke_test_is_collected_where_the_mark_selects_it(evaluator: Evaluator, marks: str, found: int) -> None:
    run = evaluator.run("evals/test_training.py", "-m", marks, "--collect-only", "-q", bare=True)
    assert run.out.count("::test_smoke_training") == found, run.out
    assert "Traceback" not in run.out


@pytest.mark.slow
@pytest.mark.parametrize("keyword", ["gpu", "test_smoke_training"])
def test_a_keyword_starts_no_training(evaluator: Evaluator, keyword: str) -> None:
    run = evaluator.run("evals/test_training.py", "-k", keyword, "--collect-only", "-q", bare=True)
    assert run.code == 5, run.out
    assert "::test_" not in run.out
