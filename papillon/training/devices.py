"""Who trains: Arbor's server on several GPUs, or one device in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from papillon.errors import InfrastructureError, UsageError, one_line
from papillon.quiet import unannounced
from papillon.training.settings import TrainSettings

__all__ = ["Device", "choose_device", "count_gpus", "cpu_threads", "free_gpus", "in_memory", "without_extra"]

Device = Literal["arbor", "cuda", "cpu"]


def count_gpus() -> int:
    """The CUDA GPUs that this process may use; raises UsageError where torch is not installed."""
    try:
        import torch
    except ImportError:
        raise without_extra("torch") from None
    return int(torch.cuda.device_count()) if torch.cuda.is_available() else 0


def without_extra(package: str) -> UsageError:
    """The error where a package of the gpu extra is not installed."""
    return UsageError(
        f"Expected the packages of the gpu extra, which training needs, got no {package}; run in an "
        'environment of its own (about 8 GB): pip install -e ".[gpu]".'
    )


def free_gpus(visible: int) -> int:
    """Those of ``visible`` GPUs that Arbor may take, which are those that nobody uses.

    Raises UsageError where they cannot be counted, or where CUDA_VISIBLE_DEVICES hides some: Arbor 0.2.17 would take
    them all the same.
    """
    if not visible:
        return 0
    try:
        with unannounced():
            from arbor.server.services.managers.gpu_manager import NoGPUsDetectedError, get_gpu_state
    except ImportError:  # which is said where the training begins
        return visible
    try:
        state = get_gpu_state()
    except NoGPUsDetectedError as error:
        raise UsageError(
            f"Expected NVML to tell which of {visible} GPUs are free for Arbor, got: {error} Mend the driver, or use "
            f"{_option('cuda')}."
        ) from error
    if visible < len(state["total"]):
        raise UsageError(
            f"Expected Arbor to see the {visible} GPUs of CUDA_VISIBLE_DEVICES alone, but it takes any of the "
            f"{len(state['total'])} here; unset CUDA_VISIBLE_DEVICES, or use {_option('cuda')}."
        )
    return len(state["free"])


def choose_device(
    asked: str, gpus: int, settings: TrainSettings, *, free: int | None = None, or_cpu: bool = False
) -> Device:
    """The device for ``asked``, one of auto, arbor, cuda, cpu, on a machine of ``gpus`` GPUs, all ``free`` by default.

    ``auto`` takes Arbor where the settings' GPUs are free, else one GPU, and with ``or_cpu`` else the CPU.
    Raises UsageError, saying what to change, where what is asked for is not there.
    """
    needed = settings.num_training_gpus + settings.num_inference_gpus
    free = gpus if free is None else free
    if asked == "auto":
        asked = "arbor" if free >= needed else "cuda" if gpus or not or_cpu else "cpu"
    if asked == "arbor" and free < needed:
        raise UsageError(
            f"Expected {needed} free GPUs for the device arbor ({settings.num_training_gpus} to train, "
            f"{settings.num_inference_gpus} to sample; Arbor never shares one), got {free}; "
            + ("lower train.num_training_gpus, or " if settings.num_training_gpus > 1 and free > 1 else "")
            + f"use {_option('cuda' if gpus else 'cpu')}."
        )
    if asked == "cuda" and not gpus:
        raise UsageError(f"Expected a CUDA GPU to train on, got none; use {_option('cpu')} for a small model.")
    if asked in ("arbor", "cuda", "cpu"):
        return asked  # type: ignore[return-value]
    raise UsageError(f"Expected the device auto, arbor, cuda or cpu, got {asked!r}.")


def _option(device: str) -> str:
    return f"--device {device} (in pytest --train-device {device})"


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Inside, torch computes on the CPU with ``count`` threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def in_memory() -> Iterator[None]:
    """Inside, a model is loaded and trained; raises InfrastructureError where the device's memory is not enough."""
    import torch

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # torch has no type of its own for the CPU's memory.
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and "allocate memory" not in str(error):
            raise
        raise InfrastructureError(
            "Expected a training that fits into memory; lower train.per_device_train_batch_size, train.max_tokens or "
            f"train.lora_config.r, or name a smaller train.model. The device said: {one_line(error)}"
        ) from error
