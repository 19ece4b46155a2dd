"""Requests that wait together, as batches, and the thread that draws them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import wait
from queue import Queue
from typing import Any

import pytest

from papillon.models.local.batching import GPU, PAUSE_ON_GPU, BatchingSampler, Draw, batches


def queued(*requests: str | None) -> Queue[str | None]:
    queue: Queue[str | None] = Queue()
    for request in requests:
        queue.put(request)
    return queue


def test_requests_of_one_kind_that_wait_together_are_one_batch() -> None:
    assert list(batches(queued("a1", "b1", "a2", None), 9, lambda request: request[0])) == [["a1", "a2"], ["b1"]]


def test_a_batch_is_no_larger_than_asked_and_nothing_before_the_end_is_lost() -> None:
    found = list(batches(queued("a1", "a2", "a3", None), 2, lambda request: request[0]))
    assert found == [["a1", "a2"], ["a3"]]


class Model:
    """Says each prompt back, and keeps the batches; fails for a prompt of 13."""

    def __init__(self, device: str = "cpu") -> None:
        self.asked: list[list[tuple[int, ...]]] = []
        self.device = device

    def sample(
        self,
        prompts: list[tuple[int, ...]],
        numbers: Any,
        sampling: Any,
        limit: int,
        guides: Any,
        check: Callable[[], None],
    ) -> list[Any]:
        self.asked.append(prompts)
        while (99,) in prompts:  # draws without end
            check()
        if (13,) in prompts:
            raise RuntimeError("out of memory")
        return list(prompts)


class TestSampler:
    @pytest.fixture
    def torch(self) -> Any:
        return pytest.importorskip("torch", reason="the gpu extra (torch) is not installed")

    def draw(self, torch: Any, *prompt: int, limit: int = 4, sampling: Any = "plain") -> Draw:
        return Draw(prompt, sampling, torch.zeros(limit))

    def test_those_that_wait_together_and_differ_in_nothing_that_counts_are_one_batch(self, torch: Any) -> None:
        model, device, told = Model(), threading.Lock(), list[Any]()
        sampler = BatchingSampler(model, most=9, device=device, drawn=told.extend)  # type: ignore[arg-type]
        with device:  # as when a step is being taken
            asked = [
                self.draw(torch, 1),
                self.draw(torch, 2, limit=5),
                self.draw(torch, 3),
                self.draw(torch, 4, sampling="colder"),
                self.draw(torch, *range(9)),
            ]
            answers = [sampler.ask(draw) for draw in asked]
        assert [answer.result(10) for answer in answers] == [draw.prompt for draw in asked]
        assert sorted(map(len, model.asked)) in ([1, 1, 1, 2], [1, 1, 1, 1, 1])  # the first may have gone alone
        assert sorted(told) == sorted(draw.prompt for draw in asked)
        sampler.close(RuntimeError("over"))

    def test_on_a_gpu_a_batch_has_prompts_of_any_length(self, torch: Any) -> None:
        model = Model("cuda")
        sampler = BatchingSampler(model, most=9)  # type: ignore[arg-type]
        answers = [sampler.ask(self.draw(torch, *range(length))) for length in (1, 9, 2)]
        assert [len(answer.result(10)) for answer in answers] == [1, 9, 2]
        assert list(map(len, model.asked)) == [3]
        sampler.close(RuntimeError("over"))

    def test_two_models_on_one_gpu_never_compute_at_the_same_time(self, torch: Any) -> None:
        one, other = (BatchingSampler(Model("cuda"), most=1) for _ in range(2))  # type: ignore[arg-type]
        with GPU:  # as while a step of a third is captured, or learned
            waiting = [sampler.ask(self.draw(torch, 1)) for sampler in (one, other)]
            assert not wait(waiting, 3 * PAUSE_ON_GPU).done
        assert all(answer.result(10) for answer in waiting)
        for sampler in (one, other):
            sampler.close(RuntimeError("over"))

    def test_a_batch_that_fails_is_its_own_requests_matter(self, torch: Any) -> None:
        sampler = BatchingSampler(Model(), most=1)  # type: ignore[arg-type]
        with pytest.raises(RuntimeError, match="out of memory"):
            sampler.ask(self.draw(torch, 13)).result(10)
        assert sampler.ask(self.draw(torch, 1)).result(10) == (1,)
        sampler.close(RuntimeError("over"))

    def test_what_waits_at_the_end_is_refused_and_so_is_what_comes_after(self, torch: Any) -> None:
        model, device = Model(), threading.Lock()
        sampler = BatchingSampler(model, most=9, device=device)  # type: ignore[arg-type]
        with device:
            waiting = sampler.ask(self.draw(torch, 1))
            ending = threading.Thread(target=sampler.close, args=[RuntimeError("over")])
            ending.start()
            while sampler.refusal is None:
                ending.join(0.01)
        with pytest.raises(RuntimeError, match="over"):
            waiting.result(10)
        ending.join()
        with pytest.raises(RuntimeError, match="over"):
            sampler.ask(self.draw(torch, 2))
        assert model.asked == []

    def test_a_batch_under_way_ends_before_its_next_token(self, torch: Any) -> None:
        model = Model()
        sampler = BatchingSampler(model, most=9)  # type: ignore[arg-type]
        under_way = sampler.ask(self.draw(torch, 99))
        while not model.asked:
            assert not under_way.done()
        sampler.close(RuntimeError("over"))
        with pytest.raises(RuntimeError, match="over"):
            under_way.result(10)
