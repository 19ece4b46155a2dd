"""What the trainer's own class changes of Arbor's loss."""

from __future__ import annotations

import pytest

pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "UserWarning", "FutureWarning", "ResourceWarning")
]


@pytest.mark.parametrize(
    ("completion", "ends", "with_gradient"),
    [
        (3, [0, 0, 0, 0, 0], [0, 0, 1, 1, 1]),
        (3, [0, 1, 0, 0, 0], [0, 0, 1, 1, 1]),  # a message's of the prompt
        (3, [0, 1, 0, 1, 0], [0, 0, 1, 1, 0]),
        (4, [0, 0, 1, 1, 0], [0, 1, 1, 1, 0]),
        (5, [0, 0, 0, 0, 1], [1, 1, 1, 1, 1]),
        (9, [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]),
    ],
)
def test_only_a_completion_up_to_its_end_has_a_gradient(
    completion: int, ends: list[int], with_gradient: list[int]
) -> None:
    import torch

    from papillon.training.arbor.trainer import learned_alone

    chances = torch.full((2, 5), -1.5, requires_grad=True)
    kept = learned_alone(chances, torch.tensor([ends, [0] * 5]).bool(), completion)
    assert torch.equal(kept, chances)
    kept.sum().backward()
    assert chances.grad is not None
    without_an_end = [int(column >= 5 - completion) for column in range(5)]
    assert chances.grad.tolist() == [with_gradient, without_an_end]
