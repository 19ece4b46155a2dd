"""RunResult: everything that a run came to, in one value without any text of a row; its JSON is the results file.

Whether a run is clean, how it exits and what every report says are functions of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from papillon.errors import UsageError
from papillon.files import open_plain
from papillon.json_files import read_json
from papillon.reading import Unreadable, read
from papillon.results.controls import ControlResult
from papillon.results.correction import Correction, RowLabel
from papillon.results.gates import Gain, GateResult
from papillon.results.judging import Agreement, JudgeReport
from papillon.results.rows import Row
from papillon.results.run import RunInfo, SplitInfo

__all__ = ["SCHEMA", "RunResult", "read_info", "read_result"]

#: The version of the results file.
SCHEMA = 1
#: How a results file begins, and how much of one surely holds what ran.
_BEGINNING = re.compile(rf'\{{\s*"schema": {SCHEMA},\s*"run": ')
_HEAD = 1 << 16
#: Signs of names that would act on a terminal where the file is shown, or turn text around; they are written escaped.
_ACTING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")


@dataclass(frozen=True)
class RunResult:
    """One run, when it is over or for what is known so far.

    ``rows`` are the program's, split by split in the split's order, then by trial; those of controls are in their
    ``controls`` alone. ``gates`` are in the profile's order, the judge's own last. ``judge`` is its examination, one
    report for each question that was put to it, ``agreement`` how far it agrees with the lexical judge, None where
    that was the judge. ``corrected`` has its figures beside people's labels, ``labels`` these labels, row by row; both
    are empty where none were named. ``remarks`` are sentences on what to know when reading the scores, ``problems``
    what keeps the run from a clean end beside its rows and verdicts.
    """

    run: RunInfo
    rows: tuple[Row, ...]
    gates: tuple[GateResult, ...]
    controls: tuple[ControlResult, ...]
    splits: tuple[SplitInfo, ...] = ()
    gains: tuple[Gain, ...] = ()
    judge: tuple[JudgeReport, ...] = ()
    agreement: Agreement | None = None
    corrected: tuple[Correction, ...] = ()
    labels: tuple[RowLabel, ...] = ()
    remarks: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every selected example and case has its answer, and none is an infrastructure error."""
        wanted = self.run.trials * sum(split.selected for split in self.splits)
        answered = all(row.status != "infrastructure_error" for row in self.rows) and len(self.rows) >= wanted
        return (
            answered
            and not any(control.unscored for control in self.controls)
            and not any(report.failed for report in self.judge)
        )

    @property
    def clean(self) -> bool:
        """Whether it began, is complete, every gate and control that was asked for holds, or is left to a later job,
        and there are no problems."""
        verdicts = {*(gate.verdict for gate in self.gates), *(control.verdict for control in self.controls)}
        return self.run.begun and self.complete and verdicts <= {"pass", "deferred"} and not self.problems

    @property
    def verdict(self) -> Literal["pass", "deferred", "fail", "incomplete", "inconclusive", "not run"]:
        """What it came to in a word; ``pass``, or ``deferred`` where a later job judges, exactly where it is clean."""
        verdicts = {*(gate.verdict for gate in self.gates), *(control.verdict for control in self.controls)}
        if not self.run.begun:
            return "not run"
        if "fail" in verdicts:
            return "fail"
        if self.problems or not self.complete:
            return "incomplete"
        if "inconclusive" in verdicts:
            return "inconclusive"
        return "deferred" if "deferred" in verdicts else "pass"

    @property
    def exit_code(self) -> int:
        """0 for a clean run, else 1, as pytest has them."""
        return 0 if self.clean else 1

    def of(self, split: str) -> list[Row]:
        """The program's rows on a split."""
        return [row for row in self.rows if row.split == split]

    def with_problems(self, *problems: str) -> RunResult:
        """The same with more that keeps it from a clean end."""
        return replace(self, problems=(*self.problems, *problems))

    def to_json(self) -> dict[str, Any]:
        """The results file's object; docs/results.md says what each field is."""
        return {
            "schema": SCHEMA,
            "run": asdict(self.run) | {"departs": list(self.run.departs)},
            "rows": [row.to_json() for row in self.rows],
            "gates": [gate.entry() for gate in self.gates],
            "controls": [control.to_json() for control in self.controls],
            "control_notes": [control.noted() for control in self.controls],
            "splits": [asdict(split) for split in self.splits],
            "gains": [asdict(gain) for gain in self.gains],
            "judge": [report.to_json() for report in self.judge],
            "agreement": None if self.agreement is None else self.agreement.to_json(),
            "corrected": [each.to_json() for each in self.corrected],
            "labels": [asdict(each) for each in self.labels],
            "remarks": list(self.remarks),
            "problems": list(self.problems),
        }

    def to_text(self) -> str:
        """The results file's text."""
        text = json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        text = _ACTING.sub(lambda sign: "\\u007f" if sign[0] == "\x7f" else json.dumps(sign[0])[1:-1], text)
        # Half of a surrogate pair, as in a path that is no UTF-8, can stand in a file as JSON's escape alone.
        return text.encode("utf-8", "backslashreplace").decode()

    @classmethod
    def from_json(cls, data: object, *, source: str = "") -> RunResult:
        """The run of such an object, exactly; ``source`` names its file in the UsageError for anything else."""
        where = f" in {source}" if source else ""
        schema = data.get("schema", SCHEMA) if isinstance(data, dict) else SCHEMA
        if type(schema) is not int or schema != SCHEMA:
            came = schema if type(schema) is int and abs(schema) < 2**63 else "no such number"
            raise UsageError(
                f"Expected a run's results{where} in schema {SCHEMA}, but their schema is {came}; "
                "read them with the version of papillon that wrote them."
            )
        try:
            if isinstance(data, dict) and "schema" not in data:
                raise Unreadable("is not there", ".schema")
            found = read(cls, _with_notes(data))
            for place, row in enumerate(found.rows):
                if lacking := row.lacking(targets=found.run.targets):
                    raise Unreadable(f"is null in a row that is {row.status}", f".rows[{place}].{lacking}")
            return found
        except Unreadable as error:
            raise UsageError(
                f"Expected a run's results{where}, but {error}; write them anew with --eval-results."
            ) from None


def _with_notes(data: Any) -> Any:
    """The object with all that it says of each control in one place."""
    if not isinstance(data, dict) or "control_notes" not in data:
        return data
    controls, notes = data.get("controls"), data["control_notes"]
    if not isinstance(controls, list) or not isinstance(notes, list) or len(controls) != len(notes):
        raise Unreadable("is no list beside that of the controls", ".control_notes")
    pairs = []
    for control, note in zip(controls, notes, strict=True):
        if (
            not isinstance(control, dict)
            or not isinstance(note, dict)
            or any(note.get(name) != control.get(name) for name in ("name", "split"))
        ):
            raise Unreadable("names other controls", ".control_notes")
        pairs.append(note | control)
    return {**data, "controls": pairs}


def read_result(path: Path, splits: Collection[str] | None = None) -> RunResult:
    """The run in a results file, or what it has of some ``splits``; UsageError, naming it, where it cannot be read."""
    try:
        data = read_json(path, links=False)
    except OSError as error:
        why = error.strerror or type(error).__name__
    except ValueError as error:
        why = str(error)
    else:
        return RunResult.from_json(data if splits is None else _of(splits, data), source=str(path))
    raise UsageError(f"Expected a run's results in {path}, but {why}; write them with --eval-results.")


def _of(splits: Collection[str], data: Any) -> Any:
    """The object without the rows of other splits, which would take their time to be read, and without those splits."""
    try:
        rows = [row for row in data["rows"] if row["split"] in splits]
        kept = {row["id"] for row in rows}
        return {
            **data,
            "rows": rows,
            "splits": [each for each in data.get("splits", ()) if each["name"] in splits],
            "corrected": [each for each in data.get("corrected", ()) if each["split"] in splits],
            "labels": [each for each in data.get("labels", ()) if each["id"] in kept],
        }
    except (TypeError, KeyError, AttributeError):
        return data  # what is wrong with it is said of the whole


def read_info(path: Path) -> RunInfo:
    """What ran, of the run in a results file, without reading its rows where the file is as it was written; UsageError
    where it cannot be read."""
    try:
        with open_plain(path) as file:
            head = file.read(_HEAD).decode(errors="ignore")
        begins = _BEGINNING.match(head)
        if begins is not None:
            return read(RunInfo, json.JSONDecoder(parse_constant=_refuse_constant).raw_decode(head, begins.end())[0])
    except (OSError, ValueError, RecursionError):
        pass  # the whole is read, and says what is wrong with it
    return read_result(path).run


def _refuse_constant(name: str) -> float:
    raise ValueError(name)
