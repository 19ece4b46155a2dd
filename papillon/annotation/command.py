"""Command: ``papillon annotate``: read queries, propose units, have a person review them, and write the data set."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from papillon.annotation.earlier import Earlier
from papillon.annotation.proposals import Proposal, place_of_unit, together
from papillon.annotation.queries import Query, read_queries
from papillon.annotation.result import Making, sidecar_of, write_result
from papillon.annotation.review import Keep, Review
from papillon.annotation.review_file import Proposers, ReviewFile
from papillon.annotation.rules import by_rules
from papillon.annotation.targets import refuse_sending, said_of_targets, written_targets
from papillon.destinations import destination
from papillon.errors import UsageError
from papillon.files import torn
from papillon.models.ledger import Ledger
from papillon.output_files import OutputFile, refuse_outputs
from papillon.profile import Profile, RecordMode
from papillon.results.words import counted
from papillon.screen import show

__all__ = ["ORIGINS", "Annotation", "annotate", "at_terminal"]

#: Who can be asked to propose.
ORIGINS = ("forms", "capitals", "model")
#: Seconds between two lines of progress.
_EVERY = 5.0

#: Reviews everything, keeps each decision, and says whether all is done.
Reviewer = Callable[[Review, Keep], bool]


@dataclass(frozen=True)
class Annotation:
    """What a user asked for: the ``source`` of the queries, the data set's place, who proposes, the regions whose phone
    numbers need no country's code, the reviewer's name, and the role that writes targets, None for none."""

    source: Path
    out: Path
    origins: tuple[str, ...] = ORIGINS
    regions: tuple[str, ...] = ("US",)
    by: str = ""
    targets: str | None = None
    send_queries: bool = False

    def refuse(self, profile: Profile) -> None:
        """Raise UsageError, before anything is asked or written, for what cannot be."""
        if strange := [origin for origin in self.origins if origin not in ORIGINS]:
            raise UsageError(f"--from: expected {', '.join(ORIGINS)}, joined by commas, got {strange[0]!r}.")
        from phonenumbers import SUPPORTED_REGIONS

        if strange := [region for region in self.regions if region not in SUPPORTED_REGIONS]:
            raise UsageError(f"--region: expected a country's two letters such as US, got {strange[0]!r}.")
        refuse_outputs(
            [OutputFile("--out", self.out, ".csv"), OutputFile("its sidecar", sidecar_of(self.out), ".json")]
        )
        if self.out.resolve() == self.source.resolve():
            raise UsageError(
                f"--out: expected another file than the one with the queries, got {self.out}; name another."
            )
        if self.out.exists() and not (sidecar_of(self.out).exists() or ReviewFile(self.out).path.exists()):
            raise UsageError(
                f"--out: expected a new file, or one that was made so before, got {self.out}, which has no review "
                "beside it; name another."
            )
        proposing = "model" in self.origins
        refuse_sending(profile, self.targets, proposing=proposing, send_queries=self.send_queries)


def annotate(
    asked: Annotation,
    profile: Profile,
    cache: Path,
    review_all: Reviewer,
    *,
    record: RecordMode = "new",
    say: Callable[[str], None] = show,
) -> int:
    """Annotate, and write what is reviewed; 0 where all is, 1 where a part is left for another go of the same command.

    Raises PapillonError in one sentence; what models answered and a person decided by then is kept.
    """
    asked.refuse(profile)
    with ReviewFile(asked.out, asked.by).held():
        return _annotated(asked, profile, cache, review_all, record, say)


def _annotated(
    asked: Annotation,
    profile: Profile,
    cache: Path,
    review_all: Reviewer,
    record: RecordMode,
    say: Callable[[str], None],
) -> int:
    queries = read_queries(asked.source)
    file, earlier = ReviewFile(asked.out, asked.by), Earlier.of(asked.out)
    if lost := torn(file.path):
        say(lost)
    before = file.decisions()
    decided = Review(queries, [()] * len(queries))
    decided.take(before)
    earlier.refuse_losses(asked.source, file.path, decided)
    model = profile.local.model if "model" in asked.origins else ""
    origins = tuple(origin for origin in ORIGINS if origin in asked.origins)
    file.begin(Proposers(origins, tuple(sorted(set(asked.regions))), model))
    making, proposals = _proposed(asked, profile, queries, cache, record, say)
    review = Review(queries, proposals)
    if strange := review.take(before):
        say(f"{strange} of {len(before)} earlier decisions are about other queries, and left out.")
    complete = review_all(review, file.add)
    rows = review.finished
    if not rows:
        say(f"No query is reviewed yet, so {asked.out} is not written; the same command goes on.")
        return 1
    targets = earlier.targets(rows)
    making = replace(making, targets=earlier.model if any(target.strip() for target in targets) else "")
    if asked.targets is not None and (lacking := [at for at, target in enumerate(targets) if not target.strip()]):
        say(said_of_targets(profile, asked.targets, len(lacking)))
        written = _targets(asked, profile, [rows[at].query.text for at in lacking], cache, record, say)
        for at, target in zip(lacking, written, strict=True):
            targets[at] = target
        models = dict.fromkeys(name for name in (making.targets, _model_of(profile, asked.targets)) if name)
        making = replace(making, targets=", ".join(models))
    by = [asked.by, *(decision.by for decision in before)]
    having = write_result(asked.out, rows, targets, making, by)
    left = "" if len(rows) == len(queries) else f" of {len(queries)}; the same command goes on with the others"
    say(f"Written: {asked.out}, {counted(len(rows), 'row')}{left}; how it was made stands in {sidecar_of(asked.out)}.")
    if having < len(rows):
        say(f"No target stands in {counted(len(rows) - having, 'row')}: evaluate with targets = false in the profile.")
    return 0 if complete else 1


def _proposed(
    asked: Annotation,
    profile: Profile,
    queries: Sequence[Query],
    cache: Path,
    record: RecordMode,
    say: Callable[[str], None],
) -> tuple[Making, list[tuple[Proposal, ...]]]:
    digest = sha256(asked.source.read_bytes()).hexdigest()
    making = Making(asked.source.name, digest, len(queries), asked.origins, asked.regions)
    own = [_of_file(query) for query in queries]
    forms, capitals = ("forms" in asked.origins), ("capitals" in asked.origins)
    told = _progress(len(queries), say, "read by the rules")
    for number, (query, found) in enumerate(zip(queries, own, strict=True), 1):
        found += by_rules(query.text, forms=forms, capitals=capitals, regions=asked.regions)
        told(number)
    if nowhere := sum(place_of_unit(unit, query.text) is None for query in queries for unit in query.units):
        say(f"Not proposed, as it stands nowhere in its query: {counted(nowhere, 'unit')} that the file names.")
    if "model" in asked.origins:
        from papillon.annotation.local_model import asking, by_model
        from papillon.models.roles import open_models

        to = destination(profile.local)
        stay = "stay on this machine" if to.stays else f"go as they are to {to.host}"
        say(f"The queries {stay}, where the local model ({profile.local.model}) is asked for units.")
        ledger = Ledger()
        with open_models(asking(profile), cache, record=record, ledger=ledger) as models:
            answers = by_model(models, [query.text for query in queries], _progress(len(queries), say))
        for found, answer in zip(own, answers, strict=True):
            found += answer.proposals
        making = replace(
            making,
            model=profile.local.model,
            unusable=sum(answer.unusable for answer in answers),
            unparsed=sum(answer.unparsed for answer in answers),
            calls={"made": ledger.made, "replayed": ledger.replayed},
        )
    return making, [together(query.text, found) for query, found in zip(queries, own, strict=True)]


def _of_file(query: Query) -> list[Proposal]:
    """What the file names as units already, where it stands in the query."""
    places = [place_of_unit(unit, query.text) for unit in query.units]
    return [Proposal(*place, "", ("file",)) for place in places if place is not None]


def _targets(
    asked: Annotation,
    profile: Profile,
    queries: Sequence[str],
    cache: Path,
    record: RecordMode,
    say: Callable[[str], None],
) -> list[str]:
    from papillon.models.roles import open_models

    assert asked.targets is not None
    if asked.targets == "judge" and profile.judge.kind != "llm":
        # A lexical judge's model is asked by nobody else.
        profile = replace(profile, judge=replace(profile.judge, kind="llm"))
    with open_models(profile, cache, record=record) as models:
        return written_targets(models, asked.targets, queries, _progress(len(queries), say))


def _model_of(profile: Profile, role: str) -> str:
    settings = {"local": profile.local, "untrusted": profile.untrusted, "judge": profile.judge.model}[role]
    return "" if settings is None else settings.model


def _progress(whole: int, say: Callable[[str], None], done: str = "answered") -> Callable[[int], None]:
    """Tells how many are done every few seconds, and at the end where that took long or a model did it."""
    last, long = time.monotonic(), done == "answered" and whole > 1

    def told(many: int) -> None:
        nonlocal last, long
        late = time.monotonic() - last > _EVERY
        if late or (many == whole and long):
            last, long = time.monotonic(), True
            say(f"{many} of {whole} queries {done}")

    return told


def at_terminal(review: Review, keep: Keep) -> bool:
    """The review by lines of standard input."""
    from papillon.annotation.terminal import review_at_terminal

    def read(question: str) -> str | None:
        print(question, end="", flush=True)
        line = sys.stdin.readline()
        if not line:
            print()
        return line or None

    return review_at_terminal(review, keep, read, lambda text: print(text, flush=True))
