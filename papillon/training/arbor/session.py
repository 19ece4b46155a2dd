"""The training on Arbor's own server: started on a folder and port of its own, watched, and shut down for sure.

The server runs in this process, its trainer and vLLM in processes of their own on the GPUs that the settings
ask for. Resuming is starting again from the last checkpoint: trainer and vLLM begin with its adapter.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import dspy

from papillon.errors import EndpointError, InfrastructureError, PapillonError, UsageError, one_line
from papillon.models.local import hub
from papillon.models.trained import base_of
from papillon.quiet import levels_kept
from papillon.training.arbor.arguments import for_arbor_server, unlisted
from papillon.training.arbor.listening import Drawn, Listening
from papillon.training.arbor.logs import cause_in, last_of
from papillon.training.arbor.processes import ADAPTER, ArborProcesses, Ended
from papillon.training.arbor.screen import loopback_without_proxy, own_handlers_kept, printed_to
from papillon.training.folder.checkpoints import Checkpoint, Mark
from papillon.training.folder.record import RunRecord
from papillon.training.grpo.rollouts import RolloutWatch
from papillon.training.grpo.rounds import Round
from papillon.training.session import Session
from papillon.training.settings import TrainSettings

__all__ = ["ArborServer"]


class ArborServer(Session):
    """One training through ``arbor.init()``; all of the program's predictors, of these ``signatures``, are trained."""

    def __init__(
        self,
        settings: TrainSettings,
        record: RunRecord,
        watch: RolloutWatch,
        *,
        signatures: Sequence[type[dspy.Signature]],
    ) -> None:
        settings, notes = for_arbor_server(settings, len(signatures))
        super().__init__(settings, record, watch)
        for note in notes:
            record.say(note)
        self.signatures = signatures
        self.storage = record.folder / "arbor"
        self.processes = ArborProcesses(self.storage)
        _find(self.model)

    def restore(self, folder: Path) -> None:
        # A checkpoint of an earlier version may stand on a model that an adapter was worked into.
        self.model = base_of(folder / "adapter", self.record.folder, self.settings.model)
        self.processes.environment[ADAPTER] = str((folder / "adapter").resolve())

    def provider(self) -> Any:
        # Its start of a job ends with the processes that it waits for.
        from arbor import ArborProvider
        from arbor.integrations.dspy.arbor_provider import ArborReinforceJob

        watched, printed = self.watched, self.storage / "console.log"

        class Job(ArborReinforceJob):  # type: ignore[misc]
            def initialize(self) -> None:
                with printed_to(printed):
                    watched(super().initialize)

        provider = ArborProvider()
        provider.ReinforceJob = Job
        return provider

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Arbor's server; gives its address while inside, and what its processes ended of in whatever fails."""
        import arbor
        from arbor.server.main import app, cleanup_managers

        self.storage.mkdir(parents=True, exist_ok=True)
        # It writes one only where there is none, and the folder may have been moved.
        (self.storage / "config.yaml").unlink(missing_ok=True)
        printed = self.storage / "console.log"
        most = self.settings.num_dspy_examples_per_grpo_step * len(self.signatures)
        try:
            # Arbor sets the levels of a dozen libraries' loggers.
            with levels_kept(), loopback_without_proxy(), self.processes.watched():
                try:
                    with own_handlers_kept(), printed_to(printed):
                        server = arbor.init(port=_free_port(), storage_path=str(self.storage), silent=True)
                    drawn = app.state.inference_manager = Drawn(app.state.inference_manager, self.signatures)
                    manager = app.state.grpo_manager
                    app.state.grpo_manager = Listening(manager, drawn, self, most, unlisted(self.settings))
                    yield server["base_url"]
                finally:
                    # arbor.shutdown() only asks the server to end; its trainer and vLLM must not outlive this.
                    with printed_to(printed):
                        with suppress(Exception):
                            cleanup_managers(app)
                        arbor.shutdown()
        except PapillonError:
            raise
        except Exception as error:
            raise self._unfit(error) from error

    def close(self) -> None:
        """Nothing runs outside :meth:`serving`."""

    def model_config(self) -> Any:
        from transformers import AutoConfig

        # With an earlier adapter in it, its base is no model that llama.cpp has elsewhere.
        return AutoConfig.from_pretrained(self.model) if self.model == self.settings.model else None

    def nothing_kept(self) -> str:
        return f"Expected Arbor to save a checkpoint, got none: {self._cause(last_of(self.storage))}, and train again."

    def watched(self, work: Callable[[], Any]) -> Any:
        """What ``work`` gives, for as long as the trainer and vLLM live."""
        return self.processes.waiting(work, self._check_processes)

    @contextmanager
    def failing(self) -> Iterator[None]:
        """What is raised inside ends the training, whatever ArborGRPO makes of it."""
        try:
            yield
        except PapillonError as error:
            self.fail(error)
            raise
        except Exception as error:
            self.fail(self._unfit(error))
            raise

    def asked(self) -> None:
        """ArborGRPO asks what to do; raises what ends the training."""
        self._check_processes()
        self.watch.check(self.a_round)

    def learned(self, round_: Round, sent: int, told: dict[str, Any]) -> bool:
        """A round's groups, ``sent`` of them with rewards that differ, went in; whether to save where to go on."""
        self.rounds += 1
        rewards = [[float(item["reward"]) for item in group] for group in round_.fresh]
        numbers = {
            "round": self.rounds,
            "steps": sent,
            "groups": len(rewards),
            "alike": len(rewards) - sent,
            "reward": fmean(map(fmean, rewards)) if rewards else 0.0,
            "spread": fmean(map(stdev, rewards)) if rewards else 0.0,
            "validation_score": told.get("validation_score"),
            "repeated_groups": round_.repeated,
            "stale_groups": round_.stale,
        }
        self.record.add({**numbers, **self.watch.told()}, round_.fresh)
        return self.rounds % self.settings.num_steps_for_val == 0

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

    def _check_processes(self) -> None:
        if (ended := self.processes.gone()) is not None:
            error = self._of(ended)
            self.fail(error)
            raise error

    def _of(self, ended: Ended) -> EndpointError:
        return EndpointError(
            f"Expected Arbor's {ended.who} to go on, got one that ended with status {ended.status}: "
            f"{self._cause(last_of(self.storage, ended.log))}, and resume (--resume)."
        )

    def _cause(self, log: Path | None) -> str:
        cause = None if log is None else cause_in(log)
        return f"{cause or 'its log names no error'}; see {log or self.storage}, mend that"

    def _unfit(self, error: Exception) -> InfrastructureError:
        answer = getattr(getattr(error, "response", None), "text", "")
        said = " ".join(f"{one_line(error)} {answer}".split())
        return EndpointError(
            f"Expected Arbor to train on {self.settings.num_training_gpus} + {self.settings.num_inference_gpus} GPUs, "
            f"got {type(error).__name__}: {said}; see {last_of(self.storage) or self.storage}."
        )


def _find(model: str) -> None:
    """Raise UsageError where there is no such model: Arbor would say so after minutes, in a log."""
    from transformers import AutoConfig

    hub.check_reach(model, model, "train.model")
    try:
        AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UsageError(
            f"Expected a causal language model at {model!r} (train.model), got: {reason} Give a hub name or a folder."
        ) from error


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
