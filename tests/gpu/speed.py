"""How fast the one-device trainer samples and learns the tutorial's batch, and in how much memory."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from papillon.models.local.sampling import Sampling
from papillon.training.grpo.learner import Learner, Rewarded
from tests.gpu.batch import Size, chances, even, groups_of, prompts, settings_for
from tests.gpu.shapes import policy_of

__all__ = ["peak_memory", "speed", "timed"]


def speed(shape: str, device: str, size: Size) -> dict[str, Any]:
    """Rounds of a step each: seconds (medians), tokens a second, and peak memory in bytes."""
    settings = settings_for(size)
    policy = policy_of(shape, settings, device)
    learner = Learner(policy, settings)
    each = settings.num_samples_per_input
    asked = prompts(policy, each)
    sampling = Sampling(**settings.sampling)
    seconds: dict[str, list[float]] = {"sample": [], "learn": []}
    memory, drawn = {"sample": 0, "learn": 0}, 0
    for number in range(size.rounds + 1):  # the first warms up, and counts for memory alone
        decided = chances(len(asked), size.tokens, number)
        took, done = timed(device, partial(policy.sample, asked, decided, sampling, size.tokens))
        memory["sample"] = max(memory["sample"], peak_memory(device))
        spent, learned = timed(device, partial(learner.learn, groups_of(done, each)))
        memory["learn"] = max(memory["learn"], peak_memory(device))
        assert learned.steps == 1, learned
        if number:
            seconds["sample"].append(took)
            seconds["learn"].append(spent)
        drawn = sum(len(completion.tokens) for completion in done)
    sample, learn = (statistics.median(seconds[what]) for what in ("sample", "learn"))
    read = sum(map(len, asked))
    found = {
        "completions": len(asked),
        "prompt tokens": read // len(asked),
        "completion tokens": drawn // len(asked),
        "sample: s": sample,
        "sample: tokens a second": drawn / sample,
        "sample: peak memory": memory["sample"],
        "learn: s a step": learn,
        "learn: tokens a second": (read + drawn) / learn,
        "learn: peak memory": memory["learn"],
        "round: s": sample + learn,
        "round: completion tokens a second": drawn / (sample + learn),
    }
    # The tutorial's longest completions: what they weigh is what decides whether a model fits.
    generator = torch.Generator().manual_seed(2)
    long = torch.randint(3, 40000, (len(asked), size.long), generator=generator).tolist()
    items = [Rewarded(prompt, tuple(tokens), even(tokens)) for prompt, tokens in zip(asked, long, strict=True)]
    took, _ = timed(device, partial(learner.learn, [items[at : at + each] for at in range(0, len(items), each)]))
    found |= {"long: completion tokens": size.long, "long: s a step": took, "long: peak memory": peak_memory(device)}
    return found


def timed(device: str, work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of ``work`` with all that it has set going on the device, and what it gave."""
    if device != "cpu":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    done = work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - began, done


def peak_memory(device: str) -> int:
    """The most bytes taken: on a GPU since :func:`timed` began, on the CPU by the whole process so far."""
    if device != "cpu":
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
