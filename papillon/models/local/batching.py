"""The batching sampler: one thread draws completions from a model, those that wait together in one batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from queue import Empty, Queue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    from papillon.models.local.causal_model import CausalModel, Completion
    from papillon.models.local.sampling import Sampling, Steering

__all__ = ["GPU", "BatchingSampler", "Draw", "batches", "turn_on"]

T = TypeVar("T")

#: Held by whatever computes on this process's GPU: while one model's step is captured there, no other may.
GPU = threading.Lock()

#: Seconds to wait for one request more: those of one round come together, and a batch saved is worth it. On a GPU it
#: is worth more, since there a batch takes seconds however small it is.
PAUSE, PAUSE_ON_GPU = 0.02, 0.15


def turn_on(device: str) -> threading.Lock:
    """What is held by whoever computes on the device: the one :data:`GPU`, or on the CPU a lock of one's own."""
    return threading.Lock() if device == "cpu" else GPU


def batches(
    queue: Queue[T | None], most: int, kind: Callable[[T], Hashable], pause: float = PAUSE
) -> Iterator[list[T]]:
    """Batches of at most ``most`` requests that are of one kind, in the order they came, until None comes."""
    while (first := queue.get()) is not None:
        together = [first]
        while len(together) < most:
            try:
                more = queue.get(timeout=pause)
            except Empty:
                break
            if more is None:
                queue.put(None)
                break
            together.append(more)
        alike: dict[Hashable, list[T]] = {}
        for request in together:
            alike.setdefault(kind(request), []).append(request)
        yield from alike.values()


@dataclass(frozen=True)
class Draw:
    """A completion that is asked for: its prompt, the numbers [limit] that decide it, and what writes some of it."""

    prompt: tuple[int, ...]
    sampling: Sampling
    numbers: Tensor
    guide: Steering | None = None
    answer: Future[Completion] = field(default_factory=Future)


def _kind(draw: Draw) -> tuple[Sampling, int, int]:
    """What a batch has in common; the lengths roughly, since every prompt in it takes as long as the longest."""
    return *_kind_on_gpu(draw), len(draw.prompt).bit_length()


def _kind_on_gpu(draw: Draw) -> tuple[Sampling, int]:
    """There a long prompt beside short ones costs less than a batch of its own."""
    return draw.sampling, len(draw.numbers)


class BatchingSampler:
    """Answers draws, at most ``most`` at a time; ``device`` is held while the model computes, else its :func:`turn_on`.

    ``drawn`` is told of each batch before those who wait for it.
    """

    def __init__(
        self,
        model: CausalModel,
        *,
        most: int,
        device: AbstractContextManager[object] | None = None,
        drawn: Callable[[list[Completion]], None] = lambda completions: None,
    ) -> None:
        self.model, self.most, self._drawn = model, most, drawn
        self.device = device or turn_on(model.device)
        self.refusal: Exception | None = None
        self._lock = threading.Lock()
        self._queue: Queue[Draw | None] = Queue()
        self._thread = threading.Thread(target=self._serve, name="sampler", daemon=True)
        self._thread.start()

    def ask(self, draw: Draw) -> Future[Completion]:
        """The draw's completion to come; raises, or fails with, what :meth:`close` was given."""
        with self._lock:
            self._check()
            self._queue.put(draw)
        return draw.answer

    def close(self, refusal: Exception) -> None:
        """Refuse what waits, what comes after, and the batch under way before its next token."""
        with self._lock:
            self.refusal = refusal
            self._queue.put(None)
        self._thread.join(timeout=60)

    def _check(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def _serve(self) -> None:
        import torch

        how = (_kind, PAUSE) if self.model.device == "cpu" else (_kind_on_gpu, PAUSE_ON_GPU)
        for batch in batches(self._queue, self.most, *how):
            try:
                with self.device:
                    self._check()
                    numbers = torch.stack([draw.numbers for draw in batch])
                    prompts, guides = [draw.prompt for draw in batch], [draw.guide for draw in batch]
                    done = self.model.sample(prompts, numbers, batch[0].sampling, numbers.size(1), guides, self._check)
            except Exception as error:  # those that wait are where it belongs
                for draw in batch:
                    draw.answer.set_exception(error)
                continue
            self._drawn(done)
            for draw, completion in zip(batch, done, strict=True):
                draw.answer.set_result(completion)
