"""Decoding: the logits after one token more of each sequence of a batch, whose prompts are read already.

On a CPU the cache grows by a token a step, and sequences that have ended leave the batch at once. On a GPU a step is
some two thousand small kernels, and the processor that launches them is what is waited for: there the step is captured
once, as a CUDA graph, and replayed, in a cache with room to spare.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
from torch import Tensor

__all__ = ["Captured", "Decoding", "Growing", "decoding"]

#: Tokens of room in a captured step's cache to begin with; each time it is full it is doubled.
_ROOM = 256
#: Fewest steps for which one is captured, which takes as long as three.
_FEWEST = 8


class Decoding(Protocol):
    """A batch whose sequences go on a token at a time."""

    def step(self, token: Tensor) -> Tensor:
        """The logits [B, V] after one token more, ``token`` [B], of each sequence."""

    def keep(self, rows: Tensor) -> None:
        """Go on with the sequences ``rows`` alone, in this order."""


def decoding(model: Any, cache: Any, mask: Tensor, place: Tensor, steps: int) -> Decoding:
    """The decoding of ``steps`` steps that suits the device.

    ``cache`` holds the prompts, of which ``mask`` [B, L] says what is no padding; ``place`` [B] is the position of
    each one's last token.
    """
    # A layer that keeps a window of its last tokens, or a state, is another class's, and no room can be made in it.
    plain = all(type(layer).__name__ == "DynamicLayer" for layer in cache.layers)
    if mask.device.type == "cuda" and plain and steps >= _FEWEST:
        return Captured(model, cache, mask, place)
    return Growing(model, cache, mask, place)


class Growing:
    """Each step adds a column to the cache; sequences that are not kept leave it."""

    def __init__(self, model: Any, cache: Any, mask: Tensor, place: Tensor) -> None:
        self._model, self._cache, self._mask, self._place = model, cache, mask, place

    def step(self, token: Tensor) -> Tensor:
        self._place = self._place + 1
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(token), 1)], dim=1)
        return _logits(self._model, self._cache, token.unsqueeze(1), self._mask, self._place.unsqueeze(1))

    def keep(self, rows: Tensor) -> None:
        self._cache.batch_select_indices(rows)
        self._mask, self._place = self._mask[rows], self._place[rows]


class Captured:
    """Each step is the same computation at the same addresses, so on a GPU it is captured and replayed.

    Sequences that are not kept are computed on beside the others until the cache is made larger, ``room`` tokens at
    first and twice as many each time. A model whose step cannot be captured, since it looks at its own numbers on the
    way, is computed as it is.
    """

    def __init__(self, model: Any, cache: Any, mask: Tensor, place: Tensor, room: int = _ROOM) -> None:
        self._model, self._cache, self._room = model, cache, room
        self._kept = torch.arange(len(place), device=place.device)
        self._used = mask.size(1)
        self._place = place.unsqueeze(1)
        keys = cache.layers[0].keys
        # Added to attention's scores: 0 for a token that is there, and the least number for padding and for room.
        self._hidden = torch.finfo(keys.dtype).min
        self._shade = torch.where(mask.bool(), 0.0, self._hidden).to(keys.dtype)[:, None, None]
        self._full = self._used
        self._compute: Callable[[], None] = self._run

    def step(self, token: Tensor) -> Tensor:
        if self._used == self._full:
            self._make_room(token)
        else:
            self._token[self._kept, 0] = token
        self._shade[..., self._used] = 0.0
        self._at.fill_(self._used)
        self._place += 1
        self._compute()
        self._used += 1
        return self._logits[self._kept]

    def keep(self, rows: Tensor) -> None:
        self._kept = self._kept[rows]

    def _make_room(self, token: Tensor) -> None:
        """A cache with room again, for those alone that are kept; and the step in it, captured."""
        self._at = torch.full((1,), self._used, device=token.device)
        kept, wide = self._kept, (0, 0, 0, self._room)
        for number, layer in enumerate(self._cache.layers):
            keys, values = (torch.nn.functional.pad(held[kept], wide) for held in (layer.keys, layer.values))
            self._cache.layers[number] = _Room(keys, values, self._at)
        self._shade = torch.nn.functional.pad(self._shade[kept], (0, self._room), value=self._hidden)
        self._place, self._token = self._place[kept], token.unsqueeze(1).clone()
        self._kept = torch.arange(len(kept), device=kept.device)
        self._full, self._room = self._used + self._room, 2 * self._room
        self._compute = self._run if token.device.type == "cpu" else self._capture()

    def _run(self) -> None:
        self._logits = _logits(self._model, self._cache, self._token, self._shade, self._place)

    def _capture(self) -> Callable[[], None]:
        # Once before, aside: what libraries set up at their first call cannot be captured.
        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            self._run()
        here.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        try:
            # Models take turns (batching.GPU); what else this process does there need not wait.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._run()
        except RuntimeError:
            # A capture that fails leaves its stream in place, and the device's chance as if it went on.
            torch.cuda.set_stream(here)
            chance = torch.cuda.default_generators[here.device_index]
            chance.graphsafe_set_state(chance.clone_state())
            return self._run
        replay: Callable[[], None] = graph.replay
        return replay


def _logits(model: Any, cache: Any, token: Tensor, mask: Tensor, place: Tensor) -> Tensor:
    """The logits [B, V] after ``token`` [B, 1] at ``place`` [B, 1]; ``mask`` is as transformers takes one."""
    out = model(input_ids=token, attention_mask=mask, position_ids=place, use_cache=True, past_key_values=cache)
    return cast("Tensor", out.logits[:, -1])


class _Room:
    """One layer of a cache: keys and values [B, H, L, D], of which a step's are written at ``at`` [1]."""

    is_sliding = False

    def __init__(self, keys: Tensor, values: Tensor, at: Tensor) -> None:
        self.keys, self.values, self._at = keys, values, at

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        self.keys.index_copy_(2, self._at, keys)
        self.values.index_copy_(2, self._at, values)
        return self.keys, self.values

    def get_seq_length(self, *_: Any) -> int:
        # Asked for where no positions are given; they are.
        return 0
