"""What goes to Arbor's trainer in a round, and when: a manager that learns a group whenever it is let."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dspy
import pytest

pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)

from arbor.server.api.schemas import (
    ArborGRPOConfigRequest,
    GRPOCheckpointRequest,
    GRPOInitializeRequest,
    GRPOStatus,
    GRPOStepRequest,
    GRPOTerminateRequest,
    InferenceLaunchRequest,
)

from papillon.errors import EndpointError
from papillon.training.arbor.listening import Drawn, Listening
from papillon.training.arbor.processes import FAILED
from papillon.training.grpo.rounds import Round


class Manager:
    """Arbor's, and its trainer: asks for the group after those that it has, and learns them with :meth:`learn`."""

    def __init__(self) -> None:
        self.queued: list[Any] = []
        self.learned: list[Any] = []
        self.texts: list[str] = []
        self.config: dict[str, Any] = {}
        self.saved_after: list[int] = []
        self.record = {"checkpoint_dir": "/saved"}

    def initialize(self, request: Any, inference_manager: Any) -> str:
        self.config = request.trainer_config.model_dump(exclude_unset=True)
        return "begun"

    def get_job_status(self, job_id: str) -> GRPOStatus:
        if self.queued:
            self.learned.append(self.queued.pop(0))
        asked = [len(self.learned)] if not self.queued else []
        return GRPOStatus(job_id=job_id, current_model="m", pending_batch_ids=asked)

    def route_grpo_step(self, request: Any) -> None:
        self.queued.append([item["reward"] for item in request.batch])
        self.texts += [item["completion"]["content"] for item in request.batch]

    def route_grpo_checkpoint(self, request: Any) -> GRPOStatus:
        self.saved_after.append(len(self.learned))
        record = self.record
        return GRPOStatus(
            job_id="job",
            current_model="m",
            last_checkpoint=request.checkpoint_name,
            checkpoints={request.checkpoint_name: record},
        )

    def terminate(self, request: Any) -> str:
        return "succeeded"


class Heard:
    """A training that hears and keeps what it is told; a checkpoint is due after every other round."""

    def __init__(self) -> None:
        self.rounds: list[tuple[Round, int, dict[str, Any]]] = []
        self.checkpoints: list[tuple[str, Path, float | None]] = []

    def watched(self, work: Callable[[], Any]) -> Any:
        return work()

    def asked(self) -> None: ...

    def learned(self, round_: Round, sent: int, told: dict[str, Any]) -> bool:
        self.rounds.append((round_, sent, told))
        return len(self.rounds) % 2 == 0

    def saved(self, name: str, folder: Path, score: float | None) -> None:
        self.checkpoints.append((name, folder, score))

    @contextmanager
    def failing(self) -> Iterator[None]:
        yield


class Answers:
    """Arbor's inference manager, which answers ``text``."""

    def __init__(self) -> None:
        self.text = ""

    async def route_inference(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"choices": [{"message": {"role": "assistant", "content": self.text}}]}


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def drawn(answers: Answers) -> Drawn:
    return Drawn(answers, [dspy.Signature("name -> letter")])


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def manager() -> Manager:
    return Manager()


@pytest.fixture
def listening(manager: Manager, drawn: Drawn, heard: Heard) -> Listening:
    return Listening(manager, drawn, heard, 4, {"epsilon_high": 0.28, "seed": 7, "num_batches_ahead": 0})


def open_ids(listening: Listening) -> list[int]:
    """What ArborGRPO waits for before it samples."""
    for _ in range(9):
        if ids := listening.get_job_status("job").pending_batch_ids:
            return list(ids)
    raise AssertionError("nothing is asked for")


def send(listening: Listening, batch_id: int, *rewards: float, **metrics: float) -> None:
    items = [{"messages": [], "completion": {"content": str(batch_id)}, "reward": reward} for reward in rewards]
    listening.route_grpo_step(GRPOStepRequest(job_id="job", model="m", batch_id=batch_id, batch=items, metrics=metrics))


def test_all_of_a_rounds_groups_go_to_the_trainer_and_the_next_round_waits_until_they_are_learned(
    listening: Listening, manager: Manager, heard: Heard
) -> None:
    assert open_ids(listening) == [0, 1, 2, 3]
    for i, reward in enumerate((0.1, 0.2, 0.3, 0.4)):
        send(listening, i, 0, reward, validation_score=54.6)
    assert len(manager.learned) < 4
    assert open_ids(listening) == [4, 5, 6, 7]
    assert manager.learned == [[0, 0.1], [0, 0.2], [0, 0.3], [0, 0.4]]
    (((round_, sent, told)),) = heard.rounds
    assert (len(round_.fresh), sent, told) == (4, 4, {"validation_score": 54.6})


def test_groups_that_tell_nothing_are_counted_and_not_learned(
    listening: Listening, manager: Manager, heard: Heard
) -> None:
    for i, rewards in enumerate([(1, 1), (0, 1), (-1, -1), (0, 0)]):
        send(listening, open_ids(listening)[0] if i == 0 else i, *rewards)
    assert open_ids(listening) == [4, 5, 6, 7]
    assert manager.learned == [[0, 1]]
    assert heard.rounds[0][1] == 1


def test_a_checkpoint_is_of_all_that_was_sent(listening: Listening, manager: Manager, heard: Heard) -> None:
    for _ in range(2):
        for i, batch_id in enumerate(open_ids(listening)):
            send(listening, batch_id, i, i + 1 + batch_id)
    assert manager.saved_after == [8]  # due after the second round
    assert heard.checkpoints == [("to-go-on", Path("/saved"), None)]
    asked = GRPOCheckpointRequest(job_id="job", checkpoint_name="best", metadata={"score": 60.0})
    listening.route_grpo_checkpoint(asked)
    assert heard.checkpoints[-1] == ("best", Path("/saved"), 60.0)
    assert listening.terminate(GRPOTerminateRequest(job_id="job")) == "succeeded"
    assert heard.checkpoints[-1][0] == "to-go-on"


def test_a_checkpoint_that_cannot_be_saved_ends_the_training_in_one_sentence(
    listening: Listening, manager: Manager, heard: Heard
) -> None:
    manager.record = {FAILED: "OSError: [Errno 28] No space left on device"}
    said = (
        r"^Expected Arbor's trainer to save a checkpoint, got OSError: \[Errno 28\] No space left on device; mend that"
    )
    with pytest.raises(EndpointError, match=said):
        listening.route_grpo_checkpoint(GRPOCheckpointRequest(job_id="job", checkpoint_name="best"))
    assert heard.checkpoints == []


def test_the_trainer_is_told_what_a_request_has_no_place_for(listening: Listening, manager: Manager) -> None:
    request = GRPOInitializeRequest(
        model="m",
        trainer_config=ArborGRPOConfigRequest(num_generations=4, beta=None),
        inference_config=InferenceLaunchRequest(model="m"),
    )
    assert listening.initialize(request, None) == "begun"
    assert manager.config == {
        "num_generations": 4,
        "beta": None,
        "epsilon_high": 0.28,
        "seed": 7,
        "num_batches_ahead": 0,
    }


def test_outputs_go_to_the_trainer_as_they_were_drawn_in_their_round(
    listening: Listening, manager: Manager, drawn: Drawn, answers: Answers
) -> None:
    asked = {question: [{"role": "user", "content": question}] for question in ("a", "b")}
    sent = {name: f"[[ ## letter ## ]]\n{name}\n\n[[ ## completed ## ]]\n" for name in ("Yes.", "No.", "Never.")}

    def draw(question: str, text: str) -> None:
        answers.text = text
        assert asyncio.run(drawn.route_inference({"messages": asked[question]}))["choices"]

    def learn(question: str, *outputs: str) -> list[str]:
        (first, *others) = open_ids(listening)
        items = [
            {"messages": asked[question], "completion": {"role": "assistant", "content": text}, "reward": reward}
            for reward, text in enumerate(outputs)
        ]
        manager.texts.clear()
        for batch_id in (first, *others):
            listening.route_grpo_step(GRPOStepRequest(job_id="job", model="m", batch_id=batch_id, batch=items))
        return list(manager.texts)

    draw("a", "**[[ ## letter ## ]]** Yes.")
    draw("a", "[[ ## letter ## ]]\nNo.\n[[ ## completed ## ]]")
    draw("b", "[[ ## letter ## ]]  Never.")
    assert learn("a", sent["No."], sent["Yes."], "no format", sent["Never."]) == [
        "[[ ## letter ## ]]\nNo.\n[[ ## completed ## ]]",
        "**[[ ## letter ## ]]** Yes.",
        "no format",
        sent["Never."],  # which another prompt drew
    ]
    assert learn("a", sent["Yes."], sent["No."]) == [sent["Yes."], sent["No."]]  # drawn in the round before
