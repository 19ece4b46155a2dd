"""The protocol: Arbor's own application and schemas over HTTP, with one device behind them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
pytest.importorskip("arbor", reason="the gpu extra (arbor-ai, torch, peft) is not installed", exc_type=ImportError)

import requests  # noqa: E402
from arbor.server.api.schemas import GRPOStatus  # noqa: E402

from papillon.training.arbor.arguments import train_kwargs  # noqa: E402
from papillon.training.grpo.learner import Learner  # noqa: E402
from papillon.training.grpo.policy import Policy  # noqa: E402
from papillon.training.grpo.rounds import Rounds  # noqa: E402
from papillon.training.one_device.group_trainer import GroupTrainer  # noqa: E402
from papillon.training.one_device.sampler import Sampler  # noqa: E402
from papillon.training.one_device.serving import served  # noqa: E402
from papillon.training.settings import TrainSettings  # noqa: E402
from tests.papillon.training.tiny import OUTPUTS, preferred, tiny_model, tiny_tokenizer  # noqa: E402

pytestmark = [
    # uvicorn imports a deprecated module of websockets'.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

SETTINGS = TrainSettings.from_json(
    {"num_samples_per_input": 4, "max_tokens": 4, "warmup_steps": 0, "learning_rate": 3e-3, "lora_config": {"r": 4}}
)
MESSAGES = [{"role": "user", "content": "hello"}]


class Server:
    """The application at work, and what its callbacks were told."""

    def __init__(self) -> None:
        tokenizer = tiny_tokenizer()
        self.policy = Policy(tiny_model(prefer=preferred(tokenizer)), tokenizer, SETTINGS.lora_config)
        self.sampler = Sampler(self.policy, SETTINGS, threading.Lock())
        self.rounds: list[dict[str, Any]] = []
        self.saved: list[tuple[str, dict[str, Any]]] = []
        self.trainer = GroupTrainer(
            Learner(self.policy, SETTINGS),
            self.sampler,
            Rounds(2),
            asked=lambda: None,
            learned=lambda numbers, groups: self.rounds.append(numbers),
            checkpoint=lambda name, metadata: self.saved.append((name, metadata)) or f"/somewhere/{name}",
        )
        self.address = ""

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return requests.post(self.address + path, json=body, timeout=60)

    def grpo(self, path: str, **body: Any) -> GRPOStatus:
        answer = self.post(f"fine_tuning/grpo/{path}", {"job_id": "one-device", **body})
        assert answer.status_code == 200, answer.text
        return GRPOStatus(**answer.json())

    def complete(self, messages: list[dict[str, str]] = MESSAGES, **more: Any) -> Any:
        return self.post("chat/completions", {"model": "arbor:tiny", "messages": messages, **SETTINGS.sampling, **more})

    def group(self, rewards: list[float]) -> list[dict[str, Any]]:
        texts = [self.complete().json()["choices"][0]["message"]["content"] for _ in rewards]
        return [
            {"messages": MESSAGES, "completion": {"role": "assistant", "content": text}, "reward": reward}
            for text, reward in zip(texts, rewards, strict=True)
        ]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with served(server.trainer, server.sampler) as server.address:
        yield server


def initialize(server: Server, **more: Any) -> Any:
    """What ArborReinforceJob posts, in the schema's own names."""
    kwargs = train_kwargs(SETTINGS)
    for unsent in ("top_p", "top_k", "repetition_penalty", "num_inference_gpus"):
        del kwargs[unsent]
    trainer = {**kwargs, "num_generations": SETTINGS.num_samples_per_input, **more}
    inference = {"model": "tiny", "max_seq_len": None}
    body = {"model": "tiny", "trainer_config": trainer, "inference_config": inference}
    return server.post("fine_tuning/grpo/initialize", body)


def test_a_job_begins_with_as_many_open_ids_as_a_round_has_groups(server: Server) -> None:
    status = GRPOStatus(**initialize(server).json())
    assert status.status == "running"
    assert server.grpo("status").pending_batch_ids == [0, 1]


def test_groups_of_another_size_are_refused(server: Server) -> None:
    answer = initialize(server, num_generations=3)
    assert answer.status_code == 400
    assert "Expected num_generations 4 (train.num_samples_per_input), got 3." in answer.text


def test_a_completion_comes_back_as_openai_has_it(server: Server) -> None:
    answer = server.complete().json()
    choice = answer["choices"][0]
    assert choice["message"]["content"] in OUTPUTS
    assert choice["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] == 2  # the output, and its end
    assert server.complete(max_tokens=1).json()["choices"][0]["finish_reason"] == "length"


def test_requests_at_the_same_time_are_independent_draws(server: Server) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: server.complete().json(), range(16)))
    assert len({answer["choices"][0]["message"]["content"] for answer in answers}) > 2


def test_the_nth_draw_of_a_prompt_is_the_same_after_the_count_begins_anew(server: Server) -> None:
    def draws() -> list[str]:
        server.grpo("status")  # what ArborGRPO asks before each round
        return [server.complete().json()["choices"][0]["message"]["content"] for _ in range(6)]

    assert draws() == draws()


def test_two_rounds_take_two_steps_and_move_the_weights(server: Server) -> None:
    initialize(server)
    before = {name: weight.clone() for name, weight in server.policy.adapter().items()}
    for round_ in (1, 2):
        first, second = server.grpo("status").pending_batch_ids
        server.grpo("step", model="tiny", batch_id=first, batch=server.group([1.0, 0.0, 0.5, 0.0]))
        assert len(server.rounds) == round_ - 1  # not before the round is complete
        server.grpo("step", model="tiny", batch_id=second, batch=server.group([0.0, 1.0, 0.0, 0.0]))
        assert [line["round"] for line in server.rounds] == list(range(1, round_ + 1))
    assert [line["steps"] for line in server.rounds] == [1, 1]
    after = server.policy.adapter()
    assert any(not torch.equal(weight, after[name]) for name, weight in before.items())
    assert all(torch.isfinite(weight).all() for weight in after.values())


def test_alike_rewards_take_no_step_and_say_so(server: Server) -> None:
    initialize(server)
    for batch_id in server.grpo("status").pending_batch_ids:
        server.grpo("step", model="tiny", batch_id=batch_id, batch=server.group([0.5] * 4))
    assert (server.rounds[0]["steps"], server.rounds[0]["alike"]) == (0, 2)


def test_what_was_drawn_is_learned_to_the_token(server: Server) -> None:
    text = server.complete().json()["choices"][0]["message"]["content"]
    drawn = server.sampler.draws.find(text, server.policy.prompt(MESSAGES))
    assert drawn is not None
    item = {"messages": MESSAGES, "completion": {"content": text}, "reward": 1.0}
    learned, _ = server.trainer._drawn(item)
    assert (learned.prompt, learned.tokens) == (drawn.prompt, drawn.tokens)
    never, _ = server.trainer._drawn({**item, "completion": {"content": "never drawn"}})
    assert never.tokens == server.policy.tokens("never drawn")


def test_a_text_that_another_prompt_drew_is_learned_after_its_own_prompt(server: Server) -> None:
    text = server.complete(max_tokens=1).json()["choices"][0]["message"]["content"]
    other = [{"role": "user", "content": "other"}]
    learned, _ = server.trainer._drawn({"messages": other, "completion": {"content": text}, "reward": 1.0})
    assert learned.prompt == server.policy.prompt(other)
    assert learned.tokens == server.policy.tokens(text)  # the other's was cut off before its end
    assert learned.finished


def test_a_checkpoint_is_saved_with_its_score_and_told_back(server: Server) -> None:
    initialize(server)
    status = server.grpo("checkpoint", checkpoint_name="model_checkpoint_best", metadata={"score": 61.5})
    assert server.saved == [("model_checkpoint_best", {"score": 61.5})]
    assert status.last_checkpoint == "model_checkpoint_best"
    assert status.checkpoints["model_checkpoint_best"]["checkpoint_dir"] == "/somewhere/model_checkpoint_best"


def test_a_job_ends_as_arbor_has_it(server: Server) -> None:
    initialize(server)
    assert server.grpo("cancel").status == "cancelled"
    assert server.grpo("terminate").status == "succeeded"


def test_a_prompt_that_does_not_fit_is_refused_with_its_length(server: Server) -> None:
    answer = server.complete([{"role": "user", "content": "x" * 9000}])
    assert answer.status_code == 400
    assert "Expected a prompt below 8192 tokens (train.max_seq_len), got 90" in answer.text


def test_a_sampler_that_fails_says_so_in_its_reply_and_goes_on(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any) -> Any:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch, requests.Session() as session:
        patch.setattr(server.policy, "sample", fails)
        body = {"model": "arbor:tiny", "messages": MESSAGES}
        # On one connection: a reply, and not an end of the connection, is what a client can name the cause from.
        for _ in range(3):
            answer = session.post(server.address + "chat/completions", json=body, timeout=60)
            assert answer.status_code == 500
            assert answer.json() == {"detail": "RuntimeError: out of memory"}
            assert answer.headers.get("connection") != "close"
    assert server.complete().status_code == 200


def test_what_waits_when_the_training_ends_is_refused_and_so_is_what_comes_after(server: Server) -> None:
    with ThreadPoolExecutor(8) as threads:
        with server.sampler.device:  # as when a step is being taken
            waiting = [threads.submit(server.complete) for _ in range(8)]
            while server.sampler.draws.times_asked.total() < 8:
                time.sleep(0.01)
            ending = threading.Thread(target=server.sampler.cleanup)
            ending.start()
            while server.sampler.batches.refusal is None:
                time.sleep(0.01)
        ending.join()
    for answer in [*(future.result() for future in waiting), server.complete()]:
        assert answer.status_code == 500
        assert "Expected a training that goes on, got one that is ending; nothing is sampled." in answer.text


@pytest.mark.parametrize(
    ("share", "gathering", "expected"),
    [
        (0.0, True, (0, 0)),
        (0.5, True, (15, 45)),
        (0.5, False, (0, 0)),  # a validation asks what the model can do by itself
        (1.0, True, (60, 60)),
        (1.0, False, (60, 60)),
    ],
)
def test_a_share_of_the_rollouts_draws_is_guided(
    server: Server, monkeypatch: pytest.MonkeyPatch, share: float, gathering: bool, expected: tuple[int, int]
) -> None:
    counted = guided(server, monkeypatch, share, gathering)
    for _ in range(60):
        server.complete(asking("response"), max_tokens=1)
    assert expected[0] <= counted["response"] <= expected[1]


def test_one_module_in_turn_is_guided_in_part_and_the_others_wholly(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = guided(server, monkeypatch, 0.5, True)
    server.sampler.guides.modules = 2
    parts: list[tuple[bool, bool]] = []
    for _ in range(4):
        counted.clear()
        for field in ("llm_request", "response"):
            for _ in range(30):
                server.complete(asking(field), max_tokens=1)
        parts.append((counted["llm_request"] < 30, counted["response"] < 30))
        server.sampler.draws.next_round()
    assert parts == [(True, False), (False, True)] * 2


def asking(field: str) -> list[dict[str, str]]:
    return [
        {
            "role": "user",
            "content": f"Respond with the corresponding output fields, starting with the field `[[ ## {field} ## ]]`, "
            "and then ending with the marker for `[[ ## completed ## ]]`.",
        }
    ]


def guided(server: Server, monkeypatch: pytest.MonkeyPatch, share: float, gathering: bool) -> Counter[str]:
    """How many draws are guided from here on, by the field that they ask for."""
    counted: Counter[str] = Counter()
    monkeypatch.setattr(server.sampler.guides, "through", lambda fields, limit: counted.update(fields))
    server.sampler.guides.share = share
    server.sampler.guides.gathering = lambda: gathering
    return counted
