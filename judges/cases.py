"""Cases: hand-labelled requests and pairs of replies that a judge is tested on.

They are data for a judge to answer, read from JSON lines and refused where a label contradicts itself.
Holding answers against the labels is left to :mod:`judges.calibration`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from papillon.errors import DataError
from papillon.project import FIXTURES
from papillon.shape import EMPTY, Missing, Unfit, Unknown, check_keys, fit, keys_of
from papillon.spelling import nearest

__all__ = ["LEAN", "PEOPLE", "STANDING", "LeakageCase", "QualityCase", "leakage_cases", "quality_cases"]

#: How a leaked unit is written where it stands in the request.
STANDING = frozenset({"verbatim", "case", "spelling"})
#: The kind of the cases that people's labels of a run's rows make; nobody says how a unit stands in such a request.
PEOPLE = "people"
#: Every way a unit can occur, with the labels that it allows.
HOW = {how: {True} for how in (*STANDING, "paraphrase")} | {
    "partial": {True, False},
    PEOPLE: {True, False},
    "substring": {False},
    "homonym": {False},
    "absent": {False},
}
#: What a label says of the answer beside the target, as the judge's two orders would: J1 - J2.
LEAN = {"better": 1, "tie": 0, "worse": -1}
#: Whom an injected text must favour to speak against the label.
AGAINST = {"worse": "a", "better": "b"}

#: Also a text that is empty is one.
Text = Annotated[str, EMPTY]

CASES = FIXTURES / "calibration"


@dataclass(frozen=True)
class LeakageCase:
    """A request, the units that it should keep back, and which of them it gives away.

    ``leaks`` and ``how`` have one entry per unit. ``orders`` is the count, other than the true one,
    that a text inside the request tells the judge to report; None where there is no such text.
    Raises ValueError where these do not fit together.
    """

    id: Text
    kind: Text
    units: tuple[Text, ...]
    request: Text
    #: Which of True and False a unit may have, its ``how`` says.
    leaks: tuple[Any, ...]
    how: tuple[Text, ...]
    orders: int | None = None

    @property
    def leaked(self) -> int:
        """The true count, 0..len(units)."""
        return sum(self.leaks)

    def __post_init__(self) -> None:
        _fit(self)
        if not len(self.units) == len(self.leaks) == len(self.how):
            raise ValueError(f"{len(self.units)} units with {len(self.leaks)} leaks and {len(self.how)} hows")
        for unit, leak, how in zip(self.units, self.leaks, self.how, strict=True):
            if not unit or unit != unit.strip() or self.units.count(unit) > 1:
                raise ValueError(f"the unit {unit!r}, which is no text, empty, unstripped or there twice")
            if not isinstance(leak, bool) or leak not in HOW.get(how, ()):
                raise ValueError(f"the unit {unit!r} labelled {leak!r} and {how!r}")
        told_wrong = self.orders in range(len(self.units) + 1) and self.orders != self.leaked
        if not (told_wrong if self.kind == "injection" else self.orders is None):
            raise ValueError(f"the kind {self.kind!r} with orders {self.orders!r} at {self.leaked} leaked")


@dataclass(frozen=True)
class QualityCase:
    """Two replies to one query: ``a`` is the program's answer, ``b`` the target.

    ``label`` says what ``a`` is beside ``b``; ``favours`` which of them a text inside the case
    orders the judge to prefer, against the label; None where there is no such text.
    Raises ValueError where these do not fit together.
    """

    id: Text
    kind: Text
    query: Text
    a: Text
    b: Text
    label: Literal["better", "tie", "worse"]
    favours: Literal["a", "b"] | None = None

    def __post_init__(self) -> None:
        _fit(self)
        if self.favours != (AGAINST.get(self.label, "neither") if self.kind == "injection" else None):
            raise ValueError(f"the kind {self.kind!r} with favours {self.favours!r} and label {self.label!r}")


Case = TypeVar("Case", LeakageCase, QualityCase)


def leakage_cases(path: Path | str | None = None) -> tuple[LeakageCase, ...]:
    """The labelled requests of a JSON-lines file, the project's own by default; DataError on a bad line."""
    return _read(Path(path or CASES / "leakage.jsonl"), LeakageCase)


def quality_cases(path: Path | str | None = None) -> tuple[QualityCase, ...]:
    """The labelled pairs of a JSON-lines file, the project's own by default; DataError on a bad line."""
    return _read(Path(path or CASES / "quality.jsonl"), QualityCase)


def _read(path: Path, kind: type[Case]) -> tuple[Case, ...]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"expected calibration cases as JSON lines in {path}, but it cannot be read ({error}): "
            "name a file that is there, in UTF-8"
        ) from error
    cases: dict[str, Case] = {}
    # Not splitlines: a request may hold a line separator of Unicode's.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            case = _case(kind, json.loads(line))
            if case.id in cases:
                raise ValueError(f"the id {case.id!r} a second time")
        except (TypeError, ValueError) as error:
            raise DataError(
                f"expected a labelled case in line {number} of {path}, got {error}: mend the line; "
                "fixtures/calibration/README.md describes the fields"
            ) from error
        cases[case.id] = case
    return tuple(cases.values())


def _case(kind: type[Case], data: Any) -> Case:
    if not isinstance(data, dict):
        raise ValueError(f"{data!r}, which is no object")
    try:
        check_keys(kind, data)
    except (Unknown, Missing) as wrong:
        near = nearest(wrong.key, keys_of(kind)) if isinstance(wrong, Unknown) else None
        meant = "" if near is None else f" ({wrong.key!r} may be meant as {near!r})"
        raise ValueError(f"the fields {sorted(data)}, where {list(keys_of(kind))} belong{meant}") from None
    return kind(**data)


def _fit(case: LeakageCase | QualityCase) -> None:
    """Hold a case to its fields; raises ValueError that says which value stands where another belongs."""
    try:
        fit(case)
    except Unfit as wrong:
        expected = wrong.phrase()
        if expected == "a non-empty string":
            said = f"{wrong.value!r} as {wrong.key!r}, which is no text"
        elif expected.startswith("a list") and not isinstance(wrong.value, (list, tuple)):
            said = "units, leaks and how that are not all lists"
        else:
            said = f"the {wrong.key} {wrong.value!r}, which is not {expected}"
        raise ValueError(said) from None
