"""The random order of a split's rows."""

from __future__ import annotations

from collections import Counter

from judges.labels.drawing import order
from tests.judges.labels.samples import row

ROWS = [row(number, group=f"g{number // 2}") for number in range(20)] + [row(1, split="test", group="g0")]


def test_each_group_is_drawn_once_and_weighs_its_scored_rows() -> None:
    draws = order([*ROWS, row(30, group="g0"), row(31, group="g9", status="program_error")], "dev", 0)
    assert Counter(draw.group for draw in draws) == {f"g{number}": 1 for number in range(10)}
    assert {draw.group: draw.weight for draw in draws} == {f"g{number}": 2 + (number == 0) for number in range(10)}
    assert all(draw.row in {(each.id, each.trial) for each in ROWS if each.split == "dev"} for draw in draws[1:])


def test_trials_of_an_example_are_one_group() -> None:
    draws = order([row(1, trial=trial) for trial in range(4)], "dev", 3)
    assert [(draw.row[0], draw.weight) for draw in draws] == [("dev-0001", 4)]


def test_a_seed_makes_one_order_whatever_the_rows_order_is() -> None:
    assert order(ROWS, "dev", 5) == order(ROWS[::-1], "dev", 5)
    assert order(ROWS, "dev", 5) != order(ROWS, "dev", 6)


def test_another_run_is_drawn_along_the_same_order() -> None:
    there = [each for each in ROWS if each.group != "g4"]
    assert order(there, "dev", 0) == [draw for draw in order(ROWS, "dev", 0) if draw.group != "g4"]


def test_every_group_is_as_likely_to_come_first() -> None:
    first = Counter(order(ROWS, "dev", seed)[0].group for seed in range(1000))
    assert len(first) == 10
    assert max(first.values()) < 150  # 100 on average, with a standard deviation of 9.5
    rows = Counter(order(ROWS[:2], "dev", seed)[0].row for seed in range(1000))
    assert all(440 < times < 560 for times in rows.values())


def test_a_split_without_scored_rows_has_no_draws() -> None:
    assert order([row(1, status="infrastructure_error")], "dev", 0) == []
