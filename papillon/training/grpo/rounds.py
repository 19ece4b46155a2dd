"""Which groups of a round are new: the bookkeeping between ArborGRPO's queue and the learner.

In each round ArborGRPO asks which batch ids are open, samples, and answers every id with one group. Where it
has fewer groups than ids (an example's group is left out when one of its rollouts never reached that
predictor) it repeats the round's groups, and keeps what is left over in a queue that it empties first in the
next round. So the trainer sees some groups twice, and old ones under a newer policy. This class opens as many
ids as it takes to hear of every new group, and hands out each of them once, in its own round.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["Group", "Round", "Rounds"]

#: What ArborGRPO sends: items with ``messages``, ``completion`` and ``reward``.
Group = list[dict[str, Any]]


@dataclass(frozen=True)
class Round:
    """One round's ``fresh`` groups to learn from; counts of those ``repeated`` and of ``stale`` ones."""

    fresh: list[Group]
    repeated: int
    stale: int


class Rounds:
    """Collects the groups that arrive until every open id is answered.

    ``most`` is the number of groups a round can have at most: examples times predictors.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._next_id = 0
        self._before: set[str] = set()
        self._arrived: list[tuple[str, Group]] = []
        self.open: list[int] = []
        self._open(most)

    def add(self, batch_id: int, group: Group) -> Round | None:
        """Take the group sent for ``batch_id``; the round, when it is complete, else None.

        Raises ValueError for an id that is not open.
        """
        if batch_id not in self.open:
            raise ValueError(f"Expected one of the open batch ids {self.open}, got {batch_id}; ask status first.")
        self.open.remove(batch_id)
        self._arrived.append((json.dumps(group, sort_keys=True), group))
        if self.open:
            return None
        new = {key: group for key, group in self._arrived if key not in self._before}
        stale = sum(key in self._before for key, _ in self._arrived)
        asked = len(self._arrived) - stale
        # The queue was filled with whole repetitions of the new groups; what is left comes first next time.
        left = -asked % len(new) if new else 0
        done = Round(list(new.values()), repeated=asked - len(new), stale=stale)
        self._before, self._arrived = set(new), []
        self._open(self.most + left)
        return done

    def _open(self, count: int) -> None:
        self.open = list(range(self._next_id, self._next_id + count))
        self._next_id += count
