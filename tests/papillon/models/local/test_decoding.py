"""Decoding: a cache with room gives what a growing one gives, and a GPU's captured step what the CPU computes."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (torch, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (torch, peft) is not installed")

from papillon.models.local import causal_model  # noqa: E402
from papillon.models.local.decoding import Captured, Growing, decoding  # noqa: E402
from papillon.models.local.sampling import Sampling, uniforms  # noqa: E402
from papillon.training.grpo.policy import Policy  # noqa: E402
from papillon.training.settings import Lora  # noqa: E402
from tests.papillon.training.tiny import tiny_model, tiny_tokenizer  # noqa: E402


@pytest.fixture
def policy() -> Policy:
    policy = Policy(tiny_model(), tiny_tokenizer(), Lora(r=4, lora_dropout=0.0))
    policy.ends = list(range(12))  # so that some sequences end early, and leave
    return policy


def drawn(policy: Policy, penalty: float = 1.0) -> list[Any]:
    texts = ["hello", "hi", "hello", "a longer one here", "and another"]
    asked = [policy.prompt([{"role": "user", "content": text}]) for text in texts]
    numbers = torch.stack([uniforms(40, "decoding", row) for row in range(len(asked))])
    return policy.sample(asked, numbers, Sampling(repetition_penalty=penalty), 40)


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_a_cache_with_room_gives_what_a_growing_one_gives(
    policy: Policy, penalty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = drawn(policy, penalty)
    lengths = sorted(len(completion.tokens) for completion in expected)
    assert lengths[0] < lengths[-1] > 12, "some must end early, and some outgrow the first room"
    made: list[Captured] = []

    def with_room(model: Any, cache: Any, mask: Any, place: Any, steps: int) -> Captured:
        made.append(Captured(model, cache, mask, place, room=4))
        return made[-1]

    monkeypatch.setattr(causal_model, "decoding", with_room)
    assert drawn(policy, penalty) == expected
    assert len(made) == 1


def test_sequences_that_ended_leave_when_room_is_made(policy: Policy) -> None:
    batch, cache = read(policy, rows=4)
    with torch.no_grad():
        batch.step(torch.tensor([20, 21, 22, 23]))
        batch.keep(torch.tensor([3, 1]))
        batch.step(torch.tensor([23, 21]))
        assert cache.layers[0].keys.shape[:3] == (4, 2, 5 + 2)
        batch.step(torch.tensor([23, 21]))
    assert cache.layers[0].keys.shape[:3] == (2, 2, 5 + 2 + 4)


def test_on_the_cpu_the_cache_grows(policy: Policy) -> None:
    out, mask = forward(policy, rows=2)
    assert isinstance(decoding(policy.model, out.past_key_values, mask, mask.sum(-1) - 1, 100), Growing)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU is here")
@pytest.mark.parametrize("looks_at_itself", [False, True])
def test_on_a_gpu_a_step_gives_what_the_cpu_gives(policy: Policy, looks_at_itself: bool) -> None:
    expected = drawn(policy)
    there = Policy(tiny_model(), tiny_tokenizer(), Lora(r=4, lora_dropout=0.0), device="cuda")
    there.ends = policy.ends
    if looks_at_itself:  # which no capture may
        there.model.register_forward_hook(lambda model, asked, out: out.logits.sum().item() and None)
    assert drawn(there) == expected
    assert drawn(there) == expected
    assert torch.rand(1, device="cuda").item() < 1, "the device's own chance still works"


def read(policy: Policy, rows: int) -> tuple[Captured, Any]:
    out, mask = forward(policy, rows)
    return Captured(policy.model, out.past_key_values, mask, mask.sum(-1) - 1, room=2), out.past_key_values


def forward(policy: Policy, rows: int) -> tuple[Any, Any]:
    mask = torch.ones(rows, 5, dtype=torch.long)
    with torch.no_grad():
        return policy.model(input_ids=torch.full((rows, 5), 30), attention_mask=mask, use_cache=True), mask
