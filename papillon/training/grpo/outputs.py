"""Outputs: a round's draws, found again by the texts that ArborGRPO sends of them to be learned.

It sends an output that it could read in the form that DSPy's chat adapter gives it, and that differs from what was
drawn: the marker ``completed`` and a line break end it, after which no model ends by itself. Learned so, a few tokens
that were never drawn, and whose chance is one in a hundred thousand, would weigh more than all the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import dspy

__all__ = ["Outputs", "training_adapter"]

Draw = TypeVar("Draw")


class Outputs(Generic[Draw]):
    """Draws by what was asked, of a program whose predictors have these ``signatures``."""

    def __init__(self, signatures: Sequence[type[dspy.Signature]] = ()) -> None:
        self._signatures = signatures
        self._drawn: defaultdict[Hashable, list[tuple[str, Draw]]] = defaultdict(list)
        self._sent: dict[str, set[str]] = {}
        self._found: Counter[tuple[Hashable, str]] = Counter()

    def keep(self, asked: Hashable, text: str, draw: Draw) -> None:
        """Asked so, the model drew ``text``."""
        self._drawn[asked].append((text, draw))

    def find(self, asked: Hashable, sent: str) -> Draw | None:
        """A draw, asked so and never otherwise, that is ``sent``; None without one.

        Draws that differ but are sent alike are given in turn: what followed from them depends on their fields alone,
        so whichever of their rewards comes with it.
        """
        alike = [draw for text, draw in self._drawn.get(asked, ()) if sent == text or sent in self._forms(text)]
        if not alike:
            return None
        turn = self._found[asked, sent]
        self._found[asked, sent] += 1
        return alike[turn % len(alike)]

    def clear(self) -> None:
        """A round has ended."""
        self._drawn.clear()
        self._sent.clear()
        self._found.clear()

    def _forms(self, text: str) -> set[str]:
        if text not in self._sent:
            self._sent[text] = set(_as_sent(text, self._signatures))
        return self._sent[text]


def training_adapter() -> dspy.Adapter:
    """What a training writes prompts and reads outputs with: chat without the JSON fallback, since a second try in
    another format would hide the first one's failure."""
    from papillon.models.adapters import adapter_for

    return adapter_for("chat", json_fallback=False)


def _as_sent(text: str, signatures: Sequence[type[dspy.Signature]]) -> Iterator[str]:
    """What a run sends that read ``text`` by one of the signatures."""
    if not signatures:
        return  # to sample needs no DSPy
    from dspy.utils.exceptions import AdapterParseError

    adapter = training_adapter()
    for signature in signatures:
        with suppress(AdapterParseError):
            yield adapter.format_assistant_message_content(signature, adapter.parse(signature, text))
