"""In NVML's place: as many GPUs as ARBOR_GPUS says, none of them busy."""

from __future__ import annotations

import os


class NVMLError(Exception):
    pass


def nvmlInit() -> None:  # noqa: N802
    pass


def nvmlShutdown() -> None:  # noqa: N802
    pass


def nvmlDeviceGetCount() -> int:  # noqa: N802
    return int(os.environ.get("ARBOR_GPUS", "2"))


def nvmlDeviceGetHandleByIndex(index: int) -> int:  # noqa: N802
    return index


def nvmlDeviceGetComputeRunningProcesses_v3(handle: int) -> list[object]:  # noqa: N802
    return []


def nvmlDeviceGetGraphicsRunningProcesses_v3(handle: int) -> list[object]:  # noqa: N802
    return []
