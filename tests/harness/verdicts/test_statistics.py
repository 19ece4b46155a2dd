"""Statistics: checked against other implementations, closed forms, published figures and simulation."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.harness.verdicts.statistics import (
    GroupedMean,
    chance_worsening,
    examples_needed,
    holm,
    mcnemar,
    smallest_detectable,
    variance_components,
)
from tests.benchmarks.bench_statistics import SIZES, binary, covered, graded, group_of


def alone(values: list[float], bounds: tuple[float, float] = (0.0, 1.0)) -> GroupedMean:
    return GroupedMean(values, range(len(values)), bounds)


def ones(k: int, n: int) -> list[float]:
    return [1.0] * k + [0.0] * (n - k)


@pytest.fixture
def scores() -> tuple[list[float], list[int]]:
    sizes = SIZES["225 in 146 groups"]
    return graded(sizes, 0.3, 0.7, np.random.default_rng(5)).tolist(), group_of(sizes).tolist()


class TestStandardError:
    def test_it_is_millers_clustered_sum_but_for_the_small_sample_factor(
        self, scores: tuple[list[float], list[int]]
    ) -> None:
        values, groups = scores
        n, mean = len(values), sum(values) / len(values)
        together = sum(
            (a - mean) * (b - mean)
            for a, g in zip(values, groups, strict=True)
            for b, h in zip(values, groups, strict=True)
            if g == h
        )
        count = len(set(groups))
        expected = math.sqrt(together * count / (count - 1)) / n
        assert GroupedMean(values, groups).se == pytest.approx(expected)

    @pytest.mark.slow  # statsmodels takes seconds to import
    def test_it_agrees_with_statsmodels(self, scores: tuple[list[float], list[int]]) -> None:
        models = pytest.importorskip("statsmodels.regression.linear_model")
        values, groups = scores
        fitted = models.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": groups})
        assert GroupedMean(values, groups).se == pytest.approx(fitted.bse[0])

    def test_of_independent_rows_it_is_the_usual_one(self) -> None:
        values = [0.1, 0.5, 0.5, 0.9, 1.0]
        assert alone(values).se == pytest.approx(np.std(values, ddof=1) / math.sqrt(5))


class TestInterval:
    @pytest.mark.parametrize("n", [1, 20, 225])
    def test_no_leak_in_n_rows_gives_the_exact_upper_limit(self, n: int) -> None:
        seen = alone(ones(0, n)).interval()
        assert seen.low == 0
        assert seen.high == pytest.approx(1 - 0.025 ** (1 / n), rel=0.03)

    @pytest.mark.parametrize(("k", "n"), [(1, 20), (3, 20), (10, 20), (2, 225), (180, 225), (223, 225)])
    def test_of_independent_shares_it_is_clopper_and_pearsons(self, k: int, n: int) -> None:
        beta = pytest.importorskip("scipy.stats").beta
        seen = alone(ones(k, n)).interval()
        low, high = beta.ppf(0.025, k, n - k + 1), beta.ppf(0.975, k + 1, n - k)
        assert (seen.low, seen.high) == pytest.approx((low, high), abs=0.02 * (high - low))

    def test_of_many_grouped_scores_it_is_the_ordinary_cluster_bootstrap(
        self, scores: tuple[list[float], list[int]]
    ) -> None:
        values, groups = scores
        members = defaultdict(list)
        for value, group in zip(values, groups, strict=True):
            members[group].append(value)
        sums = np.array([(sum(group), len(group)) for group in members.values()])
        generator = np.random.default_rng(3)
        drawn = sums[generator.integers(len(sums), size=(4000, len(sums)))].sum(axis=1)
        low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
        seen = GroupedMean(values, groups).interval()
        # The group nobody saw makes it a little wider, and never narrower.
        assert low - 0.1 * (high - low) < seen.low < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < seen.high < high + 0.1 * (high - low)

    @given(
        st.lists(
            st.tuples(st.floats(0.01, 0.99) | st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 5)),
            min_size=1,
            max_size=25,
        ),
        st.randoms(),
    )
    @settings(max_examples=60, deadline=None)
    def test_it_holds_the_mean_has_a_width_and_knows_no_order(
        self, rows: list[tuple[float, int]], shuffler: random.Random
    ) -> None:
        seen = GroupedMean(*map(list, zip(*rows, strict=True))).interval()
        assert 0 <= seen.low <= seen.value <= seen.high <= 1
        assert seen.high - seen.low > 0.02
        shuffler.shuffle(rows)
        assert GroupedMean(*map(list, zip(*rows, strict=True))).interval() == seen

    def test_twenty_equal_graded_rows_leave_doubt_on_both_sides(self) -> None:
        seen = alone([0.5] * 20).interval()
        assert seen.se == 0
        assert seen.low < 0.43
        assert seen.high > 0.57

    def test_copies_of_rows_in_their_groups_add_nothing(self) -> None:
        values = ones(150, 190)
        once = alone(values).interval()
        copied = GroupedMean(values * 3, list(range(190)) * 3).interval()
        assert (copied.low, copied.high, copied.se) == pytest.approx((once.low, once.high, once.se))

    def test_large_sets_take_bounded_work(self) -> None:
        values = np.random.default_rng(0).random(3000).tolist()
        seen = alone(values).interval()
        assert seen.high - seen.low == pytest.approx(2 * 1.96 * seen.se, rel=0.08)

    @pytest.mark.parametrize(
        ("values", "groups", "complaint"),
        [([], [], "not 0 and 0"), ([1.0], [1, 2], "not 1 and 2"), ([0.5, 1.5], [1, 2], "not 0.5 to 1.5")],
    )
    def test_what_cannot_be_a_mean_is_refused(self, values: list[float], groups: list[int], complaint: str) -> None:
        with pytest.raises(ValueError, match=complaint):
            GroupedMean(values, groups)


class TestCoverage:
    @pytest.mark.parametrize(
        ("n", "rate", "least", "most"),
        [(20, rate, 0.93, 1.0) for rate in (0.01, 0.05, 0.2, 0.5, 0.8, 0.99)]
        + [(225, rate, 0.93, 1.0) for rate in (0.01, 0.99)]
        + [(225, rate, 0.93, 0.97) for rate in (0.1, 0.2, 0.5, 0.8, 0.9)],
    )
    def test_of_independent_shares_counted_exactly(self, n: int, rate: float, least: float, most: float) -> None:
        chance = 0.0
        for k in range(n + 1):
            weight = math.comb(n, k) * rate**k * (1 - rate) ** (n - k)
            if weight > 1e-6:
                seen = alone(ones(k, n)).interval()
                chance += weight * (seen.low <= rate <= seen.high)
        assert least <= chance <= most

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", ["binary", "graded"])
    @pytest.mark.parametrize("name", ["225 in 190 groups", "225 in 146 groups"])
    @pytest.mark.parametrize("rate", [0.01, 0.3, 0.8])
    def test_of_grouped_scores_by_simulation(self, kind: str, name: str, rate: float) -> None:
        ours, _ = covered(name, rate, alike=0.7, kind=kind, runs=1000)
        assert 0.93 <= ours <= (0.97 if 0.1 < rate < 0.9 else 1.0)


class TestPValues:
    @pytest.mark.parametrize(("worse", "better"), [(4, 0), (6, 0), (10, 2), (20, 9), (9, 20)])
    def test_of_independent_flips_they_are_the_exact_sign_tests(self, worse: int, better: int) -> None:
        flips = [-1.0] * worse + [1.0] * better + [0.0] * (225 - worse - better)
        discordant = worse + better
        exact = sum(math.comb(discordant, k) for k in range(better + 1)) / 2**discordant
        assert alone(flips, (-1, 1)).p_below(0) == pytest.approx(exact, rel=0.12)
        assert alone([-flip for flip in flips], (-1, 1)).p_above(0) == pytest.approx(exact, rel=0.12)

    def test_they_and_the_interval_say_the_same(self, scores: tuple[list[float], list[int]]) -> None:
        mean = GroupedMean(*scores)
        seen = mean.interval()
        for margin in (seen.low - 0.005, seen.low + 0.005):
            assert (mean.p_above(margin) < 0.025) == (margin < seen.low)
        for margin in (seen.high - 0.005, seen.high + 0.005):
            assert (mean.p_below(margin) < 0.025) == (margin > seen.high)


class TestMcNemar:
    # 2 · (1 + 12 + 66 + 220) / 4096 for the third.
    @pytest.mark.parametrize(
        ("better", "worse", "p"), [(0, 0, 1.0), (0, 5, 0.0625), (3, 9, 0.14599609375), (7, 7, 1.0)]
    )
    def test_by_hand(self, better: int, worse: int, p: float) -> None:
        assert mcnemar(better, worse) == mcnemar(worse, better) == p

    @given(st.integers(0, 400), st.integers(0, 400))
    @settings(max_examples=50, deadline=None)
    def test_it_agrees_with_scipy(self, better: int, worse: int) -> None:
        stats = pytest.importorskip("scipy.stats")
        expected = stats.binomtest(better, better + worse).pvalue if better + worse else 1.0
        assert mcnemar(better, worse) == pytest.approx(expected, rel=1e-6)


class TestHolm:
    def test_by_hand(self) -> None:
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    @pytest.mark.slow  # statsmodels takes seconds to import
    @given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
    @settings(max_examples=50, deadline=None)
    def test_it_agrees_with_statsmodels(self, values: list[float]) -> None:
        tests = pytest.importorskip("statsmodels.stats.multitest")
        assert holm(values) == pytest.approx(tests.multipletests(values, method="holm")[1].tolist())

    def test_of_nothing_is_nothing(self) -> None:
        assert holm([]) == []


class TestSampleSize:
    @pytest.mark.parametrize(("n", "sees"), [(225, 0.056), (177, 0.063)])
    def test_the_projects_orders_of_magnitude(self, n: int, sees: float) -> None:
        assert smallest_detectable(0.30 / math.sqrt(n)) == pytest.approx(sees, abs=0.0005)

    def test_a_variance_of_a_ninth_needs_about_a_thousand_examples_for_three_points(self) -> None:
        assert examples_needed(100, math.sqrt(1 / 9 / 100), 0.03) == 969

    def test_a_difference_of_that_size_is_seen_with_the_power_it_promises(self) -> None:
        se = 0.02
        estimates = np.random.default_rng(1).normal(smallest_detectable(se, alpha=0.01, power=0.9), se, 40_000)
        assert float((estimates / se > 2.5758).mean()) == pytest.approx(0.9, abs=0.01)

    def test_a_mean_on_its_bound_needs_more_than_any_number(self) -> None:
        assert examples_needed(225, 0.02, 0.0) is None


class TestChanceWorsening:
    @pytest.mark.parametrize(("n", "share"), [(20, 0.152), (60, 0.062), (225, 0.0031)])
    def test_how_often_a_run_is_held_up_by_nothing(self, n: int, share: float) -> None:
        assert chance_worsening(n, 0.10) == pytest.approx(share, rel=0.01)

    @given(st.integers(1, 6), st.floats(0, 1), st.floats(0, 0.5))
    def test_it_counts_every_way_that_pairs_can_go(self, n: int, limit: float, flips: float) -> None:
        chance = {1: flips, 0: 1 - 2 * flips, -1: flips}
        ways = product(chance, repeat=n)
        expected = math.fsum(math.prod(chance[step] for step in way) for way in ways if sum(way) > n * limit + 1e-9)
        assert chance_worsening(n, limit, flips) == pytest.approx(expected, abs=1e-12)

    def test_it_is_what_a_simulation_shows(self) -> None:
        steps = np.random.default_rng(3).choice([1, 0, -1], p=[0.15, 0.7, 0.15], size=(40_000, 45))
        seen = float((steps.mean(axis=1) > 0.10).mean())
        assert chance_worsening(45, 0.10) == pytest.approx(seen, abs=0.006)

    def test_ten_thousand_pairs_take_no_time_and_chance_explains_nothing_of_theirs(self) -> None:
        assert chance_worsening(10_000, 0.10) < 1e-9
        assert chance_worsening(10_000, 0.0) == pytest.approx(0.5, abs=0.01)


class TestVarianceComponents:
    def test_by_hand(self) -> None:
        # Within: each pair has variance 0.5 or 0; between: the means 0.5, 1, 0 have variance 0.25, less 0.5/3/2.
        parts = variance_components([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
        assert parts is not None
        assert parts.within == pytest.approx(1 / 6)
        assert parts.between == pytest.approx(0.25 - 1 / 12)

    def test_it_finds_what_a_simulation_put_in_with_unequal_trials(self) -> None:
        generator = np.random.default_rng(2)
        samples = [
            generator.normal(center, 0.1, size=trials).tolist()
            for center, trials in zip(generator.normal(0.5, 0.3, 4000), [2, 3, 5, 1] * 1000, strict=True)
        ]
        parts = variance_components(samples)
        assert parts is not None
        assert (parts.within, parts.between) == pytest.approx((0.01, 0.09), rel=0.06)

    @pytest.mark.parametrize("samples", [[], [[0.0, 1.0]], [[0.0], [1.0], []]])
    def test_it_says_nothing_where_there_is_nothing_to_say(self, samples: list[list[float]]) -> None:
        assert variance_components(samples) is None


def test_gates_can_be_imported_without_numpy() -> None:
    code = "import sys, evals.harness.verdicts.splits; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_simulated_scores_have_the_rates_they_claim() -> None:
    generator = np.random.default_rng(4)
    for draw in (binary, graded):
        means = [draw(SIZES["225 in 146 groups"], 0.2, 0.7, generator).mean() for _ in range(300)]
        assert float(np.mean(means)) == pytest.approx(0.2, abs=0.01)
