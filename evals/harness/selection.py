"""Selection: what of a plan pytest selected, read from the ids of its items, and what to say where that is nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from evals.harness.marks import selects
from evals.harness.plan import JUDGED, SPLITS, TARGET_CONTROLS, Plan
from papillon.errors import UsageError
from papillon.profile import RegressionSettings
from papillon.spelling import nearest

__all__ = ["Selection", "names_of", "nothing_selected", "refuse_selection"]


class Selection:
    """The ids of what was selected, read from pytest's node ids: examples, gates, controls, questions to the judge."""

    def __init__(self, node_ids: Iterable[str], plan: Plan) -> None:
        self.examples: set[str] = set()
        self.gates: set[str] = set()
        self.controls: set[str] = set()
        self.judged: set[str] = set()
        chosen = {
            "test_example": self.examples,
            "test_gate": self.gates,
            "test_control": self.controls,
            "test_judge": self.judged,
        }
        known = names_of(plan)
        for node_id in node_ids:
            file, _, item = node_id.rpartition("::")
            function, _, rest = item.partition("[")
            # Of a file that was named and lies outside pytest's root, pytest leaves the name out.
            if function in chosen and file.rpartition("/")[2] in ("", f"{function}s.py"):
                name = _name_within(rest.rpartition("]")[0], known[function])
                if name is not None:
                    chosen[function].add(name)

    def __bool__(self) -> bool:
        return bool(self.examples or self.gates or self.controls or self.judged)

    @property
    def splits(self) -> set[str]:
        """The splits that something was selected of."""
        return {name.partition("-")[0] for name in (*self.examples, *self.gates, *self.controls)}


def names_of(plan: Plan) -> dict[str, set[str]]:
    """Every id of a plan by the function whose items have them."""
    return {
        "test_example": {example.id for examples in plan.examples.values() for example in examples},
        "test_gate": {gate.id for gate in plan.gates},
        "test_control": {f"{split}-{name}" for split, name in plan.controls},
        "test_judge": set(JUDGED) if plan.examines_judge else set(),
    }


def _name_within(text: str, known: set[str]) -> str | None:
    """The longest known id in what an item's brackets hold: plugins that repeat items add parts of their own."""
    if text in known:
        return text
    parts = text.split("-")
    for length in range(len(parts) - 1, 0, -1):
        for start in range(len(parts) - length + 1):
            if (name := "-".join(parts[start : start + length])) in known:
                return name
    return None


def nothing_selected(plan: Plan, *, keyword: str, marks: str) -> str:
    """One sentence on a ``-k`` or ``-m`` that matched nothing: what was looked for, and what there is."""
    splits = [split for split in SPLITS if selects(marks, split)]
    if not keyword and (empty := _empty_shard(plan, splits)):
        return empty
    shard = plan.settings.shard
    if not keyword and shard is not None and not splits and not plan.examines_judge and selects(marks, "judges"):
        return (
            f"--eval-shard {shard.index}/{shard.count}: the judge's own test is in shard 1 alone; use -m dev or test."
        )
    known = [name for names in names_of(plan).values() for name in sorted(names)]
    sought = " and ".join(f"{flag} {value!r}" for flag, value in (("-m", marks), ("-k", keyword)) if value)
    if not known or not sought:
        return "Nothing of the evaluation was selected."
    first = plan.settings.limit
    limited = "" if first is None else f" under --eval-limit {first}"
    near = nearest(keyword, known, alike=0.0) if keyword else None
    hint = "" if near is None else f", the nearest is {near}"
    if not plan.settings.profile.targets and any(name in keyword for name in TARGET_CONTROLS):
        hint = f"; with targets = false there are no controls {' and '.join(TARGET_CONTROLS)}"
    return (
        f"No item matches {sought}: {len(known)} ids are there{limited}, such as {known[0]}{hint}; "
        "-m takes dev, test and judges."
    )


def refuse_selection(selection: Selection, plan: Plan) -> None:
    """Raise UsageError, before any call, where a selection and the options do not go together."""
    splits = [split for split in SPLITS if split in selection.splits]
    if not selection.judged and (empty := _empty_shard(plan, splits)):
        raise UsageError(empty)
    if (file := plan.settings.baseline_file) is not None and not plan.settings.accept:
        held = sorted({compared.split for compared in plan.regressions})
        if missing := [split for split in splits if split not in held]:
            raise UsageError(
                f"--eval-baseline {file}: expected accepted scores of {' and '.join(missing)}, but it has those of "
                f"{' and '.join(held)} alone; select what it has with -m, or name another."
            )
    for gate in plan.gates:
        if isinstance(gate.settings, RegressionSettings) and gate.id in selection.gates:
            _refuse_unpaired(gate.split, gate.settings.baseline, selection, plan)


def _refuse_unpaired(split: str, file: Path, selection: Selection, plan: Plan) -> None:
    """Raise UsageError where accepted scores of the same data lack examples: the split is not what it was then."""
    examples = plan.examples.get(split, [])
    own = [example.id for example in examples if example.id in selection.examples] or [each.id for each in examples]
    accepted = {example for example, _ in plan.baselines[file].rows.get(split, ())}
    if lacking := [example for example in own if example not in accepted]:
        raise UsageError(
            f"Baseline {file}: expected accepted scores of all {len(own)} examples of {split}, but "
            f"{len(lacking)} have none (first {lacking[0]}), as where the data were split otherwise; "
            "accept this split's scores with --eval-accept, or name another file with --eval-baseline."
        )


def _empty_shard(plan: Plan, splits: Sequence[str]) -> str:
    """What to say where this run is a shard that holds no row of any of ``splits``, else ``""``."""
    if (shard := plan.settings.shard) is None or not splits or any(plan.examples.get(split) for split in splits):
        return ""
    return (
        f"--eval-shard {shard.index}/{shard.count}: this shard holds no row of {' and '.join(splits)}; "
        "use fewer shards."
    )
