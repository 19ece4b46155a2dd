"""Kept rows: finished rows beside the recorded calls, so that a rerun need not go through the program again.

A kept row is derived: it stands under a hash of everything that it follows from, is used only while every call
that it rests on is still recorded, is never exported, and can be thrown away at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.scheduler import PROGRAM, Job
from papillon.models.ledger import CallCost, Ledger
from papillon.models.providers import identity_of, price_of
from papillon.profile import ROOT, Profile
from papillon.results.rows import Row
from papillon.store import Store

__all__ = ["KeptRows", "Shelf"]

#: The folders whose every file a row follows from.
_ROOMS = (ROOT / "papillon", ROOT / "judges", Path(__file__).resolve().with_name("evaluation"))


@cache
def _sources() -> str:
    """A hash over every file whose change could change a row."""
    files = [path for room in _ROOMS for path in room.rglob("*") if path.suffix in (".py", ".txt")]
    seen = hashlib.sha256()
    for path in sorted(files):
        seen.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return seen.hexdigest()


class RowKeys:
    """The key of each job's row, under one profile."""

    def __init__(self, profile: Profile) -> None:
        judge = profile.judge
        self.prices = {role: price_of(settings) for role, settings in profile.models.items()}
        program = profile.program.read_bytes() if profile.program is not None else b""
        self._base = {
            "sources": _sources(),
            "dspy": version("dspy"),
            "models": {role: identity_of(settings) for role, settings in profile.models.items()},
            "judge": judge.kind,
            "program": hashlib.sha256(program).hexdigest(),
        }

    def of(self, job: Job) -> str:
        """sha256 over all that the job's row follows from; not over its id, split or group."""
        return self._hash({"subject": job.subject, "trial": job.trial, "row": job.example.row.digest})

    @property
    def program(self) -> str:
        """The key under which the program's fingerprint is kept."""
        return self._hash({"fingerprint": PROGRAM})

    def _hash(self, own: Mapping[str, Any]) -> str:
        return hashlib.sha256(json.dumps({**self._base, **own}, sort_keys=True).encode()).hexdigest()


class KeptRows:
    """What is kept for one run's jobs: taken out at its start, put back at its end."""

    def __init__(self, profile: Profile, cache: Path) -> None:
        self.keys, self.shelf = RowKeys(profile), Shelf(cache)
        #: The program's fingerprint where a run has kept it, so that nothing need be imported to know it.
        self.fingerprint: str | None = None
        self._taken: set[str] = set()

    def take(self, jobs: Iterable[Job], store: Store, ledger: Ledger) -> dict[Job, Outcome]:
        """The outcomes of those jobs that are kept whole, their calls counted as replayed."""
        # Identical rows of a data set share a key.
        keys = {job: self.keys.of(job) for job in jobs}
        found = self.shelf.get([self.keys.program, *dict.fromkeys(keys.values())])
        self.fingerprint = found.pop(self.keys.program, None)
        recorded = set(store.keys()) if found else set()
        taken = {}
        for job, key in keys.items():
            data = found.get(key)
            if data is None or not data["calls"].keys() <= recorded:
                continue
            for call, (count, role, given, spent, thought) in data["calls"].items():
                ledger.used[call] = CallCost(role, given, spent, self.keys.prices[role](given, spent), thought)
                ledger.replayed += count
            taken[job] = _from_json(data, job)
            self._taken.add(key)
        return taken

    def put(self, outcomes: Mapping[Job, Outcome], ledger: Ledger, fingerprint: str) -> None:
        """Keep the rows that have a score and rest on recorded calls alone, and the program's fingerprint."""
        new = {
            key: _to_json(outcome, ledger)
            for job, outcome in outcomes.items()
            if outcome.row.status != "infrastructure_error"
            and outcome.on_record
            and (key := self.keys.of(job)) not in self._taken
        }
        if new or self.fingerprint is None:
            self.shelf.put({**new, self.keys.program: fingerprint})


@dataclass(frozen=True)
class Shelf:
    """The file of a cache folder that holds them; what cannot be read is as good as not there."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "rows.db"

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """What is kept under those keys."""
        found: dict[str, Any] = {}
        if not self.path.exists():
            return found
        with contextlib.suppress(sqlite3.Error, ValueError), contextlib.closing(self._connect("ro")) as database:
            for key in keys:
                line = database.execute("SELECT checksum, value FROM kept WHERE key = ?", (key,)).fetchone()
                if line is not None and line[0] == _checksum(key, line[1]):
                    found[key] = json.loads(line[1])
        return found

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep values, all or none."""
        if not values or not self.folder.is_dir():
            return
        lines = [(key, _checksum(key, text), text) for key, value in values.items() if (text := json.dumps(value))]
        with contextlib.suppress(sqlite3.Error), contextlib.closing(self._connect("rwc")) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, checksum TEXT, value TEXT)")
            database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", lines)

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?mode={mode}", uri=True, timeout=5)


def _checksum(key: str, text: str) -> str:
    return hashlib.sha256((key + text).encode()).hexdigest()


def _to_json(outcome: Outcome, ledger: Ledger) -> dict[str, Any]:
    used = {key: (count, *_kept(ledger.used[key])) for key, count in outcome.calls.items()}
    return {"row": outcome.row.to_json(), "calls": used, "closeness": outcome.closeness, "near": outcome.near}


def _kept(cost: CallCost) -> tuple[str, int | None, int | None, bool]:
    return cost.role, cost.input, cost.output, cost.thought


def _from_json(data: dict[str, Any], job: Job) -> Outcome:
    """A kept outcome for this job; the row takes the job's own id, split and group."""
    example = job.example
    row = replace(Row.from_json(data["row"]), id=example.id, split=example.split, group=example.group)
    calls = {key: count for key, (count, *_) in data["calls"].items()}
    return Outcome(row, calls, data["closeness"], data["near"])
