"""What a training left behind, put to use: a profile with the trained program and the model it was trained in.

The folder's ``settings.json`` says which model that is; who runs it (llama.cpp, vLLM or transformers) follows
from the model and from the profile's own local one.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from papillon.errors import UsageError
from papillon.json_files import read_json
from papillon.models.local.gguf_hub import file_here
from papillon.profile import ModelSettings, Profile
from papillon.program_class import ProgramClass
from papillon.shape import fitted, hints_of

__all__ = ["MERGED", "base_of", "engine_of", "with_program"]

#: How the folder of a model with an earlier adapter in it begins.
MERGED = "merged-"

EMBEDDED = "embedded/SmolLM2-135M-Instruct"
_SAMPLING = ("temperature", "top_p", "top_k", "repetition_penalty", "max_tokens")


def with_program(profile: Profile, named: Path | ProgramClass | None = None) -> Profile:
    """The profile with the program that is ``named``, else its own: a saved one's file, a training's folder, a class.

    What is saved sets the prompts of the profile's class; a class that is named has nothing saved.
    A training's folder (``program.json`` beside ``adapter/`` and ``settings.json``) also replaces the local model:
    by the one that was trained, with its adapter, the sampling values of its training and its chat format; where
    the training wrote every marker of that itself (``guided`` 1), the profile's own format stays. Raises UsageError
    for a folder that no finished training left.
    """
    if isinstance(named, ProgramClass):
        return replace(profile, program=None, program_class=named)
    path = named or profile.program
    if path is None or not os.path.isdir(path):
        return replace(profile, program=path)
    if not (path / "program.json").is_file():
        begun = (path / "settings.json").is_file()
        raise UsageError(
            f"Expected a finished training in {path}, with program.json and adapter/, got "
            + (
                f"one that has not finished; go on with papillon train --resume --out {path}."
                if begun
                else "none; check the path."
            )
        )
    profile = replace(profile, program=path / "program.json")
    adapter = path / "adapter"
    if not adapter.is_dir():
        return profile
    try:
        settings = read_json(path / "settings.json")
        model = str(settings["model"])
        trained = engine_of(profile.local, model, without_torch=(adapter / "adapter.gguf").is_file())
        format_ = profile.local.adapter if settings.get("guided") == 1 else "chat"
        sampling: dict[str, Any] = {
            name: fitted(name, settings[name], hints_of(ModelSettings)[name]) for name in _SAMPLING
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"Expected the settings of a training in {path / 'settings.json'}, but they cannot be read: {error}; "
            "name the adapter as local.lora in a profile instead."
        ) from error
    if (base := base_of(adapter, path, model)) != model:
        trained = f"{trained.partition('/')[0]}/{base}"  # served as the model itself would be
    local = replace(profile.local, model=trained, adapter=format_, lora=adapter.resolve(), **sampling)
    return replace(profile, local=local)


def base_of(adapter: Path, folder: Path, model: str) -> str:
    """What a saved adapter of the training in ``folder`` stands on: ``model``, or that with an earlier adapter in it.

    Going on with Arbor begins with a new adapter; what was learned before lies in the model beside it then.
    """
    file = adapter / "adapter_config.json"
    try:
        said = read_json(file) if file.exists() else {}
    except ValueError as error:
        raise UsageError(f"Expected an adapter's settings as JSON in {file}, got: {error}; train it again.") from error
    base = said.get("base_model_name_or_path") if isinstance(said, dict) else None
    merged = folder / Path(base if isinstance(base, str) else "").name
    return str(merged) if merged.name.startswith(MERGED) and merged.is_dir() else model


def engine_of(local: ModelSettings, base: str, *, without_torch: bool) -> str:
    """The model ``base`` as a profile names it: served as ``local`` is, in llama.cpp where that may be, else here."""
    if local.model == f"vllm/{base}":
        return local.model
    if base.split("/")[0] == "embedded" and without_torch:
        return EMBEDDED
    if local.model.startswith("gguf/") and without_torch and base == str(file_here(local)):
        return local.model
    return f"transformers/{base}"
