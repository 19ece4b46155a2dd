"""The command line's options, one group with one prefix, and what they come to over the profile.

Every wrong value and combination is refused here, before anything is collected, in one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from evals.harness.evaluation.examples import Shard
from papillon.errors import UsageError
from papillon.models.trained import with_program
from papillon.profile import CACHE, Profile, RecordMode, load_profile
from papillon.results.folder import RUNS
from papillon.splits import CHOICES

__all__ = ["OPTIONS", "Option", "RunSettings", "resolve"]

T = TypeVar("T")


@dataclass(frozen=True)
class Option:
    """One option of the group: its flag, how its value is shown in the help, and what it is."""

    flag: str
    metavar: str | None
    help: str
    #: Whether it may be given several times.
    several: bool = False

    @property
    def dest(self) -> str:
        return self.flag.lstrip("-").replace("-", "_")


OPTIONS = (
    Option(
        "--eval-profile",
        "NAME|FILE.toml",
        "models, judge, data and gates (default: embedded, or PAPILLON_PROFILE)",
    ),
    Option("--eval-dataset", "mini|pupa_new|pupa_tnb|PATH", "the data to evaluate on (default: the profile's)"),
    Option("--eval-split", "|".join(CHOICES), "how the data is split (default: the profile's, else grouped)"),
    Option("--eval-limit", "N", "the first N examples of each split (default: all)"),
    Option("--eval-trials", "K", "independent samples per example (default: the profile's, else 1)"),
    Option("--eval-program", "FILE.json|FOLDER", "a saved program, or a training's folder (default: zero-shot)"),
    Option("--eval-judge", "llm|lexical", "which judge scores (default: the profile's)"),
    Option("--eval-concurrency", "N", "model calls in flight at once, over all workers (default: the profile's)"),
    Option(
        "--eval-record",
        "none|new|all",
        "replay strictly, record what is new, or make every call anew (default: new)",
    ),
    Option("--eval-cache", "DIR", "where recorded calls live (default: .papillon/cache)"),
    Option("--eval-import", "FILE.jsonl", "recorded calls to take into the cache first; may be repeated", several=True),
    Option("--eval-export", "FILE.jsonl", "write the recorded calls that this run rests on"),
    Option("--eval-max-calls", "N", "stop before more than N model calls are made (default: no cap)"),
    Option("--eval-max-cost", "USD", "stop before more than that is spent (default: no cap)"),
    Option("--eval-runs", "DIR|none", "where the run's folder goes, private (default: .papillon/runs)"),
    Option("--eval-baseline", "FILE.json", "accepted scores to compare with (default: the profile's)"),
    Option("--eval-accept", None, "write this run's scores as the accepted ones instead of judging against them"),
    Option("--eval-results", "FILE.json", "write the run for machines (default: not written)"),
    Option("--eval-shard", "I/N", "only the I-th of N parts of every split (default: all of it)"),
    Option("--full-train", None, "with -m gpu: the full training instead of its smoke test (profile: arbor)"),
    Option("--train-device", "auto|arbor|cuda|cpu", "with -m gpu: who trains (default: auto, which needs a GPU)"),
)


@dataclass(frozen=True)
class RunSettings:
    """What one run does: the profile with the command line's values in place, and the run's own settings."""

    profile: Profile
    record: RecordMode
    cache: Path
    limit: int | None
    max_calls: int | None
    max_cost: float | None
    shard: Shard | None
    import_files: tuple[Path, ...]
    export_file: Path | None
    results_file: Path | None
    #: The folder in which the run leaves its own, None for nowhere, and whether an option named it.
    runs: Path | None
    runs_named: bool
    baseline_file: Path | None
    accept: bool
    #: Options that changed data, split or judge, so that the profile's own baselines and bars do not apply.
    departs: tuple[str, ...]


def resolve(given: dict[str, Any], folder: Path) -> RunSettings:
    """Options over profile; ``given`` maps each option's dest to its text or None, ``folder`` is the current one.

    Raises UsageError naming the option, the value and what would be right.
    """
    for option in OPTIONS:
        if given[option.dest] == "" or (option.several and "" in (given[option.dest] or [])):
            raise _refuse(option.flag, str(option.metavar), "")
    profile = load_profile(_profile_name(given, folder))
    before = profile
    judge = _choice(given, "--eval-judge", ("llm", "lexical"))
    if judge is not None:
        if judge == "llm" and profile.judge.model is None:
            raise UsageError(
                f"--eval-judge llm: profile {profile.name!r} names no model for its judge; "
                "add 'model' to its table 'judge'."
            )
        profile = replace(profile, judge=replace(profile.judge, kind=judge))
    dataset = given["eval_dataset"]
    if dataset is not None and dataset not in ("mini", "pupa_new", "pupa_tnb"):
        path = (folder / Path(dataset).expanduser()).resolve()
        if not path.is_file():
            what = "mini, pupa_new, pupa_tnb or a .csv, .jsonl or .parquet file"
            raise _refuse("--eval-dataset", what, dataset)
        dataset = str(path)
    profile = replace(
        profile,
        dataset=dataset or profile.dataset,
        split=_choice(given, "--eval-split", CHOICES) or profile.split,
        trials=_count(given, "--eval-trials") or profile.trials,
        concurrency=_count(given, "--eval-concurrency") or profile.concurrency,
        program=_program(given, folder) or profile.program,
    )
    if profile.program is not None:
        profile = with_program(profile, profile.program)
    changed = {
        "--eval-dataset": profile.dataset != before.dataset,
        "--eval-split": profile.split != before.split,
        "--eval-judge": profile.judge.kind != before.judge.kind,
    }
    settings = RunSettings(
        profile=profile,
        record=cast(RecordMode, _choice(given, "--eval-record", ("none", "new", "all")) or "new"),
        cache=_folder(given, "--eval-cache", folder) or CACHE,
        limit=_count(given, "--eval-limit"),
        max_calls=_count(given, "--eval-max-calls"),
        max_cost=_amount(given, "--eval-max-cost"),
        shard=_shard(given),
        import_files=_imports(given, folder),
        export_file=_writable(given, "--eval-export", folder),
        results_file=_writable(given, "--eval-results", folder),
        runs=None if given["eval_runs"] == "none" else _folder(given, "--eval-runs", folder) or RUNS,
        runs_named=given["eval_runs"] is not None,
        baseline_file=_path(given, "--eval-baseline", folder),
        accept=bool(given["eval_accept"]),
        departs=tuple(flag for flag, differs in changed.items() if differs),
    )
    _check_together(settings)
    return settings


def _profile_name(given: dict[str, Any], folder: Path) -> str | None:
    name: str | None = given["eval_profile"]
    return str(folder / Path(name).expanduser()) if name is not None and name.endswith(".toml") else name


def _check_together(settings: RunSettings) -> None:
    if settings.accept and settings.shard is not None:
        raise UsageError("--eval-accept: a shard is only a part of the run; accept the scores of the whole.")
    if settings.accept and settings.limit is not None:
        raise UsageError("--eval-accept: --eval-limit leaves examples out; accept the scores of the whole split.")
    if settings.accept and settings.baseline_file is None and settings.departs:
        raise UsageError(
            f"--eval-accept: {' and '.join(settings.departs)} departs from profile {settings.profile.name!r}, whose "
            "baseline belongs to its own data, split and judge; say where to write with --eval-baseline FILE.json."
        )
    if settings.accept and settings.baseline_file is None and not settings.profile.regressions:
        raise UsageError(
            f"--eval-accept: profile {settings.profile.name!r} names no baseline to write; "
            "say where with --eval-baseline FILE.json."
        )
    if settings.max_cost is not None:
        for model in settings.profile.models.values():
            if model.model.startswith(("embedded/", "transformers/")):
                continue
            for key, value in (("price", model.price), ("max_tokens", model.max_tokens)):
                if value is None:
                    raise UsageError(
                        f"--eval-max-cost: model {model.model} has no {key!r} in profile {settings.profile.name!r}, "
                        "so the most that a call may cost is unknown; add it."
                    )


def _refuse(flag: str, expected: str, value: Any) -> UsageError:
    return UsageError(f"{flag}: expected {expected}, got {value!r}.")


def _choice(given: dict[str, Any], flag: str, choices: tuple[str, ...]) -> Any:
    value: str | None = given[_dest(flag)]
    if value is not None and value not in choices:
        raise _refuse(flag, "one of " + ", ".join(choices), value)
    return value


def _count(given: dict[str, Any], flag: str) -> int | None:
    value: str | None = given[_dest(flag)]
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) < 1:
        raise _refuse(flag, "a whole number of at least 1", value)
    return int(value)


def _amount(given: dict[str, Any], flag: str) -> float | None:
    def read(text: str) -> float:
        amount = float(text)
        if not 0 < amount < float("inf"):
            raise ValueError
        return amount

    return _parsed(given, flag, "an amount in USD above 0", read)


def _parsed(given: dict[str, Any], flag: str, expected: str, read: Callable[[str], T]) -> T | None:
    value: str | None = given[_dest(flag)]
    if value is None:
        return None
    try:
        return read(value)
    except ValueError:
        raise _refuse(flag, expected, value) from None


def _shard(given: dict[str, Any]) -> Shard | None:
    def read(text: str) -> Shard:
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError
        return Shard(int(match[1]), int(match[2]))

    return _parsed(given, "--eval-shard", "I/N with I from 1 to N, such as 2/4", read)


def _path(given: dict[str, Any], flag: str, folder: Path) -> Path | None:
    value: str | None = given[_dest(flag)]
    return None if value is None else (folder / Path(value).expanduser()).resolve()


def _imports(given: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    names: list[str] = given["eval_import"] or []
    paths = [(folder / Path(name).expanduser()).resolve() for name in names]
    for path in paths:
        if not path.is_file():
            raise _refuse("--eval-import", "a file of recorded calls", str(path))
    return tuple(paths)


def _program(given: dict[str, Any], folder: Path) -> Path | None:
    path = _path(given, "--eval-program", folder)
    if path is not None and not path.exists():
        raise _refuse("--eval-program", "a saved DSPy program, or a training's folder", str(path))
    return path


def _folder(given: dict[str, Any], flag: str, folder: Path) -> Path | None:
    path = _path(given, flag, folder)
    if path is not None and path.exists() and not path.is_dir():
        raise _refuse(flag, "a folder, or a name for a new one", str(path))
    return path


def _writable(given: dict[str, Any], flag: str, folder: Path) -> Path | None:
    # Known to be wrong now, this would otherwise be said when the run is over and paid for.
    path = _path(given, flag, folder)
    if path is not None and path.is_dir():
        raise _refuse(flag, "a file to write", str(path))
    return path


def _dest(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")
