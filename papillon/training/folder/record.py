"""The folder a training leaves: settings, versions, one line of metrics a round, and the progress shown."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from papillon.errors import UsageError
from papillon.files import open_in_place, write_whole
from papillon.output_files import OutputFile, refuse_outputs
from papillon.training.folder.checkpoints import reading
from papillon.training.folder.curve import curve
from papillon.training.folder.requests import Requests, first_and_last
from papillon.training.settings import TrainSettings

__all__ = ["TASK", "RunRecord", "read_rounds"]

#: The file in a training's folder that says what it was trained on and with whom.
TASK = "task.json"
_METRICS = "metrics.jsonl"

_PACKAGES = ("papillon-evals", "dspy", "arbor-ai", "torch", "transformers", "peft", "trl", "vllm")

#: What a resumed training cannot change: the saved adapter would not fit, or the next round be another.
_FIXED = ("model", "lora_config", "seed", "num_samples_per_input", "num_dspy_examples_per_grpo_step", "reward")


class RunRecord:
    """Writes into ``folder``; ``say`` gets a line for people after each round."""

    def __init__(
        self,
        folder: Path,
        settings: TrainSettings,
        say: Callable[[str], None] = print,
        told: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.settings, self.say, self.told = folder, settings, say, dict(told or {})
        self._began = time.monotonic()
        self._rounds_here: set[int] = set()
        self._wandb: Any = None

    @property
    def metrics(self) -> Path:
        return self.folder / _METRICS

    @property
    def completions(self) -> Path:
        return self.folder / "completions.jsonl"

    def check(self, *, resume: bool) -> None:
        """Raise UsageError where a training lies in the folder that is not to be resumed, or one of other settings, and
        where what is told of rounds could not be written."""
        file = self.folder / "settings.json"
        if not resume and self.metrics.exists():
            raise UsageError(
                f"Expected a folder without a training in it, got {self.folder}; resume it (--resume), or name another "
                "(--out)."
            )
        if resume and file.exists():
            now, default = (json.loads(json.dumps(each.to_json())) for each in (self.settings, TrainSettings()))
            self._same(file, {name: now[name] for name in _FIXED}, "train.", default)
            if (surroundings := self.folder / TASK).exists():
                self._same(surroundings, self.told, "")
        refuse_outputs(OutputFile("--out", file) for file in (self.metrics, self.completions))

    def open(self) -> None:
        """Write down what is known before the first round; raises UsageError where wandb was asked for and fails."""
        write_whole(self.folder / TASK, json.dumps(self.told, indent=2) + "\n")
        write_whole(self.folder / "settings.json", json.dumps(self.settings.to_json(), indent=2) + "\n")
        write_whole(self.folder / "versions.json", json.dumps(_versions(), indent=2) + "\n")
        if self.settings.report_to == "wandb":
            try:
                import wandb
            except ImportError:
                raise UsageError(
                    "Expected the package wandb for train.report_to = 'wandb', got none; install it, or use 'none'."
                ) from None
            try:
                self._wandb = wandb.init(dir=str(self.folder), name=self.folder.name, config=self.settings.to_json())
            except wandb.Error as error:
                raise UsageError(
                    f"Expected wandb to take this training (train.report_to), got: {error}; log in, or use 'none'."
                ) from error

    def _same(self, file: Path, now: dict[str, Any], prefix: str, default: Mapping[str, Any] | None = None) -> None:
        """Raise UsageError where ``file`` has other values; what an older one does not have is ``default``."""
        try:
            before = {**(default or {}), **json.loads(file.read_text(encoding="utf-8"))}
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"Expected an object of JSON in {file}, got: {error}; train into another folder, or repair it."
            ) from error
        for name, value in now.items():
            if before.get(name) != value:
                raise UsageError(
                    f"Expected {prefix}{name} to be {before.get(name)!r}, as when the training in {self.folder} began, "
                    f"got {value!r}; set it back, or train into another folder."
                )

    def keep_rounds(self, done: int) -> None:
        """Forget lines after round ``done``: the training goes on from there."""
        for file in (self.metrics, self.completions):
            if file.exists():
                # Not splitlines(), which also cuts at separators that a completion may hold.
                with reading(file):
                    kept = [line for line in file.read_text(encoding="utf-8").split("\n") if _round_of(line) <= done]
                write_whole(file, "".join(f"{line}\n" for line in kept), private=file == self.completions)

    def add(self, numbers: dict[str, Any], groups: list[list[dict[str, Any]]]) -> None:
        """One round's line; beside it every ``logging_steps`` rounds its completions."""
        self._rounds_here.add(numbers["round"])
        elapsed = time.monotonic() - self._began
        line = {**numbers, "seconds": round(elapsed, 1)}
        with _added_to(self.metrics, 0o666) as file:
            file.write(json.dumps(line) + "\n")
        done = numbers["round"]
        if self.settings.log_completions and done % self.settings.logging_steps == 0:
            with _added_to(self.completions, 0o600) as file:  # texts
                for group in groups:
                    drawn = [{"text": item["completion"]["content"], "reward": item["reward"]} for item in group]
                    file.write(json.dumps({"round": done, "group": drawn}, ensure_ascii=False) + "\n")
        if self._wandb is not None:
            self._wandb.log(line, step=done)
        left = elapsed / len(self._rounds_here) * max(0, self.settings.num_train_steps - done)
        self.say(_progress(line, self.settings.num_train_steps, left))

    @property
    def requests(self) -> str | None:
        """What the requests of the first and the last rounds look like, None where there were none."""
        return first_and_last(read_rounds(self.folder))

    def close(self) -> None:
        """Draw the rounds as ``curve.svg``, and let go of whoever was told of them."""
        if rounds := read_rounds(self.folder):
            write_whole(self.folder / "curve.svg", curve(rounds))
        if self._wandb is not None:
            self._wandb.finish()


def read_rounds(folder: Path) -> list[dict[str, Any]]:
    """The rounds of the training in ``folder``, a line of ``metrics.jsonl`` each; none before its first."""
    file = folder / _METRICS
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def _progress(line: dict[str, Any], total: int, left: float) -> str:
    parts = [f"round {line['round']}/{total}", f"reward {line['reward']:+.3f} (spread {line['spread']:.3f})"]
    parts.append(f"steps {line['steps']}" if line["steps"] else f"no step: {_why_none(line)}")
    if wrong := line["format_failures"]:
        parts.append(f"format failures {wrong}/{line['rollouts']}")
    if line["dropped"]:
        parts.append(f"dropped {line['dropped']}")
    if (requests := Requests(**line["requests"])).seen:
        parts.append(str(requests))
    if line["validation_score"] is not None:
        failed = line.get("unvalidated")
        # ArborGRPO's percentage, on the rewards' own scale.
        score = f"validation {line['validation_score'] / 100:+.3f}"
        parts.append(score + (f" ({failed} failed)" if failed else ""))
    return " · ".join([*parts, f"{left / 60:.0f} min left"])


def _why_none(line: dict[str, Any]) -> str:
    if line["alike"] == line["groups"]:
        return "every group's rewards are alike"
    return "whatever told something ran into max_tokens (train.mask_truncated_completions)"


def _added_to(file: Path, mode: int) -> IO[str]:
    return open(open_in_place(file, os.O_WRONLY | os.O_APPEND, mode), "a", encoding="utf-8")


def _round_of(line: str) -> float:
    try:
        return float(json.loads(line)["round"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # cut off when the process was killed


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
