"""What the trainer's own class changes of Arbor's loss."""

from __future__ import annotations

import pytest

pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "UserWarning", "FutureWarning", "ResourceWarning")
]


@pytest.mark.parametrize(("completion", "with_gradient"), [(3, [0, 0, 1, 1, 1]), (5, [1] * 5), (9, [1] * 5)])
def test_a_prompts_tokens_have_no_gradient(completion: int, with_gradient: list[int]) -> None:
    import torch

    from papillon.training.arbor.trainer import without_prompt

    chances = torch.zeros(2, 5, requires_grad=True)
    kept = without_prompt(chances, completion)
    assert kept.shape == chances.shape
    kept.sum().backward()
    assert chances.grad is not None
    assert chances.grad.tolist() == [with_gradient] * 2
