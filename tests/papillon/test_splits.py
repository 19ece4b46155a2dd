"""Splits hold every row once, keep groups together, and do not follow the order of the rows."""

import os
import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papillon.data import PupaRow, load
from papillon.errors import UsageError
from papillon.splits import CHOICES, HOW, SPLITS, check_learnable, groups, split

needs_pupa = pytest.mark.skipif(not os.environ.get("PUPA_DIR"), reason="PUPA_DIR names no folder with PUPA's files.")


def row(query: str, conversation: str = "", category: str = "", target: str = "t") -> PupaRow:
    return PupaRow(conversation, category, query, target, "", "")


def rows_of(alphabet: str) -> st.SearchStrategy[list[PupaRow]]:
    letter = st.sampled_from(alphabet)
    conversation = st.one_of(st.just(""), letter)
    return st.lists(st.builds(row, letter, conversation, st.sampled_from("xyz"), letter), max_size=60)


def conversations_of(sizes: list[int]) -> list[PupaRow]:
    """One group of each size."""
    return [row(f"q{k}-{i}", f"c{k}") for k, size in enumerate(sizes) for i in range(size)]


#: Few letters join nearly all rows into one group; many leave most of them alone.
any_rows = st.one_of(rows_of("abc"), rows_of("abcdefghijklmnop"), rows_of("".join(map(chr, range(0x4E00, 0x4F00)))))


def linked(rows: list[PupaRow]) -> list[set[int]]:
    """The groups, found another way: everything that can be reached from a row over a shared value."""
    holders: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for i, one in enumerate(rows):
        holders["query", one.user_query].add(i)
        if one.conversation_hash:
            holders["conversation", one.conversation_hash].add(i)
    found: list[set[int]] = []
    for i in range(len(rows)):
        if not any(i in group for group in found):
            reached, fresh = {i}, {i}
            while fresh:
                fresh = {k for held in holders.values() if held & fresh for k in held} - reached
                reached |= fresh
            found.append(reached)
    return found


class TestGroups:
    def test_rows_join_by_conversation_and_by_query_over_any_number_of_steps(self) -> None:
        rows = [row("a", "1"), row("b", "2"), row("b", "1"), row("c", "3"), row("d", ""), row("e", "")]
        first, second, third, *others = groups(rows)
        assert first == second == third
        assert len({first, *others}) == 4

    def test_a_query_and_a_conversation_of_the_same_text_do_not_join(self) -> None:
        assert len(set(groups([row("a", "b"), row("b", "a")]))) == 2

    @settings(max_examples=60)
    @given(any_rows)
    def test_groups_are_what_shared_values_link(self, rows: list[PupaRow]) -> None:
        names = groups(rows)
        parts = linked(rows)
        assert all(len({names[i] for i in part}) == 1 for part in parts)
        assert len(set(names)) == len(parts)

    @settings(max_examples=60)
    @given(any_rows, st.randoms(use_true_random=False))
    def test_a_rows_group_has_the_same_name_in_any_order(self, rows: list[PupaRow], chance: random.Random) -> None:
        order = list(range(len(rows)))
        chance.shuffle(order)
        names = groups(rows)
        assert groups([rows[i] for i in order]) == tuple(names[i] for i in order)


class TestBothSplits:
    @pytest.mark.parametrize("how", HOW)
    @given(rows=any_rows)
    def test_every_row_is_used_once_and_in_order(self, how: str, rows: list[PupaRow]) -> None:
        parts = split(rows, how)
        assert tuple(parts) == SPLITS == ("train", "dev", "test")
        assert sorted(i for part in parts.values() for i in part) == list(range(len(rows)))
        assert all(list(part) == sorted(part) for part in parts.values())
        assert split(rows, how) == parts

    @pytest.mark.parametrize("how", HOW)
    @pytest.mark.parametrize(
        ("n", "sizes"),
        [
            (0, [0, 0, 0]),
            (1, [0, 0, 1]),
            (2, [1, 1, 0]),
            (3, [1, 1, 1]),
            (4, [1, 1, 2]),
            (5, [2, 2, 1]),
            (60, [20, 20, 20]),
            (664, [225, 225, 214]),
        ],
    )
    def test_sizes_are_the_tutorials_shares(self, how: str, n: int, sizes: list[int]) -> None:
        rows = [row(f"q{i}", f"c{i}", "xyz"[i % 3]) for i in range(n)]
        assert [len(part) for part in split(rows, how).values()] == sizes

    def test_an_unknown_split_is_refused_by_name(self) -> None:
        with pytest.raises(UsageError) as caught:
            split([row("a")], "random")
        assert str(caught.value) == "Expected a split named tutorial, grouped or all, got 'random'; name one of these."


def test_the_tutorials_split_goes_by_position() -> None:
    assert split([row("q")] * 5, "tutorial") == {"train": (0, 1), "dev": (2, 3), "test": (4,)}


class TestAll:
    @given(any_rows)
    def test_every_row_is_in_dev_and_in_test_and_none_is_kept_to_learn_from(self, rows: list[PupaRow]) -> None:
        parts = split(rows, "all")
        assert tuple(parts) == SPLITS
        assert parts == {"train": (), "dev": tuple(range(len(rows))), "test": tuple(range(len(rows)))}

    def test_it_is_what_a_profile_may_say_and_no_way_to_part_rows(self) -> None:
        assert CHOICES == ("tutorial", "grouped", "all")
        assert "all" not in HOW

    def test_there_is_nothing_to_learn_from(self) -> None:
        for how in HOW:
            check_learnable(how)
        with pytest.raises(UsageError) as caught:
            check_learnable("all")
        assert str(caught.value) == (
            "Expected the split tutorial or grouped to learn from, got all, which evaluates every row and leaves none "
            "to learn from; name one of these as the profile's split."
        )


class TestGroupedSplit:
    @given(any_rows)
    def test_no_group_straddles_parts(self, rows: list[PupaRow]) -> None:
        parts = split(rows, "grouped")
        homes = [{name for name, part in parts.items() if group & set(part)} for group in linked(rows)]
        assert all(len(home) == 1 for home in homes)

    @given(any_rows, st.randoms(use_true_random=False))
    def test_members_and_sizes_are_the_same_in_any_order(self, rows: list[PupaRow], chance: random.Random) -> None:
        shuffled = chance.sample(rows, len(rows))
        one, other = split(rows, "grouped"), split(shuffled, "grouped")
        for part in SPLITS:
            assert Counter(rows[i] for i in one[part]) == Counter(shuffled[i] for i in other[part])

    @given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
    def test_sizes_miss_their_goal_by_less_than_the_largest_group(self, sizes: list[int]) -> None:
        largest, rows = max(sizes), conversations_of(sizes)
        grouped, tutorial = split(rows, "grouped"), split(rows, "tutorial")
        assert all(abs(len(grouped[part]) - len(tutorial[part])) < largest for part in SPLITS)

    @given(st.lists(st.integers(2, 5), max_size=12))
    def test_enough_single_rows_fill_the_parts_to_their_exact_size(self, sizes: list[int]) -> None:
        singles = 2 * max(sizes, default=1)
        rows = conversations_of(sizes + [1] * singles)
        exact = [len(part) for part in split(rows, "tutorial").values()]
        assert [len(part) for part in split(rows, "grouped").values()] == exact

    def test_each_part_has_its_share_of_every_category(self) -> None:
        rows = [row(f"q{i}", category=category) for i, category in enumerate("a" * 42 + "b" * 12 + "c" * 6)]
        parts = split(rows, "grouped").values()
        mixes = [Counter(rows[i].predicted_category for i in part) for part in parts]
        assert mixes == [{"a": 14, "b": 4, "c": 2}] * 3


@pytest.mark.parametrize("how", HOW)
def test_mini_has_twenty_rows_in_each_part(how: str) -> None:
    assert [len(part) for part in split(load("mini").rows, how).values()] == [20, 20, 20]


@needs_pupa
class TestRealData:
    def test_pupa_new_keeps_its_sizes_and_its_mix_within_two_rows(self) -> None:
        rows = load("pupa_new").rows
        parts = split(rows, "grouped")
        assert [len(part) for part in parts.values()] == [225, 225, 214]
        total = Counter(one.predicted_category for one in rows)
        for part in parts.values():
            mix = Counter(rows[i].predicted_category for i in part)
            assert all(abs(mix[name] - n * len(part) / len(rows)) < 2 for name, n in total.items())

    def test_pupa_tnb_sorted_by_category_in_its_file_is_mixed_evenly(self) -> None:
        rows = load("pupa_tnb").rows
        parts = split(rows, "grouped")
        assert [len(part) for part in parts.values()] == [80, 80, 76]
        healthcare = [sum(rows[i].predicted_category.startswith("health") for i in part) for part in parts.values()]
        assert max(healthcare) - min(healthcare) <= 1
