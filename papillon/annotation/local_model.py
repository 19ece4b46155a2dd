"""Local model: units proposed by the profile's local model, asked through the store like any other call.

It is asked for its units as one text, joined by ``||`` as PUPA's are, in JSON by the signature's schema, so that a
model in this process cannot but close it. What it names and does not stand in the query is no proposal.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import dspy
from dspy.utils.exceptions import AdapterParseError

from papillon.annotation.proposals import Proposal, place_of_unit
from papillon.data import pii_units
from papillon.models.adapters import adapter_for
from papillon.models.roles import Models
from papillon.profile import ModelSettings, Profile

__all__ = ["MOST_TOKENS", "Proposed", "asking", "by_model", "parts"]

#: Tokens that an answer may take at least, and characters of a query that are asked about at once: what is longer is
#: asked about in parts, since a small model names little of a long text.
MOST_TOKENS, PART = 192, 1200


class FindUnits(dspy.Signature):  # type: ignore[misc]
    """
    Copy out what is private in the text: names of people, employers, schools and places, addresses, phone numbers,
    e-mail addresses, dates of birth, numbers of accounts and documents.
    Copy each piece exactly as it stands there, and put || between two pieces.
    """

    text: str = dspy.InputField()
    units: str = dspy.OutputField(desc="the private pieces, with || between them")


#: Written for this project: what is to be copied out, and how.
_SHOWN = (
    (
        "hi, i am mara lindqvist and i teach at Holloway Primary School in Leeds. write a mail to mr. Okafor "
        "(s.okafor@holloway.example) that i am ill until 4 March 2021.",
        "mara lindqvist||Holloway Primary School||Leeds||Okafor||s.okafor@holloway.example",
    ),
    (
        "Rewrite for my CV: Senior analyst at Northgate Partners, Toronto, reporting to Elena Petrova; sales grew by 12%",
        "Northgate Partners||Toronto||Elena Petrova",
    ),
)


@dataclass(frozen=True)
class Proposed:
    """What the model proposes of one query, how many of the units that it named stand nowhere there, and how many of
    its answers were in no format."""

    proposals: tuple[Proposal, ...]
    nowhere: int = 0
    unparsed: int = 0


def asking(profile: Profile) -> Profile:
    """The profile with its local model as it is asked for units: in JSON, without chance, and with room for a list."""
    local = profile.local
    room = None if local.max_tokens is None else max(local.max_tokens, MOST_TOKENS)
    return replace(profile, local=replace(local, adapter="json", temperature=0.0, max_tokens=room))


def parts(query: str) -> list[tuple[int, int]]:
    """The query's slices that are asked about one by one, each of PART characters at most, cut between words."""
    found, start = [], 0
    while len(query) - start > PART:
        window = query[start : start + PART]
        # Lines end more between units than words do.
        cut = max(window.rfind("\n", PART // 2), -1) + 1 or max(window.rfind(" ", PART // 2), -1) + 1 or PART
        found.append((start, start + cut))
        start += cut
    found.append((start, len(query)))
    return [(start, end) for start, end in found if query[start:end].strip()]


def by_model(
    models: Models, queries: Sequence[str], told: Callable[[int], None] = lambda answered: None
) -> list[Proposed]:
    """What the model of role ``local`` proposes of each query; ``told`` hears how many have their answers.

    Raises what a model's failure raises; what was answered by then is recorded.
    """
    found: list[Proposed] = models.loop.run(_all(models, queries, told))
    return found


async def _all(models: Models, queries: Sequence[str], told: Callable[[int], None]) -> list[Proposed]:
    predict = dspy.Predict(FindUnits)
    predict.demos = [dspy.Example(text=text, units=units) for text, units in _SHOWN]
    answered = 0

    async def of(query: str) -> Proposed:
        nonlocal answered
        found = await _proposed(predict, models, query)
        answered += 1
        told(answered)
        return found

    settings: ModelSettings = models.settings["local"]
    with dspy.context(adapter=adapter_for("json", json_fallback=settings.json_fallback), disable_history=True):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(of(query)) for query in queries]
    return [task.result() for task in tasks]


async def _proposed(predict: dspy.Predict, models: Models, query: str) -> Proposed:
    found: list[Proposal] = []
    nowhere = unparsed = 0
    for start, end in parts(query):
        try:
            answer = await predict.acall(lm=models.lm("local"), text=query[start:end])
        except AdapterParseError:
            unparsed += 1
            continue
        for unit in pii_units(str(answer.units)):
            bare = re.sub(r"^[\s\"'“”‘’,;:]+|[\s\"'“”‘’,;:]+$", "", unit)
            if (place := place_of_unit(bare, query[start:end])) is None:
                nowhere += 1
            else:
                found.append(Proposal(start + place[0], start + place[1], "", ("model",)))
    return Proposed(tuple(found), nowhere, unparsed)
