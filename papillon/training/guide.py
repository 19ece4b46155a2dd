"""Writes a format's markers for a model that is too small to learn them from the prompt.

A model that never hits the format earns the same reward every time, and then nothing can be learned. So, as
llama.cpp does by a grammar, the sampler may write the markers of DSPy's chat format itself: between them the model
draws its fields freely.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["Guide", "asked_fields"]


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
