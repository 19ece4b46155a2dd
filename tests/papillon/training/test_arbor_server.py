"""Arbor's own server: what is asked of it, what is heard from it, and that it ends whatever happens."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)

import dspy

from papillon.errors import EndpointError, InfrastructureError
from papillon.training.arbor_server import ArborServer, log_tail
from papillon.training.record import RunRecord
from papillon.training.rollouts import RolloutWatch
from papillon.training.settings import TrainSettings


class Ended(list[str]):
    """What was shut down, in order."""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Ended:
    import arbor
    import arbor.server.main

    ended = Ended()
    monkeypatch.setattr(arbor, "shutdown", lambda: ended.append("server"))
    monkeypatch.setattr(arbor.server.main, "cleanup_managers", lambda app: ended.append("managers"))
    return ended


def session(folder: Path, said: list[str] | None = None) -> ArborServer:
    record = RunRecord(folder, TrainSettings(), (said if said is not None else []).append)
    record.open(resume=False)
    return ArborServer(TrainSettings(), record, RolloutWatch(dspy.Module(), lambda example, prediction: 1.0))


def test_what_arbor_cannot_do_as_asked_is_said_first(tmp_path: Path) -> None:
    said: list[str] = []
    assert session(tmp_path, said).settings.gradient_accumulation_steps == 1
    assert said[0].startswith("gradient_accumulation_steps 4 becomes 1")


def test_a_failed_start_shows_arbors_log_and_leaves_nothing_running(
    tmp_path: Path, ended: Ended, monkeypatch: pytest.MonkeyPatch
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


def test_an_interrupt_ends_trainer_and_server(tmp_path: Path, ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_groups_and_checkpoints_are_overheard_on_their_way(
    tmp_path: Path, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arbor.server.main import app

    saved = tmp_path / "saved"
    saved.mkdir()
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        (saved / file).write_text("{}")
    status = SimpleNamespace(last_checkpoint="best", checkpoints={"best": {"checkpoint_dir": str(saved)}})
    manager = SimpleNamespace(route_grpo_step=lambda r: "stepped", route_grpo_checkpoint=lambda r: status)

    def starts(**arguments: Any) -> dict[str, str]:
        app.state.grpo_manager = manager
        return {"base_url": "http://127.0.0.1:1/v1/"}

    monkeypatch.setattr("arbor.init", starts)
    said: list[str] = []
    server = session(tmp_path / "run", said)
    items = [{"messages": [], "completion": {"content": "x"}, "reward": reward} for reward in (0.0, 1.0)]
    with server.serving():
        overheard = app.state.grpo_manager
        assert overheard.route_grpo_step(SimpleNamespace(batch=items, metrics={"validation_score": 54.6})) == "stepped"
        overheard.route_grpo_checkpoint(SimpleNamespace(checkpoint_name="best", metadata={"score": 60.0}))
    assert said[-1].startswith("round 1/500 · reward +0.500 (spread 0.707) · steps 1 · validation 54.6")
    assert server.finish(None) == tmp_path / "run" / "checkpoints" / "best" / "adapter"
    assert (server.finish(None) / "adapter_config.json").exists()


def test_a_training_without_a_checkpoint_is_no_training(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="Expected Arbor to save a checkpoint, got none"):
        session(tmp_path).finish(None)


def test_the_log_shown_is_the_one_written_last(tmp_path: Path) -> None:
    assert log_tail(tmp_path) == "(no log was written)"
    (tmp_path / "a.log").write_text("\n".join(f"line {i}" for i in range(40)))
    assert log_tail(tmp_path, 2) == "line 38\nline 39"
