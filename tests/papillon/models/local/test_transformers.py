"""The engine over transformers: what is drawn follows from request and seed, and an adapter changes it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (torch, transformers, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (torch, transformers, peft) is not installed")

from dspy.lm15 import Config, ContextLengthError, Message, Request  # noqa: E402

from papillon.errors import EndpointError  # noqa: E402
from papillon.models.local.transformers import Transformers  # noqa: E402
from papillon.models.providers import sampling_of  # noqa: E402
from papillon.profile import ModelSettings  # noqa: E402
from papillon.training.grpo.policy import Policy  # noqa: E402
from papillon.training.settings import Lora  # noqa: E402
from tests.papillon.training.tiny import OUTPUTS, preferred, tiny_model, tiny_tokenizer  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = tiny_tokenizer()
    tiny_model(prefer=preferred(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def asked(text: str = "hello", **config: Any) -> Request:
    return Request(model="m", messages=(Message.user(text),), config=Config(**{"max_tokens": 6, "seed": 1, **config}))


def answers(settings: ModelSettings, *requests: Request) -> list[Any]:
    """All requests at once, by one engine."""
    engine = Transformers(settings, sampling_of(settings))

    async def run() -> list[Any]:
        try:
            return await asyncio.gather(*(engine.acomplete(each) for each in requests))
        finally:
            await engine.aclose()

    return asyncio.run(run())


def texts(settings: ModelSettings, *requests: Request) -> list[str]:
    return [answer.message.text for answer in answers(settings, *requests)]


def test_the_same_request_and_seed_give_the_same_answer_alone_or_among_others(model: Path) -> None:
    settings = ModelSettings(f"transformers/{model}")
    seeds = [asked(seed=seed) for seed in range(8)]
    together = texts(settings, *seeds)
    assert together == [texts(settings, each)[0] for each in seeds]
    assert len(set(together)) > 1
    assert all(any(text.startswith(output[:20]) for output in OUTPUTS) for text in together)


def test_the_profiles_sampling_stands_behind_the_requests(model: Path) -> None:
    greedy = ModelSettings(f"transformers/{model}", temperature=0.0)
    assert len(set(texts(greedy, *(asked(seed=seed) for seed in range(6))))) == 1
    assert len(set(texts(greedy, *(asked(seed=seed, temperature=1.0) for seed in range(6))))) > 1
    narrow = ModelSettings(f"transformers/{model}", top_k=1, repetition_penalty=1.0, top_p=0.5)
    assert texts(narrow, asked(seed=3)) == texts(greedy, asked(seed=4))


def test_an_answer_ends_at_its_limit_or_before_a_stop_string(model: Path) -> None:
    settings = ModelSettings(f"transformers/{model}", max_tokens=1)
    (short,) = answers(settings, asked(max_tokens=None))
    assert short.finish_reason == "length"
    assert short.usage.output_tokens == 1
    assert short.usage.input_tokens > 0
    (whole,) = answers(settings, asked(max_tokens=4))
    word = whole.message.text[3:6]
    (stopped,) = answers(settings, asked(max_tokens=4, stop=(word,)))
    assert stopped.message.text == whole.message.text[: whole.message.text.find(word)]
    assert stopped.finish_reason == "stop"


def test_an_adapter_changes_the_answers(model: Path, tmp_path: Path) -> None:
    lora = Lora(r=4, lora_dropout=0.0)
    policy = Policy(tiny_model(prefer=preferred(tiny_tokenizer())), tiny_tokenizer(), lora)
    with torch.no_grad():
        for name, weight in policy.model.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.3)
    policy.save_adapter(tmp_path / "adapter")
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["r"] == 4
    bare, trained = (ModelSettings(f"transformers/{model}", lora=each) for each in (None, tmp_path / "adapter"))
    requests = [asked(seed=seed) for seed in range(6)]
    assert texts(bare, *requests) != texts(trained, *requests)


def test_a_prompt_that_does_not_fit_is_told_apart(model: Path) -> None:
    with pytest.raises(ContextLengthError, match=r"Expected a prompt of at most 8186 tokens beside 6 for the answer"):
        answers(ModelSettings(f"transformers/{model}"), asked("x" * 9000))


def test_a_model_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(EndpointError, match=r"at './no/model' .* there is nothing at /.*no/model; correct the path"):
        answers(ModelSettings("transformers/./no/model"), asked())
