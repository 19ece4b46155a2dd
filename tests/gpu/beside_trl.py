"""TRL's GRPOTrainer on the batch of :mod:`tests.gpu.speed`: same shape, prompts, lengths, rewards and settings."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import torch

from tests.gpu.batch import Size, conversations, even, settings_for
from tests.gpu.shapes import build, tokenizer
from tests.gpu.speed import peak_memory

__all__ = ["beside_trl"]


def beside_trl(shape: str, device: str, size: Size) -> dict[str, Any]:
    """Rounds of a step each: seconds (medians), tokens a second, peak memory in bytes; ImportError without TRL."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    settings = settings_for(size)
    half = settings.bf16 and device != "cpu"
    counted: list[int] = []

    def reward(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
        counted.append(sum(map(len, completion_ids)))
        return [even(tokens) for tokens in completion_ids]

    class Watch(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.ends: list[float] = []
            self.memory = 0

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if half:
                torch.cuda.synchronize()
            self.ends.append(time.perf_counter())
            self.memory = max(self.memory, peak_memory(device))

    with tempfile.TemporaryDirectory() as folder:
        arguments = GRPOConfig(
            output_dir=folder,
            per_device_train_batch_size=settings.per_device_train_batch_size,
            gradient_accumulation_steps=settings.gradient_accumulation_steps,
            num_generations=settings.num_samples_per_input,
            max_completion_length=size.tokens,
            learning_rate=settings.learning_rate,
            loss_type=settings.loss_type,
            scale_rewards="none",
            beta=settings.beta,
            epsilon_high=settings.epsilon_high,
            mask_truncated_completions=False,
            gradient_checkpointing=settings.gradient_checkpointing and device != "cpu",
            gradient_checkpointing_kwargs={"use_reentrant": False},
            bf16=half,
            use_cpu=device == "cpu",
            max_steps=size.rounds + 1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        lora = {**asdict(settings.lora_config), "target_modules": list(settings.lora_config.target_modules)}
        watch = Watch()
        trainer = GRPOTrainer(
            model=build(shape, device=device, half=half, seed=settings.seed),
            reward_funcs=reward,
            args=arguments,
            train_dataset=Dataset.from_list([{"prompt": messages} for messages in conversations()]),
            processing_class=tokenizer(),
            peft_config=LoraConfig(task_type="CAUSAL_LM", **lora),
            callbacks=[watch],
        )
        if half:
            torch.cuda.reset_peak_memory_stats()
        trainer.train()
    step = statistics.median(after - before for before, after in zip(watch.ends, watch.ends[1:], strict=False))
    return {
        "trl": version("trl"),
        "completion tokens": counted[-1] // settings.sequences_per_step,
        "round: s": step,
        "round: completion tokens a second": counted[-1] / step,
        "round: peak memory": watch.memory,
    }
