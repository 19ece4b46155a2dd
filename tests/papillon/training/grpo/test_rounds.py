"""The bookkeeping against the very queue that ArborGRPO keeps, whatever rounds come up short."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papillon.training.grpo.rounds import Group, Round, Rounds


def group(name: str) -> Group:
    return [{"messages": [], "completion": {"content": name}, "reward": float(i)} for i in range(2)]


def name(sent: Group) -> str:
    return str(sent[0]["completion"]["content"])


class ArborQueue:
    """What ArborGRPO.compile does with its groups in one round, in its own words."""

    def __init__(self) -> None:
        self.queue: deque[Group] = deque()
        self.fulfilled: list[int] = []
        self.rng = random.Random(0)

    def round(self, train_data: list[Group], rounds: Rounds) -> Round | None:
        available = list(set(rounds.open) - set(self.fulfilled))
        if len(self.queue) < len(available) and len(train_data) > 0:
            need = len(available) - len(self.queue)
            while need > 0:
                shuffled = self.rng.sample(train_data, k=len(train_data))
                self.queue.extend(shuffled)
                need -= len(shuffled)
        done: Any = None
        for batch_id in available:
            done = rounds.add(batch_id, self.queue.popleft()) or done
        self.fulfilled.extend(available)
        return done


@settings(max_examples=60, deadline=None)
@given(most=st.integers(1, 12), data=st.data())
def test_every_group_of_a_round_is_learned_once_and_none_of_an_older_one(most: int, data: st.DataObject) -> None:
    arbor, rounds = ArborQueue(), Rounds(most)
    for number in range(data.draw(st.integers(1, 6))):
        sent = [group(f"{number}-{i}") for i in range(data.draw(st.integers(1, most)))]
        done = arbor.round(sent, rounds)
        assert done is not None
        assert sorted(map(name, done.fresh)) == sorted(map(name, sent))
        assert len(arbor.fulfilled) == len(set(arbor.fulfilled))


def test_repeated_and_stale_groups_are_counted() -> None:
    rounds = Rounds(3)
    rounds.add(0, group("a"))
    rounds.add(1, group("b"))
    first = rounds.add(2, group("a"))
    assert first == Round([group("a"), group("b")], repeated=1, stale=0)
    assert len(rounds.open) == 4  # three groups, and the one that is still in ArborGRPO's queue
    for batch_id, letter in zip(list(rounds.open), "bcde", strict=True):
        second = rounds.add(batch_id, group(letter))
    assert second == Round([group("c"), group("d"), group("e")], repeated=0, stale=1)


def test_an_id_that_is_not_open_is_refused() -> None:
    rounds = Rounds(2)
    with pytest.raises(ValueError, match=r"Expected one of the open batch ids \[0, 1\], got 7; ask status first\."):
        rounds.add(7, group("a"))
