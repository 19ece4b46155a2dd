"""Every advantage and loss variant against TRL's own trainer, on a batch that it drew itself."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (torch, trl) is not installed")
pytest.importorskip("trl", reason="the gpu extra (torch, trl) is not installed")

from papillon.training.grpo.losses import advantages, has_spread, policy_loss  # noqa: E402
from tests.papillon.training.tiny import tiny_model, tiny_tokenizer  # noqa: E402

GROUP = 4


@pytest.fixture(scope="module")
def trl_batch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Any], list[float]]:
    """TRL's GRPOTrainer, one batch of completions that it sampled, and the rewards that it was told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from datasets import Dataset
        from trl import GRPOConfig, GRPOTrainer

        told: list[float] = []

        def reward(completions: list[str], **_: Any) -> list[float]:
            told.extend(0.5 * (len(told) + i) % 1.75 for i in range(len(completions)))
            return told[-len(completions) :]

        folder = str(tmp_path_factory.mktemp("trl"))
        tiny_model().save_pretrained(folder)  # the reference model is loaded from the same place
        config = GRPOConfig(
            output_dir=folder,
            per_device_train_batch_size=2 * GROUP,
            num_generations=GROUP,
            max_completion_length=12,
            beta=0.04,
            epsilon_high=0.28,
            scale_rewards="group",
            report_to=[],
            use_cpu=True,
            bf16=False,
        )
        prompts = Dataset.from_dict({"prompt": ["a b c", "d e f g", "h i", "j k l"]})
        trainer = GRPOTrainer(
            model=folder, reward_funcs=reward, args=config, train_dataset=prompts, processing_class=tiny_tokenizer()
        )
        trainer.current_gradient_accumulation_steps = 1
        trainer.model.train()
        inputs = trainer._prepare_inputs([dict(prompts[i // GROUP]) for i in range(2 * GROUP)])
    return trainer, inputs, told


def test_the_batch_is_one_that_can_tell(trl_batch: tuple[Any, dict[str, Any], list[float]]) -> None:
    _, inputs, rewards = trl_batch
    assert has_spread(rewards)
    assert inputs["completion_mask"].shape[0] == 2 * GROUP
    assert inputs["advantages"].abs().max() > 0.1


def test_advantages_are_trls(trl_batch: tuple[Any, dict[str, Any], list[float]]) -> None:
    _, inputs, rewards = trl_batch
    ours = advantages(torch.tensor(rewards), GROUP, "group")
    # TRL deals its batch out in another order after scoring it.
    torch.testing.assert_close(ours.sort().values, inputs["advantages"].sort().values, atol=1e-4, rtol=0)


@pytest.mark.parametrize("scale", ["none", "group", "batch"])
def test_each_way_of_scaling_is_the_formula_of_trls_source(scale: Any) -> None:
    rewards = torch.tensor([0.0, 1.0, 0.5, 0.5, -1.0, 1.0, 1.0, 1.0])
    mean = rewards.view(-1, GROUP).mean(dim=1).repeat_interleave(GROUP)
    spread = {
        "none": torch.ones(8) - 1e-4,
        "group": rewards.view(-1, GROUP).std(dim=1).repeat_interleave(GROUP),
        "batch": rewards.std().expand_as(rewards),
    }[scale]
    torch.testing.assert_close(advantages(rewards, GROUP, scale), (rewards - mean) / (spread + 1e-4))


@pytest.mark.parametrize(
    ("loss_type", "beta", "drift", "epsilon_high", "delta"),
    list(itertools.product(["grpo", "bnpo", "dr_grpo", "dapo"], [0.0, 0.04], [None, 0.3], [0.2, 0.28], [None, 1.4])),
)
def test_each_loss_is_trls(
    trl_batch: tuple[Any, dict[str, Any], list[float]],
    loss_type: Any,
    beta: float,
    drift: float | None,
    epsilon_high: float,
    delta: float | None,
) -> None:
    trainer, inputs, _ = trl_batch
    mask = inputs["completion_mask"]
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    attended = torch.cat([inputs["prompt_mask"], mask], dim=1)
    logprobs = trainer._get_per_token_logps_and_entropies(trainer.model, ids, attended, mask.size(1))[0]
    noise = torch.randn(logprobs.shape, generator=torch.Generator().manual_seed(3))
    old = None if drift is None else (logprobs + drift * noise).detach()
    reference = (logprobs - 0.1 * noise).detach()

    trainer.args.use_bias_correction_kl = False  # TRL 1 weighs the divergence by the ratio unless it is told not to
    trainer.loss_type, trainer.beta, trainer.epsilon_high, trainer.args.delta = loss_type, beta, epsilon_high, delta
    theirs = trainer._compute_loss(
        trainer.model,
        {**inputs, "old_per_token_logps": old, "ref_per_token_logps": reference},
    )
    ours = policy_loss(
        logprobs,
        inputs["advantages"],
        mask.float(),
        old_logprobs=old,
        reference_logprobs=reference,
        loss_type=loss_type,
        epsilon_high=epsilon_high,
        delta=delta,
        beta=beta,
        tokens_in_step=float(inputs["num_items_in_batch"]),
        max_length=12,
    )
    assert ours.loss.item() == pytest.approx(theirs.item(), abs=1e-4)
    assert theirs.item() != 0
    # The loss alone can agree where the gradient does not: both must move the model alike.
    weights = [p for p in trainer.model.parameters() if p.requires_grad]
    for a, b in zip(
        torch.autograd.grad(ours.loss, weights, retain_graph=True), torch.autograd.grad(theirs, weights), strict=True
    ):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_a_bad_token_that_became_likely_between_two_steps_outweighs_the_others_only_without_delta() -> None:
    before = torch.full((2, 5), -1.0)
    before[0, 0] = -12.0  # as the format's last marker is, which a small model hardly ever writes

    def weight_of_that_token(delta: float | None) -> float:
        now = torch.full((2, 5), -1.0, requires_grad=True)
        policy_loss(now, torch.tensor([-0.5, 0.5]), torch.ones(2, 5), old_logprobs=before, delta=delta).loss.backward()
        assert now.grad is not None
        return float(now.grad[0, 0].abs() / now.grad.abs().sum())

    assert weight_of_that_token(None) > 0.999
    assert weight_of_that_token(4.0) == 0  # its ratio is at the bound, where it has no slope


def test_equal_rewards_give_no_gradient() -> None:
    logprobs = torch.randn(GROUP, 5, requires_grad=True)
    loss = policy_loss(logprobs, advantages(torch.full((GROUP,), 0.5), GROUP), torch.ones(GROUP, 5)).loss
    loss.backward()
    assert not has_spread([0.5] * GROUP)
    assert logprobs.grad is not None
    assert logprobs.grad.abs().max() == 0


def test_kl_without_a_reference_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected reference_logprobs for beta 0\.1, got None"):
        policy_loss(torch.zeros(1, 1), torch.ones(1), torch.ones(1, 1), beta=0.1)


def test_dr_grpo_without_a_length_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected max_length for dr_grpo, got None"):
        policy_loss(torch.zeros(1, 1), torch.ones(1), torch.ones(1, 1), loss_type="dr_grpo")


def test_micro_batches_add_up_to_the_whole_step() -> None:
    logprobs, old = torch.randn(4, 6), torch.randn(4, 6)
    mask = (torch.arange(6) < torch.tensor([[6], [2], [4], [1]])).float()
    gain = torch.tensor([1.0, -1.0, 0.5, -0.5])
    whole = policy_loss(logprobs, gain, mask, old_logprobs=old, tokens_in_step=float(mask.sum())).loss
    parts = sum(
        policy_loss(
            logprobs[i : i + 2], gain[i : i + 2], mask[i : i + 2], old_logprobs=old[i : i + 2], tokens_in_step=13.0
        ).loss
        for i in (0, 2)
    )
    torch.testing.assert_close(whole, parts)
