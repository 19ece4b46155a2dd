"""What ArborGRPO's next round follows from, so that a training can go on where it stopped.

``ArborGRPO.compile`` always begins with its first round. Its order of examples, its random state and its best
score are plain attributes, though: saved after each round and put back, they make the next round the same.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from arbor import ArborGRPO

__all__ = ["ResumedGRPO", "compiler_state"]

_PLAIN = ("epoch", "shuffled_trainset_ids", "best_validation_score", "best_validation_step")


def compiler_state(compiler: ArborGRPO) -> dict[str, Any]:
    """The state as JSON has it."""
    return {
        **{name: getattr(compiler, name) for name in _PLAIN},
        "rng": compiler.rng.getstate(),
        "id_freqs": list(compiler.id_freqs.items()),
        "validation_scores": list(compiler.validation_scores.items()),
    }


class ResumedGRPO(ArborGRPO):  # type: ignore[misc]
    """ArborGRPO from its ``done``-th round on; validations are counted from there as well."""

    def __init__(self, *, done: int, state: dict[str, Any], num_train_steps: int, **arguments: Any) -> None:
        super().__init__(num_train_steps=num_train_steps - done, **arguments)
        self.done = done
        for name in _PLAIN:
            setattr(self, name, state[name])
        version, internal, gauss = state["rng"]
        self.rng.setstate((version, tuple(internal), gauss))
        self.id_freqs = Counter(dict(map(tuple, state["id_freqs"])))
        self.validation_scores = dict(map(tuple, state["validation_scores"]))

    def select_training_sample_and_update_shuffled_trainset(
        self, original_trainset: list[Any], train_step_idx: int
    ) -> list[Any]:
        examples: list[Any] = super().select_training_sample_and_update_shuffled_trainset(
            original_trainset, train_step_idx + self.done
        )
        return examples
