"""The training on Arbor's own server: started on a folder and port of its own, watched, and shut down for sure.

The server runs in this process, its trainer and vLLM in processes of their own on the GPUs that the settings
ask for. Resuming is starting again from the last checkpoint: its adapter is merged into the model.
"""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from papillon.errors import EndpointError, InfrastructureError, PapillonError
from papillon.training.arbor_arguments import compiler_arguments, for_arbor_server, train_kwargs
from papillon.training.checkpoints import Checkpoint, Checkpoints
from papillon.training.record import RunRecord
from papillon.training.rollouts import RolloutWatch
from papillon.training.settings import TrainSettings

__all__ = ["ArborServer", "log_tail"]


class ArborServer:
    """One training through ``arbor.init()``."""

    failure: Exception | None = None

    def __init__(self, settings: TrainSettings, record: RunRecord, watch: RolloutWatch) -> None:
        self.settings, notes = for_arbor_server(settings)
        for note in notes:
            record.say(note)
        self.record, self.watch = record, watch
        self.storage = record.folder / "arbor"
        self.checkpoints = Checkpoints(record.folder / "checkpoints")
        self.rounds = 0
        self.compiler: Any = None
        self.model = settings.model

    def resume(self) -> int:
        """Start again from the last checkpoint, if there is one; gives the rounds behind it."""
        last = self.checkpoints.last()
        if last is None:
            return 0
        self.model = str(
            _merged(self.settings.model, self.checkpoints.path(last) / "adapter", self.record.folder / "merged")
        )
        self.rounds = last.step
        self.record.keep_rounds(last.step)
        return last.step

    def make_compiler(self, metric: Callable[..., float]) -> Any:
        """ArborGRPO with the settings' arguments, for the rounds that are left."""
        from arbor import ArborGRPO

        arguments = compiler_arguments(self.settings)
        arguments["num_train_steps"] = max(1, self.settings.num_train_steps - self.rounds)
        self.compiler = ArborGRPO(metric=metric, train_kwargs=train_kwargs(self.settings), **arguments)
        return self.compiler

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Arbor's server; gives its address while inside, and its own log's last lines in whatever fails."""
        import arbor
        from arbor.server.main import app, cleanup_managers

        self.storage.mkdir(parents=True, exist_ok=True)
        try:
            server = arbor.init(port=_free_port(), storage_path=str(self.storage), silent=True)
            app.state.grpo_manager = _Listening(app.state.grpo_manager, self._stepped, self._saved)
            yield server["base_url"]
        except PapillonError:
            raise
        except Exception as error:
            raise EndpointError(
                f"Expected Arbor to train on {self.settings.num_training_gpus} + {self.settings.num_inference_gpus} "
                f"GPUs, got {type(error).__name__}: {error}; its log in {self.storage} ends with:\n"
                f"{log_tail(self.storage)}"
            ) from error
        finally:
            # arbor.shutdown() only asks the server to end; its trainer and vLLM must not outlive this.
            with suppress(Exception):
                cleanup_managers(app)
            arbor.shutdown()

    def finish(self, final_score: float | None) -> Path:
        """The adapter of the best checkpoint that Arbor saved, or of the last."""
        chosen = self.checkpoints.best() or self.checkpoints.last()
        if chosen is None:
            raise InfrastructureError(
                f"Expected Arbor to save a checkpoint, got none; its log in {self.storage} ends with:\n"
                f"{log_tail(self.storage)}"
            )
        return self.checkpoints.path(chosen) / "adapter"

    def model_config(self) -> Any:
        """The configuration of the model that the adapter stands on, None for one merged on resuming."""
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(self.model) if self.model == self.settings.model else None

    def _stepped(self, group: list[dict[str, Any]], told: dict[str, Any]) -> None:
        self.rounds += 1
        rewards = [float(item["reward"]) for item in group]
        mean = sum(rewards) / len(rewards)
        spread = (sum((reward - mean) ** 2 for reward in rewards) / max(1, len(rewards) - 1)) ** 0.5
        numbers = {
            "round": self.rounds,
            "steps": 1,
            "groups": 1,
            "reward": mean,
            "spread": spread,
            "validation_score": told.get("validation_score"),
        }
        self.record.add({**numbers, **self.watch.counts().to_json()}, [group])

    def _saved(self, name: str, folder: Path, score: float | None) -> None:
        checkpoint = Checkpoint(name, self.rounds, score)

        def write(target: Path) -> None:
            (target / "adapter").mkdir()
            for file in ("adapter_config.json", "adapter_model.safetensors"):
                shutil.copy2(folder / file, target / "adapter" / file)

        self.checkpoints.save(checkpoint, write, mark="best" if score is not None else "last")


class _Listening:
    """Arbor's GRPO manager, overheard: each group that goes in, each checkpoint that comes out."""

    def __init__(
        self,
        manager: Any,
        stepped: Callable[[list[dict[str, Any]], dict[str, Any]], None],
        saved: Callable[[str, Path, float | None], None],
    ) -> None:
        self._manager, self._stepped, self._saved = manager, stepped, saved

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def route_grpo_step(self, request: Any) -> Any:
        status = self._manager.route_grpo_step(request)
        self._stepped([dict(item) for item in request.batch], request.metrics or {})
        return status

    def route_grpo_checkpoint(self, request: Any) -> Any:
        status = self._manager.route_grpo_checkpoint(request)
        self._keep(status, (request.metadata or {}).get("score"))
        return status

    def terminate(self, request: Any) -> Any:
        status = self._manager.terminate(request)  # saves a last checkpoint first
        self._keep(status, None)
        return status

    def _keep(self, status: Any, score: float | None) -> None:
        if (name := status.last_checkpoint) and (folder := status.checkpoints[name].get("checkpoint_dir")):
            self._saved(name, Path(folder), score)


def log_tail(folder: Path, lines: int = 15) -> str:
    """The last lines of the log in ``folder`` that was written to last."""
    logs = sorted(
        (path for path in folder.rglob("*.log") if path.stat().st_size), key=lambda path: path.stat().st_mtime
    )
    if not logs:
        return "(no log was written)"
    return "\n".join(logs[-1].read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _merged(model: str, adapter: Path, target: Path) -> Path:
    """The model with a checkpoint's adapter worked into its weights, as a folder that Arbor can train."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # A checkpoint of a resumed training stands on the merged model of its own beginning.
    base = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"] or model
    whole = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype="auto"), str(adapter))
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    whole.merge_and_unload().save_pretrained(str(unfinished))
    AutoTokenizer.from_pretrained(base).save_pretrained(str(unfinished))
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    return target


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
