"""Draws: what the policy drew in a round, so that the trainer learns the very tokens, after the very prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from papillon.training.grpo.outputs import Outputs

if TYPE_CHECKING:
    import dspy

    from papillon.models.local.causal_model import Completion

__all__ = ["Draws"]


class Draws:
    """The draws of the round after the ``round``-th, by predictors of these ``signatures``; ``tokens`` counts all."""

    def __init__(self, signatures: Sequence[type[dspy.Signature]] = ()) -> None:
        self.round = self.tokens = 0
        self.times_asked: Counter[tuple[int, ...]] = Counter()
        self._outputs: Outputs[Completion] = Outputs(signatures)

    def number(self, prompt: tuple[int, ...]) -> int:
        """How often the prompt was asked before, since the last :meth:`forget`."""
        before = self.times_asked[prompt]
        self.times_asked[prompt] = before + 1
        return before

    def keep(self, completions: Iterable[Completion]) -> None:
        """These were drawn."""
        for completion in completions:
            self._outputs.keep(completion.prompt, completion.text, completion)
            self.tokens += len(completion.tokens)

    def find(self, text: str, prompt: tuple[int, ...]) -> Completion | None:
        """What was drawn in this round after this prompt, never another's, and is sent as this text to be learned."""
        return self._outputs.find(prompt, text)

    def forget(self) -> None:
        """Count anew: the n-th draw of a prompt from here follows from the seed, the round, the prompt, n."""
        self.times_asked.clear()

    def next_round(self) -> None:
        """The policy has moved on; what was drawn before is of no more use."""
        self.round += 1
        self._outputs.clear()
        self.forget()
