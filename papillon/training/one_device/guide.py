"""Writes a format's markers for a model that is too small to learn them from the prompt.

A model that never hits the format earns the same reward every time, and then nothing can be learned. So, as
llama.cpp does by a grammar, the sampler may write the markers of DSPy's chat format itself: between them the model
draws its fields freely.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from papillon.models.local.causal_model import CausalModel

__all__ = ["Guide", "Guides", "asked_fields"]


def asked_fields(messages: Sequence[Mapping[str, str]]) -> list[str]:
    """The output fields that a prompt of DSPy's chat format asks for, in order; none where it is of another format."""
    asked = messages[-1]["content"].rpartition("Respond with the corresponding output fields")[2]
    names = re.findall(r"`\[\[ ## (\w+) ## \]\]`", asked)
    return names[:-1] if names[-1:] == ["completed"] else []


class Guide:
    """One completion's way: ``markers`` in tokens are written, and between each two a field is drawn.

    A field does not begin with one of the tokens ``blank``, so it is never empty: that would teach nothing. It ends at
    one of the tokens ``ends``, which is not kept, or when it has its share of ``limit`` tokens. The last marker should
    close the completion. Together it never takes more than ``limit`` tokens, where that has room for the markers and a
    token for each field.
    """

    def __init__(
        self, markers: Sequence[Sequence[int]], ends: frozenset[int], limit: int, *, blank: frozenset[int] = frozenset()
    ) -> None:
        self._markers = [list(marker) for marker in markers]
        self._ends, self._blank = ends, blank | ends
        self._share = max(1, (limit - sum(map(len, markers))) // max(1, len(markers) - 1))
        self._left = 0

    @property
    def barred(self) -> frozenset[int]:
        """The tokens that must not be drawn next."""
        return self._blank if self._left == self._share else frozenset()

    def write(self, drawn: int) -> int:
        """The token that is written where the model drew ``drawn``."""
        if self._left and drawn not in self._ends:
            self._left -= 1
            return drawn
        self._left = 0
        token = self._markers[0].pop(0)
        if not self._markers[0] and len(self._markers) > 1:
            self._markers.pop(0)
            self._left = self._share
        return token


class Guides:
    """Which of a training's draws are guided, and through what: ``share`` of them, as one of its settings has it.

    ``gathering`` says whether rollouts are being gathered now, or else a validation is under way; the program has
    ``modules`` predictors.
    """

    def __init__(
        self, model: CausalModel, share: float, *, gathering: Callable[[], bool] = lambda: True, modules: int = 1
    ) -> None:
        self.model, self.share, self.gathering, self.modules = model, share, gathering, modules
        self._met: list[list[str]] = []
        self._field_ends: tuple[frozenset[int], frozenset[int]] | None = None

    def of(self, messages: Sequence[Mapping[str, str]], limit: int, number: int, chance: float) -> Guide | None:
        """The guide of a draw in round ``number``; None for one that ``chance``, in [0, 1), leaves unguided."""
        fields = asked_fields(messages)
        return self.through(fields, limit) if fields and chance < self.share_of(fields, number) else None

    def share_of(self, fields: list[str], number: int) -> float:
        """The share of draws for a module with these fields whose markers are written.

        In a validation it is 0, unless it is 1 throughout. In a round's rollouts one module in turn has the settings'
        share and the others are wholly guided: ArborGRPO leaves a module's group out where a single rollout did not
        get that far.
        """
        if self.share in (0, 1) or not self.gathering():
            return float(self.share == 1)
        if fields not in self._met:
            self._met.append(fields)
        return self.share if self._met.index(fields) == number % self.modules else 1.0

    def through(self, fields: Sequence[str], limit: int) -> Guide:
        """A guide through the chat format of these fields."""
        if self._field_ends is None:
            vocabulary = self.model.tokenizer.get_vocab().items()
            words = {token: word.replace("\u010a", "\n") for word, token in vocabulary}
            marking = {token for token, word in words.items() if "\n\n" in word or "[[" in word}
            white = {token for token, word in words.items() if not word.strip("\u0120 \n\t")}
            self._field_ends = frozenset(marking | set(self.model.ends)), frozenset(white)
        heads = [f"[[ ## {name} ## ]]\n" for name in fields]
        texts = [heads[0], *(f"\n\n{head}" for head in heads[1:])]
        markers = [self.model.tokens(text, finished=False) for text in texts]
        ends, blank = self._field_ends
        return Guide([*markers, self.model.tokens("\n\n[[ ## completed ## ]]\n")], ends, limit, blank=blank)
