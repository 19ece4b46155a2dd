"""Local model: units proposed by the profile's local model, asked through the store like any other call.

It is asked for its units as one text, joined by ``||`` as PUPA's are, in JSON by the signature's schema, so that a
model in this process cannot but close it. What it names and does not stand in the query is no proposal.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import dspy
from dspy.utils.exceptions import AdapterParseError

from papillon.annotation.answers import all_answers
from papillon.annotation.proposals import Proposal, place_of_unit
from papillon.data import pii_units
from papillon.models.adapters import adapter_for
from papillon.models.roles import Models
from papillon.profile import Profile
from papillon.quiet import quiet

__all__ = ["MOST_TOKENS", "Proposed", "asking", "by_model", "parts"]

#: Tokens that an answer may take at least, and characters of a query that are asked about at once: what is longer is
#: asked about in parts, since a small model names little of a long text.
MOST_TOKENS, PART = 192, 1200
#: Characters of the longest unit that is taken: more is a passage.
_LONGEST = 100


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
        "Rewrite for my CV: Senior analyst at Northgate Partners, Toronto, reporting to Elena Petrova; sales grew.",
        "Northgate Partners||Toronto||Elena Petrova",
    ),
)


@dataclass(frozen=True)
class Proposed:
    """What the model proposes of one query, how many of the units that it named are none (they stand nowhere there, or
    are whole passages), and how many of its answers were in no format."""

    proposals: tuple[Proposal, ...]
    unusable: int = 0
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

    Raises PapillonError where it fails; what was answered by then is recorded.
    """
    predict = dspy.Predict(FindUnits)
    predict.demos = [dspy.Example(text=text, units=units) for text, units in _SHOWN]
    adapter = adapter_for("json", json_fallback=models.settings["local"].json_fallback)

    async def propose(query: str) -> Proposed:
        with dspy.context(adapter=adapter, disable_history=True, warn_on_type_mismatch=False):
            return await _proposed(predict, models, query)

    with quiet(logging.ERROR, "dspy"):  # it warns of each answer that reached its limit
        return all_answers(models, propose, queries, told)


async def _proposed(predict: dspy.Predict, models: Models, query: str) -> Proposed:
    found: list[Proposal] = []
    unusable = unparsed = 0
    for start, end in parts(query):
        try:
            answer = await predict.acall(lm=models.lm("local"), text=query[start:end])
        except AdapterParseError:
            unparsed += 1
            continue
        for unit in pii_units(str(answer.units)):
            bare = re.sub(r"^[\s\"'“”‘’,;:]+|[\s\"'“”‘’,;:]+$", "", unit)
            place = place_of_unit(bare, query[start:end])
            if place is None or len(bare) > _LONGEST:
                unusable += 1
            else:
                found.append(Proposal(start + place[0], start + place[1], "", ("model",)))
    return Proposed(tuple(found), unusable, unparsed)
