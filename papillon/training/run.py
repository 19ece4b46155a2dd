"""A whole training: ArborGRPO over the program, on Arbor's server or on one device, and what comes out of it.

What comes out is a folder: ``adapter/`` (peft's format, and GGUF), ``program.json`` (the program's state),
``settings.json``, ``versions.json``, ``metrics.jsonl`` (one line a round) and its ``curve.svg``,
``completions.jsonl`` where asked for, and ``checkpoints/`` to go on from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")  # or DSPy asks the network for prices

import dspy

from papillon.errors import PapillonError
from papillon.program import save_program
from papillon.quiet import unannounced
from papillon.training.arbor.arguments import check_arbor_version
from papillon.training.devices import Device, in_memory
from papillon.training.folder.adapter import keep_adapter
from papillon.training.folder.record import RunRecord
from papillon.training.grpo.outputs import training_adapter
from papillon.training.grpo.rollouts import RolloutWatch
from papillon.training.settings import TrainSettings
from papillon.training.surroundings import each_run_once, kept_quiet, let_go

if TYPE_CHECKING:
    from papillon.training.session import Session

__all__ = ["Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """A finished training: its folder and rounds, and the validation scores before it and of what was kept.

    The scores are percentages of the metric, None without a validation; ``requests`` says what the first and the last
    ones looked like.
    """

    folder: Path
    rounds: int
    score_before: float | None
    score_after: float | None
    requests: str | None = None

    def __str__(self) -> str:
        scores = ""
        if self.score_before is not None and self.score_after is not None:
            scores = f", validation {self.score_before / 100:+.3f} before and {self.score_after / 100:+.3f} after"
        said = f"Trained {self.rounds} rounds{scores}: {self.folder}"
        return said if self.requests is None else f"{said}\nIts rollouts: {self.requests}"


def train(
    settings: TrainSettings,
    program: dspy.Module,
    trainset: Sequence[dspy.Example],
    valset: Sequence[dspy.Example] | None,
    metric: Callable[..., float],
    folder: Path,
    device: Device,
    *,
    told: Mapping[str, str] | None = None,
    resume: bool = False,
    say: Callable[[str], None] = print,
    policy: Any = None,
    reach_again: Callable[[], object] = lambda: None,
) -> Trained:
    """Train the model behind all of the program's predictors to score better on ``metric(example, prediction)``.

    The program's own language models are put back when it ends; ``adapter/`` in ``folder`` holds what was
    learned. With ``resume`` a training in ``folder`` goes on, on the CPU with the very next step that it would have
    taken and on a GPU with an equal one, where it is ``told`` the same of its surroundings. ``policy`` stands in for
    the one that the settings name; ``reach_again`` is called before each round. Raises UsageError for what cannot
    start, and DivergenceError or InfrastructureError for what ends it; its checkpoints stay.
    """
    check_arbor_version()
    record = RunRecord(folder, settings, say, told)
    record.check(resume=resume)
    watch = RolloutWatch(program, metric, settings.failure_score, settings.format_failure_score, reach_again)
    predictors = program.predictors()
    before = [predictor.lm for predictor in predictors]
    adapter = training_adapter()
    # What arbor-ai validates on: the examples given, or where it is told so those that it trains on.
    val = list(valset) if valset and not settings.use_train_as_val else None
    checked = list(trainset) if settings.use_train_as_val else val
    session: Session | None = None
    compiler = final = trained = None
    try:
        with in_memory():
            session = _session(settings, device, record, watch, predictors, policy)
        record.open()  # not before, or a model that cannot be had would leave a training behind
        if resume:
            session.resume()
        compiler = session.make_compiler(watch.metric)
        with (
            kept_quiet(folder / "training.log"),
            watch.watching(),
            each_run_once(),
            session.serving() as address,
            dspy.context(adapter=adapter),
        ):
            program.set_lm(sampling_model(settings, session.model, address, session.provider()))
            with in_memory():
                try:
                    compiler.compile(program, trainset=list(trainset), valset=val)
                except Exception as error:
                    raise session.failure or error from None
            if checked:
                evaluate = dspy.Evaluate(
                    devset=checked,
                    num_threads=settings.num_threads,
                    display_progress=False,
                    # As ArborGRPO has it, or this score could not be compared with its own.
                    failure_score=settings.failure_score,
                    max_errors=len(checked) + 1,
                )
                final = float(evaluate(program, metric=watch.metric).score)
                if failed := watch.counts().unvalidated:
                    say(f"{failed} runs of the last validation failed, so its score is too low: {watch.last_failure}")
        adapter_folder, score = session.finish(final)
        keep_adapter(adapter_folder, folder / "adapter", session.model_config(), say)
        save_program(program, folder / "program.json")
        trained = Trained(folder, session.rounds, compiler.score_before, score, record.requests)
        return trained
    finally:
        for predictor, lm in zip(predictors, before, strict=True):
            predictor.lm = lm
        if session is not None:
            session.close()
        session = compiler = None  # they hold the model, whose memory would not come free
        let_go()
        # Where it failed, a curve that a full disk does not take must not hide why.
        with nullcontext() if trained else suppress(PapillonError, OSError):
            record.close()


def sampling_model(settings: TrainSettings, model: str, address: str, provider: Any) -> dspy.LM:
    """The model that ArborGRPO samples from and trains, at an Arbor application's address."""
    return dspy.LM(
        f"openai/arbor:{model}",
        provider=provider,
        api_base=address,
        api_key="local",
        max_tokens=settings.max_tokens,
        cache=False,
        num_retries=0,
        **settings.sampling,
    )


def _session(
    settings: TrainSettings,
    device: Device,
    record: RunRecord,
    watch: RolloutWatch,
    predictors: Sequence[dspy.Predict],
    policy: Any,
) -> Session:
    with unannounced():
        from papillon.training.arbor.session import ArborServer
        from papillon.training.one_device.session import OneDevice
    signatures = [predictor.signature for predictor in predictors]
    if device == "arbor":
        return ArborServer(settings, record, watch, signatures=signatures)
    return OneDevice(settings, device, record, watch, signatures=signatures, policy=policy)
