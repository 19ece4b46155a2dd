"""Examples: the rows of a data set as the run sees them, split, limited, sharded and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from papillon.data import Dataset, PupaRow
from papillon.data_report import Contamination, contamination, left_out_line
from papillon.splits import groups, split

__all__ = ["Example", "RunData", "Shard", "select_examples", "shard_of"]


@dataclass(frozen=True)
class Shard:
    """The ``index``-th (from 1) of ``count`` parts."""

    index: int
    count: int


@dataclass(frozen=True)
class Example:
    """One row of one split; ``id`` holds its split, its place there and a digest of its text.

    ``targets`` says whether its answer is held against the row's target.
    """

    id: str
    split: str
    row: PupaRow
    group: str
    targets: bool = True

    @property
    def target(self) -> str | None:
        """What its answer is held against, None where nothing is."""
        return self.row.target_response if self.targets else None


@dataclass(frozen=True)
class RunData:
    """What a run needs of its data set, without the rows that it never asks: most of a large one's memory.

    ``examples`` by split, after limit and shard, ``whole`` their numbers before; ``rows`` is the size of the set,
    ``reserved`` how many of these are kept for training, ``left_out`` a sentence on rows that could not be used, None
    where all could.
    """

    name: str
    sha256: str
    rows: int
    reserved: int
    left_out: str | None
    contamination: Contamination
    examples: dict[str, list[Example]]
    whole: dict[str, int]

    @classmethod
    def of(cls, dataset: Dataset, how: str, *, limit: int | None, shard: Shard | None, targets: bool = True) -> RunData:
        whole = select_examples(dataset, how, limit=None, shard=None, targets=targets)
        return cls(
            dataset.name,
            dataset.sha256,
            len(dataset.rows),
            len(split(dataset.rows, how)["train"]),
            left_out_line(dataset),
            contamination(dataset.rows, how),
            {split: _narrowed(examples, limit, shard) for split, examples in whole.items()},
            {split: len(examples) for split, examples in whole.items()},
        )


def select_examples(
    dataset: Dataset, how: str, *, limit: int | None, shard: Shard | None, targets: bool = True
) -> dict[str, list[Example]]:
    """The dev and test examples of a run in the split's order, by split."""
    group = groups(dataset.rows)
    chosen: dict[str, list[Example]] = {}
    for name, indices in split(dataset.rows, how).items():
        if name == "train":
            continue
        examples = [
            Example(
                f"{name}-{place:04d}-{dataset.rows[index].digest[:8]}",
                name,
                dataset.rows[index],
                group[index],
                targets,
            )
            for place, index in enumerate(indices)
        ]
        chosen[name] = _narrowed(examples, limit, shard)
    return chosen


def _narrowed(examples: list[Example], limit: int | None, shard: Shard | None) -> list[Example]:
    examples = examples[:limit]
    if shard is None:
        return examples
    part = shard_of([example.group for example in examples], shard.count)
    return [example for example, number in zip(examples, part, strict=True) if number == shard.index]


def shard_of(group_of: Sequence[str], count: int) -> list[int]:
    """For each example the shard, 1..count, that its group falls to; shards come out as even as groups allow."""
    sizes: dict[str, int] = {}
    for group in group_of:
        sizes[group] = sizes.get(group, 0) + 1
    loads = [0] * count
    part: dict[str, int] = {}
    # Largest first onto the least loaded (Graham 1969); ties by name, so that every job agrees.
    for group in sorted(sizes, key=lambda g: (-sizes[g], g)):
        number = loads.index(min(loads))
        loads[number] += sizes[group]
        part[group] = number + 1
    return [part[group] for group in group_of]
