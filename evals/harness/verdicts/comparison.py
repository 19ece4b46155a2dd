"""Comparison: two runs in, what changed between them out, example by example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from evals.harness.verdicts.changes import change_of, together
from evals.harness.verdicts.corrected_changes import corrected_changes
from evals.harness.verdicts.pairs import mean_by_example, trials_by_example
from evals.harness.verdicts.slices import slice_changes
from papillon.results import Row, RunInfo, RunResult
from papillon.results.comparison import FLIPPING, Comparison, Differing, Flipped, SplitComparison, incomparable
from papillon.results.rows import METRICS

__all__ = ["compare"]

#: Those in which an example flips; the others change with every word that is sent.


def compare(before: RunResult, after: RunResult, *, sliced: bool = True) -> Comparison:
    """What changed from one run to another, in slices too unless ``sliced`` is False; only why not, and what differs,
    where they cannot be compared.

    An example's score is the mean over its trials. Examples are paired by id, in the order of ``after``.
    """
    names = list(dict.fromkeys(row.split for run in (before, after) for row in run.rows))
    refused, splits = incomparable(before.run, after.run), tuple[SplitComparison, ...]()
    if not refused:
        said = [
            {(label.id, label.trial): {"quality": label.quality, "leakage": label.leakage} for label in run.labels}
            for run in (before, after)
        ]
        splits = tuple(
            replace(
                _split(name, before.of(name), after.of(name), sliced),
                corrected=corrected_changes((before.of(name), said[0]), (after.of(name), said[1])),
            )
            for name in sorted(names)
        )
        if not any(split.shared for split in splits):
            refused = "they share no example"
    unchanged = not refused and _lasting(before.rows) == _lasting(after.rows)
    return Comparison(before.run.id, after.run.id, refused, _differing(before.run, after.run), splits, unchanged)


def _split(split: str, before: Sequence[Row], after: Sequence[Row], sliced: bool) -> SplitComparison:
    old, new = ({row.id for row in rows} for rows in (before, after))
    sides = [{m: mean_by_example(trials_by_example(rows, m)) for m in METRICS} for rows in (before, after)]
    group = {row.id: row.group for row in after}
    family = sum(_differs(sides[0][metric], sides[1][metric]) for metric in METRICS)
    found = (change_of(m, sides[0][m], sides[1][m], group, of=max(1, family)) for m in METRICS)
    changes = [change for change in found if change is not None]
    slices, looked, by_chance = slice_changes(before, after) if sliced else ((), 0, 0.0)
    return SplitComparison(
        split,
        shared=len(old & new),
        before_only=len(old - new),
        after_only=len(new - old),
        unscored=len(old & new) - len(sides[0]["errors"].keys() & sides[1]["errors"].keys()),
        changes=together(changes),
        flipped=_flipped(*sides),
        slices=slices,
        looked=looked,
        by_chance=by_chance,
    )


def _differs(before: dict[str, float], after: dict[str, float]) -> bool:
    return any(before[example] != after[example] for example in before.keys() & after.keys())


def _flipped(before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]) -> tuple[Flipped, ...]:
    """The examples that flipped: the largest loss of overall first, then of quality, then the largest new leakage."""
    found = []
    for example in after["errors"].keys() & before["errors"].keys():
        old, new = ({m: of[m][example] for m in METRICS if example in of[m]} for of in (before, after))
        if any(old[metric] != new[metric] for metric in FLIPPING if metric in old and metric in new):
            found.append(Flipped(example, old, new))
    return tuple(sorted(found, key=_worsening))


def _worsening(flip: Flipped) -> tuple[float, float, float, str]:
    overall, quality, leakage = (
        flip.after[m] - flip.before[m] if m in flip.before and m in flip.after else 0.0
        for m in ("overall", "quality", "leakage")
    )
    return overall, quality, -leakage, flip.id


def _differing(before: RunInfo, after: RunInfo) -> tuple[Differing, ...]:
    """What differs of profile, program, models, trials and versions."""
    sides = []
    for run in (before, after):
        said = {
            "targets": "yes" if run.targets else "no",
            "profile": run.profile,
            "program": (run.program.fingerprint or "")[:12],
            "trials": str(run.trials),
        }
        said |= {"program's file": run.program.path or ""} | {
            f"{role} model": m for role, m in asdict(run.models).items()
        }
        sides.append(said | {f"version of {name}": number for name, number in run.versions.items()})
    old, new = sides
    names = dict.fromkeys((*old, *new))
    return tuple(Differing(n, old.get(n, ""), new.get(n, "")) for n in names if old.get(n) != new.get(n))


def _lasting(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [{name: value for name, value in vars(row).items() if name != "seconds"} for row in rows]
