"""Optimizing: a prompt optimisation between two evaluations of the same dev examples; ``papillon optimize``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evals.harness.evaluation.examples import select_examples
from evals.harness.training.improvement import improvement_table, score_program
from judges import feedback_metric, make_judge
from papillon.data import load, to_dspy
from papillon.errors import BudgetSpent, PapillonError
from papillon.learnable import make_learnable
from papillon.models.ledger import Ledger
from papillon.models.roles import open_models
from papillon.optimization.optimizing import Optimizer, optimize
from papillon.output_files import OutputFile, refuse_outputs
from papillon.profile import ModelSettings, Profile
from papillon.program import save_program
from papillon.screen import show
from papillon.splits import split
from papillon.store import export_used, import_files

__all__ = ["optimize_on_dev"]


def optimize_on_dev(
    profile: Profile,
    optimizer: Optimizer,
    out: Path,
    *,
    cache: Path,
    max_calls: int,
    seed: int,
    reflection: ModelSettings | None = None,
    imported: Sequence[Path] = (),
    exported: Path | None = None,
) -> None:
    """Improve the profile's program by its train examples, save it in ``out``, and print what that brought on dev.

    ``reflection`` is the model that writes about prompts, None for the local one. Calls are recorded in ``cache``;
    those of the files ``imported`` are taken into it first, and those that were used are written to ``exported``, also
    where it is interrupted. Raises UsageError for a file that cannot be written, before anything is paid for, and
    PapillonError where the models ended it before its calls were spent; the best program so far is saved.
    """
    log = out.with_suffix(".log")
    written = {"--out": out, "the log of --out": log, "--export": exported}
    refuse_outputs(OutputFile(option, path, makes_folders=False) for option, path in written.items() if path)
    dataset = load(profile.dataset)
    train = [to_dspy(dataset.rows[index]) for index in split(dataset.rows, profile.split)["train"]]
    dev = select_examples(dataset, profile.split, limit=None, shard=None)["dev"]
    besides = {} if reflection is None else {"reflection": reflection}
    for name, what in import_files(imported, cache):
        show(f"{name}: {what}")
    ledger = Ledger()
    with _exporting(ledger, cache, exported), open_models(profile, cache, ledger=ledger, besides=besides) as models:
        for role in models.settings:
            models.lm(role)  # a missing key is the user's matter before anything is paid for
        program = make_learnable(profile, models.lm("untrusted"))
        print(f"scoring the program on {len(dev)} dev examples", flush=True)
        before = score_program(program, dev, models, profile)
        print(f"optimizing with {optimizer}, at most {max_calls} calls", flush=True)
        screen = sys.stdout
        found = optimize(
            optimizer,
            program,
            train,
            feedback_metric(make_judge(profile.judge.kind, models)),
            models,
            max_calls=max_calls,
            calls_per_example=3 if profile.judge.kind == "lexical" else 6,
            threads=profile.concurrency,
            seed=seed,
            reflecting="local" if reflection is None else "reflection",
            log=log,
            say=lambda line: show(line, file=screen),
        )
        save_program(found.program, out)
        if found.ended is not None and not isinstance(found.ended, BudgetSpent):
            cause = str(found.ended).rstrip(".")
            raise PapillonError(f"{cause}. The best program so far is in {out}; run again to go on.")
        print("scoring what came out on the same dev examples", flush=True)
        after = score_program(found.program, dev, models, profile)
        width = shutil.get_terminal_size((200, 24)).columns
        show("", *improvement_table(optimizer, found, before, after, models.ledger, width).split("\n"))


@contextmanager
def _exporting(ledger: Ledger, cache: Path, path: Path | None) -> Iterator[None]:
    """Write the recorded calls that the block used to ``path``, however it ends."""
    try:
        yield
    finally:
        if path is not None:
            export_used(cache, ledger.used, path)
