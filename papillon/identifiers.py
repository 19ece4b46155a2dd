"""Identifiers: what in a private query looks like one by its form alone; proposals, where nobody has annotated units.

Rules over one string: no model and no lists of names. They propose too much (every word with a capital inside a
sentence) and too little: what has no form of its own they cannot see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

__all__ = ["RULES", "UNSEEN", "Finder", "Identifier", "identifiers", "spans"]

#: What such rules cannot see, as one sentence says it.
UNSEEN = "names in small letters or in scripts without capitals, illnesses, and whom a story points at"


@dataclass(frozen=True)
class Identifier:
    """``text`` as it stands in the query, and what ``kind`` of thing it looks like."""

    kind: str
    text: str


def identifiers(query: str) -> list[Identifier]:
    """What the rules find, in the query's order, each text once; no two overlap, and earlier rules go first."""
    found = [Identifier(kind, query[start:end]) for start, end, kind in spans(query, RULES)]
    return list({each.text: each for each in found}.values())


#: Gives the slices of a text, begin and end, that it finds.
Finder = Callable[[str], Iterator[tuple[int, int]]]


def spans(query: str, rules: Sequence[tuple[str, Finder]]) -> list[tuple[int, int, str]]:
    """Begin, end and kind of each thing that ``rules``, kinds with their finders, find in the query, in its order.

    No two overlap, and earlier rules go first.
    """
    found: list[tuple[int, int, str]] = []
    taken = [False] * len(query)
    for kind, find in rules:
        for start, end in find(query):
            if end > start and not any(taken[start:end]):
                taken[start:end] = [True] * (end - start)
                found.append((start, end, kind))
    return sorted(found)


def _matching(pattern: str, holds: Callable[[str], bool] = bool, flags: int = 0) -> Finder:
    """Where ``pattern`` matches and its text ``holds``."""
    compiled = re.compile(pattern, re.VERBOSE | flags)

    def find(query: str) -> Iterator[tuple[int, int]]:
        for match in compiled.finditer(query):
            if holds(match[0]):
                yield match.span()

    return find


def _digits(text: str) -> list[int]:
    return [int(sign) for sign in text if sign in "0123456789"]


def _is_iban(text: str) -> bool:
    """ISO 13616: the first four signs at the end and letters as 10 to 35, the number leaves 1 divided by 97."""
    plain = "".join(text.split()).upper()
    moved = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def _is_card(text: str) -> bool:
    """ISO/IEC 7812: 13 to 19 digits whose last checks the others (Luhn)."""
    digits = _digits(text)[::-1]
    doubled = [sum(divmod(2 * digit, 10)) if at % 2 else digit for at, digit in enumerate(digits)]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and sum(doubled) % 10 == 0


def _is_phone(text: str) -> bool:
    return 7 <= len(_digits(text)) <= 15 and (text[0] in "+(0" or bool(re.search(r"\d[ .\-/()]+\d", text)))


def _is_ip(text: str) -> bool:
    try:
        return any(sign.isdecimal() for sign in text) and bool(ip_address(text))
    except ValueError:
        return False


_MONTH = (
    "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?"
    "|januar|februar|m\u00e4rz|mai|juni|juli|oktober|dezember"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    "|janvier|f\u00e9vrier|mars|avril|juin|juillet|ao\u00fbt|septembre|octobre|novembre|d\u00e9cembre"
)
_TITLES = (
    "Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Sir|Madam|Lady|Lord|Judge|Captain|Father|Sister|Herr|Frau|Monsieur"
    "|Madame|Mme|Se\u00f1ora?|Sr|Sra|Signora?"
)
_TITLE = re.compile(rf"(?:{_TITLES})\.?")
#: A title, an initial with its point, or a word with what names have inside (O'Neil, Anne-Marie).
_WORD = re.compile(rf"\b(?:{_TITLES})\b\.?|\b[^\W\d_]\.|[^\W\d_](?:[\w'\u2019-]*\w)?")
#: Small words that stand inside names.
_LINK = re.compile("al|bin|da|de|del|della|den|der|di|dos|du|el|ibn|la|le|van|von|zu")
#: Words that open a sentence, and have their capital from that alone.
_OPENER = re.compile(
    "a|after|also|although|an|and|are|as|ask|at|be|because|before|but|by|can|could|create|dear|describe|did|"
    "do|does|draft|during|every|explain|find|for|from|generate|give|good|had|has|have|he|hello|help|her|here|"
    "hey|hi|his|how|however|i|if|i['\u2019]m|in|is|it|its|just|let|lets|make|may|me|my|no|not|now|of|on|or|"
    "our|please|provide|rewrite|say|she|should|since|so|some|suggest|summarize|tell|thank|thanks|that|the|"
    "their|them|then|there|these|they|this|those|to|translate|use|using|was|we|were|what|when|where|which|"
    "while|who|why|will|with|would|write|yes|you|your",
    re.IGNORECASE,
)


def _names(query: str) -> Iterator[tuple[int, int]]:
    """Two and more words with capitals side by side, or one after a title; openers of sentences are left out."""
    for run in _runs(query):
        first, last = 0, len(run)
        while first < last and (_OPENER.fullmatch(run[first][0]) or _TITLE.fullmatch(run[first][0])):
            first += 1
        while first < last and _LINK.fullmatch(run[last - 1][0]):
            last -= 1
        titled = first > 0 and _TITLE.fullmatch(run[first - 1][0])
        if last - first > 1 or (last - first == 1 and titled):
            yield run[first].start(), _end(run[last - 1])


def _runs(query: str) -> Iterator[list[re.Match[str]]]:
    """Words with capitals that stand side by side, with the small links between them."""
    run: list[re.Match[str]] = []
    for word in _WORD.finditer(query):
        beside = bool(run) and not query[run[-1].end() : word.start()].strip(" ")
        if run and not (beside and (word[0][0].isupper() or _LINK.fullmatch(word[0]))):
            yield run
            run = []
        if run or word[0][0].isupper():
            run.append(word)
    yield run


def _alone(query: str) -> Iterator[tuple[int, int]]:
    """Single words with a capital inside a sentence: names, places and employers, and much else."""
    for word in _WORD.finditer(query):
        inside = re.fullmatch(r"[\w,;)] ", query[max(0, word.start() - 2) : word.start()])
        no_name = _OPENER.fullmatch(word[0]) or _TITLE.fullmatch(word[0])
        if inside and word[0][0].isupper() and len(word[0]) > 2 and not no_name:
            yield word.start(), _end(word)


def _end(word: re.Match[str]) -> int:
    """Where a name ends: before the 's of what is its own."""
    return word.end() - 2 if word[0].endswith(("'s", "\u2019s")) else word.end()


_DATE = rf"""(?<!\w)(?:
    \d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}
    | \d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})
    | \d{{1,2}}(?:st|nd|rd|th|\.)?[ ](?:of[ ]|de[ ])?(?:{_MONTH})\b\.?(?:,?[ ](?:de[ ])?\d{{4}})?
    | (?:{_MONTH})\b\.?[ ]\d{{1,2}}(?:st|nd|rd|th)?(?:,?[ ]\d{{4}})?
    | (?:{_MONTH})\b,?[ ]\d{{4}}
)(?!\w)"""
_AMOUNT = r"""[$\u20ac\u00a3\u00a5\u20b9][ ]?\d[\d.,]{0,15}\d(?!\w)
    | (?<!\w)\d[\d.,]{0,15}\d[ ]?(?:[$\u20ac\u00a3\u00a5]|USD|EUR|GBP)"""

#: Earlier ones go first: what is an account is no phone number.
RULES: tuple[tuple[str, Finder], ...] = (
    ("e-mail address", _matching(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("web address", _matching(r"(?:https?://|www\.)[^\s<>\"']*[\w/]", flags=re.IGNORECASE)),
    ("user name", _matching(r"(?<![\w@])@\w{2,}")),
    ("IP address", _matching(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])", _is_ip)),
    ("IP address", _matching(r"(?<![\w:])[0-9a-fA-F:]{0,39}:[0-9a-fA-F:]{1,39}(?![\w:])", _is_ip)),
    ("bank account", _matching(r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{2,4}){3,8}\b", _is_iban)),
    ("card number", _matching(r"(?<!\w)\d(?:[ -]?\d){12,18}(?!\w)", _is_card)),
    ("date", _matching(_DATE, flags=re.IGNORECASE)),
    ("phone number", _matching(r"(?<!\w)[+(]?\d[\d ()./-]{5,18}\d(?!\w)", _is_phone)),
    ("amount", _matching(_AMOUNT)),
    ("number", _matching(r"(?<![\w-])(?=[\w-]{0,40}\d{4})\w[\w-]{3,40}\w(?![\w-])")),
    ("name", _names),
    ("word with a capital", _alone),
)
