"""A program's rows for an improvement: what costs an example its score, and what does not."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from evals.harness.evaluation.examples import select_examples
from evals.harness.training.improvement import gain, improvement_table, score_program
from judges import LexicalJudge
from judges.judge import Quality
from papillon import PAPILLON, load
from papillon.errors import Filtered, InfrastructureError
from papillon.models.roles import open_models
from papillon.optimization.optimizing import Optimized
from papillon.profile import load_profile
from tests.harness.test_outages import free_port
from tests.harness.training.test_gain import row
from tests.model_server import ModelServer
from tests.papillon.optimization.test_optimizing import profile

DEV = select_examples(load("mini"), "tutorial", limit=4, shard=None)["dev"]


@pytest.mark.parametrize("comes_back", [True, False])
def test_examples_whose_model_could_not_be_reached_are_tried_once_more(tmp_path: Path, comes_back: bool) -> None:
    port, again = free_port(), list[str]()
    path = Path(profile(tmp_path, f"http://127.0.0.1:{port}/v1"))
    path.write_text(path.read_text().replace("max_attempts = 1", "deadline = 0.3"))
    own = load_profile(str(path))
    with ExitStack() as stack:
        models = open_models(own, tmp_path / "cache")
        stack.callback(models.close)

        def back(besides: Collection[str]) -> set[str]:
            if comes_back:
                stack.enter_context(ModelServer(port=port))
            reached = type(models).reach_again(models, besides)
            again.extend(["back"] * bool(reached))
            return reached

        models.reach_again = back  # type: ignore[method-assign]
        if comes_back:
            rows = score_program(PAPILLON(str), DEV, models, own)
            assert [(row.id, row.status) for row in rows] == [(example.id, "scored") for example in DEV]
        else:
            with pytest.raises(InfrastructureError, match=r"^4 of 4 examples of dev have no score \(Model local at "):
                score_program(PAPILLON(str), DEV, models, own)
    assert again == ["back"]


class Withholding(LexicalJudge):
    """A judge whose provider's filter refuses the queries that begin so."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused

    async def quality(self, query: str, answer: str, target: str) -> Quality:
        if query in self.refused:
            raise Filtered("The filter of j.")
        return await super().quality(query, answer, target)


def test_an_example_whose_judging_a_filter_refuses_is_left_out_on_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judges_as(refused: list[str]) -> None:
        monkeypatch.setattr("evals.harness.training.improvement.make_judge", lambda *given: Withholding(*refused))

    queries = [example.row.user_query for example in DEV]
    with ModelServer() as server:
        own = load_profile(profile(tmp_path, server.base))
        models = open_models(own, tmp_path / "cache")
        sides = []
        for refused in (queries[:1], queries[:2]):
            judges_as(refused)
            sides.append(score_program(PAPILLON(str), DEV, models, own))
        judges_as(queries)
        with pytest.raises(InfrastructureError, match=r"^4 of 4 examples of dev have no score \(The filter of j\.\); "):
            score_program(PAPILLON(str), DEV, models, own)
        models.close()
    before, after = sides
    assert [row.status for row in after] == ["infrastructure_error"] * 2 + ["scored"] * 2
    found = Optimized(PAPILLON(str), 0.5, 1.0, 2, 3, frozenset(), 0, None)
    with pytest.raises(InfrastructureError, match=r"^No dev example has a score before and after: a provider's filter"):
        improvement_table("gepa", found, before[:2], after[:2], models.ledger)
    said = improvement_table("gepa", found, before, after, models.ledger)
    mean = f"{sum(row.overall or 0 for row in after) / 2:.3f}"
    assert said.splitlines()[1].split()[-7:-5] == [mean, mean]
    assert said.splitlines()[1].endswith(" 2")
    assert said.endswith("\n2 of 4 dev examples are left out: a provider's filter refused their judging")


def test_the_gain_is_the_mean_of_paired_differences_and_a_lost_example_counts_on_neither_side() -> None:
    before = [row(example, 0.5) for example in range(40)]
    after = [row(example, 0.75) for example in range(39)] + [replace(row(39, 0.0), overall=None)]
    found = gain(before, after)
    assert (found.value, found.n) == (0.25, 39)
    assert found.low <= found.value <= found.high
    assert gain(before, before).value == 0.0
    assert gain(after, before).value == -0.25
