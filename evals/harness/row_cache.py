"""The row cache: rows that earlier runs finished, read again from the recorded calls, with no model and no DSPy.

It keeps which calls each row rests on, under a hash of everything that the row follows from. A row is taken only where
the records of these calls are there, sound, and give it again; whatever does not is dropped and made anew.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from evals.harness.evaluation.outcome import PROGRAM, Outcome, Part, role_of
from evals.harness.evaluation.rereading import Rereader
from evals.harness.evaluation.scheduler import Job
from papillon.models.fields import said_in
from papillon.models.ledger import CallCost, Ledger
from papillon.models.providers import identity_of, price_of
from papillon.models.thinking import split_thinking
from papillon.profile import Profile
from papillon.project import PACKAGES
from papillon.store import FinishedRows, Named, Store
from papillon.store.finished import FINGERPRINT

__all__ = ["RowCache"]

#: The folders whose every file a row follows from.
_ROOMS = (PACKAGES / "papillon", PACKAGES / "judges", Path(__file__).resolve().with_name("evaluation"))
#: How many jobs' records are in memory at once.
_BATCH = 50


@cache
def _sources() -> str:
    """A hash over every file whose change could change a row."""
    files = [path for room in _ROOMS for path in room.rglob("*") if path.suffix in (".py", ".txt")]
    seen = hashlib.sha256()
    for path in sorted(files):
        seen.update(path.relative_to(PACKAGES).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return seen.hexdigest()


class RowKeys:
    """The key of each job's row, under one profile."""

    def __init__(self, profile: Profile) -> None:
        self.identities = {role: identity_of(settings) for role, settings in profile.models.items()}
        program = profile.program.read_bytes() if profile.program is not None else b""
        self._base = {
            "sources": _sources(),
            "python": platform.python_version(),
            "dspy": version("dspy"),
            "models": self.identities,
            "judge": profile.judge.kind,
            "program": hashlib.sha256(program).hexdigest(),
        }
        if profile.program_class is not None:
            self._base["class"] = profile.program_class.fingerprint

    def of(self, job: Job) -> str:
        """sha256 over all that the job's row follows from; not over its id, split or group."""
        return self._hash({"subject": job.subject, "trial": job.trial, "row": job.example.row.digest})

    @property
    def program(self) -> str:
        """The key under which the program's fingerprint is kept."""
        return self._hash({"fingerprint": PROGRAM})

    def _hash(self, own: Mapping[str, Any]) -> str:
        return hashlib.sha256(json.dumps({**self._base, **own}, sort_keys=True).encode()).hexdigest()


class RowCache:
    """What is known of one run's jobs: taken out at its start, put back at its end."""

    def __init__(self, profile: Profile, folder: Path) -> None:
        self.keys, self.file = RowKeys(profile), FinishedRows(folder)
        self.rereader = Rereader(profile, self.keys.identities)
        self.prices = {role: price_of(settings) for role, settings in profile.models.items()}
        #: The program's fingerprint where a run has kept it, so that nothing need be imported to know it.
        self.fingerprint: str | None = None
        self._taken: set[str] = set()
        self._new: dict[str, Named] = {}

    def take(
        self, jobs: Iterable[Job], store: Store, ledger: Ledger, heard: Callable[[Job, Outcome], None]
    ) -> dict[Job, Outcome]:
        """The bare outcomes of those jobs whose rows their records give, each whole one ``heard`` on the way.

        Their calls are counted as replayed.
        """
        # Identical rows of a data set share a key.
        keys = {job: self.keys.of(job) for job in jobs}
        found = self.file.get([self.keys.program, *dict.fromkeys(keys.values())])
        for part, value in found.pop(self.keys.program, ()):
            if part == FINGERPRINT:
                self.fingerprint = value
        taken = {}
        known = [job for job, key in keys.items() if key in found]
        for start in range(0, len(known), _BATCH):
            batch = known[start : start + _BATCH]
            records = store.sound(dict.fromkeys(call for job in batch for _, call in found[keys[job]]))
            for job in batch:
                named = cast("tuple[tuple[Part, str], ...]", found[keys[job]])
                outcome = self.rereader.outcome(job.subject, job.example, job.trial, named, records)
                if outcome is None:
                    continue
                self._count(outcome, ledger)
                heard(job, outcome)
                taken[job] = outcome.bare
                self._taken.add(keys[job])
        return taken

    def _count(self, outcome: Outcome, ledger: Ledger) -> None:
        for part, use in outcome.uses:
            role, usage = role_of(part), use.record.usage
            cost = self.prices[role](usage.input, usage.output)
            thought = said_in(use.record) != use.record.answer.text and bool(split_thinking(use.record.answer.text)[0])
            ledger.used[use.record.key] = CallCost(role, usage, cost, thought)
            ledger.replayed += 1

    def note(self, job: Job, outcome: Outcome) -> None:
        """Remember a finished sample for the end, where its records alone give it again."""
        if outcome.row.status == "infrastructure_error" or not outcome.on_record:
            return
        again = self.rereader.heard(job.subject, job.example, job.trial, outcome.uses)
        if again is not None and (again, again.opinions) == (outcome.heard, outcome.heard.opinions):
            self._new[self.keys.of(job)] = tuple((part, use.record.key) for part, use in outcome.uses)

    def put(self, fingerprint: str) -> None:
        """Keep what was noted, and the program's fingerprint, and say which of the rows there were used."""
        new = {key: calls for key, calls in self._new.items() if key not in self._taken}
        if new or self.fingerprint is None:
            new[self.keys.program] = ((FINGERPRINT, fingerprint),)
        self.file.put(new, {*self._taken, self.keys.program})
