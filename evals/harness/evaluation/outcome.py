"""Outcome: what one sample of one example came to: what was said in it, and the row that follows from that alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from evals.harness.evaluation.examples import Example
from judges.carried import carried
from judges.closeness import closeness
from judges.judge import Leakage, Opinion, Quality
from judges.scores import score
from papillon.models.turn import Use
from papillon.results.rows import Row
from papillon.scripts import script_of

__all__ = [
    "PROGRAM",
    "Fault",
    "Heard",
    "Order",
    "Outcome",
    "Part",
    "empty_answer",
    "format_fault",
    "role_of",
    "row_without_scores",
    "scored",
]

#: The subject of a sample of the program itself; other subjects are controls by name.
PROGRAM = "program"

Order = Literal["answer-first", "target-first"]

#: What a recorded call was for: a role of the program's, or a question to the judge; ``judge`` is one put in vain.
Part = Literal["local", "untrusted", "leakage", "answer-first", "target-first", "judge"]


@dataclass(frozen=True)
class Fault:
    """Why the program gave nothing usable, whether an exception left it, and whether a call of its was refused.

    ``unparsed`` is what a model wrote that was in no format, None where that was not the cause.
    """

    text: str
    raised: bool
    refused: bool = False
    unparsed: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Heard:
    """What was said in one sample: all that its row follows from beside the example.

    ``responses`` are the untrusted model's to each of ``requests``, None where none came; ``answer`` is the program's,
    ``""`` with a ``fault``; ``leakage`` and ``quality`` are the judge's, None where it gave none; ``unusable`` is what
    it wrote last where that came to no answer.
    """

    # What is private stands in no repr: a traceback may show the locals of every frame.
    requests: tuple[str, ...] = field(default=(), repr=False)
    responses: tuple[str | None, ...] = field(default=(), repr=False)
    answer: str = field(default="", repr=False)
    fault: Fault | None = None
    leakage: Leakage | None = None
    quality: Quality | None = None
    unusable: str | None = field(default=None, repr=False)

    def judged(self, leakage: Leakage, quality: Quality | None) -> Heard:
        """The same with what the judge says of it."""
        return replace(self, leakage=leakage, quality=quality)

    @property
    def opinions(self) -> tuple[Opinion, ...]:
        """A judging model's answers, leakage first."""
        return tuple(opinion for said in (self.leakage, self.quality) if said for opinion in said.opinions)

    @property
    def sent(self) -> str:
        """All that the program sent, as one text."""
        return "\n\n".join(self.requests)


@dataclass(frozen=True)
class Outcome:
    """A row, what was heard for it, the recorded calls that it rests on, and what the lexical judge says besides.

    ``uses`` are the calls by what they were for, in an order that does not depend on which came first.
    ``closeness`` of answer and target in 0..1 is there whoever judged, where there is a target; ``near`` counts the
    units that were found by a fuzzy match alone, None where another judge counted them. ``waits`` says that a model's
    server could not be reached, so that a later try may give a score; ``withheld`` that a provider's filter refused the
    judging, so that none will; ``on_record`` that the row follows from recorded calls alone: none was refused or
    failed, be it that the program caught it.
    """

    row: Row
    heard: Heard = Heard()
    uses: tuple[tuple[Part, Use], ...] = ()
    closeness: float | None = None
    near: int | None = None
    waits: bool = False
    withheld: bool = False
    on_record: bool = True

    @property
    def calls(self) -> dict[str, int]:
        """How often each recorded call was used, by key."""
        return dict(Counter(use.record.key for _, use in self.uses))

    @property
    def bare(self) -> Outcome:
        """The same without texts and records: what a run keeps of it in memory."""
        return replace(self, heard=Heard(), uses=())


def role_of(part: Part) -> str:
    """The role that answers what is asked for that part."""
    return part if part in ("local", "untrusted") else "judge"


def empty_answer(textless: str = "") -> Fault:
    """The fault of a program that answered nothing; ``textless`` says which model gave no text."""
    return Fault(f"The program answered empty{textless}.", raised=False)


def format_fault(
    adapter: str, expected: Sequence[str], found: Collection[str], unparsed: str, textless: str = ""
) -> Fault:
    """The fault of an output in which not all ``expected`` fields were ``found``; what it holds instead is private."""
    got = ", ".join(name for name in expected if name in found) or "none of them"
    said = f"{adapter} expected the fields {', '.join(expected)}, got {got}{textless}"
    return Fault(f"A model's output was not in the program's format: {said}.", raised=True, unparsed=unparsed)


def scored(example: Example, trial: int, heard: Heard, seconds: float, **known: Any) -> Outcome:
    """The outcome of what was heard, which holds the judge's answers; ``known`` is what else is known of it."""
    fault, leaked, quality = heard.fault, heard.leakage or Leakage(0), heard.quality or Quality(0)
    scores = score(
        example.row.units,
        heard.sent,
        judge_leaked=leaked.leaked,
        quality=None if example.target is None else quality.score,
        usable=fault is None,
        raised=fault is not None and fault.raised,
    )
    row = _row(
        example,
        trial,
        seconds,
        status="scored" if fault is None else "program_error",
        error=fault.text if fault is not None else None,
        verdict=quality.verdict,
        carried=carried(example.row.redacted_query, heard.sent),
        **vars(scores),
    )
    # The lexical judge's opinion costs nothing, so it stands beside every other judge's.
    close = quality.closeness
    if close is None and example.target is not None:
        close = closeness(heard.answer, example.target)
    return Outcome(row, heard, closeness=close, near=leaked.near, **known)


def row_without_scores(example: Example, trial: int, seconds: float, error: str) -> Row:
    """The row of a sample that a model, the network or the judge failed."""
    return _row(example, trial, seconds, status="infrastructure_error", error=error, **_NO_SCORES)


def _row(example: Example, trial: int, seconds: float, **rest: Any) -> Row:
    return Row(
        id=example.id,
        split=example.split,
        trial=trial,
        group=example.group,
        units=len(example.row.units),
        category=example.row.predicted_category,
        query_chars=len(example.row.user_query),
        script=script_of(example.row.user_query),
        seconds=round(seconds, 3),
        **rest,
    )


_NO_SCORES: dict[str, Any] = dict.fromkeys(
    ("quality", "verdict", "leaked", "judge_leaked", "leakage", "verbatim_leaked", "overall", "tutorial_overall")
)
