"""Real steps on a model of random weights: what moves, what does not, and what is the same after a resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (torch, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (torch, peft) is not installed")

from papillon.errors import RunStopped  # noqa: E402
from papillon.training.grpo.learner import DivergenceError, Learner, Rewarded  # noqa: E402
from papillon.training.grpo.losses import advantages, policy_loss  # noqa: E402
from papillon.training.grpo.policy import Policy  # noqa: E402
from papillon.training.settings import TrainSettings  # noqa: E402
from tests.papillon.training.tiny import preferred, tiny_model, tiny_tokenizer  # noqa: E402

SETTINGS: dict[str, Any] = {
    "num_samples_per_input": 4,
    "learning_rate": 3e-3,
    "warmup_steps": 0,
    "lora_config": {"r": 4, "lora_dropout": 0.1},
}


def learner(**more: Any) -> Learner:
    settings = TrainSettings.from_json({**SETTINGS, **more})
    tokenizer = tiny_tokenizer()
    policy = Policy(tiny_model(prefer=preferred(tokenizer)), tokenizer, settings.lora_config)
    return Learner(policy, settings)


def group(policy: Policy, rewards: list[float], text: str = "hello", finished: bool = True) -> list[Rewarded]:
    prompt = policy.prompt([{"role": "user", "content": text}])
    tokens = preferred(policy.tokenizer)
    return [Rewarded(prompt, (tokens[i], 3), reward, finished) for i, reward in enumerate(rewards)]


def weights(of: Learner) -> list[Any]:
    return [weight.detach().clone() for weight in of.weights]


def test_a_rewarded_completion_becomes_more_likely_and_the_others_less() -> None:
    subject = learner()
    items = group(subject.policy, [1.0, 0.0, 0.0, 0.0])
    pairs = [(item.prompt, item.tokens) for item in items]
    subject.policy.model.eval()
    before = subject.policy.logprobs(pairs)[0].sum(-1)
    for _ in range(8):
        learned = subject.learn([items])
    subject.policy.model.eval()
    after = subject.policy.logprobs(pairs)[0].sum(-1)
    assert learned.steps == 1
    assert learned.gradient > 0
    assert after[0] > before[0] + 0.3
    assert (after[1:] < before[1:]).all()


def test_equal_rewards_take_no_step() -> None:
    subject = learner()
    before = weights(subject)
    learned = subject.learn([group(subject.policy, [0.5] * 4), group(subject.policy, [1.0] * 4, "other")])
    assert (learned.steps, learned.groups, learned.alike) == (0, 2, 2)
    assert all(torch.equal(a, b) for a, b in zip(before, subject.weights, strict=True))


def test_more_groups_than_one_batch_holds_take_several_steps() -> None:
    subject = learner(per_device_train_batch_size=2, gradient_accumulation_steps=2)  # one group a step
    groups = [group(subject.policy, [1.0, 0.0, 0.0, 0.0], text) for text in ("a", "b", "c")]
    learned = subject.learn(groups)
    assert learned.steps == 3
    assert learned.reward == pytest.approx(0.25)


@pytest.mark.parametrize("loss", ["dapo", "grpo", "dr_grpo"])
@pytest.mark.parametrize(("size", "pieces"), [(1, 4), (3, 2)])
def test_accumulating_micro_batches_is_the_same_as_one_batch(loss: str, size: int, pieces: int) -> None:
    ends = []
    for batch, steps in ((4, 1), (size, pieces)):
        subject = learner(
            loss_type=loss,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=steps,
            lora_config={"lora_dropout": 0.0},
        )
        subject.learn([group(subject.policy, [1.0, 0.0, 0.5, -1.0])])
        ends.append(weights(subject))
    for one, other in zip(*ends, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_truncated_completions_count_in_the_baseline_and_are_not_learned() -> None:
    subject = learner()
    learned = subject.learn([group(subject.policy, [1.0, 0.0, 0.0, 0.0], finished=False)])
    assert (learned.steps, learned.truncated) == (0, 4)
    unmasked = learner(mask_truncated_completions=False)
    assert unmasked.learn([group(unmasked.policy, [1.0, 0.0, 0.0, 0.0], finished=False)]).steps == 1


@pytest.mark.parametrize("loss", ["dapo", "grpo", "dr_grpo", "bnpo"])
def test_a_truncated_completion_counts_in_the_average_as_in_trl(loss: str) -> None:
    subject = learner(loss_type=loss, max_grad_norm=1e9, lora_config={"lora_dropout": 0.0})
    items = group(subject.policy, [1.0, 0.0, 0.5, -1.0])
    items[3] = replace(items[3], tokens=items[3].tokens * 5, finished=False)
    subject.policy.model.train()
    logprobs, mask = subject.policy.logprobs([(item.prompt, item.tokens) for item in items])
    tokens = float(mask.sum())
    mask[3] = 0  # TRL has the row there, without a token that counts
    gains = advantages(torch.tensor([item.reward for item in items]), 4, "none")
    told = {"loss_type": loss, "tokens_in_step": tokens, "max_length": subject.settings.max_tokens}
    policy_loss(logprobs, gains, mask, **told).loss.backward()
    expected = torch.stack([weight.grad.norm() for weight in subject.weights]).norm()
    subject.optimizer.zero_grad()
    assert subject.learn([items]).gradient == pytest.approx(float(expected), rel=1e-4)


def test_what_one_step_made_likely_weighs_in_the_next_at_most_delta() -> None:
    def second_step(**more: Any) -> float:
        subject = learner(per_device_train_batch_size=4, gradient_accumulation_steps=1, learning_rate=0.05, **more)
        good, bad = (group(subject.policy, rewards) for rewards in ([1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]))
        return 2 * subject.learn([good, bad]).loss  # the mean of two steps; the first has ratios of 1, so a loss of 0

    # Two of the step's eight tokens are of a completion that is worse than its group, by 0.75.
    assert second_step() > 1.1 * 0.75 * 2 / 8 >= second_step(delta=1.1)


def test_warm_up_begins_at_nothing_and_gradients_are_clipped() -> None:
    subject = learner(warmup_steps=4, max_grad_norm=1e-9)
    before = weights(subject)
    subject.learn([group(subject.policy, [1.0, 0.0, 0.0, 0.0])])
    assert all(torch.equal(a, b) for a, b in zip(before, subject.weights, strict=True))
    rates = [subject.schedule.get_last_lr()[0]]
    for _ in range(4):
        subject.learn([group(subject.policy, [1.0, 0.0, 0.0, 0.0])])
        rates.append(subject.schedule.get_last_lr()[0])
    assert rates == pytest.approx([3e-3 * share for share in (0.25, 0.5, 0.75, 1.0, 1.0)])


def test_a_reference_holds_the_policy_back() -> None:
    moved = []
    for beta in (0.0, 5.0):
        subject = learner(beta=beta, lora_config={"lora_dropout": 0.0})
        items = group(subject.policy, [1.0, 0.0, 0.0, 0.0])
        for _ in range(10):
            learned = subject.learn([items])
        subject.policy.model.eval()
        moved.append(subject.policy.logprobs([(items[0].prompt, items[0].tokens)])[0].sum().item())
    assert learned.kl > 0
    assert moved[1] < moved[0]


def test_a_loss_that_is_no_number_stops_before_it_reaches_the_weights() -> None:
    subject = learner()
    before = weights(subject)
    items = group(subject.policy, [float("inf"), 0.0, 0.0, 0.0])
    with pytest.raises(DivergenceError, match=r"Expected a finite loss, got nan; .* keeps its last checkpoint"):
        subject.learn([items])
    assert all(torch.equal(a, b) for a, b in zip(before, subject.weights, strict=True))


def test_a_round_that_is_stopped_ends_before_its_next_micro_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = learner(per_device_train_batch_size=1)
    logprobs, seen = subject.policy.logprobs, []

    def stops_after_two(*given: Any) -> Any:
        seen.append(given)
        subject.stopped = len(seen) == 2
        return logprobs(*given)

    monkeypatch.setattr(subject.policy, "logprobs", stops_after_two)
    before = weights(subject)
    with pytest.raises(RunStopped, match="stopped in a round's steps, and goes on from the round before"):
        subject.learn([group(subject.policy, [1.0, 0.0, 0.0, 0.0])])
    assert len(seen) == 2
    assert all(torch.equal(a, b) for a, b in zip(before, subject.weights, strict=True))


def test_a_step_that_was_too_large_is_told_by_a_few_tokens_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = learner(learning_rate=1e30)
    logprobs, seen = subject.policy.logprobs, []

    def watched(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]], temperature: float) -> Any:
        seen.append([len(prompt) + len(tokens) for prompt, tokens in pairs])
        return logprobs(pairs, temperature)

    monkeypatch.setattr(subject.policy, "logprobs", watched)
    with pytest.raises(DivergenceError, match="Expected a finite probability after the step, got nan"):
        subject.learn([group(subject.policy, [1.0, 0.0, 0.0, 0.0], "hello " * 20)])
    (learned, looked_at) = seen
    assert min(learned) > 100
    assert looked_at == [16 + 2]


def test_a_resumed_learner_takes_the_same_next_step_bit_for_bit(tmp_path: Path) -> None:
    first = learner()
    groups = [group(first.policy, [1.0, 0.0, 0.5, 0.0])]
    first.learn(groups)
    first.learn(groups)
    first.policy.save_adapter(tmp_path / "adapter")
    torch.save(first.state(), tmp_path / "learner.pt")
    first.learn(groups)

    torch.manual_seed(99)
    second = learner()
    second.policy.load_adapter(tmp_path / "adapter")
    second.load_state(torch.load(tmp_path / "learner.pt", weights_only=True))
    second.learn(groups)
    assert all(torch.equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))
