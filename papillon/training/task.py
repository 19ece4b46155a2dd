"""A training as a profile asks for it: which settings, which device, which examples, and who the program consults.

How the training goes is ``run``'s matter; the metric is handed in, since judges are not this package's.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papillon.data import Dataset, load, to_dspy
from papillon.errors import ProfileError, UsageError
from papillon.models.local.gguf_hub import file_here
from papillon.models.providers import missing_means
from papillon.profile import ROOT, ModelSettings, Profile
from papillon.splits import check_learnable, split
from papillon.training.devices import Device, choose_device, count_gpus, free_gpus
from papillon.training.settings import TrainSettings

if TYPE_CHECKING:
    from papillon.models.roles import Models
    from papillon.training.run import Trained

__all__ = ["TRAININGS", "TrainingTask", "last_training", "new_folder", "training_settings"]

#: Where trainings leave their folders unless told otherwise.
TRAININGS = ROOT / ".papillon" / "training"

#: A smoke test's examples: enough for two rounds and a validation.
_SMOKE = {"train": 4, "dev": 1}


@dataclass(frozen=True)
class TrainingTask:
    """What is trained, on what, and where; make one with :meth:`of`."""

    profile: Profile
    settings: TrainSettings
    device: Device
    dataset: Dataset
    smoke: bool = False

    @classmethod
    def of(cls, profile: Profile, *, smoke: bool = False, device: str = "auto", or_cpu: bool = True) -> TrainingTask:
        """The training of a profile; ``smoke`` makes it two rounds over a handful of its examples.

        Raises UsageError for a split, settings, data or a device that cannot be had; nothing is loaded yet.
        """
        check_learnable(profile.split, targets=profile.targets)
        settings = training_settings(profile, smoke=smoke)
        gpus = count_gpus()
        free = 0
        # Arbor's sampler writes no markers, so what needs them is trained on one GPU even where there are more.
        if device == "arbor":
            free = free_gpus(gpus)
        elif device == "auto" and not settings.guided:
            with suppress(UsageError):
                free = free_gpus(gpus)
        chosen = choose_device(device, gpus, settings, free=free, or_cpu=or_cpu)
        for role, model in profile.models.items():
            if role != "local" and (missing := missing_means(model)) is not None:
                raise UsageError(missing)
        return cls(profile, settings, chosen, load(profile.dataset), smoke)

    def examples(self, part: str) -> list[Any]:
        """The split's ``train`` or ``dev`` examples as DSPy has them, with ``redacted_query``.

        Raises UsageError where there are none.
        """
        rows = [self.dataset.rows[i] for i in split(self.dataset.rows, self.profile.split)[part]]
        if not rows:
            raise UsageError(
                f"Expected examples in the {part} part of {self.dataset.name}, got none of its "
                f"{len(self.dataset.rows)} rows; give a data set of more rows."
            )
        kept = rows[: _SMOKE[part] if self.smoke else None]
        # A training may be rewarded by how much of the redacted query was sent.
        return [to_dspy(row).copy(redacted_query=row.redacted_query) for row in kept]

    @property
    def program(self) -> Path | None:
        """The saved program that the training starts from, None for PAPILLON as it is shipped."""
        start = self.profile.program
        return start / "program.json" if start is not None and start.is_dir() else start

    def told(self) -> dict[str, str]:
        """What a training of this task cannot go on without, beside its settings: data, split and who is consulted."""
        profile = self.profile
        judge = profile.judge.kind + (f" {profile.judge.model.model}" if profile.judge.model is not None else "")
        start = self.program
        own = self.profile.program_class
        # A file that is not there is said when it is loaded.
        return ({} if own is None else {"class": f"{own} ({own.fingerprint[:12]})"}) | {
            "program": hashlib.sha256(start.read_bytes()).hexdigest()
            if start is not None and start.is_file()
            else "as shipped",
            "dataset": f"{self.dataset.name} ({self.dataset.sha256[:12]})",
            "split": profile.split,
            "untrusted": profile.untrusted.model,
            "judge": judge,
        }

    def train(
        self,
        models: Models,
        metric: Callable[..., float],
        folder: Path,
        *,
        resume: bool = False,
        say: Callable[[str], None] = print,
    ) -> Trained:
        """Train in ``folder``; the untrusted model is ``models``', whose calls are recorded.

        ``metric(example, prediction)`` is in 0..1. Raises what ``papillon.training.run.train`` raises.
        """
        from papillon.learnable import make_learnable
        from papillon.training.run import train

        program = make_learnable(replace(self.profile, program=self.program), models.lm("untrusted"))
        say(
            f"Training {self.settings.model} on {self.device}: {self.settings.num_train_steps} rounds of "
            f"{self.settings.num_dspy_examples_per_grpo_step} x {self.settings.num_samples_per_input} rollouts "
            f"over {self.dataset.name}, into {folder}"
        )
        return train(
            self.settings,
            program,
            self.examples("train"),
            self.examples("dev"),
            metric,
            folder,
            self.device,
            told=self.told(),
            resume=resume,
            say=say,
            reach_again=models.reach_again,
        )


def training_settings(profile: Profile, *, smoke: bool = False) -> TrainSettings:
    """The settings of a profile's ``train`` table; without ``train.model``, the profile's local model is trained.

    A local model that only a server has cannot be: then it is the tutorial's. Raises ProfileError.
    """
    table = dict(profile.train)
    if "model" not in table:
        table["model"] = _trainable(profile.local) or TrainSettings.model
    settings = TrainSettings.from_json(table)
    if profile.path is not None and (beside := profile.path.parent / settings.model).exists():
        settings = replace(settings, model=str(beside.resolve()))
    return settings.smoke() if smoke else settings


def _trainable(local: ModelSettings) -> str | None:
    provider, _, name = local.model.partition("/")
    if provider == "gguf":
        if (file := file_here(local)) is None:
            raise ProfileError(
                f"Expected the file of {local.model} on this machine, since it is to be trained, and it is not there; "
                "correct its path, or run an evaluation with it once, which fetches it."
            )
        return str(file)
    return {"embedded": "embedded", "vllm": name, "transformers": name}.get(provider)


def new_folder(name: str) -> Path:
    """A folder for a training that begins now, not made yet."""
    return TRAININGS / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def last_training() -> Path:
    """The folder of the training that began last; raises UsageError where there is none."""
    found = [file.parent for file in TRAININGS.glob("*/settings.json")]
    if not found:
        raise UsageError(
            f"Expected a training in {TRAININGS} to resume, got none; name its folder with --out, or drop --resume."
        )
    return max(found, key=lambda folder: (folder / "settings.json").stat().st_mtime)
