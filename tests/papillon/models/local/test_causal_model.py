"""Sampling with a tiny model: batches, ends, and adapters that fit or do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (torch, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (torch, peft) is not installed")

from papillon.errors import UsageError  # noqa: E402
from papillon.models.local.sampling import Sampling, uniforms  # noqa: E402
from papillon.training.grpo.policy import Policy  # noqa: E402
from papillon.training.settings import Lora  # noqa: E402
from tests.papillon.training.tiny import OUTPUTS, preferred, tiny_model, tiny_tokenizer  # noqa: E402


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy(tiny_model(), tiny_tokenizer(), Lora(r=4, lora_dropout=0.0))


def prompts(policy: Policy, *texts: str) -> list[tuple[int, ...]]:
    return [policy.prompt([{"role": "user", "content": text}]) for text in texts]


def numbers(rows: int, limit: int) -> Any:
    return torch.stack([uniforms(limit, 0, row) for row in range(rows)])


def test_what_shares_the_batch_changes_no_draw(policy: Policy) -> None:
    asked = prompts(policy, "hello", "hi", "hello", "a longer one here")
    together = policy.sample(asked, numbers(4, 12), Sampling(), 12)
    alone = [policy.sample([asked[i]], numbers(4, 12)[i : i + 1], Sampling(), 12)[0] for i in range(4)]
    assert together == alone
    assert together[0] != together[2]  # the same prompt, another number


def test_a_prompt_is_tokens_where_templates_give_a_mask_too(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = policy.tokenizer.apply_chat_template

    def as_in_transformers_5(messages: Any, *, return_dict: bool = True, **more: Any) -> Any:
        return apply(messages, return_dict=return_dict, **more)

    asked = policy.prompt([{"role": "user", "content": "hello"}])
    monkeypatch.setattr(policy.tokenizer, "apply_chat_template", as_in_transformers_5)
    assert policy.prompt([{"role": "user", "content": "hello"}]) == asked
    assert all(isinstance(token, int) for token in asked)


def test_a_completion_ends_at_its_end_or_at_the_limit(policy: Policy) -> None:
    tokenizer = tiny_tokenizer()
    eager = Policy(tiny_model(prefer=preferred(tokenizer)), tokenizer, Lora(r=2, lora_dropout=0.0))
    ended = eager.sample(prompts(eager, "hello") * 8, numbers(8, 6), Sampling(), 6)
    assert all(completion.finished and completion.tokens[-1] == 3 for completion in ended)
    assert {completion.text for completion in ended} <= set(OUTPUTS)
    cut = eager.sample(prompts(eager, "hello"), numbers(1, 1), Sampling(), 1)[0]
    assert not cut.finished
    assert len(cut.tokens) == 1


def test_an_adapter_of_other_layers_is_refused(tmp_path: Path) -> None:
    other = Policy(tiny_model(), tiny_tokenizer(), Lora(target_modules=("q_proj",)))
    other.save_adapter(tmp_path / "other")
    with pytest.raises(
        UsageError, match=r"^Expected an adapter of \d+ factors in .*/other, as this model has with its"
    ):
        Policy(tiny_model(), tiny_tokenizer(), Lora()).load_adapter(tmp_path / "other")
