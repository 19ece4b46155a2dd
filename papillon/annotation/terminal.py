"""Terminal: the review of proposed units by lines that a person types; each answer is kept before the next question."""

from __future__ import annotations

from collections.abc import Callable

from papillon.annotation.proposals import Proposal
from papillon.annotation.review import Decision, Keep, Review, Reviewed
from papillon.asking import marked
from papillon.errors import UsageError
from papillon.screen import visible

__all__ = ["HELP", "review_at_terminal"]

HELP = (
    "y accepts it, n rejects it; a accepts and r rejects all that are open; + TEXT adds a unit; u takes the last "
    "answer back; s shows the query again; q stops, and the same command goes on later."
)

_END = "All queries are reviewed: Enter ends, u takes back: "


def review_at_terminal(
    review: Review,
    keep: Keep,
    read: Callable[[str], str | None],
    say: Callable[[str], None],
) -> bool:
    """Ask about every query that is not finished; whether all are at the end.

    ``read`` shows a question and gives the line that was typed, None at the end of what can be read.
    """
    if review.next is None:
        return True
    say(f"This shows private texts. {HELP}")
    shown: int | None = None
    while (row := review.next) is not None or _taken_back(review, keep, read):
        if row is None:
            continue
        if shown != row.query.place:
            _show(row, review, say)
        shown = row.query.place
        asked = row.open[0] if row.open else None
        line = read(_question(row, asked))
        if line is None or line.strip().lower() in ("q", "quit"):
            return False
        if line.strip().lower() == "s":
            shown = None
            continue
        try:
            decisions = _decisions(line.strip(), row, asked, review)
        except UsageError as error:
            say(visible(str(error), one_line=True))
            continue
        if not decisions:
            say(HELP)
        else:
            review.take(keep(decisions))
    return True


def _taken_back(review: Review, keep: Keep, read: Callable[[str], str | None]) -> bool:
    """Whether the last answer is taken back once all are given, as a person who erred there wants."""
    while (line := read(_END)) is not None and (word := line.strip().lower()) not in ("", "q", "quit"):
        if word == "u" and (undone := review.undo()) is not None:
            review.take(keep([undone]))
            return True
    return False


def _decisions(line: str, row: Reviewed, asked: Proposal | None, review: Review) -> list[Decision]:
    """What a line says; nothing where it says nothing. Raises UsageError for a unit that is none."""
    if line.startswith("+"):
        return [row.added(line[1:])]
    word = line.lower()
    if word == "u":
        undone = review.undo()
        return [] if undone is None else [undone]
    if asked is None:
        return [row.finish()] if not line else []
    if word in ("y", "n"):
        return [row.answered(asked, word == "y")]
    if word in ("a", "r"):
        return [row.answered(each, word == "a") for each in row.open]
    return []


def _question(row: Reviewed, asked: Proposal | None) -> str:
    if asked is None:
        units = ", ".join(visible(unit, one_line=True) for unit in row.units) or "none"
        return f"Units: {units}. Enter finishes this query (+ TEXT, u, s, q): "
    unit, by = visible(asked.of(row.query.text), one_line=True), " and ".join(asked.origins)
    kind = f"{asked.kind}, " if asked.kind else ""
    return f"{len(row.open)} open. Private? {unit} ({kind}by {by}) [y n a r + u s q]: "


def _show(row: Reviewed, review: Review, say: Callable[[str], None]) -> None:
    left = sum(not each.finished for each in review.rows)
    places = [(each.start, each.end) for each in row.proposals]
    say(f"\nQuery {row.query.place + 1} of {len(review.rows)}, {left} left:\n")
    say(marked(row.query.text, places))
    say("")
