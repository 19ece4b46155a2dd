"""What ArborGRPO's next round follows from, so that a training can go on where it stopped.

``ArborGRPO.compile`` always begins with its first round. Its order of examples, its random state and its best
score are plain attributes, though: saved after each round and put back, they make the next round the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from arbor import ArborGRPO

from papillon.training.arbor_arguments import compiler_arguments, train_kwargs
from papillon.training.settings import TrainSettings

__all__ = ["ResumedGRPO", "compiler_state", "make_compiler", "score_before"]

_PLAIN = ("epoch", "shuffled_trainset_ids", "best_validation_score", "best_validation_step")


def make_compiler(
    settings: TrainSettings, metric: Callable[..., float], done: int = 0, state: dict[str, Any] | None = None
) -> ArborGRPO:
    """ArborGRPO with the settings' arguments; with a ``state``, at the round after the ``done``-th."""
    arguments = {"metric": metric, "train_kwargs": train_kwargs(settings), **compiler_arguments(settings)}
    return ArborGRPO(**arguments) if state is None else ResumedGRPO(done=done, state=state, **arguments)


def compiler_state(compiler: ArborGRPO) -> dict[str, Any]:
    """The state as JSON has it."""
    return {
        **{name: getattr(compiler, name) for name in _PLAIN},
        "rng": compiler.rng.getstate(),
        "id_freqs": list(compiler.id_freqs.items()),
        "score_before": score_before(compiler),
    }


def score_before(compiler: ArborGRPO) -> float | None:
    """The validation score before the training's first round, in 0..100; None without a validation."""
    score: float | None = (
        compiler.score_before if isinstance(compiler, ResumedGRPO) else compiler.validation_scores.get(-1)
    )
    return score


class ResumedGRPO(ArborGRPO):  # type: ignore[misc]
    """ArborGRPO from its ``done``-th round on."""

    def __init__(
        self, *, done: int, state: dict[str, Any], num_train_steps: int, num_steps_for_val: int, **arguments: Any
    ) -> None:
        # It counts its own rounds from 0; asked after each of them, this class knows when a validation is due.
        super().__init__(num_train_steps=num_train_steps - done, num_steps_for_val=1, **arguments)
        self.done, self.rounds_for_val = done, num_steps_for_val
        self.score_before = state["score_before"]
        for name in _PLAIN:
            setattr(self, name, state[name])
        version, internal, gauss = state["rng"]
        self.rng.setstate((version, tuple(internal), gauss))
        self.id_freqs = Counter(dict(map(tuple, state["id_freqs"])))

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
        if step_idx >= 0 and due:
            super().report_validation_metrics(*arguments, step_idx=step_idx, **more)
