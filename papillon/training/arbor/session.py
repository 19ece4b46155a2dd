"""The training on Arbor's own server: started on a folder and port of its own, watched, and shut down for sure.

The server runs in this process, its trainer and vLLM in processes of their own on the GPUs that the settings
ask for. Resuming is starting again from the last checkpoint: its adapter is merged into the model.
"""

from __future__ import annotations

import logging
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from papillon.errors import EndpointError, InfrastructureError, PapillonError, UsageError
from papillon.files import whole_folder
from papillon.models.trained import MERGED, base_of
from papillon.quiet import levels_kept
from papillon.training.arbor.arguments import for_arbor_server
from papillon.training.arbor.processes import ArborProcesses
from papillon.training.folder.checkpoints import Checkpoint, Mark
from papillon.training.folder.record import RunRecord
from papillon.training.grpo.rollouts import RolloutWatch
from papillon.training.session import Session
from papillon.training.settings import TrainSettings

__all__ = ["ArborServer", "log_tail"]


class ArborServer(Session):
    """One training through ``arbor.init()``."""

    def __init__(self, settings: TrainSettings, record: RunRecord, watch: RolloutWatch) -> None:
        settings, notes = for_arbor_server(settings)
        super().__init__(settings, record, watch)
        for note in notes:
            record.say(note)
        self.storage = record.folder / "arbor"
        self.processes = ArborProcesses(self.storage)
        _find(self.model)

    def restore(self, folder: Path) -> None:
        base = base_of(folder / "adapter", self.record.folder, self.settings.model)
        self.model = str(_merged(base, folder / "adapter", self.record.folder / f"{MERGED}{self.rounds:06d}"))

    def provider(self) -> Any:
        # Its start of a job ends with the processes that it waits for.
        from arbor import ArborProvider
        from arbor.integrations.dspy.arbor_provider import ArborReinforceJob

        watched = self.watched

        class Job(ArborReinforceJob):  # type: ignore[misc]
            def initialize(self) -> None:
                watched(super().initialize)

        provider = ArborProvider()
        provider.ReinforceJob = Job
        return provider

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Arbor's server; gives its address while inside, and its own log's last lines in whatever fails."""
        import arbor
        from arbor.server.main import app, cleanup_managers

        self.storage.mkdir(parents=True, exist_ok=True)
        try:
            # Arbor sets the levels of a dozen libraries' loggers.
            with levels_kept(), self.processes.watched():
                try:
                    with _own_handlers_kept():
                        server = arbor.init(port=_free_port(), storage_path=str(self.storage), silent=True)
                    app.state.grpo_manager = _Listening(app.state.grpo_manager, self)
                    yield server["base_url"]
                finally:
                    # arbor.shutdown() only asks the server to end; its trainer and vLLM must not outlive this.
                    with suppress(Exception):
                        cleanup_managers(app)
                    arbor.shutdown()
        except PapillonError:
            raise
        except Exception as error:
            body = getattr(getattr(error, "response", None), "text", "")
            raise self._with_log(f"{type(error).__name__}: {error} {body}".rstrip()) from error

    def close(self) -> None:
        """Nothing runs outside :meth:`serving`."""

    def model_config(self) -> Any:
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(self.model) if self.model == self.settings.model else None

    def nothing_kept(self) -> str:
        return (
            f"Expected Arbor to save a checkpoint, got none; its log in {self.storage} ends with:\n"
            f"{log_tail(self.storage)}"
        )

    def _with_log(self, what: str) -> EndpointError:
        return EndpointError(
            f"Expected Arbor to train on {self.settings.num_training_gpus} + {self.settings.num_inference_gpus} "
            f"GPUs, got {what}; its log in {self.storage} ends with:\n{log_tail(self.storage)}"
        )

    def watched(self, work: Callable[[], Any]) -> Any:
        """What ``work`` gives, for as long as the trainer and vLLM live."""
        return self.processes.waiting(work, self._check_processes)

    def asked(self) -> None:
        """ArborGRPO asks what to do; raises, and keeps as ``failure``, what ends the training."""
        self._check_processes()
        try:
            self.watch.check(self.a_round)
        except InfrastructureError as error:
            self.fail(error)
            raise

    def _check_processes(self) -> None:
        if (what := self.processes.gone()) is not None:
            ended = self._with_log(what)
            self.fail(ended)
            raise ended

    def stepped(self, group: list[dict[str, Any]], told: dict[str, Any]) -> None:
        """A group went in, in round ``rounds``."""
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
        self.record.add({**numbers, **self.watch.told()}, [group])

    def saved(self, name: str, folder: Path, score: float | None) -> None:
        """A checkpoint came out; it is where to go on, and where it has a score it is the best so far."""
        # Arbor gives each of those without a score the same name.
        checkpoint = Checkpoint(name if score is not None else f"step-{self.rounds:06d}", self.rounds, score)

        def write(target: Path) -> None:
            (target / "adapter").mkdir()
            for file in ("adapter_config.json", "adapter_model.safetensors"):
                shutil.copy2(folder / file, target / "adapter" / file)

        marks: tuple[Mark, ...] = ("last",) if score is None else ("last", "best")
        self.save(checkpoint, write, *marks)


class _Listening:
    """Arbor's GRPO manager, overheard: each group that goes in, each checkpoint that comes out.

    It asks for a checkpoint to go on from as often as there are validations.
    """

    def __init__(self, manager: Any, training: ArborServer) -> None:
        self._manager, self._training = manager, training
        self._new_round = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def get_job_status(self, job_id: str) -> Any:
        self._new_round = True
        self._training.asked()
        return self._manager.get_job_status(job_id)

    def route_grpo_step(self, request: Any) -> Any:
        # ArborGRPO asks for the status before it sends a round's groups.
        begins, self._new_round = self._new_round, False
        self._training.rounds += begins
        status = self._training.watched(lambda: self._manager.route_grpo_step(request))
        self._training.stepped([dict(item) for item in request.batch], request.metrics or {})
        if begins and self._training.rounds % self._training.settings.num_steps_for_val == 0:
            self._checkpoint(request.job_id)
        return status

    def route_grpo_checkpoint(self, request: Any) -> Any:
        status = self._training.watched(lambda: self._manager.route_grpo_checkpoint(request))
        if (name := status.last_checkpoint) and (folder := status.checkpoints[name].get("checkpoint_dir")):
            self._training.saved(name, Path(folder), (request.metadata or {}).get("score"))
        return status

    def terminate(self, request: Any) -> Any:
        self._checkpoint(request.job_id)  # Arbor's own last one may fail without a word
        return self._manager.terminate(request)

    def _checkpoint(self, job_id: str) -> None:
        from arbor.server.api.schemas import GRPOCheckpointRequest

        self.route_grpo_checkpoint(GRPOCheckpointRequest(job_id=job_id, checkpoint_name="to-go-on"))


@contextmanager
def _own_handlers_kept() -> Iterator[None]:
    """Afterwards the root logger has its handlers back, and of those set up inside the ones that write files."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        yield
    finally:
        added = [handler for handler in root.handlers if handler not in before]
        root.handlers = [*before, *(handler for handler in added if isinstance(handler, logging.FileHandler))]
        root.setLevel(level)


def _find(model: str) -> None:
    """Raise UsageError where there is no such model: Arbor would say so after minutes, in a log."""
    from transformers import AutoConfig

    try:
        AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UsageError(
            f"Expected a causal language model at {model!r} (train.model), got: {reason} Give a hub name or a folder."
        ) from error


def log_tail(folder: Path, lines: int = 15) -> str:
    """The last lines of the log in ``folder`` that was written to last."""
    logs = sorted(
        (path for path in folder.rglob("*.log") if path.stat().st_size), key=lambda path: path.stat().st_mtime
    )
    if not logs:
        return "(no log was written)"
    return "\n".join(logs[-1].read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _merged(base: str, adapter: Path, target: Path) -> Path:
    """The model ``base`` with a checkpoint's adapter worked into its weights, as a folder that Arbor can train."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if target.exists():
        return target
    whole = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype="auto"), str(adapter))
    with whole_folder(target) as new:
        whole.merge_and_unload().save_pretrained(str(new))
        AutoTokenizer.from_pretrained(base).save_pretrained(str(new))
    return target


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
