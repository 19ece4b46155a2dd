"""The benchmark beside TRL: what its ratios are of."""

from __future__ import annotations

from tests.benchmarks.training import Round, Stage, paired, tabled


def test_a_ratio_is_of_the_rounds_of_one_pair_and_only_whole_rounds_have_a_bar() -> None:
    own = Round(sample=Stage(1.0, 0.5, 10, 100), learn=Stage(1.0, 0.5, 50, 300))
    other = Round(sample=Stage(2.0, 2.0, 20, 400), learn=Stage(6.0, 3.0, 100, 200))
    slow = Round(sample=Stage(2.0, 0.5, 10, 100), learn=Stage(2.0, 0.5, 50, 300))
    found = {each.what: each for each in paired([(own, other), (slow, other), (own, other)])}
    sampling, learning, whole = (found[f"{name}: tokens a second"] for name in ("sampling", "learning", "round"))
    assert (sampling.own, sampling.trl, sampling.ratio, sampling.least, sampling.most) == (10, 10, 1.0, 0.5, 1.0)
    assert learning.ratio == 50 / (100 / 6)
    assert (whole.own, whole.trl, whole.ratio) == (5.0, 2.5, 2.0)
    assert found["round: tokens a processor second"].ratio == 10 / (20 / 5)
    assert found["round: peak memory, GB"].ratio == 300 / 400
    assert (found["round: steps a second"].own, found["round: steps a second"].trl) == (1 / 2, 1 / 8)
    assert [name for name, each in found.items() if each.bar] == ["round: tokens a second", "round: peak memory, GB"]
    lines = list(tabled(list(found.values())))
    assert lines[1].split() == ["sampling:", "tokens", "a", "second", "10", "10", "1.00", "(0.50", "to", "1.00)"]
    assert lines[-3].endswith("bar: at least 1.00")
