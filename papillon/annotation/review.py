"""Review: what a person decided about proposed units, and what of it counts; pure, whatever shows the questions.

A decision is never changed: a later one on the same unit takes its place, so that an undo is one more decision.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from typing import Literal

from papillon.annotation.proposals import Proposal, joinable, place_of_unit, together
from papillon.annotation.queries import Query
from papillon.errors import UsageError
from papillon.leaks import fold
from papillon.screen import shown

__all__ = ["Decision", "Keep", "Review", "Reviewed"]

What = Literal["accept", "reject", "open", "finish", "reopen"]


@dataclass(frozen=True)
class Decision:
    """One answer about the queries whose text has this ``digest``; at ``place`` one stood when it was given.

    ``accept``, ``reject`` and ``open`` (undecided again) are about the unit from ``start`` to ``end``, or about a
    ``text`` of the person's own that stands nowhere in the query; ``finish`` and ``reopen`` about the whole query.
    """

    place: int
    digest: str
    what: What
    start: int | None = None
    end: int | None = None
    text: str | None = field(default=None, repr=False)
    by: str = ""
    when: str = ""

    @property
    def about(self) -> tuple[int | None, int | None, str | None]:
        """Which unit it is about, None three times for the query."""
        return self.start, self.end, self.text


#: Writes decisions, and gives them back as they were written.
Keep = Callable[[Sequence[Decision]], list[Decision]]


@dataclass(frozen=True)
class Reviewed:
    """One query with its ``proposals`` and what was decided so far, by unit, in the order of the decisions."""

    query: Query
    proposals: tuple[Proposal, ...]
    decided: Mapping[tuple[int | None, int | None, str | None], What] = field(default_factory=dict, repr=False)
    finished: bool = False

    @property
    def open(self) -> tuple[Proposal, ...]:
        """The proposals that wait for an answer, in the query's order."""
        return tuple(each for each in self.proposals if self.decided.get((each.start, each.end, None)) is None)

    @property
    def units(self) -> tuple[str, ...]:
        """The accepted units: those that stand in the query in its order, then those that a person wrote; each once."""
        accepted = [about for about, what in self.decided.items() if what == "accept"]
        standing = sorted((start, end) for start, end, _ in accepted if start is not None and end is not None)
        texts = [self.query.text[start:end].strip() for start, end in standing]
        texts += [text for _, _, text in accepted if text is not None]
        return tuple({fold(text): text for text in reversed(texts)}.values())[::-1]

    def answered(self, proposal: Proposal, accepted: bool) -> Decision:
        """The decision on a proposal."""
        return self._decision("accept" if accepted else "reject", proposal.start, proposal.end)

    def added(self, text: str) -> Decision:
        """The decision for a unit that a person names: by its first place in the query, also as that is shown, with
        escapes, else by its text.

        Raises UsageError for one that could not be joined with others.
        """
        bare = text.strip()
        if not bare:
            raise UsageError("Expected a unit, got nothing; write what is private.")
        if not joinable(bare):
            raise UsageError("Expected a unit without || in it and | at its edges, as || joins units; write it apart.")
        at = place_of_unit(bare, self.query.text)
        if at is None and (behind := _behind(bare, self.query.text)):
            return self.added(behind)
        return self._decision("accept", text=bare) if at is None else self._decision("accept", *at)

    def marked(self, start: int, end: int) -> Decision:
        """The decision for a unit that a person marked in the query; UsageError where that is no unit."""
        if not (0 <= start < end <= len(self.query.text)) or not joinable(self.query.text[start:end].strip()):
            raise UsageError("Expected a marked piece of the query without ||, got none; mark one.")
        return self._decision("accept", start, end)

    def reopened(self, about: tuple[int | None, int | None, str | None]) -> Decision:
        """The decision that takes back the one about that unit, or that the query is finished."""
        return self._decision("reopen" if about == (None, None, None) else "open", *about)

    def finish(self, after: Sequence[Decision] = ()) -> Decision:
        """The decision that this query is done, ``after`` others; UsageError while proposals are open."""
        answered = {each.about for each in after if each.what in ("accept", "reject")}
        if left := sum((each.start, each.end, None) not in answered for each in self.open):
            raise UsageError(f"Expected an answer to every proposal, and {left} are open; answer them first.")
        return self._decision("finish")

    def _decision(
        self, what: What, start: int | None = None, end: int | None = None, text: str | None = None
    ) -> Decision:
        return Decision(self.query.place, self.query.digest, what, start, end, text)


class Review:
    """All queries of a file with their proposals, and the decisions so far; a text is reviewed once."""

    def __init__(self, queries: Sequence[Query], proposals: Sequence[tuple[Proposal, ...]]) -> None:
        self._places: dict[str, list[int]] = {}
        for at, query in enumerate(queries):
            self._places.setdefault(query.digest, []).append(at)
        own = {
            digest: together(queries[places[0]].text, chain(*(proposals[at] for at in places)))
            for digest, places in self._places.items()
        }
        self.rows = [Reviewed(query, own[query.digest]) for query in queries]
        #: Those that were taken, in their order; what an undo takes back is the last one that is not taken back.
        self._taken: list[Decision] = []

    def take(self, decisions: Iterable[Decision]) -> int:
        """Let decisions count, in their order, for every query of their text; how many are about none of these."""
        strange = 0
        for each in decisions:
            places = self._places.get(each.digest, [])
            if not places or not _within(each, self.rows[places[0]]):
                strange += 1
                continue
            for at in places:
                self.rows[at] = _after(each, self.rows[at])
            if each.what in ("open", "reopen"):
                same = each.digest, each.about
                self._taken = [other for other in self._taken if (other.digest, other.about) != same]
            else:
                self._taken.append(each)
        return strange

    @property
    def finished(self) -> list[Reviewed]:
        """The queries that a person is done with, in the file's order."""
        return [row for row in self.rows if row.finished]

    @property
    def next(self) -> Reviewed | None:
        """The first query that is not done, None where all are."""
        return next((row for row in self.rows if not row.finished), None)

    def undo(self, whole: bool = False) -> Decision | None:
        """The decision that takes back the last one, with ``whole`` the last query's end; None where there is none."""
        last = next((each for each in reversed(self._taken) if each.what == "finish" or not whole), None)
        if last is None:
            return None
        return self.rows[self._places[last.digest][0]].reopened(last.about)


def _behind(text: str, query: str) -> str:
    """What stands in ``query`` where its shown form has ``text``, and is another text; ``""`` for nothing."""
    signs = shown(query)
    if (at := "".join(signs).find(text)) < 0:
        return ""
    ends = list(accumulate(map(len, signs)))
    found = query[bisect_right(ends, at) : bisect_left(ends, at + len(text)) + 1].strip()
    return "" if found == text else found


def _after(decision: Decision, row: Reviewed) -> Reviewed:
    """A query as it is with one more decision."""
    decided = dict(row.decided)
    decided.pop(decision.about, None)
    if decision.what in ("accept", "reject"):
        decided[decision.about] = decision.what
    finished = decision.what == "finish" or (row.finished and decision.what != "reopen")
    return replace(row, decided=decided, finished=finished)


def _within(decision: Decision, row: Reviewed) -> bool:
    """Whether a decision's place is one of the query's."""
    if decision.start is None or decision.end is None:
        return True
    return 0 <= decision.start < decision.end <= len(row.query.text)
