"""What is compared with TRL: the same batch and the same step, and the benchmark of it in its tiny form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
pytest.importorskip("trl", reason="the gpu extra (arbor-ai, torch, peft) is not installed")

import torch

from papillon.models.local.causal_model import Completion
from papillon.training.grpo.learner import Learner
from tests.benchmarks.training import beside, paired
from tests.gpu.batch import Size, conversations, even, groups_of, settings_for
from tests.gpu.beside_trl import Moment, trainer_of
from tests.gpu.shapes import policy_of

SIZE = Size(tokens=8, long=0, rounds=3, examples=2, each=4)


def test_on_trls_completions_the_learner_takes_trls_steps(tmp_path: Path) -> None:
    settings = settings_for(
        SIZE, lora_config={"lora_dropout": 0.0}, lr_scheduler_type="constant", learning_rate=1e-3, weight_decay=0.1
    )
    rounds: list[list[Completion]] = []
    steps = 0

    def reward(prompts: Sequence[Any], completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
        both = zip(prompts, completion_ids, strict=True)
        rounds.append([Completion(policy.prompt(asked), tuple(drawn), "", True) for asked, drawn in both])
        return [even(tokens) for tokens in completion_ids]

    def watch(moment: Moment) -> bool:
        nonlocal steps
        steps += moment == "learned"
        return steps < SIZE.rounds

    policy, other = policy_of("tiny", settings, "cpu"), policy_of("tiny", settings, "cpu")
    before = other.adapter()["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"].clone()
    asked = conversations()[: SIZE.examples]
    trainer = trainer_of(other.model, settings, asked, reward, watch, folder=str(tmp_path), device="cpu")
    trainer.train()
    learner = Learner(policy, settings)
    learned = [learner.learn(groups_of(done, SIZE.each)) for done in rounds]
    assert [each.steps for each in learned] == [1] * SIZE.rounds
    # The optimiser's steps hardly follow from the gradient's length, so that is compared for itself.
    lengths = [line["grad_norm"] for line in trainer.state.log_history if "grad_norm" in line]
    assert [each.gradient for each in learned] == pytest.approx(lengths, rel=1e-3)
    theirs = other.adapter()
    for name, own in policy.adapter().items():
        torch.testing.assert_close(own, theirs[name], atol=1e-4, rtol=1e-3)
    assert not torch.equal(before, theirs["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"])


def test_the_benchmark_beside_trl_runs_in_its_tiny_form() -> None:
    size = {"tokens": 8, "long": 0, "rounds": 0, "examples": 1, "each": 4}
    ((own, other),) = beside("tiny", size, pairs=1)
    assert own.sample.tokens == other.sample.tokens == 32
    assert own.learn.tokens == other.learn.tokens > 4 * 300
    assert all(figure.ratio > 0 for figure in paired([(own, other)]))
