"""Baseline: the scores that a project accepted, as a file to review, commit and compare later runs with.

It holds what the scores were computed from, so that a comparison with something else is refused. Comparing
itself is for ``gates``.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from judges.scores import SCORES, SCORES_CHANGED
from papillon.errors import UsageError
from papillon.reading import read
from papillon.results.ranges import Count, Share
from papillon.results.rows import METRICS, SPARSE, Row

__all__ = ["SCHEMA", "Baseline", "accept", "differing", "refuse_mismatch"]

SCHEMA = 1

#: A row's score in each of METRICS, each in 0..1; one of SPARSE may be lacking.
Scores = Mapping[str, float]


@dataclass(frozen=True)
class Baseline:
    """Accepted scores, ``rows[split][id, trial][metric]``, and what they rest on.

    ``dataset`` has the keys name, sha256 and split (how it was split); ``judge`` whatever makes a judge
    another one; ``models`` and ``versions`` are kept for the reader; ``program`` is its fingerprint. ``earlier`` has
    these three for each split that was accepted before, where they were others.
    """

    dataset: Mapping[str, str]
    judge: Mapping[str, Any]
    models: Mapping[str, Any]
    program: str
    versions: Mapping[str, str]
    rows: Mapping[str, Mapping[tuple[str, int], Scores]]
    earlier: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def _origin(self) -> dict[str, Any]:
        return {"models": dict(self.models), "program": self.program, "versions": dict(self.versions)}

    def beside(self, before: Baseline | None) -> Baseline:
        """The same with the splits that ``before`` has and this has not; both are of the same data and judge."""
        if before is None:
            return self
        rest = {split: rows for split, rows in before.rows.items() if split not in self.rows}
        origins = {split: before.earlier.get(split, before._origin) for split in rest}
        earlier = {split: origin for split, origin in origins.items() if origin != self._origin}
        return replace(self, rows={**rest, **self.rows}, earlier=earlier)

    def scores(self, split: str, metric: str) -> dict[str, float]:
        """Each example's accepted score in ``metric``, the mean over its trials; empty for an unknown split.

        An example without a value in one of SPARSE is left out, and so is each of a file that was written before the
        metric was known.
        """
        samples: dict[str, list[float]] = {}
        for (example, _), scores in self.rows.get(split, {}).items():
            if metric in scores:
                samples.setdefault(example, []).append(scores[metric])
        return {example: math.fsum(values) / len(values) for example, values in samples.items()}

    def to_json(self) -> dict[str, Any]:
        """The file's object: rows sorted by id and trial, whole scores as whole numbers, a checksum over it all."""
        data: dict[str, Any] = {
            "schema": SCHEMA,
            "dataset": dict(sorted(self.dataset.items())),
            "judge": dict(sorted(self.judge.items())),
            "scores": SCORES,
            "models": dict(sorted(self.models.items())),
            "program": self.program,
            "versions": dict(sorted(self.versions.items())),
            "rows": {
                split: [
                    {"id": example, "trial": trial}
                    | {metric: _short(scores[metric]) for metric in METRICS if metric in scores}
                    for (example, trial), scores in sorted(rows.items())
                ]
                for split, rows in sorted(self.rows.items())
            },
        }
        if self.earlier:
            data["earlier"] = {split: dict(sorted(origin.items())) for split, origin in sorted(self.earlier.items())}
        return data | {"checksum": _checksum(data)}

    @classmethod
    def from_json(cls, data: Any) -> Baseline:
        """The other way; ValueError for what is no baseline, was altered, or has other scores' version."""
        if not isinstance(data, dict):
            raise ValueError("it holds no JSON object")
        for name in ("schema", "checksum"):
            if name not in data:
                raise ValueError(f"it has no {name!r}")
        if type(data["schema"]) is not int or data["schema"] != SCHEMA:
            raise ValueError(f"its schema is {data['schema']!r:.40}, and {SCHEMA} is what this version reads")
        body = {key: value for key, value in data.items() if key != "checksum"}
        if data["checksum"] != _checksum(body):
            raise ValueError("its checksum is wrong: it was altered after it was written")
        if type(scores := data.get("scores", 1)) is not int or scores != SCORES:
            raise ValueError(
                f"it holds version {scores!r:.40} of the scores, and this is version {SCORES} ({SCORES_CHANGED})"
            )
        held = read(_File, data)
        for split, rows in held.rows.items():
            if len({(row.id, row.trial) for row in rows}) < len(rows):
                raise ValueError(f"it holds a row of {split!r:.40} twice")
        scores_of = {split: {(row.id, row.trial): row.scores for row in rows} for split, rows in held.rows.items()}
        earlier = {split: asdict(origin) for split, origin in held.earlier.items()}
        return cls(asdict(held.dataset), held.judge, held.models, held.program, held.versions, scores_of, earlier)


@dataclass(frozen=True)
class _Row:
    """A row of the file."""

    id: str
    trial: Count
    leakage: Share
    verbatim_leakage: Share
    errors: Share
    quality: Share | None = None
    overall: Share | None = None
    joint: Share | None = None
    carried: Share | None = None

    @property
    def scores(self) -> Scores:
        return {metric: score for metric in METRICS if (score := getattr(self, metric)) is not None}


@dataclass(frozen=True)
class _Data:
    """What the file says of its data."""

    name: str
    sha256: str
    split: str


@dataclass(frozen=True)
class _Origin:
    """What rows that were accepted before came from."""

    models: dict[str, str]
    program: str
    versions: dict[str, str]


@dataclass(frozen=True)
class _File:
    """The file's form."""

    dataset: _Data
    judge: dict[str, str]
    models: dict[str, str]
    program: str
    versions: dict[str, str]
    rows: dict[str, tuple[_Row, ...]]
    earlier: dict[str, _Origin] = field(default_factory=dict)


def accept(
    rows: Iterable[Row],
    *,
    dataset: Mapping[str, str],
    judge: Mapping[str, Any],
    models: Mapping[str, Any],
    program: str,
    versions: Mapping[str, str],
) -> Baseline:
    """A baseline of a run's rows; UsageError when there are none or one has no score."""
    accepted: dict[str, dict[tuple[str, int], Scores]] = {}
    for row in rows:
        scores = {metric: score for metric in METRICS if (score := row.score(metric)) is not None}
        if not scores.keys() >= set(METRICS) - set(SPARSE):
            raise UsageError(
                f"--eval-accept: expected a score for every row, but {row.id} has none ({row.error or row.status}); "
                "run with --eval-record new until all are there."
            )
        accepted.setdefault(row.split, {})[row.id, row.trial] = scores
    if not accepted:
        raise UsageError("--eval-accept: expected rows to accept, but this run has none; select a split with -m.")
    return Baseline(dataset, judge, models, program, versions, accepted)


def refuse_mismatch(baseline: Baseline, *, dataset: Mapping[str, str], judge: Mapping[str, Any], name: str) -> None:
    """UsageError when the baseline called ``name`` was not computed from this data, so split, by this judge.

    Data are the same when their hashes are, whatever they are called.
    """
    if said := differing(baseline, dataset, judge):
        raise UsageError(
            f"Baseline {name} belongs to {said}; "
            "name another with --eval-baseline, or accept this run's scores with --eval-accept."
        )


def differing(baseline: Baseline, dataset: Mapping[str, str], judge: Mapping[str, Any]) -> str:
    """What of data, split and judge is not the baseline's, in words; ``""`` where all is."""
    for what, key in (("data set", "sha256"), ("split", "split")):
        if baseline.dataset[key] != dataset[key]:
            shown = "name" if baseline.dataset["name"] != dataset["name"] and key == "sha256" else key
            return f"{what} {baseline.dataset[shown]}, but this run has {dataset[shown]}"
    if dict(baseline.judge) != dict(judge):
        return f"judge {_described(baseline.judge)}, but this run has {_described(judge)}"
    return ""


def _described(judge: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in sorted(judge.items()))


def _short(score: float) -> float | int:
    return int(score) if score == int(score) else score


def _checksum(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
