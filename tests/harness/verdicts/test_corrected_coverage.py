"""A part of what tests/benchmarks/bench_corrected.py simulates: what corrected intervals hold, and their width."""

from __future__ import annotations

import pytest

from tests.benchmarks.bench_corrected import RATES, World, simulate


@pytest.mark.slow
@pytest.mark.parametrize(("agreement", "widest"), [(0.68, 1.05), (0.95, 0.75)])
def test_fifty_labels_of_225_rows_hold_the_truth_in_an_interval_as_narrow_as_the_judge_is_good(
    agreement: float, widest: float
) -> None:
    cell = simulate(World("225 alone", 0.8, agreement), 50, 600)
    assert cell.covered >= 0.93
    assert cell.ratio <= widest


@pytest.mark.slow
@pytest.mark.parametrize("labels", [20, 40])
@pytest.mark.parametrize("groups", ["225 alone", "225 in 190 groups"])
def test_with_few_labels_it_is_held_at_every_rate(groups: str, labels: int) -> None:
    cells = [simulate(World(groups, rate, 0.86), labels, 400, seed=2) for rate in RATES]
    assert min(cell.covered for cell in cells) >= 0.93
    assert labels < 40 or sum(cell.covered for cell in cells) / 3 <= 0.97
    assert max(cell.early for cell in cells) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("bare", [0.25, 0.5])
def test_it_is_held_where_conversations_mix_rows_with_units_and_without(bare: float) -> None:
    cells = [simulate(World("225 in 146 groups", rate, 0.86, bare=bare), 40, 400, seed=3) for rate in RATES]
    assert min(cell.covered for cell in cells) >= 0.93
