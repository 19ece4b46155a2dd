"""Arbor's own server: what is asked of it, what is heard from it, and that it ends whatever happens."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)

import dspy

from papillon.errors import EndpointError, InfrastructureError, UsageError
from papillon.models.trained import base_of
from papillon.training.arbor.session import ArborServer, log_tail
from papillon.training.folder.checkpoints import Checkpoint
from papillon.training.folder.record import RunRecord
from papillon.training.grpo.rollouts import RolloutWatch
from papillon.training.settings import TrainSettings


class Ended(list[str]):
    """What was shut down, in order."""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Ended:
    import arbor
    import arbor.server.main

    ended = Ended()
    monkeypatch.setattr("arbor.utils.process_runner.ProcessRunner._setup_signal_handlers", lambda runner: None)
    monkeypatch.setattr(arbor.server.main.app.state, "grpo_manager", None, raising=False)
    monkeypatch.setattr(arbor, "shutdown", lambda: ended.append("server"))
    monkeypatch.setattr(arbor.server.main, "cleanup_managers", lambda app: ended.append("managers"))
    return ended


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    from tests.papillon.training.tiny import tiny_model, tiny_tokenizer

    folder = tmp_path_factory.mktemp("model")
    tiny_model().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return str(folder)


Session = Callable[..., ArborServer]


@pytest.fixture
def session(model: str) -> Session:
    def make(folder: Path, said: list[str] | None = None, *, resume: bool = False, **more: Any) -> ArborServer:
        settings = TrainSettings.from_json({"model": model, **more})
        record = RunRecord(folder, settings, (said if said is not None else []).append)
        record.check(resume=resume)
        record.open()
        return ArborServer(settings, record, RolloutWatch(dspy.Module(), lambda example, prediction: 1.0))

    return make


def saved_adapter(folder: Path, base: str) -> Path:
    """An adapter as Arbor's trainer saves one, whose second factors are not 0."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    adapted = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base), LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"])
    )
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.ones_(weight)
    adapted.save_pretrained(str(folder))
    return folder


def test_what_arbor_cannot_do_as_asked_is_said_first(tmp_path: Path, session: Session) -> None:
    said: list[str] = []
    assert session(tmp_path, said).settings.gradient_accumulation_steps == 1
    assert said[0] == (
        "epsilon 0.2 and epsilon_high 0.28 become 0.2 with Arbor, whose trainer takes neither from outside."
    )
    assert said[1].startswith("gradient_accumulation_steps 4 becomes 1")


def test_a_model_that_is_not_there_is_named_before_anything_starts(tmp_path: Path, session: Session) -> None:
    with pytest.raises(UsageError, match=r"^Expected a causal language model at '\./none' \(train\.model\), got: "):
        session(tmp_path, model="./none")


def test_a_failed_start_shows_arbors_log_and_leaves_nothing_running(
    tmp_path: Path, ended: Ended, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**arguments: Any) -> Any:
        log = Path(arguments["storage_path"]) / "logs" / "server.log"
        log.parent.mkdir(parents=True)
        log.write_text("starting\nno GPU here\n")
        raise RuntimeError("Failed to start Arbor server")

    monkeypatch.setattr("arbor.init", fails)
    with (
        pytest.raises(
            EndpointError, match=r"(?s)Expected Arbor to train on 3 \+ 1 GPUs, got .*ends with:.*no GPU here"
        ),
        session(tmp_path).serving(),
    ):
        raise AssertionError("never reached")
    assert ended == ["managers", "server"]


def test_an_interrupt_ends_trainer_and_server(
    tmp_path: Path, ended: Ended, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arbor.server.main import app

    asked: dict[str, Any] = {}

    def starts(**arguments: Any) -> dict[str, str]:
        asked.update(arguments)
        app.state.grpo_manager = SimpleNamespace()
        return {"base_url": "http://127.0.0.1:1/v1/"}

    monkeypatch.setattr("arbor.init", starts)
    with pytest.raises(KeyboardInterrupt), session(tmp_path).serving():
        raise KeyboardInterrupt
    assert ended == ["managers", "server"]
    assert asked["storage_path"] == str(tmp_path / "arbor")
    assert asked["port"] > 1023


class Manager:
    """What Arbor's GRPO manager answers; it saves the adapter in ``folder`` whenever it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, list[str]()

    def get_job_status(self, job_id: str) -> str:
        return "running"

    def route_grpo_step(self, request: Any) -> str:
        return "stepped"

    def route_grpo_checkpoint(self, request: Any) -> Any:
        self.asked.append(request.checkpoint_name)
        record = {"checkpoint_dir": str(self.folder)}
        return SimpleNamespace(last_checkpoint=request.checkpoint_name, checkpoints={request.checkpoint_name: record})

    def terminate(self, request: Any) -> str:
        return "succeeded"


@pytest.fixture
def manager(tmp_path: Path, model: str, ended: Ended, monkeypatch: pytest.MonkeyPatch) -> Manager:
    from arbor.server.main import app

    manager = Manager(saved_adapter(tmp_path / "saved", model))

    def starts(**arguments: Any) -> dict[str, str]:
        app.state.grpo_manager = manager
        logging.getLogger().handlers.clear()  # as Arbor's own start does
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)
        return {"base_url": "http://127.0.0.1:1/v1/"}

    monkeypatch.setattr("arbor.init", starts)
    return manager


def round_of_groups(listening: Any, *, groups: int = 1, validation: float | None = None) -> None:
    """What ArborGRPO sends in one round."""
    items = [{"messages": [], "completion": {"content": "x"}, "reward": reward} for reward in (0.0, 1.0)]
    listening.get_job_status("job")
    for _ in range(groups):
        told = {"validation_score": validation} if validation is not None else {}
        assert listening.route_grpo_step(SimpleNamespace(job_id="job", batch=items, metrics=told)) == "stepped"


def test_groups_and_checkpoints_are_overheard_on_their_way(
    tmp_path: Path, session: Session, manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    from arbor.server.main import app

    said: list[str] = []
    handlers, level = list(logging.getLogger().handlers), logging.getLogger("urllib3").level
    server = session(tmp_path / "run", said, num_steps_for_val=2)
    server.make_compiler(lambda example, prediction: 1.0)
    with server.serving():
        assert logging.getLogger().handlers == handlers
        overheard = app.state.grpo_manager
        round_of_groups(overheard, groups=2, validation=54.6)
        assert server.checkpoints.last() is None
        round_of_groups(overheard)
        assert manager.asked == ["to-go-on"]  # as often as validations
        assert server.checkpoints.last() == Checkpoint("step-000002", 2)
        overheard.route_grpo_checkpoint(SimpleNamespace(checkpoint_name="best", metadata={"score": 60.0}))
        round_of_groups(overheard)
        assert overheard.terminate(SimpleNamespace(job_id="job")) == "succeeded"
        assert server.checkpoints.last() == Checkpoint("step-000003", 3)
    assert logging.getLogger("urllib3").level == level
    assert said[-4].startswith("round 1/500 · reward +0.500 (spread 0.707) · steps 1 · validation +0.546")
    assert [line.split("/")[0] for line in said[-4:]] == ["round 1", "round 1", "round 2", "round 3"]
    folder, score = server.finish(None)
    assert folder == tmp_path / "run" / "checkpoints" / "best" / "adapter"
    assert score == 60.0
    assert (folder / "adapter_config.json").exists()


def test_going_on_begins_with_what_was_learned_in_the_model_and_the_next_round(
    tmp_path: Path, model: str, session: Session, manager: Manager
) -> None:
    from arbor.server.main import app
    from transformers import AutoModelForCausalLM

    first = session(tmp_path / "run", num_steps_for_val=2)
    first.record.metrics.write_text('{"round": 1}\n')  # killed before it had a checkpoint
    assert first.resume() == 0
    assert first.record.metrics.read_text() == ""
    first.make_compiler(lambda example, prediction: 1.0)
    with first.serving():
        for _ in range(3):  # killed before the next checkpoint
            round_of_groups(app.state.grpo_manager)

    said: list[str] = []
    second = session(tmp_path / "run", said, resume=True, num_steps_for_val=2)
    assert second.resume() == 2
    assert second.model == str(tmp_path / "run" / "merged-000002")
    was, now = (AutoModelForCausalLM.from_pretrained(name).state_dict() for name in (model, second.model))
    assert any(not bool((was[name] == weight).all()) for name, weight in now.items())
    compiler = second.make_compiler(lambda example, prediction: 1.0)
    assert compiler.num_train_steps == 498
    with second.serving():
        manager.folder = saved_adapter(tmp_path / "later", second.model)
        round_of_groups(app.state.grpo_manager)
        round_of_groups(app.state.grpo_manager)
    assert [line.split(" · ")[0] for line in said if line.startswith("round")] == ["round 3/500", "round 4/500"]

    # A third time stands on the second's model, whose adapter knows no other.
    third = session(tmp_path / "run", resume=True, num_steps_for_val=2)
    assert third.resume() == 4
    assert (
        base_of(third.checkpoints.path(third.checkpoints.last()) / "adapter", tmp_path / "run", model) == second.model
    )  # type: ignore[arg-type]


def test_a_trainer_that_ends_in_mid_training_ends_it(tmp_path: Path, session: Session, manager: Manager) -> None:
    from arbor.server.main import app
    from arbor.utils.process_runner import ProcessRunner

    server = session(tmp_path / "run")

    def training() -> None:
        with server.serving():
            ProcessRunner("job").start([sys.executable, "-c", "raise SystemExit(3)"]).wait()
            round_of_groups(app.state.grpo_manager)

    with pytest.raises(EndpointError, match=r"got a trainer that ended with status 3; its log in "):
        training()
    assert isinstance(server.failure, EndpointError)


def test_a_start_that_waits_for_a_dead_trainer_ends(
    tmp_path: Path, session: Session, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arbor.integrations.dspy.arbor_provider import ArborReinforceJob
    from arbor.utils.process_runner import ProcessRunner

    def starts_and_waits(job: ArborReinforceJob) -> None:
        ProcessRunner("job").start([sys.executable, "-c", "raise SystemExit(1)"])
        threading.Event().wait(60)

    monkeypatch.setattr(ArborReinforceJob, "initialize", starts_and_waits)
    server = session(tmp_path / "run")
    job = server.provider().ReinforceJob(lm=None, train_kwargs={"num_generations": 2})
    with pytest.raises(EndpointError, match="got a trainer that ended with status 1"), server.serving():
        job.initialize()


def test_rollouts_that_all_fail_end_it(tmp_path: Path, session: Session, manager: Manager) -> None:
    from arbor.server.main import app

    server = session(tmp_path / "run")
    server.watch.in_vain, server.watch.last_failure = 64, "EndpointError: gone"
    said = "but the last 64 all failed, most recently with EndpointError: gone"
    with pytest.raises(InfrastructureError, match=said), server.serving():
        app.state.grpo_manager.get_job_status("job")
    assert isinstance(server.failure, InfrastructureError)


def test_a_training_without_a_checkpoint_is_no_training(tmp_path: Path, session: Session) -> None:
    with pytest.raises(InfrastructureError, match="Expected Arbor to save a checkpoint, got none"):
        session(tmp_path).finish(None)


def test_the_log_shown_is_the_one_written_last(tmp_path: Path) -> None:
    assert log_tail(tmp_path) == "(no log was written)"
    (tmp_path / "a.log").write_text("\n".join(f"line {i}" for i in range(40)))
    assert log_tail(tmp_path, 2) == "line 38\nline 39"
