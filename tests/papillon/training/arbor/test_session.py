"""Arbor's own server: what is asked of it, what is heard from it, and that it ends whatever happens."""

from __future__ import annotations

import json
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)

import dspy

from papillon.errors import EndpointError, InfrastructureError, UsageError
from papillon.training.arbor.session import ArborServer
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
    for manager in ("grpo_manager", "inference_manager"):
        monkeypatch.setattr(arbor.server.main.app.state, manager, None, raising=False)
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
        watch = RolloutWatch(dspy.Module(), lambda example, prediction: 1.0)
        return ArborServer(settings, record, watch, signatures=[dspy.Signature("query -> letter")] * 2)

    return make


def test_what_arbor_cannot_do_as_asked_is_said_first(tmp_path: Path, session: Session) -> None:
    said: list[str] = []
    assert session(tmp_path, said).settings.gradient_accumulation_steps == 1
    assert [note.split(":")[0] for note in said[:2]] == [
        "gradient_accumulation_steps 4 becomes 1",
        "max_steps 1000 becomes 4002",
    ]


def test_a_model_that_is_not_there_is_named_before_anything_starts(tmp_path: Path, session: Session) -> None:
    with pytest.raises(UsageError, match=r"^Expected a causal language model at '\./none' \(train\.model\), got: "):
        session(tmp_path, model="./none")


def test_a_failed_start_is_one_sentence_and_leaves_nothing_running(
    tmp_path: Path,
    ended: Ended,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(**arguments: Any) -> Any:
        log = Path(arguments["storage_path"]) / "logs" / "server.log"
        log.parent.mkdir(parents=True)
        log.write_text("starting\n")
        print("on the screen")
        raise RuntimeError("Failed to start Arbor server")

    monkeypatch.setattr("arbor.init", fails)
    said = r"^Expected Arbor to train on 3 \+ 1 GPUs, got RuntimeError: Failed to start Arbor server; see .*\.log\.$"
    with pytest.raises(EndpointError, match=said), session(tmp_path).serving():
        raise AssertionError("never reached")
    assert ended == ["managers", "server"]
    assert "on the screen" not in capsys.readouterr().out
    assert "on the screen" in (tmp_path / "arbor" / "console.log").read_text()


def test_a_folder_that_was_moved_is_written_to_where_it_is_now(
    tmp_path: Path, ended: Ended, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "arbor" / "config.yaml"
    config.parent.mkdir()
    config.write_text("storage_path: /elsewhere")
    monkeypatch.setattr("arbor.init", lambda **arguments: {"base_url": str(config.exists())})
    with session(tmp_path).serving() as there:
        assert there == "False"


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


def test_a_start_that_waits_for_a_dead_trainer_ends(
    tmp_path: Path, session: Session, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arbor.integrations.dspy.arbor_provider import ArborReinforceJob
    from arbor.utils.process_runner import ProcessRunner

    def starts_and_waits(job: ArborReinforceJob) -> None:
        ProcessRunner("job").start([sys.executable, "-c", "raise SystemExit(1)"])
        threading.Event().wait(60)

    monkeypatch.setattr("arbor.init", lambda **arguments: {"base_url": "http://127.0.0.1:1/v1/"})
    monkeypatch.setattr(ArborReinforceJob, "initialize", starts_and_waits)
    server = session(tmp_path / "run")
    job = server.provider().ReinforceJob(lm=None, train_kwargs={"num_generations": 2})
    said = r"^Expected Arbor's trainer to go on, got one that ended with status 1: its log names no error; see "
    with pytest.raises(EndpointError, match=said), server.serving():
        job.initialize()


def test_rollouts_that_all_fail_end_it(tmp_path: Path, session: Session) -> None:
    server = session(tmp_path / "run")
    server.watch.in_vain, server.watch.last_failure = 64, "EndpointError: gone"
    said = "but the last 64 all failed, most recently with EndpointError: gone"
    with pytest.raises(InfrastructureError, match=said), server.failing():
        server.asked()
    assert isinstance(server.failure, InfrastructureError)


def test_a_checkpoint_of_an_earlier_version_goes_on_with_the_model_that_it_stands_on(
    tmp_path: Path, model: str, session: Session
) -> None:
    server = session(tmp_path / "run")
    adapter = tmp_path / "run" / "checkpoints" / "step-000002" / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/before/merged-000001"}))
    shutil.copytree(model, tmp_path / "run" / "merged-000001")
    server.restore(adapter.parent)
    assert server.model == str(tmp_path / "run" / "merged-000001")
    assert server.processes.environment == {"PAPILLON_ADAPTER": str(adapter)}


def test_a_training_without_a_checkpoint_is_no_training(tmp_path: Path, session: Session) -> None:
    server = session(tmp_path)
    where = re.escape(str(tmp_path))
    none = "^Expected Arbor to save a checkpoint, got none: "
    with pytest.raises(
        InfrastructureError, match=rf"{none}its log names no error; see {where}/arbor, mend that, and train again\.$"
    ):
        server.finish(None)
    server.storage.mkdir()
    (server.storage / "grpo_training.log").write_text("OSError: no room\nover\n")
    with pytest.raises(
        InfrastructureError, match=rf"{none}OSError: no room; see {where}/arbor/grpo_training\.log, mend"
    ):
        server.finish(None)


def test_a_hub_that_is_away_is_said_at_once(tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(
        UsageError,
        match=r"^Expected a causal language model at 'nobody/nothing' \(train\.model\), but http://127\.0\.0\.1:9 "
        r"cannot be reached \(\w+\); fetch it once with a network, or name a folder\.$",
    ):
        session(tmp_path, model="nobody/nothing")
    assert time.monotonic() - began < 10
