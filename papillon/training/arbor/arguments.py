"""How the pinned arbor-ai takes the tutorial's settings: names and limits that changed since it was written.

Every function here is pure but the look at the installed version; starting anything is other modules' work.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from papillon.errors import UsageError
from papillon.training.devices import without_extra
from papillon.training.settings import TrainSettings

__all__ = ["ARBOR", "check_arbor_version", "compiler_arguments", "for_arbor_server", "train_kwargs", "unlisted"]

#: The release whose protocol, arguments and limits this package was written against.
ARBOR = "0.2.17"

#: Steps beyond those of all groups: its trainer must still be there to save the last checkpoint.
_ROOM = 2

_COMPILER = (
    *(
        "num_train_steps",
        "num_dspy_examples_per_grpo_step",
        "num_threads",
        "num_steps_for_val",
        "exclude_demos",
    ),
    *(
        "use_train_as_val",
        "report_train_scores",
        "checkpoint",
        "failure_score",
        "format_failure_score",
        "seed",
    ),
)
_TRAINER = (
    *("temperature", "top_p", "top_k", "repetition_penalty", "per_device_train_batch_size", "learning_rate"),
    *("gradient_accumulation_steps", "lr_scheduler_type", "warmup_steps", "max_steps", "weight_decay"),
    *("max_grad_norm", "loss_type", "scale_rewards", "beta", "mask_truncated_completions", "bf16"),
    *("gradient_checkpointing", "max_prompt_length", "max_completion_length", "max_seq_len", "report_to"),
    *("num_training_gpus", "num_inference_gpus", "log_completions", "logging_steps"),
)


def check_arbor_version(found: str | None = None) -> None:
    """Raise UsageError unless arbor-ai is the release known here; ``found`` stands in for the installed."""
    if found is None:
        try:
            found = version("arbor-ai")
        except PackageNotFoundError:
            raise without_extra("arbor-ai") from None
    if found != ARBOR:
        raise UsageError(
            f"Expected arbor-ai {ARBOR}, whose protocol this training was written for, got arbor-ai {found}; "
            f'run: pip install "arbor-ai=={ARBOR}".'
        )


def compiler_arguments(settings: TrainSettings) -> dict[str, Any]:
    """Keyword arguments of ``ArborGRPO``, except its metric and ``train_kwargs``."""
    same = {name: getattr(settings, name) for name in _COMPILER}
    return {**same, "num_rollouts_per_grpo_step": settings.num_samples_per_input}


def train_kwargs(settings: TrainSettings) -> dict[str, Any]:
    """A fresh dictionary for ``ArborGRPO(train_kwargs=...)``, which writes into the one that it is given."""
    lora = {**asdict(settings.lora_config), "target_modules": list(settings.lora_config.target_modules)}
    return {**{name: getattr(settings, name) for name in _TRAINER}, "lora_config": lora}


def for_arbor_server(settings: TrainSettings, predictors: int) -> tuple[TrainSettings, list[str]]:
    """The settings as Arbor's own trainer can carry them out, and a sentence for each that had to change.

    ``predictors`` is how many modules of the program are trained. Arbor 0.2.17 deals one group out to its training
    GPUs and cuts each share into ``gradient_accumulation_steps`` equal pieces, dropping what is left over; it refuses
    to start where a share is smaller than that. So the tutorial's 4 on 3 GPUs with groups of 8 (shares of 3, 3 and 2)
    becomes 1. Its trainer takes a step for each group and ends at ``max_steps``, and server and trainer then wait for
    each other without end: it gets room for all groups of all rounds. Raises UsageError for what it cannot do.
    """
    _check_model(settings.model)
    if settings.guided:
        raise UsageError(
            f"Expected train.guided to be 0 for Arbor, whose sampler writes no markers, got {settings.guided:g}; "
            "set it to 0, or train on one device."
        )
    if settings.max_completion_length is not None:
        raise UsageError(
            "Expected no train.max_completion_length for Arbor, whose trainer takes it for the length of a prompt with "
            f"its completion and cuts the prompt, got {settings.max_completion_length}; set train.max_tokens instead."
        )
    pieces = _pieces(settings)
    notes = []
    if pieces != settings.gradient_accumulation_steps:
        notes.append(
            f"gradient_accumulation_steps {settings.gradient_accumulation_steps} becomes {pieces}: "
            f"{settings.num_samples_per_input} completions of a group on {settings.num_training_gpus} training GPUs "
            "cannot be cut into more equal pieces."
        )
    steps = settings.num_train_steps * settings.num_dspy_examples_per_grpo_step * predictors + _ROOM
    if settings.max_steps < steps:
        notes.append(
            f"max_steps {settings.max_steps} becomes {steps}: Arbor's trainer takes a step for each of a round's "
            f"{settings.num_dspy_examples_per_grpo_step * predictors} groups."
        )
    if settings.mask_truncated_completions:
        notes.append(
            "mask_truncated_completions becomes false with Arbor, whose trainer takes a group's longest completions "
            "for cut off and masks none."
        )
    changed = replace(
        settings,
        gradient_accumulation_steps=pieces,
        max_steps=max(settings.max_steps, steps),
        mask_truncated_completions=False,
    )
    return changed, notes


def unlisted(settings: TrainSettings) -> dict[str, Any]:
    """What Arbor's trainer takes and ArborProvider leaves out: to be told to the server's own job.

    With no batch ahead, the sampler has the newest weights when a round begins.
    """
    return {
        "epsilon": settings.epsilon,
        "epsilon_high": settings.epsilon_high,
        "delta": settings.delta,
        "seed": settings.seed,
        "num_batches_ahead": 0,
        "vllm_server_host": "127.0.0.1",
    }


def _check_model(model: str) -> None:
    if model.split("/")[0] == "embedded" or model.endswith(".gguf"):
        raise UsageError(
            f"Expected a hub name or a folder as train.model for Arbor, which reads no GGUF, got {model!r}; "
            "name another model, or train on one device."
        )
    if model.split() != [model]:
        raise UsageError(
            f"Expected a train.model without blanks for Arbor, which cuts its command at them, got {model!r}; move the "
            "folder, or name it by a link."
        )


def _pieces(settings: TrainSettings) -> int:
    """The gradient accumulation that is possible: at most what is asked for."""
    group, gpus = settings.num_samples_per_input, settings.num_training_gpus
    share = -(-group // gpus)
    last = group - share * (gpus - 1)
    if last < 1:
        raise UsageError(
            f"Expected num_samples_per_input to give each of {gpus} training GPUs a completion, got {group}; "
            "raise it, or lower num_training_gpus."
        )
    fitting = range(1, settings.gradient_accumulation_steps + 1)
    pieces = max(n for n in fitting if share % n == 0 and last % n == 0)
    batch = settings.per_device_train_batch_size
    if batch * gpus * pieces % group:
        raise UsageError(
            "Expected per_device_train_batch_size x num_training_gpus x gradient_accumulation_steps to be a "
            f"multiple of num_samples_per_input ({group}), got {batch} x {gpus} x {pieces}; set "
            f"per_device_train_batch_size to {group}."
        )
    return pieces
