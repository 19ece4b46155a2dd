"""A training's folder put to use: which model runs it, and the sentence for a folder that is none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from papillon.errors import UsageError
from papillon.models.providers import identity_of, missing_means
from papillon.models.trained import with_program
from papillon.profile import load_profile

EMBEDDED, ARBOR = load_profile("embedded"), load_profile("arbor")
SAMPLING = {"temperature": 0.9, "top_p": 1.0, "top_k": -1, "repetition_penalty": 1.0, "max_tokens": 99}


def training(folder: Path, model: str = "embedded", *, gguf: bool = True, **settings: Any) -> Path:
    (folder / "adapter").mkdir(parents=True)
    (folder / "program.json").write_text("{}")
    (folder / "settings.json").write_text(json.dumps({"model": model, **SAMPLING, **settings}))
    (folder / "adapter" / "adapter_config.json").write_text("{}")
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    if gguf:
        (folder / "adapter" / "adapter.gguf").write_bytes(b"weights")
    return folder


def test_a_file_is_a_program_and_changes_no_model(tmp_path: Path) -> None:
    file = tmp_path / "program.json"
    assert with_program(EMBEDDED, file) == replace(EMBEDDED, program=file)


def test_a_folder_brings_the_model_it_trained_with_its_adapter_and_sampling(tmp_path: Path) -> None:
    folder = training(tmp_path / "run")
    got = with_program(EMBEDDED, folder)
    assert got.program == folder / "program.json"
    assert (got.local.model, got.local.adapter) == ("embedded/SmolLM2-135M-Instruct", "chat")
    assert got.local.lora == folder / "adapter"
    assert (got.local.temperature, got.local.max_tokens) == (0.9, 99)
    assert (got.untrusted, got.judge) == (EMBEDDED.untrusted, EMBEDDED.judge)


def test_a_wholly_guided_training_keeps_the_profiles_own_format(tmp_path: Path) -> None:
    wholly = with_program(EMBEDDED, training(tmp_path / "wholly", guided=1.0))
    assert wholly.local.adapter == EMBEDDED.local.adapter
    # What was helped in part is there to be learned: the trained model answers in the chat format by itself.
    assert with_program(EMBEDDED, training(tmp_path / "partly", guided=0.5)).local.adapter == "chat"


def test_a_gguf_model_runs_its_adapter_itself(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.touch()
    profile = replace(EMBEDDED, local=replace(EMBEDDED.local, model=f"gguf/{file}"))
    local = with_program(profile, training(tmp_path / "run", str(file))).local
    assert (local.model, local.lora) == (f"gguf/{file}", tmp_path / "run" / "adapter")


@pytest.mark.parametrize(
    ("profile", "base", "gguf", "model"),
    [
        (ARBOR, "Qwen/Qwen2.5-1.5B-Instruct", True, "vllm/Qwen/Qwen2.5-1.5B-Instruct"),
        (ARBOR, "some/other", True, "transformers/some/other"),
        (EMBEDDED, "Qwen/Qwen2.5-1.5B-Instruct", True, "transformers/Qwen/Qwen2.5-1.5B-Instruct"),
        (EMBEDDED, "embedded", False, "transformers/embedded"),
    ],
)
def test_who_runs_it_follows_from_the_model_and_the_profile(
    tmp_path: Path, profile: Any, base: str, gguf: bool, model: str
) -> None:
    assert with_program(profile, training(tmp_path / "run", base, gguf=gguf)).local.model == model


def test_the_adapter_counts_in_the_calls_key_wherever_it_lies(tmp_path: Path) -> None:
    seen = set()
    for model in ("embedded", "some/model"):
        for weights in (b"one", b"two"):
            folder = training(tmp_path / f"{model.replace('/', '-')}-{weights.decode()}", model)
            (folder / "adapter" / "adapter.gguf").write_bytes(weights)
            (folder / "adapter" / "adapter_model.safetensors").write_bytes(weights)
            identity = json.dumps(identity_of(with_program(EMBEDDED, folder).local), sort_keys=True)
            moved = folder.rename(folder.with_name(folder.name + "-moved"))
            assert json.dumps(identity_of(with_program(EMBEDDED, moved).local), sort_keys=True) == identity
            seen.add(identity)
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], r"Expected a finished training in .*/run, with program\.json and adapter/, got none; check the path\."),
        (["settings.json"], r"got one that has not finished; go on with papillon train --resume --out .*/run\."),
        (["program.json", "adapter/x"], r"Expected the settings of a training in .*/settings\.json, but they cannot"),
    ],
)
def test_a_folder_that_no_finished_training_left_is_refused(tmp_path: Path, files: list[str], said: str) -> None:
    (tmp_path / "run").mkdir()
    for file in files:
        (tmp_path / "run" / file).parent.mkdir(exist_ok=True)
        (tmp_path / "run" / file).write_text("{}")
    with pytest.raises(UsageError, match=said):
        with_program(EMBEDDED, tmp_path / "run")


def test_an_adapter_whose_settings_are_no_json_is_named(tmp_path: Path) -> None:
    folder = training(tmp_path / "run")
    (folder / "adapter" / "adapter_config.json").write_text("{")
    with pytest.raises(UsageError, match=r"^Expected an adapter's settings as JSON in .*/adapter_config\.json, got: "):
        with_program(EMBEDDED, folder)


def test_an_adapter_of_a_training_that_went_on_stands_on_the_merged_model(tmp_path: Path) -> None:
    folder = training(tmp_path / "run", "org/model", gguf=False)
    (folder / "merged-000120").mkdir()
    config = {"base_model_name_or_path": "/elsewhere/merged-000120"}
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(config))
    assert with_program(EMBEDDED, folder).local.model == f"transformers/{folder}/merged-000120"


def test_a_folder_without_an_adapter_is_a_program(tmp_path: Path) -> None:
    (tmp_path / "program.json").write_text("{}")
    assert with_program(EMBEDDED, tmp_path) == replace(EMBEDDED, program=tmp_path / "program.json")


def test_where_nothing_can_run_it_one_sentence_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("papillon.models.local.transformers.find_spec", lambda name: None if name == "peft" else name)
    local = with_program(EMBEDDED, training(tmp_path / "run", "some/model")).local
    assert missing_means(local) == (
        "Model transformers/some/model runs through transformers, and peft is not installed; run in an environment "
        'with the gpu extra: pip install -e ".[gpu]".'
    )
    monkeypatch.setattr("papillon.models.local.transformers.find_spec", lambda name: name)
    assert missing_means(local) is None
    gone = missing_means(replace(local, lora=tmp_path / "none"))
    assert gone is not None
    assert "and there is no adapter_config.json; name the folder of a trained adapter." in gone


@pytest.mark.parametrize("model", ["openai/m", "vllm/m"])
def test_an_adapter_on_a_model_that_others_serve_is_refused_not_left_out(tmp_path: Path, model: str) -> None:
    served = replace(EMBEDDED.local, model=model, api_base="http://127.0.0.1:9/v1", lora=tmp_path)
    with pytest.raises(UsageError, match=r"a model that this run loads itself for the adapter in .*, got .*/m, which"):
        identity_of(served)
