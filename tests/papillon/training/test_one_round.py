"""GRPO over a program of two modules, in the open: one round as a plain loop, which ends at the trainer's weights."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
pytest.importorskip("arbor", reason="the gpu extra (arbor-ai, torch, peft) is not installed", exc_type=ImportError)

import dspy  # noqa: E402
from dspy.utils.exceptions import AdapterParseError  # noqa: E402

from papillon.models.adapters import adapter_for  # noqa: E402
from papillon.models.local.causal_model import Completion  # noqa: E402
from papillon.models.local.sampling import Sampling, uniforms  # noqa: E402
from papillon.program import PAPILLON  # noqa: E402
from papillon.training.devices import cpu_threads  # noqa: E402
from papillon.training.grpo.policy import Policy  # noqa: E402
from papillon.training.run import train  # noqa: E402
from papillon.training.settings import TrainSettings  # noqa: E402
from tests.papillon.training.tiny import preferred, tiny_model, tiny_tokenizer  # noqa: E402

# LiteLLM, arbor and uvicorn are imported and run here, and warn of their own old habits.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "UserWarning", "FutureWarning", "ResourceWarning")
]

QUERY, FROM_OUTSIDE = "Write a letter for Ann.", "Dear Sir,"
SETTINGS = TrainSettings.from_json(
    {
        "num_train_steps": 1,
        "num_dspy_examples_per_grpo_step": 1,
        "num_samples_per_input": 4,
        "max_tokens": 4,
        "num_threads": 1,
        "learning_rate": 3e-3,
        "lr_scheduler_type": "constant",
        "lora_config": {"lora_dropout": 0},
        # Such that all runs reach the second module, do differently well, and ArborGRPO sends its group second: sums
        # in another order have other last digits.
        "seed": 1,
    }
)


def reward(response: str) -> float:
    return 1.0 if response.startswith("Gladly") else 0.0


def one_round(policy: Policy, settings: TrainSettings = SETTINGS) -> tuple[float, ...]:
    """Sample, compare, step: one round of GRPO on one example; gives what the runs earned."""
    program, chat = PAPILLON(lambda request: FROM_OUTSIDE), adapter_for("chat", json_fallback=False)
    asked = Counter[Any]()
    groups: list[list[tuple[Completion, float]]] = [[], []]  # a module's completions, each with what its run earned

    craft, respond = (predictor.signature for predictor in program.predictors())
    drawn: list[Completion] = []

    def ask(signature: Any, **inputs: str) -> Any:
        prompt = policy.prompt(chat.format(signature, [], inputs))
        numbers = uniforms(settings.max_tokens, settings.seed, 0, prompt, asked[prompt])
        asked[prompt] += 1
        drawn.extend(policy.sample([prompt], numbers.unsqueeze(0), Sampling(), settings.max_tokens))
        return chat.parse(signature, drawn[-1].text)

    # Rollouts: the whole program, several times. Each draw is independent, and can be made again.
    for _ in range(settings.num_samples_per_input):
        drawn.clear()
        try:
            request = ask(craft, user_query=QUERY)["llm_request"]
            inputs = {"related_llm_request": request, "related_llm_response": FROM_OUTSIDE, "user_query": QUERY}
            earned = reward(ask(respond, **inputs)["response"])
        except AdapterParseError:  # what was drawn last was in no format
            earned = settings.format_failure_score
        for group, completion in zip(groups, drawn, strict=False):
            group.append((completion, earned))

    # Advantages: a completion is as good as its run did better than its group; where all did alike, none is learned.
    learned = []
    for group in groups:
        mean = sum(earned for _, earned in group) / len(group)
        if len(group) == settings.num_samples_per_input and len({earned for _, earned in group}) > 1:
            learned += [(completion, earned - mean) for completion, earned in group]

    # Loss: less likely what did worse, more likely what did better, averaged over the tokens of both modules.
    policy.model.train()
    logprobs, mask = policy.logprobs([(completion.prompt, completion.tokens) for completion, _ in learned])
    gains = torch.tensor([gain for _, gain in learned]).unsqueeze(1)
    ratio = torch.exp(logprobs - logprobs.detach())  # 1: the policy that drew them is this very one; it has a gradient
    loss = -(ratio * gains * mask).sum() / mask.sum()

    # Step: one of the optimiser, over the one adapter that both modules share.
    weights = [weight for weight in policy.model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, settings.max_grad_norm)
    optimizer.step()
    return tuple(earned for _, earned in groups[1])


def tiny() -> Policy:
    tokenizer = tiny_tokenizer()
    return Policy(tiny_model(prefer=preferred(tokenizer)[:4]), tokenizer, SETTINGS.lora_config)


def test_the_trainer_does_what_the_loop_does(tmp_path: Path) -> None:
    in_the_open, trained, untrained = tiny(), tiny(), tiny().adapter()
    with cpu_threads(os.cpu_count() or 1):  # as the trainer learns: on another number, sums have other last digits
        earned = one_round(in_the_open)
    assert len(earned) == 4
    assert len(set(earned)) > 1
    example = dspy.Example(user_query=QUERY).with_inputs("user_query")
    program = PAPILLON(lambda request: FROM_OUTSIDE)
    train(
        SETTINGS, program, [example], None, lambda example, prediction, trace=None: reward(prediction.response),
        tmp_path / "run", "cpu", say=lambda line: None, policy=trained,
    )  # fmt: skip
    for name, weight in in_the_open.adapter().items():
        assert torch.equal(weight, trained.adapter()[name]), name
    assert any(not torch.equal(weight, untrained[name]) for name, weight in trained.adapter().items())
