"""ArborGRPO from any round on, and what its next round follows from.

``ArborGRPO.compile`` always begins with its first round. Its order of examples, its random state and its best
score are plain attributes, though: saved after each round and put back, they make the next round the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from arbor import ArborGRPO

from papillon.training.arbor.arguments import compiler_arguments, train_kwargs
from papillon.training.settings import TrainSettings

__all__ = ["Compiler"]

_PLAIN = ("epoch", "shuffled_trainset_ids", "best_validation_score", "best_validation_step")


class Compiler(ArborGRPO):  # type: ignore[misc]
    """ArborGRPO with the settings' arguments; with a ``state``, from the round after the ``done``-th."""

    def __init__(
        self,
        settings: TrainSettings,
        metric: Callable[..., float],
        done: int = 0,
        state: dict[str, Any] | None = None,
    ) -> None:
        # It counts its own rounds from 0; asked after each of them, this class knows when a validation is due.
        own = {"num_train_steps": settings.num_train_steps - done, "num_steps_for_val": 1}
        super().__init__(metric=metric, train_kwargs=train_kwargs(settings), **{**compiler_arguments(settings), **own})
        self.done, self.rounds_for_val = done, settings.num_steps_for_val
        self._score_before: float | None = None
        if state is not None:
            self._score_before = state["score_before"]
            for name in _PLAIN:
                setattr(self, name, state[name])
            version, internal, gauss = state["rng"]
            self.rng.setstate((version, tuple(internal), gauss))
            self.id_freqs = Counter(dict(map(tuple, state["id_freqs"])))

    def state(self) -> dict[str, Any]:
        """What the next round follows from, as JSON has it."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "rng": self.rng.getstate(),
            "id_freqs": list(self.id_freqs.items()),
            "score_before": self.score_before,
        }

    @property
    def score_before(self) -> float | None:
        """The validation score before the training's first round, in 0..100; None without a validation."""
        score: float | None = self.validation_scores.get(-1, self._score_before)
        return score

    def select_training_sample_and_update_shuffled_trainset(
        self, original_trainset: list[Any], train_step_idx: int
    ) -> list[Any]:
        examples: list[Any] = super().select_training_sample_and_update_shuffled_trainset(
            original_trainset, train_step_idx + self.done
        )
        return examples

    def _save_checkpoint_for_job(self, job: Any, lm: Any, name: str, *, step_idx: int, **more: Any) -> None:
        step = step_idx + self.done
        if self.checkpoint_mode == "improvements":
            name = f"model_checkpoint_step_{step + 1}"
        super()._save_checkpoint_for_job(job, lm, name, step_idx=step, **more)

    def report_validation_metrics(self, *arguments: Any, step_idx: int = -1, **more: Any) -> None:
        due = (step_idx + 1 + self.done) % self.rounds_for_val == 0 or step_idx == self.num_train_steps - 1
        if due if step_idx >= 0 else not self.done:
            super().report_validation_metrics(*arguments, step_idx=step_idx, **more)
