"""The tutorial's settings: what is refused, and what becomes of them in the pinned arbor-ai."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.errors import ProfileError, UsageError
from papillon.training.arbor.arguments import (
    check_arbor_version,
    compiler_arguments,
    for_arbor_server,
    train_kwargs,
    unlisted,
)
from papillon.training.settings import Lora, TrainSettings


def test_the_defaults_are_the_tutorials() -> None:
    kwargs = train_kwargs(TrainSettings())
    tutorial = {
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 4,
        "temperature": 1.0,
        "top_k": -1,
        "top_p": 1.0,
        "repetition_penalty": 1.0,
        "beta": 0.00,
        "learning_rate": 1e-6,
        "gradient_checkpointing": True,
        "bf16": True,
        "lr_scheduler_type": "constant_with_warmup",
        "loss_type": "dapo",
        "max_steps": 1000,
        "log_completions": True,
        "logging_steps": 1,
        "max_prompt_length": None,
        "max_completion_length": None,
        "scale_rewards": False,
        "max_grad_norm": 1.0,
        "lora_config": {
            "lora_alpha": 16,
            "lora_dropout": 0.05,
            "r": 8,
            "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj"],
        },
        "num_training_gpus": 3,
        "num_inference_gpus": 1,
        "weight_decay": 0.001,
    }
    assert {name: kwargs[name] for name in tutorial} == tutorial
    assert kwargs["report_to"] == "none"  # wandb only for who asks


def test_the_compilers_arguments_have_todays_names() -> None:
    arguments = compiler_arguments(TrainSettings())
    assert arguments["num_rollouts_per_grpo_step"] == 8
    assert "num_samples_per_input" not in arguments
    assert "multitask" not in arguments
    assert arguments["num_dspy_examples_per_grpo_step"] == 4
    assert arguments["num_train_steps"] == 500


def test_each_call_gives_a_dictionary_of_its_own() -> None:
    settings = TrainSettings()
    train_kwargs(settings)["num_generations"] = 8
    assert "num_generations" not in train_kwargs(settings)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"learning_rates": 1}, r"^Expected a setting of train, got 'learning_rates'; did you mean 'learning_rate'\?$"),
        ({"xyzzy": 1}, r"^Expected a setting of train \(.*learning_rate.*\), got 'xyzzy'; remove or correct it\.$"),
        ({"learning_rate": float("inf")}, r"Expected train\.learning_rate to be a number, got inf; correct it\.$"),
        ({"model": ""}, r"Expected train\.model to be a non-empty string, got ''"),
        ({"learning_rate": "fast"}, r"Expected train\.learning_rate to be a number, got 'fast'"),
        ({"learning_rate": 0}, r"Expected train\.learning_rate to be above 0, got 0\.0"),
        ({"num_samples_per_input": 1}, r"Expected train\.num_samples_per_input to be 2 or more"),
        ({"num_train_steps": 2.5}, r"Expected train\.num_train_steps to be a whole number, got 2\.5"),
        ({"bf16": 1}, r"Expected train\.bf16 to be true or false, got 1"),
        ({"loss_type": "ppo"}, r"Expected train\.loss_type to be one of 'grpo', 'bnpo', 'dr_grpo', 'dapo', got 'ppo'"),
        ({"multitask": False}, r"Expected train\.multitask to be one of True, got False"),
        ({"min_gain": float("inf")}, r"Expected train\.min_gain to be a difference in \[-1, 1\], got inf"),
        ({"guided": 1.5}, r"Expected train\.guided to be a share in \[0, 1\], got 1\.5"),
        ({"temperature": 0.0}, r"Expected train\.temperature to be above 0, since equal rollouts teach nothing"),
        ({"top_k": 0}, r"Expected train\.top_k to be -1 \(all tokens\) or 1 or more, got 0"),
        ({"max_completion_length": 0}, r"Expected train\.max_completion_length to be 1 or more, got 0"),
        ({"lora_config": {"rank": 8}}, r"Expected a setting of train\.lora_config, got 'rank'; did you mean 'r'\?$"),
        ({"lora_config": {"xyzzy": 8}}, r"Expected a setting of train\.lora_config \(r, .*\), got 'xyzzy'"),
        ({"lr": 1}, r"^Expected a setting of train, got 'lr'; did you mean 'learning_rate'\?$"),
        ({"num_steps": 1}, r"got 'num_steps'; did you mean 'num_train_steps'\?$"),
        ({"rank": 8}, r"got 'rank'; did you mean 'lora_config\.r'\?$"),
        (
            {"max_seq_len": 2048},
            r"Expected train\.max_seq_len, of a prompt with its completion, above train\.max_tokens, of the completion "
            r"alone, got 2048 and 2048; raise the first or lower the second\.$",
        ),
        ({"lora_config": {"targetmodules": []}}, r"got 'targetmodules'; did you mean 'target_modules'\?$"),
        ({"lora_config": {"r": 1.5}}, r"Expected train\.lora_config\.r to be a whole number, got 1\.5; correct it\.$"),
        ({"lora_config": 8}, r"Expected train\.lora_config to be a table, got 8; correct it\.$"),
        ({"lora_config": {"r": 0}}, r"Expected train\.lora_config to be a table with r of 1 or more"),
        (
            {"failure_score": -1.0},
            r"Expected train\.failure_score above train\.format_failure_score, got -1\.0 and -1\.0",
        ),
        (
            {"use_train_as_val": True},
            r"Expected train\.use_train_as_val and train\.report_train_scores to be both true or both",
        ),
    ],
)
def test_a_wrong_setting_is_refused_by_name(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        TrainSettings.from_json(table)


def test_settings_come_back_from_json() -> None:
    settings = TrainSettings.from_json({"learning_rate": 1, "lora_config": {"r": 16, "target_modules": ["q_proj"]}})
    assert settings.lora_config == Lora(r=16, target_modules=("q_proj",))
    assert settings.learning_rate == 1.0
    assert TrainSettings.from_json(settings.to_json()) == settings


def test_the_smoke_test_is_two_rounds_on_one_gpu_and_one() -> None:
    smoke = TrainSettings().smoke()
    assert (smoke.num_train_steps, smoke.num_training_gpus, smoke.num_inference_gpus) == (2, 1, 1)
    assert smoke.learning_rate >= 1e-4


def test_the_tutorials_accumulation_does_not_fit_three_gpus_and_says_so() -> None:
    fitted, notes = for_arbor_server(TrainSettings(), predictors=2)
    assert fitted.gradient_accumulation_steps == 1
    assert notes == [
        "gradient_accumulation_steps 4 becomes 1: 8 completions of a group on 3 training GPUs cannot be cut into "
        "more equal pieces.",
        "max_steps 1000 becomes 4002: Arbor's trainer takes a step for each of a round's 8 groups.",
        "mask_truncated_completions becomes false with Arbor, whose trainer takes a group's longest completions for "
        "cut off and masks none.",
    ]
    even = TrainSettings(num_training_gpus=2, max_steps=4002, mask_truncated_completions=False)
    assert for_arbor_server(even, predictors=2) == (even, [])


@given(
    rounds=st.integers(1, 900),
    examples=st.integers(1, 9),
    predictors=st.integers(1, 3),
    most=st.integers(1, 9000),
)
def test_arbors_trainer_has_room_for_every_group_and_is_there_after_the_last(
    rounds: int, examples: int, predictors: int, most: int
) -> None:
    asked = TrainSettings(num_train_steps=rounds, num_dspy_examples_per_grpo_step=examples, max_steps=most)
    fitted, _ = for_arbor_server(asked, predictors)
    assert fitted.max_steps >= max(most, rounds * examples * predictors + 2)


def test_what_the_provider_leaves_out_is_told_beside_it() -> None:
    told = unlisted(TrainSettings(epsilon_high=0.3, delta=4.0, seed=7))
    assert (told["epsilon"], told["epsilon_high"], told["delta"], told["seed"]) == (0.2, 0.3, 4.0, 7)
    assert told["vllm_server_host"] == "127.0.0.1"


@given(group=st.integers(2, 16), gpus=st.integers(1, 8), accumulation=st.integers(1, 8))
def test_no_completion_is_dropped_between_arbors_gpus(group: int, gpus: int, accumulation: int) -> None:
    asked = TrainSettings(
        num_samples_per_input=group,
        num_training_gpus=gpus,
        gradient_accumulation_steps=accumulation,
        per_device_train_batch_size=group,
    )
    try:
        fitted, _ = for_arbor_server(asked, predictors=2)
    except UsageError:
        assert group - -(-group // gpus) * (gpus - 1) < 1
        return
    share = -(-group // gpus)
    shares = [min(share, group - share * i) for i in range(gpus)]
    pieces = fitted.gradient_accumulation_steps
    assert pieces <= accumulation
    # Arbor's own split: every share in `pieces` chunks of len // pieces, the rest is lost.
    assert sum(len_ // pieces * pieces for len_ in shares) == group


def test_a_batch_that_is_no_multiple_of_the_group_is_refused() -> None:
    with pytest.raises(UsageError, match=r"multiple of num_samples_per_input \(8\), got 3 x 1 x 4; set"):
        for_arbor_server(TrainSettings(per_device_train_batch_size=3, num_training_gpus=1), predictors=2)


def test_another_arbor_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"Expected arbor-ai 0\.2\.17, .* got arbor-ai 0\.3\.0; run: pip install"):
        check_arbor_version("0.3.0")
    check_arbor_version("0.2.17")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"guided": 0.5}, r"Expected train\.guided to be 0 for Arbor, .*, got 0\.5; .* or train on one device\."),
        (
            {"model": "embedded"},
            r"a hub name or a folder as train\.model for Arbor, .* got 'embedded'",
        ),
        ({"model": "x/y.gguf"}, r"got 'x/y\.gguf'; name another model, or train on one device\."),
        ({"model": "my models/x"}, r"Expected a train\.model without blanks for Arbor, .* got 'my models/x'; move the"),
        (
            {"max_completion_length": 512},
            r"Expected no train\.max_completion_length for Arbor, .* cuts the prompt, got 512; set train\.max_tokens",
        ),
    ],
)
def test_what_arbor_cannot_train_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        for_arbor_server(TrainSettings.from_json(changed), predictors=2)
