"""Scoring with a tiny model: log-probabilities, their gradient, and adapters that come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (torch, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (torch, peft) is not installed")

from papillon.errors import UsageError  # noqa: E402
from papillon.models.local.sampling import Sampling, uniforms  # noqa: E402
from papillon.training.grpo.policy import Policy  # noqa: E402
from papillon.training.settings import Lora, TrainSettings  # noqa: E402
from tests.papillon.training.tiny import tiny_model, tiny_tokenizer  # noqa: E402


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy(tiny_model(), tiny_tokenizer(), Lora(r=4, lora_dropout=0.0))


def prompts(policy: Policy, *texts: str) -> list[tuple[int, ...]]:
    return [policy.prompt([{"role": "user", "content": text}]) for text in texts]


def numbers(rows: int, limit: int) -> Any:
    return torch.stack([uniforms(limit, 0, row) for row in range(rows)])


def test_log_probabilities_are_the_models_own(policy: Policy) -> None:
    drawn = policy.sample(prompts(policy, "hello", "a longer one"), numbers(2, 9), Sampling(), 9)
    found, mask = policy.logprobs([(c.prompt, c.tokens) for c in drawn], temperature=0.5)
    for row, completion in enumerate(drawn):
        ids = torch.tensor([completion.prompt + completion.tokens])
        logits = policy.model(input_ids=ids).logits[0, len(completion.prompt) - 1 : -1] / 0.5
        expected = logits.log_softmax(-1).gather(-1, torch.tensor(completion.tokens)[:, None])[:, 0]
        torch.testing.assert_close(found[row, : len(completion.tokens)], expected, atol=1e-4, rtol=0)
        assert mask[row].sum() == len(completion.tokens)


def test_what_is_kept_for_the_gradient_is_no_larger_than_the_models_own_logits() -> None:
    policy = Policy(tiny_model().to(torch.bfloat16), tiny_tokenizer(), Lora(r=4, lora_dropout=0.0))
    drawn = policy.sample(prompts(policy, "hello", "hello", "a longer one"), numbers(3, 9), Sampling(), 9)
    words = policy.model.config.vocab_size
    weights = {weight.untyped_storage().data_ptr() for weight in policy.model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if tensor.dim() and tensor.size(-1) == words and storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        policy.logprobs([(c.prompt, c.tokens) for c in drawn], temperature=0.5)
    two_bytes_each = 3 * (max(len(c.tokens) for c in drawn) + 1) * words * 2
    assert sum(kept.values()) <= two_bytes_each


def test_a_prompt_that_is_read_once_has_the_gradient_of_all_its_completions(policy: Policy) -> None:
    asked = prompts(policy, "hello", "hello", "help me", "a longer one")
    pairs = [(c.prompt, c.tokens) for c in policy.sample(asked, numbers(4, 9), Sampling(), 9)]
    gains = torch.tensor([1.0, -0.5, 2.0, 0.25])
    weights = [weight for weight in policy.model.parameters() if weight.requires_grad]

    def gradient(parts: list[list[int]]) -> list[Any]:
        for weight in weights:
            weight.grad = None
        for rows in parts:
            found, mask = policy.logprobs([pairs[row] for row in rows])
            ((found * mask).sum(-1) * gains[rows]).sum().backward()
        return [weight.grad for weight in weights]

    together, apart = gradient([[0, 1, 2, 3]]), gradient([[0], [1], [2], [3]])
    assert any(grad is not None and float(grad.abs().max()) > 1e-4 for grad in together)
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_a_checkpointed_gradient_computes_the_layers_again_and_is_the_same() -> None:
    kept, again = (Policy(tiny_model(), tiny_tokenizer(), Lora(r=4, lora_dropout=0.0)) for _ in range(2))
    again.checkpoint_gradient()
    pairs = [(prompt, (10, 11, 12)) for prompt in prompts(kept, "hello", "hello", "a longer one")]
    gradients, passes = [], []
    for policy in (kept, again):
        policy.model.train()
        layer = next(module for name, module in policy.model.named_modules() if name.endswith("layers.0.mlp"))
        layer.register_forward_pre_hook(lambda *_: passes.append(0))
        found, mask = policy.logprobs(pairs)
        passes.clear()
        (found * mask).sum().backward()
        gradients.append([weight.grad for weight in policy.model.parameters() if weight.requires_grad])
        assert len(passes) == (1 if policy is again else 0)
    assert any(float(gradient.abs().max()) > 1e-4 for gradient in gradients[0])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_a_saved_adapter_gives_the_same_model_again(policy: Policy, tmp_path: Path) -> None:
    changed = Policy(tiny_model(), tiny_tokenizer(), Lora(r=4, lora_dropout=0.0), seed=1)
    with torch.no_grad():
        for weight in changed.model.parameters():
            if weight.requires_grad:
                weight.add_(0.05)
    changed.save_adapter(tmp_path)
    fresh = Policy(tiny_model(), tiny_tokenizer(), Lora(r=4, lora_dropout=0.0), seed=2)
    pair = [(prompts(fresh, "hello")[0], (10, 11, 12))]
    untrained = fresh.logprobs(pair)[0]
    fresh.load_adapter(tmp_path)
    assert not torch.allclose(untrained, fresh.logprobs(pair)[0])
    torch.testing.assert_close(changed.logprobs(pair)[0], fresh.logprobs(pair)[0])
    with fresh.without_adapter():
        torch.testing.assert_close(untrained, fresh.logprobs(pair)[0])


def test_layers_that_the_model_has_not_are_named(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    settings = TrainSettings(model=str(tmp_path), lora_config=Lora(target_modules=("c_attn",)))
    with pytest.raises(
        UsageError, match=r"^Expected layers of .* in train\.lora_config\.target_modules, got: .*c_attn"
    ):
        Policy.load(settings, "cpu")


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = TrainSettings(model=str(tmp_path / "nothing"))
    with pytest.raises(
        UsageError, match=r"at '.*nothing' \(train\.model\), but there is nothing at .*nothing; correct"
    ):
        Policy.load(settings, "cpu")
