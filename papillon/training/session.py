"""A session: one training by whoever carries it out, Arbor's server or one device, with its checkpoints.

What both do alike stands here, resuming above all; what they do differently is for each to say.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from papillon.errors import InfrastructureError
from papillon.training.folder.checkpoints import Checkpoint, Checkpoints, Mark, reading
from papillon.training.folder.record import RunRecord
from papillon.training.grpo.compiler import Compiler
from papillon.training.grpo.rollouts import RolloutWatch
from papillon.training.settings import TrainSettings

__all__ = ["Session"]


class Session(ABC):
    """One training: ``rounds`` are behind the policy, ``failure`` is what ended it where ArborGRPO itself did not."""

    def __init__(self, settings: TrainSettings, record: RunRecord, watch: RolloutWatch) -> None:
        self.settings, self.record, self.watch = settings, record, watch
        #: What ArborGRPO is told to train.
        self.model = settings.model
        self.checkpoints = Checkpoints(record.folder / "checkpoints")
        self.rounds = 0
        self.failure: Exception | None = None
        self.compiler: Compiler
        self._state: dict[str, Any] | None = None

    @abstractmethod
    def serving(self) -> AbstractContextManager[str]:
        """Inside, Arbor's application answers at the address that this gives."""

    @abstractmethod
    def restore(self, folder: Path) -> None:
        """Take up the policy of the checkpoint in ``folder``, after :attr:`rounds`."""

    @abstractmethod
    def model_config(self) -> Any:
        """The configuration of the model that the adapter stands on; None for one that llama.cpp cannot have."""

    @abstractmethod
    def nothing_kept(self) -> str:
        """What is to be said where no checkpoint came of it."""

    @abstractmethod
    def close(self) -> None:
        """End what a training that did not get to serve has begun."""

    def provider(self) -> Any:
        """How DSPy trains a model at the application's address."""
        from arbor import ArborProvider

        return ArborProvider()

    def resume(self) -> int:
        """Go on from the last checkpoint, if there is one; gives the rounds behind it."""
        last = self.checkpoints.last()
        self.rounds = 0 if last is None else last.step
        self.record.keep_rounds(self.rounds)
        if last is not None:
            folder = self.checkpoints.path(last)
            with reading(file := folder / "compiler.json"):
                self._state = json.loads(file.read_text(encoding="utf-8"))
            self.restore(folder)
        return self.rounds

    def make_compiler(self, metric: Callable[..., float]) -> Compiler:
        """ArborGRPO with the settings' arguments, at the round that comes next."""
        self.compiler = Compiler(self.settings, metric, self.rounds, self._state)
        return self.compiler

    def fail(self, error: Exception) -> None:
        """This ends the training."""
        self.failure = error

    @property
    def a_round(self) -> int:
        """The rollouts of one round."""
        return self.settings.num_dspy_examples_per_grpo_step * self.settings.num_samples_per_input

    def save(self, checkpoint: Checkpoint, write: Callable[[Path], None], *marks: Mark) -> None:
        """Save what ``write`` writes of the policy, with all else that the next round follows from."""

        def whole(folder: Path) -> None:
            write(folder)
            (folder / "compiler.json").write_text(json.dumps(self.compiler.state()), encoding="utf-8")

        self.checkpoints.save(checkpoint, whole, *marks)

    def finish(self, final_score: float | None) -> tuple[Path, float | None]:
        """The adapter to keep, of the best checkpoint or the last, and its validation score."""
        kept = self.checkpoints.kept(final_score)
        if kept is None:
            raise InfrastructureError(self.nothing_kept())
        return self.checkpoints.path(kept[0]) / "adapter", kept[1]
