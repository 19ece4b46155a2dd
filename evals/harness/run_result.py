"""Run result: the run as a value, for what is known of it so far; after this nobody needs the live run."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import papillon
from evals.harness.evaluation.outcome import Outcome
from evals.harness.remarks import remarks, texts_go
from evals.harness.run import Run
from evals.harness.verdicts.second_opinion import judges_agreement
from judges.lexical import GOOD_ENOUGH
from judges.scores import SCORES
from papillon.commands import seen_from
from papillon.profile import Profile
from papillon.results import Agreement, ControlResult, Gain, GateResult, JudgeReport, Row, RunInfo, RunResult, SplitInfo
from papillon.results.correction import Correction, RowLabel
from papillon.results.run import Calls, DatasetInfo, ProgramInfo, Tokens

__all__ = ["run_result"]


def run_result(run: Run) -> RunResult:
    """What the run has come to: finished rows, and verdicts where all that they rest on is finished."""
    return RunResult(
        run=_info(run),
        rows=tuple(_rows(run)),
        gates=tuple(_gates(run)),
        controls=tuple(_controls(run)),
        splits=tuple(_split(run, split) for split in run.examples),
        gains=tuple(_gains(run)),
        judge=tuple(_judge(run)),
        agreement=_agreement(run),
        corrected=tuple(_corrected(run)),
        labels=tuple(_labels(run)),
        remarks=tuple(remarks(run)),
    )


def _program(profile: Profile) -> str | None:
    """The program as a user names it here: a class, what was saved, or both; None for PAPILLON itself."""
    saved = None if profile.program is None else seen_from(Path.cwd(), profile.program)
    return " with ".join(str(each) for each in (profile.program_class, saved) if each is not None) or None


def _info(run: Run) -> RunInfo:
    settings, data, ledger = run.plan.settings, run.plan.data, run.ledger
    profile = settings.profile
    return RunInfo(
        id=run.id,
        started=run.started.isoformat(timespec="seconds"),
        seconds=round(run.scheduler.seconds, 3),
        finished=run.finished.isoformat(timespec="seconds") if run.finished else None,
        profile=profile.name,
        record=settings.record,
        scores=SCORES,
        dataset=DatasetInfo(data.name, data.sha256, data.rows, profile.split, dict(data.whole)),
        program=ProgramInfo(run.fingerprint, _program(profile)),
        models=run.plan.models,
        versions={
            "papillon": papillon.__version__,
            "dspy": version("dspy"),
            "pytest": version("pytest"),
            "python": platform.python_version(),
        },
        calls=Calls(ledger.made, ledger.replayed, ledger.retried, ledger.failed),
        tokens=Tokens(*ledger.tokens()),
        cost_usd=ledger.usd(),
        wall_seconds=round(run.seconds, 3),
        begun=run.begun,
        trials=profile.trials,
        departs=settings.departs,
        texts=texts_go(run),
        judged_by=run.plan.compared_judge,
        targets=profile.targets,
    )


def _split(run: Run, split: str) -> SplitInfo:
    gates = sum(gate.split == split for gate in run.plan.gates)
    return SplitInfo(split, len(run.examples[split]), gates, run.verdicts.units(split))


def _rows(run: Run) -> list[Row]:
    return [outcome.row for outcome in _known(run)]


def _known(run: Run) -> list[Outcome]:
    return [outcome for split in run.examples for outcome in run.known(split)]


def _gates(run: Run) -> list[GateResult]:
    judged = [result for gate in run.gates if run.over(gate.split) for result in run.verdicts.gate(gate.id)]
    return judged + [bar for question in run.answered for bar in run.judge_gates(question)]


def _controls(run: Run) -> list[ControlResult]:
    return [run.verdicts.control(name, split) for split, name in run.controls if run.over(split, name)]


def _gains(run: Run) -> list[Gain]:
    gains = []
    for split in run.examples:
        if run.over(split) and (gain := run.verdicts.gain(split)) is not None:
            gains.append(Gain(split, gain.value, gain.low, gain.high, gain.n, gain.groups))
    return gains


def _corrected(run: Run) -> list[Correction]:
    return [each for split in run.examples if run.over(split) for each in run.verdicts.corrections(split)]


def _labels(run: Run) -> list[RowLabel]:
    return [
        RowLabel(example, trial, answer["quality"], answer["leakage"])
        for split in run.examples
        if run.over(split) and not (labelled := run.verdicts.labelled(split)).yet
        for (example, trial), answer in labelled.answers.items()
    ]


def _judge(run: Run) -> list[JudgeReport]:
    reports = []
    for question in run.answered:
        bars = run.plan.settings.profile.judge.calibration.get(question, ())
        bounds = sum(bound is not None for _, low, high in bars for bound in (low, high))
        for source in run.sources(question):
            examination = run.examination(question, source=source)
            report = replace(examination.report, causes=examination.causes)
            if source == "written":
                reports.append(replace(report, bars=bounds))
            else:
                reports.append(replace(report, left_out=dict(run.labelled_cases.left_out.get(question, {}))))
    return reports


def _agreement(run: Run) -> Agreement | None:
    """How far the LLM judge agrees with the lexical one, which looked at the same rows for nothing."""
    if run.plan.settings.profile.judge.kind == "lexical" or not run.examples:
        return None
    return judges_agreement(
        (outcome.row, _by_letters(outcome.closeness), outcome.row.verbatim_leaked or 0) for outcome in _known(run)
    )


def _by_letters(closeness: float | None) -> int | None:
    """The lexical judge's quality, None without a target."""
    return None if closeness is None else int(closeness >= GOOD_ENOUGH)
