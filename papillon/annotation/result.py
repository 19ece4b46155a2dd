"""Result: the reviewed queries as a data set in PUPA's columns, and beside it how it was made, without a row's text."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import papillon
from papillon.annotation.review import Reviewed
from papillon.columns import COLUMNS
from papillon.data import load
from papillon.files import write_whole
from papillon.leaks import redact

__all__ = ["Making", "cells", "sidecar_of", "write_result"]

#: The version of the sidecar.
SCHEMA = 1


@dataclass(frozen=True)
class Making:
    """How a data set is made: the name of the ``source`` file, its ``sha256`` and number of ``queries``, who was asked
    to propose (``origins``), phone numbers of which ``regions``, the ``model`` that proposed, how many units that it
    named were ``unusable`` and how many of its answers ``unparsed``, and which model wrote ``targets``; "" for none."""

    source: str
    sha256: str
    queries: int
    origins: tuple[str, ...]
    regions: tuple[str, ...] = ()
    model: str = ""
    unusable: int = 0
    unparsed: int = 0
    targets: str = ""
    calls: Mapping[str, int] = field(default_factory=dict)


def sidecar_of(out: Path) -> Path:
    """Where it stands how a data set was made."""
    return out.with_name(f"{out.stem}.annotation.json")


def cells(row: Reviewed, target: str) -> tuple[str, ...]:
    """A row of the data set, in the order of its columns."""
    query, units = row.query, row.units
    redacted = redact(units, query.text) if units else query.text
    return query.conversation_hash, query.category, query.text, target, "||".join(units), redacted


def write_result(out: Path, rows: Sequence[Reviewed], targets: Sequence[str], making: Making, by: Sequence[str]) -> int:
    """Write the finished ``rows`` with a target each (``""`` for none) and the sidecar; how many have a target.

    Raises UsageError, naming the file, where it cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")  # with \n alone it puts no quotes around a lone \r
    writer.writerow(COLUMNS)
    for row, target in zip(rows, targets, strict=True):
        writer.writerow(cells(row, target))
    write_whole(out, text.getvalue(), private=True)
    made = _made(out, rows, targets, making, by)
    write_whole(sidecar_of(out), json.dumps(made, indent=1, ensure_ascii=False) + "\n", private=True)
    return sum(bool(target.strip()) for target in targets)


def _made(
    out: Path, rows: Sequence[Reviewed], targets: Sequence[str], making: Making, by: Sequence[str]
) -> dict[str, Any]:
    proposed, accepted = Counter[str](), Counter[str]()
    added = written = 0
    for row in rows:
        places = {(each.start, each.end) for each in row.proposals}
        for each in row.proposals:
            taken = row.decided.get((each.start, each.end, None)) == "accept"
            for name in (*(f"by {origin}" for origin in each.origins), *([each.kind] if each.kind else [])):
                proposed[name] += 1
                accepted[name] += taken
        own = [about for about, what in row.decided.items() if what == "accept"]
        added += sum(text is None and (start, end) not in places for start, end, text in own)
        written += sum(text is not None for _, _, text in own)
    data = load(out, targets=False)
    return {
        "schema": SCHEMA,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "papillon": papillon.__version__,
        "source": {"name": making.source, "sha256": making.sha256},
        "queries": making.queries,
        "rows": len(rows),
        "sha256": data.sha256,
        "without_units": data.without_units,
        "proposals": {
            "origins": list(making.origins),
            "regions": list(making.regions),
            "model": making.model or None,
            "calls": dict(making.calls),
            "unusable_units": making.unusable,
            "unparsed_answers": making.unparsed,
            "proposed": dict(sorted(proposed.items())),
            "accepted": dict(sorted(accepted.items())),
        },
        "review": {"by": sorted({name for name in by if name}), "added": added, "written_by_hand": written},
        "targets": {"model": making.targets or None, "rows": sum(bool(target.strip()) for target in targets)},
    }
