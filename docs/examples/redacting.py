"""A program of one's own, without a language model of ours: rules hide what is private, and put it back afterwards.

docs/own-program.md says how it is evaluated, and what came of it.
"""

import re

import dspy

from papillon import response_text

#: Whom the rules know, as an address book would have them.
NAMES = (
    *("Leontyne Marsh", "Philippa Nwachukwu-Stead", "Otto", "Maeve", "Desmond Thackeray-Ito"),
    *("Jean-Luc Abernathy-Cole", "Bartholomew Eze-Lindgren", "Casimir", "Itziar Belmonte Saldaña", "Yolanda"),
    *("Magnus Terrell-Oduya", "Magnus", "Cy Ferrand", "Delphine Sorrell-Hay", "Delphine", "Idris Falkenrath", "Idris"),
    *("Marnie", "Yusra Al-Tamimi-Berg", "Fenwick Lattimore", "Svea Lindhorst-Amoah", "Jürgen Müllenbach"),
    *("Tobias Engelund", "Annelise", "Ruben Castellanos-Hale", "Lettice Umarov-Day"),
)
#: What each kind of private thing looks like; the first that fits counts.
RULES = {
    "EMAIL": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "LINK": r"https?://\S+",
    "NAME": r"\b(?:" + "|".join(re.escape(name) for name in sorted(NAMES, key=len, reverse=True)) + r")\b",
    "PERSON": r"\b(?:Mr|Mrs|Ms|Mme|Dr|Prof)\.? (?:[A-Z]\w*\.? )?[A-Z][\w-]+",
    "NUMBER": r"\b(?=[\w./-]*\d{2})[\w./-]*\d[\w/-]*\b",
}
_ANY = re.compile("|".join(f"(?P<{kind}>{rule})" for kind, rule in RULES.items()))


def hidden(text: str) -> tuple[str, dict[str, str]]:
    """The text with a placeholder for each private thing, and what each of them stands for."""
    placeholders: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        return placeholders.setdefault(match[0], f"[{match.lastgroup}_{len(placeholders) + 1}]")

    return _ANY.sub(placeholder, text), {name: what for what, name in placeholders.items()}


def shown(text: str, stands_for: dict[str, str]) -> str:
    """The text with what its placeholders stand for."""
    return re.sub(r"\[[A-Z]+_\d+\]", lambda match: stands_for.get(match[0], match[0]), text)


class Redacting(dspy.Module):
    """Hides, asks, and shows again; whatever ``untrusted_model`` is sent has left the machine."""

    def __init__(self, untrusted_model):
        super().__init__()
        self.untrusted_model = untrusted_model

    def forward(self, user_query):
        request, stands_for = hidden(user_query)
        answer = response_text(self.untrusted_model(request))
        return dspy.Prediction(response=shown(answer, stands_for))
