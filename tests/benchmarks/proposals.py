"""How good proposed units are, beside those that people marked in PUPA: recall and precision, by category.

``PUPA_DIR=… python -m tests.benchmarks.proposals`` measures the rules on every row, in seconds; with
``--model NAME`` (``embedded/SmolLM2-135M-Instruct``, ``gguf/./FILE.gguf``, …) and ``--rows N`` that local model too, on
the first N distinct queries in an order that a hash draws. Its calls are recorded, so that a run that was stopped goes
on where it stopped, and more rows cost only what is new. docs/annotate.md has the tables.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from papillon.annotation.proposals import Proposal, place_of_unit, together
from papillon.annotation.rules import by_rules
from papillon.data import PupaRow, load
from papillon.leaks import fold
from papillon.profile import CACHE, Profile, load_profile
from papillon.tables import Column, table

__all__ = ["Agreement", "agreement", "drawn"]


@dataclass(frozen=True)
class Agreement:
    """Over some rows: ``units`` that people marked and that stand in their query, ``proposals``, how many of each have
    the same text as one of the others, and how many share a part of a text with one."""

    units: int = 0
    proposals: int = 0
    found: int = 0
    right: int = 0
    touched: int = 0
    touching: int = 0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(*(a + b for a, b in zip(self.figures, other.figures, strict=True)))

    @property
    def figures(self) -> tuple[int, ...]:
        return self.units, self.proposals, self.found, self.right, self.touched, self.touching


def agreement(row: PupaRow, proposals: Iterable[Proposal]) -> Agreement:
    """How the proposals of one row's query agree with its units, word for word as leaks are found."""
    units = {fold(unit) for unit in row.units if place_of_unit(unit, row.user_query) is not None}
    texts = {fold(each.of(row.user_query)) for each in proposals}

    def beside(one: str, others: Iterable[str]) -> bool:
        return any(one in other or other in one for other in others)

    return Agreement(
        units=len(units),
        proposals=len(texts),
        found=len(units & texts),
        right=len(texts & units),
        touched=sum(beside(unit, texts) for unit in units),
        touching=sum(beside(text, units) for text in texts),
    )


def drawn(rows: Sequence[PupaRow], count: int) -> list[PupaRow]:
    """The first ``count`` rows of distinct queries, in the order of their hashes: more of them go on with the same."""
    distinct = list({row.user_query: row for row in rows}.values())
    return sorted(distinct, key=lambda row: sha256(row.user_query.encode()).digest())[:count]


def tabled(found: Mapping[str, Mapping[str, Agreement]]) -> list[str]:
    """A line for each who proposed and each category, and one for all categories."""
    heads = ("proposed by", "category", "units", "recall", "touched", "proposals", "precision", "touching")
    body = []
    for name, categories in found.items():
        whole = sum(categories.values(), Agreement())
        lines = sorted(categories.items())
        for category, of in [*lines, *([("all", whole)] if len(lines) > 1 else [])]:
            shares = (_share(of.found, of.units), _share(of.touched, of.units))
            hits = (_share(of.right, of.proposals), _share(of.touching, of.proposals))
            body.append((name, category, str(of.units), *shares, str(of.proposals), *hits))
    return table([Column(head, right=place > 1) for place, head in enumerate(heads)], body, 120)


def _share(part: int, whole: int) -> str:
    return "–" if not whole else f"{part / whole:.3f}"


def main(model: str | None, count: int, cache: Path) -> None:
    rows = load("pupa_new").rows
    started = time.perf_counter()
    rules = [by_rules(row.user_query, regions=("US",)) for row in rows]
    print(f"PUPA_New, {len(rows)} rows, rules in {time.perf_counter() - started:.1f} s")
    capitals = [[each for each in own if each.origins == ("capitals",)] for own in rules]
    forms = [[each for each in own if each.origins == ("form",)] for own in rules]
    print(*tabled({"forms": _by(rows, forms), "capitals": _by(rows, capitals), "both": _by(rows, rules)}), sep="\n")
    print(*tabled(_by_kind(rows, rules)), sep="\n")
    if model is not None:
        _with_model(drawn(rows, count), model, cache)


def _by(rows: Sequence[PupaRow], proposed: Sequence[Iterable[Proposal]]) -> dict[str, Agreement]:
    found: dict[str, Agreement] = {}
    for row, own in zip(rows, proposed, strict=True):
        name = row.predicted_category
        found[name] = found.get(name, Agreement()) + agreement(row, own)
    return found


def _by_kind(rows: Sequence[PupaRow], proposed: Sequence[Sequence[Proposal]]) -> dict[str, dict[str, Agreement]]:
    kinds = sorted({each.kind for own in proposed for each in own})
    found = {}
    for kind in kinds:
        own = [[each for each in row if each.kind == kind] for row in proposed]
        found[kind] = {"of this kind": sum(_by(rows, own).values(), Agreement())}
    return {kind: of for kind, of in found.items() if of["of this kind"].proposals}


def _with_model(rows: Sequence[PupaRow], model: str, cache: Path) -> None:
    from papillon.annotation.local_model import asking, by_model
    from papillon.models.roles import open_models

    profile: Profile = load_profile("embedded")
    profile = replace(profile, local=replace(profile.local, model=model))
    started = time.perf_counter()
    with open_models(asking(profile), cache) as models:
        answers = by_model(
            models, [row.user_query for row in rows], lambda done: print(f"{done}/{len(rows)}", flush=True)
        )
        made, replayed = models.ledger.made, models.ledger.replayed
    rules = [by_rules(row.user_query, regions=("US",)) for row in rows]
    both = [together(row.user_query, [*a.proposals, *b]) for row, a, b in zip(rows, answers, rules, strict=True)]
    unusable, unparsed = (sum(getattr(each, name) for each in answers) for name in ("unusable", "unparsed"))
    print(
        f"{model} on {len(rows)} queries: {made} calls made and {replayed} replayed in "
        f"{time.perf_counter() - started:.0f} s; {unusable} units that it named are none of the query's, {unparsed} "
        "answers were in no format"
    )
    named = {"model": _by(rows, [each.proposals for each in answers]), "rules": _by(rows, rules)}
    print(*tabled({**named, "model and rules": _by(rows, both)}), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--cache", type=Path, default=CACHE)
    given = parser.parse_args()
    main(given.model, given.rows, given.cache)
