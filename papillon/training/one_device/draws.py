"""Draws: what the policy drew in a round, so that the trainer learns the very tokens, after the very prompt.

ArborGRPO sends an output that it could read in the form that DSPy's chat adapter gives it, which differs from what was
drawn: the marker ``completed`` and a line break end it, after which no model ends by itself. Learned so, a few tokens
that were never drawn, and whose chance is one in a hundred thousand, would weigh more than all the others.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from papillon.models.local.causal_model import Completion

__all__ = ["Draws"]

#: A field's line in the chat adapter's form.
_HEADER = re.compile(r"^\[\[ ## (\w+) ## \]\]$", re.MULTILINE)


class Draws:
    """The draws of the round after the ``round``-th; ``tokens`` counts those of all rounds."""

    def __init__(self) -> None:
        self.round = self.tokens = 0
        self.times_asked: Counter[tuple[int, ...]] = Counter()
        self._drawn: defaultdict[tuple[int, ...], dict[str, Completion]] = defaultdict(dict)

    def number(self, prompt: tuple[int, ...]) -> int:
        """How often the prompt was asked before, since the last :meth:`forget`."""
        before = self.times_asked[prompt]
        self.times_asked[prompt] = before + 1
        return before

    def keep(self, completions: Iterable[Completion]) -> None:
        """These were drawn."""
        for completion in completions:
            self._drawn[completion.prompt].setdefault(completion.text, completion)
            self.tokens += len(completion.tokens)

    def find(self, text: str, prompt: tuple[int, ...]) -> Completion | None:
        """What was drawn in this round after this prompt, never another's, with this text or else with its fields."""
        drawn = self._drawn.get(prompt, {})
        if text in drawn:
            return drawn[text]
        names = _HEADER.findall(text)[:-1]  # the last is no field
        fields = _read(text, names)
        return next((drawn[other] for other in drawn if fields == _read(other, names)), None) if fields else None

    def forget(self) -> None:
        """Count anew: the n-th draw of a prompt from here follows from the seed, the round, the prompt, n."""
        self.times_asked.clear()

    def next_round(self) -> None:
        """The policy has moved on; what was drawn before is of no more use."""
        self.round += 1
        self._drawn.clear()
        self.forget()


def _read(text: str, names: Sequence[str]) -> dict[str, Any] | None:
    """The fields of these names as DSPy's chat adapter reads them, None where it finds others."""
    import dspy  # not at the top: to sample needs none
    from dspy.utils.exceptions import AdapterParseError

    signature = dspy.Signature({name: (str, dspy.OutputField()) for name in names})
    try:
        fields: dict[str, Any] = dspy.ChatAdapter().parse(signature, text)
    except AdapterParseError:
        return None
    return fields
