"""History: what comparable runs came to one after the other, with intervals; which runs those are, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from evals.harness.verdicts.scores import scores_of
from papillon.results import Measure, RunResult
from papillon.results.comparison import incomparable, selected
from papillon.results.history import Bound, Entry, History, Strand

__all__ = ["scores_over_time"]


def scores_over_time(runs: Sequence[RunResult], metrics: Sequence[str], *, partial: bool = False) -> History:
    """The history of ``runs``, the oldest first, in ``metrics`` (of METRICS, or ``gain``).

    Runs belong together where data, split, judge and profile are the same. One that saw a part of its splits, or did
    not come to all of its scores, is left out unless ``partial`` ones are asked for; one without rows always is.
    """
    together: list[list[RunResult]] = []
    left_out: dict[str, str] = {}
    for run in runs:
        if (why := selected(run)) and not (partial and run.rows):
            left_out[run.run.id] = why
            continue
        own = next((others for others in together if _alike(others[-1], run)), None)
        if own is None:
            together.append(own := [])
        own.append(run)
    together.sort(key=lambda own: (own[-1].run.started, own[-1].run.id))
    strands = tuple(strand for own in together for strand in _strands(own, metrics))
    return History(tuple(metrics), strands, left_out)


def _alike(one: RunResult, other: RunResult) -> bool:
    return one.run.profile == other.run.profile and not incomparable(one.run, other.run)


def _strands(runs: Sequence[RunResult], metrics: Sequence[str]) -> list[Strand]:
    strands = []
    for split in ("dev", "test"):
        own = [run for run in runs if any(row.split == split for row in run.rows)]
        if not own:
            continue
        newest = own[-1].run
        bounds, baselines = _asked(own, split, metrics)
        entries = tuple(_entry(run, split, metrics) for run in own)
        strands.append(
            Strand(
                profile=newest.profile,
                data=newest.dataset.name,
                way=newest.dataset.split,
                judge=newest.models.judge,
                split=split,
                whole=newest.dataset.sizes.get(split, entries[-1].seen),
                entries=entries,
                bounds=bounds,
                baselines=baselines,
            )
        )
    return strands


def _asked(runs: Sequence[RunResult], split: str, metrics: Sequence[str]) -> tuple[tuple[Bound, ...], dict[str, float]]:
    """The bounds of the newest run that has any, and the accepted means of the newest that was compared with some."""
    bounds: tuple[Bound, ...] = ()
    baselines: dict[str, float] = {}
    for run in reversed(runs):
        gates = [gate for gate in run.gates if gate.split == split and gate.metric in metrics]
        bounds = bounds or tuple(Bound(gate.metric, gate.min, gate.max) for gate in gates if gate.kind == "threshold")
        baselines = baselines or {gate.metric: gate.before for gate in gates if gate.before is not None}
    return bounds, baselines


def _entry(run: RunResult, split: str, metrics: Sequence[str]) -> Entry:
    return Entry(
        run=run.run.id,
        started=run.run.started,
        seen=len({row.id for row in run.of(split)}),
        scores={metric: _score(run, split, metric) for metric in metrics},
        verdicts=dict(Counter(gate.verdict for gate in run.gates if gate.split == split)),
    )


def _score(run: RunResult, split: str, metric: str) -> Measure:
    """A run's mean in one metric: by its own gate or gain where it has one, else anew from its rows."""
    known = [*run.gains] if metric == "gain" else [g for g in run.gates if (g.kind, g.metric) == ("threshold", metric)]
    for own in known:
        if own.split == split and own.value is not None:
            return Measure(own.value, own.low, own.high, own.n)
    if metric != "gain":
        with suppress(ValueError):  # figures that cannot be true: who knows who wrote the file
            return scores_of(run.of(split), [metric]).get(metric, Measure(None))
    return Measure(None)
