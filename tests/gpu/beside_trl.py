"""TRL's GRPOTrainer on the batch of :mod:`tests.gpu.speed`: same shape, prompts, lengths, rewards and settings."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Literal

import torch

from papillon.training.settings import TrainSettings
from tests.gpu.batch import Message, Size, conversations, even, settings_for
from tests.gpu.shapes import build, tokenizer
from tests.gpu.speed import peak_memory

__all__ = ["Moment", "beside_trl", "trainer_of"]

#: A step begins, has its completions and their rewards, has moved the weights.
Moment = Literal["begun", "sampled", "learned"]


def beside_trl(shape: str, device: str, size: Size) -> dict[str, Any]:
    """Rounds of a step each: seconds (medians), tokens a second, peak memory in bytes; ImportError without TRL."""
    settings = settings_for(size)
    half = settings.bf16 and device != "cpu"
    counted: list[int] = []
    moments: list[float] = []
    memory = 0

    def reward(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
        counted.append(sum(map(len, completion_ids)))
        return [even(tokens) for tokens in completion_ids]

    def watch(_: Moment) -> bool:
        nonlocal memory
        if half:
            torch.cuda.synchronize()
        moments.append(time.perf_counter())
        memory = max(memory, peak_memory(device))
        return len(moments) < 3 * (size.rounds + 1)

    with tempfile.TemporaryDirectory() as folder:
        model = build(shape, device=device, half=half, seed=settings.seed)
        trainer = trainer_of(model, settings, conversations(), reward, watch, folder=folder, device=device)
        if half:
            torch.cuda.reset_peak_memory_stats()
        trainer.train()
    begun, sampled, learned = (moments[place::3][1:] for place in range(3))  # the first warms up
    sample = statistics.median(map(float.__sub__, sampled, begun))
    learn = statistics.median(map(float.__sub__, learned, sampled))
    return {
        "trl": version("trl"),
        "completion tokens": counted[-1] // settings.sequences_per_step,
        "sample: s": sample,
        "sample: tokens a second": counted[-1] / sample,
        "learn: s a step": learn,
        "round: s": sample + learn,
        "round: completion tokens a second": counted[-1] / (sample + learn),
        "round: peak memory": memory,
    }


def trainer_of(
    model: Any,
    settings: TrainSettings,
    asked: Sequence[list[Message]],
    reward: Callable[..., list[float]],
    watch: Callable[[Moment], bool],
    *,
    folder: str,
    device: str,
) -> Any:
    """TRL's trainer of ``model``, with an adapter that the model has already or else one of the settings'.

    ``watch`` is told of each step's moments, and ends the training where it says False of the last of them.
    """
    from datasets import Dataset
    from peft import LoraConfig, PeftModel
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            watch("begun")

        def on_step_end(self, _: Any, __: Any, control: Any, **___: Any) -> None:
            control.should_training_stop = not watch("learned")

    class Trainer(GRPOTrainer):  # type: ignore[misc]
        def _generate_and_score_completions(self, inputs: Any) -> Any:
            batch = super()._generate_and_score_completions(inputs)
            watch("sampled")
            return batch

    arguments = GRPOConfig(
        output_dir=folder,
        per_device_train_batch_size=settings.per_device_train_batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        num_generations=settings.num_samples_per_input,
        max_completion_length=settings.max_tokens,
        temperature=settings.temperature,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.lr_scheduler_type,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        loss_type=settings.loss_type,
        scale_rewards="group" if settings.scale_rewards else "none",
        beta=settings.beta,
        epsilon=settings.epsilon,
        epsilon_high=settings.epsilon_high,
        delta=settings.delta,
        mask_truncated_completions=settings.mask_truncated_completions,
        gradient_checkpointing=settings.gradient_checkpointing and device != "cpu",
        gradient_checkpointing_kwargs={"use_reentrant": False},
        bf16=settings.bf16 and device != "cpu",
        use_cpu=device == "cpu",
        max_steps=settings.max_steps,
        save_strategy="no",
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
    )
    lora = {**asdict(settings.lora_config), "target_modules": list(settings.lora_config.target_modules)}
    return Trainer(
        model=model,
        reward_funcs=reward,
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": messages} for messages in asked]),
        processing_class=tokenizer(),
        peft_config=None if isinstance(model, PeftModel) else LoraConfig(task_type="CAUSAL_LM", **lora),
        callbacks=[Watch()],
    )
