"""Remarks: what a reader of a run's scores should know of its models, its data and its calls, a sentence each."""

from __future__ import annotations

from evals.harness.run import Run
from papillon.destinations import destinations, where_texts_go
from papillon.models.providers import identity_of, provider_of

__all__ = ["remarks", "texts_go"]


def texts_go(run: Run) -> str:
    """Where the run's texts went, in one sentence."""
    sent_whole = any(name in ("verbatim", "redacted") for _, name in run.controls)
    found = destinations(
        run.plan.settings.profile,
        rows=bool(run.examples),
        controls=sent_whole,
        cases=bool(run.selection.judged),
        labelled=bool(run.selection.judged and run.plan.labels),
    )
    return where_texts_go(found, replay=run.plan.settings.record == "none")


def _ggufs(run: Run) -> str:
    """The roles' .gguf models, each with what pins it."""
    roles: dict[str, list[str]] = {}
    for role, model in run.plan.settings.profile.models.items():
        if provider_of(model) == "gguf":
            digest = identity_of(model)["model"].partition("/")[2]
            roles.setdefault(f"{model.model} (sha256 {digest[:12]})", []).append(role)
    return "; ".join(f"{name} as {' and '.join(named)}" for name, named in roles.items())


def remarks(run: Run) -> list[str]:
    """What there is to say; nothing for a run over clean data whose models are what they seem."""
    profile, departs = run.plan.settings.profile, run.plan.settings.departs
    remarks = []
    if any(model.model.startswith("embedded/") for model in (profile.local, profile.untrusted)):
        remarks.append(
            "The embedded model has 135 M parameters: its scores show that the harness works, not how good PAPILLON is."
        )
    judge = profile.models.get("judge")
    if judge is not None and judge.model.startswith("embedded/"):
        remarks.append("The judge is the embedded model too: read its scores as noise, not as quality or leakage.")
    if not profile.targets:
        remarks.append(
            "Without targets (targets = false) nothing is said of quality: leakage, carried and errors are scored, "
            "quality, verdict, overall and joint are not."
        )
    if here := _ggufs(run):
        remarks.append(f"In this process, through llama.cpp: {here}.")
    if left_out := run.plan.data.left_out:
        remarks.append(left_out)
    if run.examples and (reserved := run.plan.data.reserved):
        rows = "row is" if reserved == 1 else "rows are"
        remarks.append(f"{reserved} {rows} the train part, which no evaluation asks; --eval-split all has none.")
    shared = run.plan.data.contamination
    if not shared.clean:
        remarks.append(f"The {profile.split} split is contaminated: dev: {shared.dev}; test: {shared.test}.")
    if departs and profile.regressions and run.plan.settings.baseline_file is None:
        remarks.append(f"The profile's baseline does not apply: {', '.join(departs)} changed what is compared.")
    if run.imported:
        remarks.append(f"Imported: {run.imported}.")
    if thought := run.ledger.thought:
        remarks.append(f"{thought} of {len(run.ledger.used)} answers held the model's thinking, which was left out.")
    if again := len(run.ledger.asked_again):
        remarks.append(f"The judge was asked again where its recorded answers were unusable: {again} calls made.")
    if (labels := run.plan.labels) is not None:
        said = [labels.said() if run.examples else labels.raised()]
        said += [run.verdicts.labelled(split).left_out_said(split) for split in run.examples if run.over(split)]
        remarks += [" ".join(filter(None, said))] if any(said) else []
    return remarks
