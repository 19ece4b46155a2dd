"""Reviewing: a person's way through the queries of a file, which of their proposed units are private and which lack.

It is asked through the same page as labels are; what was decided is data of :mod:`papillon.annotation.review`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evals.labelling.sitting import Outdated
from papillon.annotation.proposals import Proposal
from papillon.annotation.review import Decision, Keep, Review, Reviewed
from papillon.errors import UsageError
from papillon.results.words import counted
from papillon.screen import visible

__all__ = ["Reviewing", "on_page"]

_MOST_ADDED = 500


class Reviewing:
    """The queries of a ``review``, asked one by one; ``keep`` writes what was decided before the next is shown."""

    def __init__(self, review: Review, keep: Keep) -> None:
        self.review, self._keep = review, keep
        self._showing = secrets.token_hex(8)

    def state(self) -> dict[str, Any]:
        """What there is to show: the query in pieces, its proposals with what was said of them, what was added."""
        row = self.review.next
        return {
            "left": sum(not each.finished for each in self.review.rows),
            "of": len(self.review.rows),
            "item": None if row is None else {"showing": self._showing, **_shown(row)},
        }

    def give(self, data: Mapping[str, Any]) -> None:
        """Keep what the page sends of a query, and that it is finished; ValueError, in words, where it is none."""
        row = self.review.next
        if row is None or data.get("showing") != self._showing:
            raise Outdated
        accepted, added = data.get("accepted"), data.get("added")
        if (
            not isinstance(accepted, list)
            or len(accepted) != len(row.proposals)
            or not all(type(flag) is bool for flag in accepted)
        ):
            raise ValueError(f"expected one yes or no for each of {len(row.proposals)} proposals")
        if not isinstance(added, list) or len(added) > _MOST_ADDED or not all(type(text) is str for text in added):
            raise ValueError(f"expected at most {_MOST_ADDED} added units that are texts")
        try:
            decisions = list(_decisions(row, accepted, added))
        except UsageError as error:  # the page says so, and nothing is lost
            raise ValueError(str(error)) from None
        # Every proposal has its answer by these.
        self._take([*decisions, row.finish(after=decisions)])

    def undo(self) -> bool:
        """Ask the query again that was finished last; False where there is none."""
        if (undone := self.review.undo(whole=True)) is None:
            return False
        self._take([undone])
        return True

    def closing(self) -> list[str]:
        """What the review came to, as sentences."""
        rows = self.review.finished
        units = sum(len(row.units) for row in rows)
        said = [f"{len(rows)} of {len(self.review.rows)} queries are reviewed, with {counted(units, 'unit')}."]
        return (
            [*said, "End it here, and the command writes the data set."] if len(rows) == len(self.review.rows) else said
        )

    def _take(self, decisions: Sequence[Decision]) -> None:
        self.review.take(self._keep(decisions))
        self._showing = secrets.token_hex(8)


def _decisions(row: Reviewed, accepted: list[bool], added: list[str]) -> Iterator[Decision]:
    """What is decided otherwise than before."""
    for proposal, flag in zip(row.proposals, accepted, strict=True):
        decision = row.answered(proposal, flag)
        if row.decided.get(decision.about) != decision.what:
            yield decision
    own = _own(row)
    # A proposal that was named once more is accepted, whatever its tick says.
    wanted = {decision.about: decision for decision in (row.added(text) for text in added if text not in own)}
    for text, about in own.items():
        if text not in added and about not in wanted:
            yield row.reopened(about)
    yield from (decision for about, decision in wanted.items() if about not in own.values())


def _own(row: Reviewed) -> dict[str, tuple[int | None, int | None, str | None]]:
    """The units that the person added, as they are shown, and what decisions about them are about."""
    places = {(each.start, each.end, None) for each in row.proposals}
    own = [about for about, what in row.decided.items() if what == "accept" and about not in places]
    return {visible(row.query.text[about[0] : about[1]] if about[2] is None else about[2]): about for about in own}


def _shown(row: Reviewed) -> dict[str, Any]:
    return {
        "pieces": [[visible(text), number] for text, number in _pieces(row)],
        "proposals": [_proposal(row, each) for each in row.proposals],
        "added": list(_own(row)),
    }


def _proposal(row: Reviewed, proposal: Proposal) -> dict[str, Any]:
    kind = f"{proposal.kind}, " if proposal.kind else ""
    return {
        "unit": visible(proposal.of(row.query.text), one_line=True),
        "said": f"{kind}by {' and '.join(proposal.origins)}",
        "accepted": row.decided.get((proposal.start, proposal.end, None)) == "accept",
    }


def _pieces(row: Reviewed) -> Iterator[tuple[str, int | None]]:
    """The query cut where proposals begin and end: each piece, and the proposal, from 0, in which it stands."""
    query, at = row.query.text, 0
    for number, each in enumerate(row.proposals):
        if each.start > at:
            yield query[at : each.start], None
        if each.end > max(at, each.start):  # of those that overlap the later one shows what is left
            yield query[max(at, each.start) : each.end], number
        at = max(at, each.end)
    if at < len(query):
        yield query[at:], None


def on_page(review: Review, keep: Keep, *, port: int = 0) -> bool:
    """Review on a page of the loopback until the person ends it there, or by Ctrl-C; whether all is done.

    Raises UsageError for a port that is taken.
    """
    from evals.labelling.pages import page
    from evals.labelling.server import LabellingServer, listening

    if review.next is None:
        return True
    asked = Reviewing(review, keep)

    async def serve() -> None:
        server = LabellingServer(asked, page("reviewing"), asked.closing)
        address = server.address(sock.getsockname()[1])
        print(
            f"This shows private texts. Open {address}\nand leave it to nobody else; Ctrl-C ends this, and what was "
            "answered stays.",
            flush=True,
        )
        await server.serve(sock)

    with listening(port) as sock, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())
    return review.next is None
