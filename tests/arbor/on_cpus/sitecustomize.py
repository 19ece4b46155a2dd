"""Lets Arbor's processes run without a GPU: each of them imports this first, since its folder is on their path.

gloo speaks where NCCL would, and another module is run in the place of Arbor's vLLM server. The rest of Arbor, TRL,
DeepSpeed and vLLM is as it is. ARBOR_LATE is by how many seconds the trainer is late, for the test of that.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

if "LOCAL_RANK" in os.environ:
    time.sleep(float(os.environ.get("ARBOR_LATE", "0")))


def weights_over_gloo(module: Any) -> None:
    """How the trainer sends its weights to the sampler."""
    from datetime import timedelta

    import torch
    import torch.distributed as dist

    class GlooCommunicator:
        def __init__(self, group: Any, device: Any, library_path: str | None = None) -> None:
            self.group, self.rank, self.world_size = group, group.rank, group.world_size
            self.available, self.disabled, self.device = True, False, torch.device("cpu")
            store = dist.PrefixStore("weights", group.store)
            self._over = dist.ProcessGroupGloo(store, self.rank, self.world_size, timedelta(seconds=300))

        def broadcast(self, tensor: Any, src: int, stream: Any = None) -> None:
            options = dist.BroadcastOptions()
            options.rootRank, options.rootTensor = src, 0
            self._over.broadcast([tensor.contiguous() if self.rank == src else tensor], options).wait()

    module.PyNcclCommunicator = GlooCommunicator


def processes_over_gloo(module: Any) -> None:
    """How Accelerate joins the training processes."""
    prepare = module.PartialState._prepare_backend

    def prepared(state: Any, *arguments: Any, **more: Any) -> Any:
        found = prepare(state, *arguments, **more)
        if found[0] is None and "LOCAL_RANK" in os.environ:
            return "gloo", module.DistributedType.MULTI_CPU
        return found

    module.PartialState._prepare_backend = prepared


def nothing_compiled(module: Any) -> None:
    """DeepSpeed would compile for 100 s what makes large models faster."""
    module.build_shm_op = lambda: None


def bf16_taken(module: Any) -> None:
    """As on a GPU, where transformers lets it be asked for."""
    module.is_torch_bf16_gpu_available = lambda: True


def learned_columns_watched(module: Any) -> None:
    """Fails where a gradient is not of a completion alone, from behind a prompt's third header to its end."""
    chances = module.ArborGRPOTrainer._get_per_token_logps

    def watched(trainer: Any, model: Any, input_ids: Any, *arguments: Any, **more: Any) -> Any:
        found = chances(trainer, model, input_ids, *arguments, **more)
        if found.requires_grad:
            # The tiny model's tokenizer has a token for each letter; a column is of the token behind it.
            begins, ends = trainer.processing_class.convert_tokens_to_ids(["<s>", "</s>"])
            expected = [
                (int((row == begins).nonzero()[2]) + len("assistant\n"), int((row == ends).nonzero()[-1]) - 1)
                for row in input_ids
            ]

            def check(gradient: Any) -> None:
                for row, columns in zip(gradient, expected, strict=True):
                    learned = row.nonzero().flatten().tolist()
                    found = (learned[0], learned[-1]) if learned else columns
                    assert found == columns, f"learned are columns {found}, and {columns} hold the completion"

            found.register_hook(check)
        return found

    module.ArborGRPOTrainer._get_per_token_logps = watched


CHANGED: dict[str, Callable[[Any], None]] = {
    "arbor.training.grpo.trainer": learned_columns_watched,
    "vllm.distributed.device_communicators.pynccl": weights_over_gloo,
    "accelerate.state": processes_over_gloo,
    "deepspeed.comm.torch": nothing_compiled,
    "transformers.training_args": bf16_taken,
}
REPLACED = {"arbor.server.services.inference.vllm_serve": Path(__file__).with_name("sampler.py")}


class OnCpus(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name in REPLACED:
            return importlib.util.spec_from_file_location(name, REPLACED[name])
        if name not in CHANGED:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        assert spec is not None
        assert spec.loader is not None
        run = spec.loader.exec_module

        def run_and_change(module: ModuleType) -> None:
            run(module)
            CHANGED[name](module)

        spec.loader.exec_module = run_and_change  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, OnCpus())
