"""Rounds of the whole trainer through ArborGRPO, over PAPILLON's two modules, with a model of random weights.

Arbor's server imports its own trainer, and that vLLM, DeepSpeed and wandb, none of which one device uses. Where they
are not installed, as in the bundle, empty modules stand in their place.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from tests.gpu.batch import Size, settings_for
from tests.gpu.numbers import Check
from tests.gpu.shapes import policy_of
from tests.gpu.speed import peak_memory

__all__ = ["through_arbor"]

_UNUSED = {
    "vllm": (),
    "vllm.distributed": (),
    "vllm.distributed.device_communicators": (),
    "vllm.distributed.device_communicators.pynccl": ("PyNcclCommunicator",),
    "vllm.distributed.utils": ("StatelessProcessGroup",),
    "deepspeed": (),
    "wandb": (),
}


def through_arbor(shape: str, device: str, size: Size) -> tuple[list[Check], dict[str, Any]]:
    """Whole rounds: their seconds and what they counted; raises ImportError where Arbor cannot be imported."""
    _stand_in()
    import arbor  # noqa: F401  # before papillon, which says in other words that it is missing
    import dspy

    from papillon.program import PAPILLON
    from papillon.training.run import train

    # A model of random weights never hits the chat format: the sampler writes the markers.
    more = {"max_tokens": 64, "guided": 1.0, "learning_rate": 1e-3, "warmup_steps": 0, "log_completions": False}
    settings = settings_for(size, num_train_steps=size.rounds, num_threads=32, **more)
    queries = [f"Write a letter to {name} about the garden." for name in ("Ann", "Bob", "Cid", "Dan")]
    examples = [dspy.Example(user_query=query).with_inputs("user_query") for query in queries]
    policy = policy_of(shape, settings, device)
    before = {name: weight.clone() for name, weight in policy.adapter().items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "training"
        train(
            settings, PAPILLON(lambda request: "Dear Sir,"), examples, None, _vowels, folder, device, policy=policy,
            say=lambda line: print(line, file=sys.stderr),
        )  # fmt: skip
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        kept = (folder / "adapter" / "adapter.gguf").exists()
    moved = sum(bool((before[name] != weight).any()) for name, weight in policy.adapter().items())
    ends, last = [line["seconds"] for line in lines], lines[-1]
    scored = sum(line["scored"] for line in lines) / sum(line["rollouts"] for line in lines)
    checks = [
        Check("rounds", len(lines), size.rounds, more=True),
        Check("share of runs scored", scored, 1.0, more=True),
        Check("groups without a reward that differs", sum(line["alike"] for line in lines)),
        Check("share of the adapter's factors that moved", moved / len(before), 0.5, more=True),
        Check("adapter written as GGUF too", float(kept), 1.0, more=True),
    ]
    return checks, {
        "completions a round": last["rollouts"] * 2,
        "round: s": (ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else ends[0],
        "learn: s": last["learn_seconds"],
        "steps a round": last["steps"],
        "sampled tokens": last["sampled_tokens"],
        "peak memory": peak_memory(device),
    }


def _vowels(example: Any, prediction: Any, trace: Any = None) -> float:
    text = str(prediction.response)
    return sum(letter in "aeiou" for letter in text) / max(1, len(text))


def _stand_in() -> None:
    absent = {name for name in ("vllm", "deepspeed", "wandb") if importlib.util.find_spec(name) is None}
    for name, held in _UNUSED.items():
        if name.split(".")[0] in absent:
            module = types.ModuleType(name)
            module.__spec__ = ModuleSpec(name, None)
            vars(module).update({kind: type(kind, (), {}) for kind in held})
            sys.modules[name] = module
