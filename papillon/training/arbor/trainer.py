"""Arbor's trainer as its training processes run it here, in the place of ``arbor.training.grpo.trainer``.

It is Arbor's, changed in four points. What a prompt's tokens add to the loss has no gradient, nor what the chat
template writes behind a completion's end: Arbor 0.2.17 counts both in. A training that goes on begins with its adapter,
in the trainer and in vLLM. A checkpoint that cannot be saved is an error, where Arbor's trainer would hang. And the
port over which the weights go to vLLM is a free one, not the same for every training of a machine.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from arbor.training.grpo import trainer as arbor

from papillon.training.arbor.processes import ADAPTER, FAILED

__all__ = ["Trainer", "learned_alone", "main", "set_adapter"]


class Trainer(arbor.ArborGRPOTrainer):  # type: ignore[misc]
    """Arbor's trainer, learning from completions alone."""

    #: How many columns of the batch that is learned hold completions: the last ones, of all its rows.
    _completion = 0
    _begun = False

    def _prepare_inputs(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        if not self._begun and ADAPTER in os.environ:
            # It sends no weights before the first step.
            self.state.global_step = 1
            self._move_model_to_vllm()
            self.state.global_step = 0
        self._begun = True
        prepared: dict[str, Any] = super()._prepare_inputs(inputs)
        columns = [self._completion]
        broadcast_object_list(columns, from_process=0)
        self._completion = columns[0]
        return prepared

    def _execute_checkpoint(self, checkpoint_name: str | None, metadata: dict[str, Any] | None) -> Any:
        try:
            return super()._execute_checkpoint(checkpoint_name, metadata)
        except Exception as error:
            # The thread that was asked for it waits, and who ends this process would wait for that thread.
            why = f"{type(error).__name__}: {error}"
            with self._checkpoint_condition:
                self._checkpoint_result = {"checkpoint_name": checkpoint_name, FAILED: why}
                self._checkpoint_condition.notify_all()
            raise

    def _log_completion_metrics_primary(
        self, mode: str, all_completion_mask: Any, all_completion_ids: list[list[int]], all_prompt_mask: Any
    ) -> None:
        # The main process alone sees a batch before it is cut; its completions are padded to one length.
        self._completion = len(all_completion_ids[0])
        super()._log_completion_metrics_primary(mode, all_completion_mask, all_completion_ids, all_prompt_mask)

    def _get_per_token_logps(
        self, model: Any, input_ids: Any, attention_mask: Any, *arguments: Any, **more: Any
    ) -> Any:
        chances = super()._get_per_token_logps(model, input_ids, attention_mask, *arguments, **more)
        # A first token has no chance. Padding may be made of ends.
        ends = ((input_ids == self.processing_class.eos_token_id) & attention_mask.bool())[:, 1:]
        return learned_alone(chances, ends, self._completion)


def learned_alone(chances: torch.Tensor, ends: torch.Tensor, completion: int) -> torch.Tensor:
    """Log-probabilities [rows, columns], with a gradient in the last ``completion`` columns alone, and in these up to
    the last that ``ends`` [rows, columns, of truths] marks, where there is one."""
    columns = torch.arange(chances.size(1), device=chances.device)
    first = chances.size(1) - completion
    last = torch.where(ends & (columns >= first), columns, -1).amax(1, keepdim=True)
    learned = (columns >= first) & ((columns <= last) | (last < 0))
    return torch.where(learned, chances, chances.detach())


def set_adapter(model: Any, folder: Path) -> None:
    """Give the new adapter of a peft model the weights that were saved in ``folder``."""
    import deepspeed
    from safetensors.torch import load_file

    kept = load_file(folder / "adapter_model.safetensors")
    new = {name: weight for name, weight in model.named_parameters() if "lora_" in name}
    # ZeRO-3 may have dealt them out to the processes.
    with torch.no_grad(), deepspeed.zero.GatheredParameters(list(new.values()), modifier_rank=0):
        for name, weight in new.items():
            weight.copy_(kept[name.replace(".default.", ".")])


def main() -> None:
    """What Arbor's own module does when it is run, with the class above."""
    prepare, client = arbor.prepare_peft_model, arbor.VLLMClient

    def prepared(model: Any, *arguments: Any) -> Any:
        model = prepare(model, *arguments)
        if ADAPTER in os.environ:
            set_adapter(model, Path(os.environ[ADAPTER]))
        return model

    def on_a_free_port(**more: Any) -> Any:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        return client(group_port=port, **more)

    arbor.prepare_peft_model, arbor.VLLMClient = prepared, on_a_free_port
    arbor.ArborGRPOTrainer = Trainer
    arbor.main()


if __name__ == "__main__":
    main()
