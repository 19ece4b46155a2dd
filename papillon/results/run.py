"""Run: what ran, over which data, and what its calls came to, as the results file has it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from papillon.results.ranges import Amount, Count
from papillon.results.rows import OF_TARGETS
from papillon.units import UnitsCheck

__all__ = ["Calls", "DatasetInfo", "ModelNames", "ProgramInfo", "RunInfo", "SplitInfo", "Tokens"]


@dataclass(frozen=True)
class DatasetInfo:
    """The data: ``sha256`` over its rows in their canonical form, ``rows`` how many it has, ``split`` how it was split.

    ``sizes`` gives the number of examples in each evaluated part, before any limit or shard.
    """

    name: str
    sha256: str
    rows: Count
    split: str
    sizes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ProgramInfo:
    """The program: a sha256 over what its prompts say, None where it was never loaded, and its file, None without."""

    fingerprint: str | None
    path: str | None


@dataclass(frozen=True)
class ModelNames:
    """The models by role; ``judge`` is ``lexical`` where no model judged."""

    local: str
    untrusted: str
    judge: str


@dataclass(frozen=True)
class Calls:
    """How many calls this run made, replayed, made once more, and how many failed."""

    made: Count
    replayed: Count
    retried: Count
    failed: Count


@dataclass(frozen=True)
class Tokens:
    """Tokens over every distinct recorded call that the rows rest on; ``cached`` are those of ``input`` that
    are read once for all calls that begin alike.
    """

    input: Count
    output: Count
    cached: Count = 0


@dataclass(frozen=True)
class RunInfo:
    """What ran. Times are ISO 8601 in UTC to the second, ``finished`` None while it goes on; ``seconds`` is the wall
    time of the rows' work, ``wall_seconds`` that of the whole run.

    ``judged_by`` has what makes the judge another one (kind, model, prompts), empty where an older file lacks it;
    ``scores`` is the version of the scores' definitions; ``cost_usd`` None where a price is unknown. ``begun`` says
    whether any item asked, so that work began; ``departs`` names the options that changed data, split or judge, so
    that the profile's own baselines and bars do not apply; ``texts`` says in a sentence where texts went; ``targets``
    whether answers were held against targets.
    """

    id: str
    started: str
    seconds: Amount
    finished: str | None
    profile: str
    record: Literal["none", "new", "all"]
    scores: int
    dataset: DatasetInfo
    program: ProgramInfo
    models: ModelNames
    versions: dict[str, str]
    calls: Calls
    tokens: Tokens
    cost_usd: Amount | None
    wall_seconds: Amount = 0.0
    begun: bool = True
    trials: Count = 1
    departs: tuple[str, ...] = ()
    texts: str = ""
    judged_by: dict[str, str] = field(default_factory=dict)
    targets: bool = True

    def scored(self, metrics: Iterable[str]) -> tuple[str, ...]:
        """Those of ``metrics`` that its rows can have: without targets, none that rests on them."""
        return tuple(metric for metric in metrics if self.targets or metric not in OF_TARGETS)


@dataclass(frozen=True)
class SplitInfo:
    """One split of the run: how many examples were ``selected``, and how many ``gates`` the plan has for it.

    ``units`` is the check of the selected examples' units.
    """

    name: str
    selected: Count
    gates: Count
    units: UnitsCheck
