"""Rules: units proposed by their form, or by their capitals; no model, and nothing that is not in the query.

What has check digits or a plan of numbers behind it is told by libraries that keep those (phonenumbers, stdnum); the
rest by the patterns of :mod:`papillon.identifiers`, and addresses by one that stands here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban, luhn
from stdnum.exceptions import ValidationError

from papillon.annotation.proposals import Proposal
from papillon.identifiers import RULES, Finder, spans

__all__ = ["CAPITALS", "by_rules"]

#: The kinds that capitals alone give away: names, and much else.
CAPITALS = ("name", "word with a capital")
#: Seldom anybody's own, and found everywhere.
_LEFT_OUT = ("amount",)

_STREETS = (
    "Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Way|Court|Ct|Square|Sq|Place|Pl|Terrace|Parkway|Pkwy"
    "|Highway|Hwy|Crescent|Close|Circle|Alley|Row"
)
#: A word of a name; with small letters alone too much would be one ("3 of the best way").
_NAMED = r"[^\W\d_a-zà-ÿ][\w'’-]{0,30}"
#: The United Kingdom's and Canada's.
_POSTCODE = r"(?:[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}|[A-Z]\d[A-Z][ ]?\d[A-Z]\d)\b"
_ADDRESS = re.compile(
    rf"""(?<!\w)(?:
    \d{{1,5}}[A-Za-z]?[ ]+(?:[NSEW]\.?[ ]+)?(?:(?:{_NAMED}|\d{{1,3}}(?:st|nd|rd|th))[ ]+){{1,4}}(?:{_STREETS})\b\.?
        (?:,?[ ]+(?:Apt|Apartment|Suite|Ste|Unit|Flat|No|\#)\.?[ ]*\w{{1,6}}\b)?
        (?:,[ ]*(?!{_POSTCODE}){_NAMED}(?:[ ](?!{_POSTCODE}){_NAMED}){{0,3}})?(?:,[ ]*[A-Z]{{2}}\b)?
        (?:,?[ ]+(?:\d{{5}}(?:-\d{{4}})?|{_POSTCODE}))?
    | {_NAMED}(?:straße|strasse|str\.|weg|platz|gasse|allee|ring|ufer|damm)[ ]+\d{{1,4}}[ ]?[a-z]?\b
        (?:,?[ ]+\d{{5}}[ ]+{_NAMED})?
    | (?:\d{{1,4}},?[ ]+)?(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Ii]mpasse|[Cc]hemin)[ ]
        (?:de[ ]la[ ]|de[ ]l['’]|des?[ ]|du[ ])?{_NAMED}(?:[ ]{_NAMED}){{0,3}}(?:,?[ ]+\d{{5}}[ ]+{_NAMED})?
    | (?:[Cc]alle|[Aa]venida|[Pp]aseo|[Pp]laza|[Vv]ia|[Vv]iale|[Pp]iazza)[ ](?:\w+[ ]){{0,4}}{_NAMED},?[ ]+\d{{1,4}}\b
    | P\.?[ ]?O\.?[ ]?Box[ ]+\d{{1,6}}
    )(?!\w)""",
    re.VERBOSE,
)
#: Candidates, of which the check digits tell.
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{1,4}){3,8}\b", re.IGNORECASE)
_CARD = re.compile(r"(?<!\w)\d(?:[ -]?\d){12,18}(?!\w)")


def by_rules(query: str, *, forms: bool = True, capitals: bool = True, regions: Sequence[str] = ()) -> list[Proposal]:
    """What rules propose of ``query``: by ``forms``, by ``capitals``, or both; no two overlap.

    A phone number without a country's code is looked for in the plans of ``regions`` (two letters each, ISO 3166).
    """
    rules = [
        ("address", _addresses),
        ("bank account", _ibans),
        ("card number", _cards),
        ("phone number", lambda text: _phones(text, regions)),
    ]
    own = {kind for kind, _ in rules} | set(_LEFT_OUT)
    shared: list[tuple[str, Finder]] = [(kind, find) for kind, find in RULES if kind not in own]
    # An address holds words with capitals, an e-mail address what may look like another's number.
    ordered = [*shared[:5], *rules, *shared[5:]]
    return [
        Proposal(start, end, kind, ("capitals",) if kind in CAPITALS else ("form",))
        for start, end, kind in spans(query, ordered)
        if (capitals if kind in CAPITALS else forms)
    ]


def _addresses(query: str) -> Iterator[tuple[int, int]]:
    for match in _ADDRESS.finditer(query):
        yield match.span()


def _ibans(query: str) -> Iterator[tuple[int, int]]:
    for match in _IBAN.finditer(query):
        # Words behind it look like more of it.
        end = match.end()
        while end > match.start():
            text = query[match.start() : end].rstrip()
            if _holds(text):
                yield match.start(), match.start() + len(text)
                break
            end = match.start() + text.rfind(" ") if " " in text else match.start()


def _holds(text: str) -> bool:
    try:
        return bool(iban.validate(text, check_country=False))
    except ValidationError:
        return False


def _cards(query: str) -> Iterator[tuple[int, int]]:
    for match in _CARD.finditer(query):
        digits = re.sub(r"\D", "", match[0])
        if len(set(digits)) > 1 and luhn.is_valid(digits):
            yield match.span()


def _phones(query: str, regions: Sequence[str]) -> Iterator[tuple[int, int]]:
    for region in regions or (None,):
        for match in PhoneNumberMatcher(query, region, leniency=Leniency.VALID):
            # A bracket that only opens is none of the number's.
            bare = match.raw_string.lstrip("(") if ")" not in match.raw_string else match.raw_string
            yield match.end - len(bare), match.end
