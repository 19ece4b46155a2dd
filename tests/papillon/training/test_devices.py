"""Which device trains, and the sentence where the one that is asked for is not there."""

from __future__ import annotations

import pytest

from papillon.errors import InfrastructureError, UsageError
from papillon.training.devices import choose_device, free_gpus, in_memory
from papillon.training.settings import TrainSettings

TUTORIAL, SMOKE = TrainSettings(), TrainSettings().smoke()


@pytest.mark.parametrize(
    ("asked", "gpus", "settings", "or_cpu", "chosen"),
    [
        ("auto", 4, TUTORIAL, False, "arbor"),
        ("auto", 3, TUTORIAL, False, "cuda"),
        ("auto", 2, SMOKE, False, "arbor"),
        ("auto", 1, SMOKE, False, "cuda"),
        ("auto", 0, SMOKE, True, "cpu"),
        ("cpu", 8, TUTORIAL, False, "cpu"),
        ("cuda", 8, TUTORIAL, False, "cuda"),
    ],
)
def test_auto_takes_arbor_where_its_gpus_are(
    asked: str, gpus: int, settings: TrainSettings, or_cpu: bool, chosen: str
) -> None:
    assert choose_device(asked, gpus, settings, or_cpu=or_cpu) == chosen


@pytest.mark.parametrize(
    ("asked", "gpus", "said"),
    [
        (
            "arbor",
            2,
            r"Expected 4 free GPUs for the device arbor \(3 to train, 1 to sample.*got 2; .*--device cuda \(in pytest",
        ),
        ("arbor", 0, r"got 0; .*use --device cpu \(in pytest"),
        ("cuda", 0, r"Expected a CUDA GPU to train on, got none; use --device cpu"),
        ("auto", 0, r"Expected a CUDA GPU to train on, got none"),
        ("tpu", 1, r"Expected the device auto, arbor, cuda or cpu, got 'tpu'\."),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_a_way_out(asked: str, gpus: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        choose_device(asked, gpus, TUTORIAL)


def test_arbor_may_take_gpus_that_nobody_uses_and_none_that_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)
    from arbor.server.services.managers import gpu_manager

    monkeypatch.setattr(gpu_manager, "get_gpu_state", lambda: {"total": [0, 1, 2, 3], "free": [0, 3], "busy": [1, 2]})
    assert free_gpus(4) == 2
    assert free_gpus(0) == 0
    assert choose_device("auto", 4, TUTORIAL, free=2) == "cuda"
    with pytest.raises(UsageError, match=r"Expected 4 free GPUs for the device arbor .*, got 2; lower"):
        choose_device("arbor", 4, TUTORIAL, free=2)
    with pytest.raises(
        UsageError, match=r"the 2 GPUs of CUDA_VISIBLE_DEVICES alone, but it takes any of the 4 here; un"
    ):
        free_gpus(2)


def test_a_training_that_does_not_fit_into_memory_is_one_sentence() -> None:
    torch = pytest.importorskip("torch", reason="the gpu extra (torch) is not installed")
    with (
        pytest.raises(
            InfrastructureError,
            match=r"^Expected a training that fits into memory; lower train\.per_device_train_batch_size, .* "
            r"The device said: .*allocate memory",
        ),
        in_memory(),
    ):
        torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match=r"shape"), in_memory():
        torch.zeros(2) @ torch.zeros(3, 3)
