"""Examples: how rows of a data set are named, limited and dealt out to shards."""

from __future__ import annotations

import re
from collections import defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.harness.evaluation.examples import Example, RunData, Shard, select_examples, shard_of
from papillon.data import Dataset, PupaRow, load
from papillon.splits import CHOICES, groups, split


def dataset(*rows: tuple[str, str]) -> Dataset:
    """Rows of (query, conversation)."""
    made = tuple(PupaRow(conversation, "", query, "a target", "", "") for query, conversation in rows)
    return Dataset("made", made, "", (), 0)


def select(data: Dataset, how: str = "grouped", limit: int | None = None, shard: Shard | None = None) -> list[Example]:
    return [e for examples in select_examples(data, how, limit=limit, shard=shard).values() for e in examples]


MINI = load("mini")
letters = st.sampled_from("abcdefghijklmnopqrstuvwxyz")
datasets = st.lists(st.tuples(letters, letters | st.just("")), min_size=1, max_size=40).map(lambda r: dataset(*r))


class TestSelection:
    def test_an_id_is_its_split_its_place_and_a_digest_of_its_row(self) -> None:
        for how in ("tutorial", "grouped"):
            for part, examples in select_examples(MINI, how, limit=None, shard=None).items():
                for place, example in enumerate(examples):
                    assert example.id == f"{part}-{place:04d}-{example.row.digest[:8]}"
                    assert re.fullmatch(r"(dev|test)-\d{4}-[0-9a-f]{8}", example.id)
                    assert example.split == part

    def test_dev_and_test_are_the_splits_rows_in_their_order_and_train_is_left_out(self) -> None:
        parts = split(MINI.rows, "grouped")
        chosen = select_examples(MINI, "grouped", limit=None, shard=None)
        assert list(chosen) == ["dev", "test"]
        for part, examples in chosen.items():
            assert [example.row for example in examples] == [MINI.rows[index] for index in parts[part]]

    def test_ids_are_distinct_also_where_rows_are_not(self) -> None:
        rows = [("the same", "c")] * 30
        ids = [example.id for example in select(dataset(*rows), "tutorial")]
        assert len(set(ids)) == len(ids) == 20

    def test_a_changed_row_has_another_id_and_no_other_row_has(self) -> None:
        rows = [(f"q{n}", "") for n in range(30)]
        before = select(dataset(*rows), "tutorial")
        after = select(dataset(*rows[:-1], ("another", "")), "tutorial")
        assert [a.id == b.id for a, b in zip(before, after, strict=True)] == [True] * 19 + [False]

    def test_groups_are_those_of_the_whole_data_set(self) -> None:
        # The two are joined by a third row only, which is in train.
        rows = [("x", "c1"), *((f"q{n}", "") for n in range(8)), ("x", "c2"), ("y", "c1"), ("z", "c2")]
        data = dataset(*rows)
        by_query = {example.row.user_query: example.group for example in select(data, "tutorial")}
        assert by_query["y"] == by_query["z"] == groups(data.rows)[0]

    @settings(max_examples=50, deadline=None)
    @given(data=datasets, how=st.sampled_from(["tutorial", "grouped"]), limit=st.integers(1, 45))
    def test_a_limit_takes_the_first_of_each_split(self, data: Dataset, how: str, limit: int) -> None:
        whole = select_examples(data, how, limit=None, shard=None)
        assert select_examples(data, how, limit=limit, shard=None) == {k: v[:limit] for k, v in whole.items()}


class TestAll:
    def test_dev_is_every_row_in_the_files_order_and_so_is_test(self) -> None:
        chosen = select_examples(MINI, "all", limit=None, shard=None)
        for part in ("dev", "test"):
            assert [example.row for example in chosen[part]] == list(MINI.rows)
            assert [example.id for example in chosen[part]] == [
                f"{part}-{place:04d}-{row.digest[:8]}" for place, row in enumerate(MINI.rows)
            ]

    def test_groups_limit_and_shards_are_as_ever(self) -> None:
        whole = select_examples(MINI, "all", limit=None, shard=None)["dev"]
        assert [example.group for example in whole] == list(groups(MINI.rows))
        assert select_examples(MINI, "all", limit=7, shard=None)["dev"] == whole[:7]
        shards = [select_examples(MINI, "all", limit=None, shard=Shard(n, 3))["dev"] for n in (1, 2, 3)]
        assert sorted(example.id for shard in shards for example in shard) == [example.id for example in whole]
        assert len({example.group for shard in shards for example in shard}) == sum(
            len({example.group for example in shard}) for shard in shards
        )


class TestRunData:
    @pytest.mark.parametrize(("how", "reserved", "asked"), [("tutorial", 20, 20), ("grouped", 20, 20), ("all", 0, 60)])
    def test_it_says_how_many_rows_are_kept_for_training(self, how: str, reserved: int, asked: int) -> None:
        data = RunData.of(MINI, how, limit=3, shard=None)
        assert (data.rows, data.reserved) == (60, reserved)
        assert data.whole == {"dev": asked, "test": asked}
        assert [len(examples) for examples in data.examples.values()] == [3, 3]

    @settings(max_examples=50, deadline=None)
    @given(
        data=datasets,
        how=st.sampled_from(CHOICES),
        limit=st.none() | st.integers(1, 20),
        shard=st.none() | st.integers(1, 4).map(lambda n: Shard(n, 4)),
    )
    def test_its_examples_are_those_that_are_selected(
        self, data: Dataset, how: str, limit: int | None, shard: Shard | None
    ) -> None:
        run = RunData.of(data, how, limit=limit, shard=shard)
        assert run.examples == select_examples(data, how, limit=limit, shard=shard)


class TestShards:
    @settings(max_examples=80, deadline=None)
    @given(
        data=datasets,
        how=st.sampled_from(["tutorial", "grouped"]),
        limit=st.none() | st.integers(1, 20),
        count=st.integers(1, 9),
    )
    def test_every_example_is_in_exactly_one_and_keeps_its_id(
        self, data: Dataset, how: str, limit: int | None, count: int
    ) -> None:
        whole = select_examples(data, how, limit=limit, shard=None)
        shards = [select_examples(data, how, limit=limit, shard=Shard(n, count)) for n in range(1, count + 1)]
        for part, examples in whole.items():
            dealt = [example for shard in shards for example in shard[part]]
            assert sorted(example.id for example in dealt) == sorted(example.id for example in examples)
            # Each shard's rows are in the split's order.
            for shard in shards:
                assert shard[part] == [example for example in examples if example in shard[part]]

    @settings(max_examples=80, deadline=None)
    @given(group_of=st.lists(letters, max_size=60), count=st.integers(1, 9))
    def test_a_group_stays_whole_and_shards_differ_by_no_more_than_the_largest(
        self, group_of: list[str], count: int
    ) -> None:
        number = shard_of(group_of, count)
        shards_of = defaultdict(set)
        for group, n in zip(group_of, number, strict=True):
            shards_of[group].add(n)
        assert all(len(shards) == 1 for shards in shards_of.values())
        assert all(1 <= n <= count for n in number)
        loads = [number.count(n) for n in range(1, count + 1)]
        assert max(loads) - min(loads) <= max((group_of.count(group) for group in group_of), default=0)

    @settings(max_examples=50, deadline=None)
    @given(group_of=st.lists(letters, max_size=60), count=st.integers(1, 9), order=st.randoms(use_true_random=False))
    def test_where_a_group_goes_does_not_depend_on_the_order_of_the_rows(
        self, group_of: list[str], count: int, order: Random
    ) -> None:
        shuffled = list(group_of)
        order.shuffle(shuffled)
        assert dict(zip(group_of, shard_of(group_of, count), strict=True)) == dict(
            zip(shuffled, shard_of(shuffled, count), strict=True)
        )

    def test_more_shards_than_groups_leave_some_empty(self) -> None:
        shards = [select(MINI, shard=Shard(n, 100)) for n in range(1, 101)]
        assert sum(len(examples) for examples in shards) == 40
        assert any(not examples for examples in shards)
