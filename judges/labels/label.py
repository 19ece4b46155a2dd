"""Label: what one person says of one row, as a line of a label file, without a text of the row.

It says of which row and of which texts by their keyed hashes, who said it and when, how the row was drawn, and what.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from judges.labels.hashing import Hashes, seal
from papillon.reading import Unreadable, read

__all__ = ["Drawn", "Label", "QualityLabel"]

#: The program's answer beside the target.
QualityLabel = Literal["better", "tie", "worse", "cannot tell"]


@dataclass(frozen=True)
class Drawn:
    """How the row was drawn: at ``random`` by a ``seed``, or by ``hand``, which never enters an estimate.

    ``place`` counts from 1 along the random order of the row's split, ``until`` is the number of draws that was fixed
    before the first answer, ``weight`` how many scored rows of the run the row stood for, itself among them.
    """

    how: Literal["random", "hand"]
    seed: int = 0
    place: int = 0
    until: int = 0
    weight: int = 1


@dataclass(frozen=True)
class Label:
    """One person's answers about one row. The last line of a person about a row and its texts is what holds.

    ``data`` begins the data's sha256, ``by`` is a name or None, ``at`` the time, ISO 8601 in UTC. ``answer_stood`` says
    at which of the two places the program's answer was shown; ``quality`` is None where the row has no target to lay
    beside it. ``leakage`` has one flag a unit of the row, in its order,
    True where the requests give it away, and is None where the person cannot tell. A line with ``undone`` takes the
    person's last answers back.
    """

    id: str
    trial: int
    data: str
    hashes: Hashes
    by: str | None
    at: str
    drawn: Drawn
    answer_stood: Literal["A", "B"]
    quality: QualityLabel | None
    leakage: tuple[bool, ...] | None
    undone: bool = field(default=False, kw_only=True)

    @property
    def row(self) -> tuple[str, int]:
        """The row's id and trial."""
        return self.id, self.trial

    @property
    def good(self) -> bool | None:
        """Whether the answer is at least as good as the target, as a row's quality has it; None where nobody says."""
        return None if self.quality in (None, "cannot tell") else self.quality != "worse"

    @property
    def leaked(self) -> float | None:
        """The share of the units that the requests give away, 0 where there are none; None for cannot tell."""
        if self.leakage is None:
            return None
        return sum(self.leakage) / len(self.leakage) if self.leakage else 0.0

    def to_line(self, key: bytes) -> bytes:
        """One line of the file, its end included, sealed with the key."""
        data = asdict(self)
        return json.dumps(data | {"seal": seal(key, data)}, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes, key: bytes) -> Label:
        """The label of one line; raises Unreadable, which quotes nothing of it, also where its seal is not its own."""
        try:
            data: Any = json.loads(line)
        except (ValueError, RecursionError):
            raise Unreadable("is no JSON", "the line") from None
        label = read(cls, data)
        if "seal" not in data:
            raise Unreadable("is not there, so papillon label did not write the line", "seal")
        if data.pop("seal") != seal(key, data):
            raise Unreadable("does not fit the rest of the line, which was edited", ".seal")
        return label
