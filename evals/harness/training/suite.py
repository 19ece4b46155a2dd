"""The training suite's own: what was asked of it, whether it can run here, and what its smoke test looks at.

How the full training is judged is ``gain``'s matter, how a training goes ``papillon.training``'s.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.harness.options import RunSettings, resolve
from papillon.errors import PapillonError, UsageError, cause_of
from papillon.project import TRAIN
from papillon.splits import check_learnable

if TYPE_CHECKING:
    from papillon.training.task import TrainingTask

__all__ = ["DEVICES", "Smoke", "Training", "resolve_training"]

#: How often the trained program may be asked before it counts as one that does not answer.
_DRAWS = 20

DEVICES = ("auto", "arbor", "cuda", "cpu")


@dataclass(frozen=True)
class Smoke:
    """What two rounds of training came to.

    ``rewarded`` rollouts, the largest mean ``spread`` of a round's groups, ``moved`` as the largest weight of the
    adapter that began at 0 (not finite where any weight is not), whether the last checkpoint ``loads``, and the
    trained program's ``answer`` to an example.
    """

    rewarded: int
    spread: float
    moved: float
    loads: bool
    answer: str


@dataclass(frozen=True)
class Training:
    """What the command line asks of the training suite."""

    settings: RunSettings
    device: str
    full: bool

    def missing(self) -> str | None:
        """One sentence on why nothing can be trained here unless told otherwise, None where it can."""
        from papillon.training.arbor.arguments import check_arbor_version
        from papillon.training.devices import count_gpus

        try:
            check_arbor_version()
            gpus = count_gpus()
        except UsageError as error:
            return f"No training here: {error}"
        if self.device == "auto" and not gpus:
            return (
                "No training here: expected a CUDA GPU, got none; run it on a machine with one, "
                f"or on this one's CPU with: {TRAIN} -m gpu --train-device cpu"
            )
        return None

    def task(self, *, smoke: bool = False) -> TrainingTask:
        """What the profile trains; raises UsageError for what cannot be had, nothing is loaded yet."""
        from papillon.training.task import TrainingTask

        return TrainingTask.of(self.settings.profile, smoke=smoke, device=self.device, or_cpu=False)

    def train(self, task: TrainingTask, folder: Path, say: Callable[[str], None], *, resume: bool = False) -> None:
        """Train in ``folder`` to the settings' reward by the profile's judge; raises what ends the training."""
        from judges.metrics import make_judge, told_of_reward, training_reward
        from papillon.models.roles import open_models

        profile = self.settings.profile
        with open_models(profile, self.settings.cache, record=self.settings.record) as models:
            say(told_of_reward(task.settings.reward, task.examples("train")))
            judge = make_judge(profile.judge.kind, models)
            reward = training_reward(judge, task.settings.reward, models.loop.run)
            task.train(models, reward, folder, resume=resume, say=say)

    def smoke(self, folder: Path, say: Callable[[str], None] = print) -> Smoke:
        """Train two rounds into ``folder`` and look at what is there; raises what ends the training."""
        from papillon.models.trained import with_program
        from papillon.training.folder.record import read_rounds

        task = self.task(smoke=True)
        self.train(task, folder, say)
        rounds = read_rounds(folder)
        say("Trained; the program answers with what came out.")
        return Smoke(
            rewarded=sum(line.get("scored", 0) for line in rounds),
            spread=max((line["spread"] for line in rounds), default=0.0),
            moved=_moved(folder / "adapter"),
            loads=_loads(folder),
            answer=_answer(
                with_program(self.settings.profile, folder), self.settings, task.examples("dev")[0].user_query
            ),
        )


def resolve_training(given: dict[str, Any], folder: Path, *, asked: bool) -> Training:
    """Options to what the suite does; ``asked`` says whether ``-m`` selects it.

    A smoke test takes profile ``embedded`` and a full training ``arbor`` unless another is named. Raises UsageError
    naming the option, the value and what would be right.
    """
    full, device = bool(given["full_train"]), given["train_device"]
    if device is not None and device not in DEVICES:
        raise UsageError(f"--train-device: expected one of {', '.join(DEVICES)}, got {device!r}.")
    if full and not asked:
        raise UsageError(f"--full-train: a training runs only where it is selected; type {TRAIN} -m gpu --full-train.")
    named = given["eval_profile"]
    if named is None:
        # Who names a profile for evaluations does not mean the smoke test by it.
        named = (os.environ.get("PAPILLON_PROFILE") or "arbor") if full else "embedded"
    settings = resolve({**given, "eval_profile": named}, folder)
    if asked:
        check_learnable(settings.profile.split, targets=settings.profile.targets)
    return Training(settings, device or "auto", full)


def _moved(adapter: Path) -> float:
    from safetensors.torch import load_file

    largest = 0.0
    for name, weight in load_file(adapter / "adapter_model.safetensors").items():
        if not weight.isfinite().all():
            return float("nan")
        # LoRA's second factor begins at 0: whatever is there was learned.
        if "lora_B" in name:
            largest = max(largest, float(weight.abs().max()))
    return largest


def _loads(folder: Path) -> bool:
    """Whether the model takes the last checkpoint's adapter, and then has that checkpoint's very weights."""
    from safetensors.torch import load_file

    from papillon.training.folder.checkpoints import Checkpoints
    from papillon.training.grpo.policy import Policy
    from papillon.training.settings import TrainSettings

    checkpoints = Checkpoints(folder / "checkpoints")
    last = checkpoints.last()
    if last is None:
        return False
    adapter = checkpoints.path(last) / "adapter"
    settings = TrainSettings.from_json(json.loads((folder / "settings.json").read_text(encoding="utf-8")))
    policy = Policy.load(settings, "cpu")
    policy.load_adapter(adapter)
    saved, loaded = load_file(adapter / "adapter_model.safetensors"), policy.adapter()
    return bool(saved) and all(bool((loaded[name] == weight).all()) for name, weight in saved.items())


def _answer(profile: Any, settings: RunSettings, query: str) -> str:
    """The trained program's answer to a query, in a few draws if need be: two rounds teach no format."""
    import dspy
    from dspy.utils.exceptions import AdapterParseError, LMError

    from papillon.models.roles import open_models
    from papillon.program import make_program

    said = ""
    with open_models(profile, settings.cache, record=settings.record) as models:
        for trial in range(_DRAWS):
            program = make_program(profile, models.lm("untrusted"))
            program.set_lm(models.lm("local", trial))
            try:
                with dspy.context(adapter=models.adapter("local")):
                    answer: str = program(user_query=query).response
            except AdapterParseError as error:
                said = re.sub(r"\s+", " ", str(error))[:200]
                continue
            except LMError as error:
                raise PapillonError(f"The trained program cannot answer: {cause_of(error)}") from error
            if answer:
                return answer
    raise PapillonError(f"Expected an answer of the trained program, got none in {_DRAWS} draws; the last said: {said}")
