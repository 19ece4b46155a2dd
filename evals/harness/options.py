"""Options: what those of the command line come to over the profile.

Every wrong value and combination is refused here, before anything is collected, in one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from evals.harness.evaluation.examples import Shard
from evals.harness.option_group import OPTIONS
from evals.harness.option_values import Given, unexpected
from papillon.bounds import MOST_TRIALS
from papillon.errors import UsageError
from papillon.models.providers import HERE, provider_of
from papillon.models.trained import with_program
from papillon.profile import CACHE, Profile, RecordMode, load_profile
from papillon.project import ROOT, SHIPPED
from papillon.results.folder import RUNS
from papillon.splits import CHOICES

__all__ = ["OPTIONS", "RunSettings", "resolve"]

#: The data sets that are known by name.
DATASETS = ("mini", "pupa_new", "pupa_tnb")
SAVED = "a saved DSPy program, a training's folder, or module:Class"


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
    summary_file: Path | None
    report_file: Path | None
    #: The folder in which the run leaves its own, None for nowhere, and whether an option named it.
    runs: Path | None
    runs_named: bool
    baseline_file: Path | None
    labels_file: Path | None
    accept: bool
    #: Whether failing examples show their texts.
    show_text: bool
    #: Options that changed data, split or judge, so that the profile's own baselines and bars do not apply.
    departs: tuple[str, ...]


def resolve(given: dict[str, Any], folder: Path) -> RunSettings:
    """Options over profile; ``given`` maps each option's dest to its text or None, ``folder`` is the current one.

    Raises UsageError naming the option, the value and what would be right.
    """
    for option in OPTIONS:
        if given[option.dest] == "" or (option.several and "" in (given[option.dest] or [])):
            raise unexpected(option.flag, str(option.metavar), "")
    values = Given(given, folder)
    profile = load_profile(values.profile("--eval-profile"))
    before = profile
    judge = values.choice("--eval-judge", ("llm", "lexical"))
    if judge is not None:
        if judge == "llm" and profile.judge.model is None:
            raise UsageError(
                f"--eval-judge llm: profile {profile.name!r} names no model for its judge; "
                "add 'model' to its table 'judge'."
            )
        profile = replace(profile, judge=replace(profile.judge, kind=judge))
    profile = replace(
        profile,
        dataset=values.dataset("--eval-dataset", DATASETS) or profile.dataset,
        split=values.choice("--eval-split", CHOICES) or profile.split,
        trials=values.count("--eval-trials", MOST_TRIALS) or profile.trials,
        concurrency=values.count("--eval-concurrency") or profile.concurrency,
    )
    profile = with_program(profile, values.program("--eval-program", SAVED) or _program(profile))
    changed = {
        "--eval-dataset": profile.dataset != before.dataset,
        "--eval-split": profile.split != before.split,
        "--eval-judge": profile.judge.kind != before.judge.kind,
    }
    settings = RunSettings(
        profile=profile,
        record=cast(RecordMode, values.choice("--eval-record", ("none", "new", "all")) or "new"),
        cache=values.folder_of("--eval-cache") or CACHE,
        limit=values.count("--eval-limit"),
        max_calls=values.count("--eval-max-calls"),
        max_cost=values.amount("--eval-max-cost"),
        shard=values.shard("--eval-shard"),
        import_files=values.files("--eval-import", "a file of recorded calls"),
        export_file=values.path("--eval-export"),
        results_file=values.path("--eval-results"),
        summary_file=values.path("--eval-summary"),
        report_file=values.path("--eval-report"),
        runs=None if given["eval_runs"] == "none" else values.folder_of("--eval-runs") or RUNS,
        runs_named=given["eval_runs"] is not None,
        baseline_file=values.path("--eval-baseline"),
        labels_file=values.existing("--eval-labels", "a file of people's labels, as papillon label writes one"),
        accept=bool(given["eval_accept"]),
        show_text=bool(given["eval_show_text"]),
        departs=tuple(flag for flag, differs in changed.items() if differs),
    )
    _check_together(settings)
    return settings


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
    shipped = [each.baseline for each in settings.profile.regressions if each.baseline.is_relative_to(SHIPPED)]
    if settings.accept and settings.baseline_file is None and shipped and SHIPPED != ROOT:
        raise UsageError(
            f"--eval-accept: the baseline of profile {settings.profile.name!r} comes with the installed package; "
            "say where to write with --eval-baseline FILE.json."
        )
    if settings.max_cost is not None:
        for model in settings.profile.models.values():
            if provider_of(model) in HERE:
                continue
            for key, value in (("price", model.price), ("max_tokens", model.max_tokens)):
                if value is None:
                    raise UsageError(
                        f"--eval-max-cost: model {model.model} has no {key!r} in profile {settings.profile.name!r}, "
                        "so the most that a call may cost is unknown; add it."
                    )


def _program(profile: Profile) -> Path | None:
    """The profile's own saved program, which must be there, as must be the class that it names."""
    if profile.program_class is not None:
        profile.program_class.require(f"Profile {profile.name!r}: program ")
    if profile.program is not None and not profile.program.exists():
        raise UsageError(
            f"Profile {profile.name!r}: expected program to be {SAVED}, but there is no {profile.program}; "
            "correct the path."
        )
    return profile.program
