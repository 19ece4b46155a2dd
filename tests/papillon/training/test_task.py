"""What a profile's training consists of, and the sentence for each that cannot be."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from papillon.errors import ProfileError, UsageError
from papillon.profile import ModelSettings, load_profile
from papillon.training import task
from papillon.training.task import TrainingTask, last_training, new_folder, training_settings

EMBEDDED, ARBOR = load_profile("embedded"), load_profile("arbor")


@pytest.mark.parametrize(("name", "model"), [("embedded", "embedded"), ("arbor", "Qwen/Qwen2.5-1.5B-Instruct")])
def test_what_is_trained_is_the_profiles_local_model(name: str, model: str) -> None:
    assert training_settings(load_profile(name)).model == model


@pytest.mark.parametrize("name", ["profile", "profile-cpu"])
def test_the_training_on_the_task_is_evaluated_as_it_draws(name: str) -> None:
    profile, evaluation = (load_profile(f"docs/training-task/{each}.toml") for each in (name, "evaluation"))
    # A file of the hub's is trained where it is here.
    settings = training_settings(replace(profile, train={"model": "here", **profile.train}))
    for each in (profile.local, evaluation.local):
        assert (each.adapter, each.temperature, each.max_tokens) == ("chat", settings.temperature, settings.max_tokens)
    for name in ("temperature", "max_tokens"):
        assert getattr(profile.untrusted, name) == getattr(evaluation.untrusted, name)


def test_a_gguf_models_file_is_trained_where_it_is_here(tmp_path: Path) -> None:
    local = ModelSettings("gguf/./m.gguf", file=tmp_path / "p.toml")
    with pytest.raises(ProfileError, match=r"^Expected the file of gguf/\./m\.gguf on this machine, since it is to be"):
        training_settings(replace(EMBEDDED, local=local, train={}))
    (tmp_path / "m.gguf").touch()
    assert training_settings(replace(EMBEDDED, local=local, train={})).model == str(tmp_path / "m.gguf")


def test_a_model_that_only_a_server_has_is_not_trained_but_the_tutorials_is() -> None:
    assert training_settings(load_profile("openai")).model == "Qwen/Qwen2.5-1.5B-Instruct"


def test_the_profiles_table_sets_what_it_names(tmp_path: Path) -> None:
    own = replace(EMBEDDED, train={"model": "own", "learning_rate": 0.5})
    assert training_settings(own).learning_rate == 0.5
    assert training_settings(own).model == "own"
    (tmp_path / "own").mkdir()
    assert training_settings(replace(own, path=tmp_path / "p.toml")).model == str(tmp_path / "own")


@pytest.mark.parametrize(
    ("name", "way_out"), [("learning_rat", r"did you mean 'learning_rate'\?"), ("nonsense", r"remove or correct it\.")]
)
def test_an_unknown_setting_is_refused_by_name(name: str, way_out: str) -> None:
    with pytest.raises(ProfileError, match=rf"got '{name}'; {way_out}$"):
        training_settings(replace(EMBEDDED, train={name: 1}))


def test_a_smoke_test_is_two_rounds_over_a_handful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "count_gpus", lambda: 0)
    smoke = TrainingTask.of(EMBEDDED, smoke=True, device="auto")
    assert (smoke.device, smoke.settings.num_train_steps) == ("cpu", 2)
    assert (len(smoke.examples("train")), len(smoke.examples("dev"))) == (4, 1)
    whole = TrainingTask.of(EMBEDDED, device="cpu")
    assert (len(whole.examples("train")), len(whole.examples("dev"))) == (20, 20)
    example = whole.examples("train")[0]
    assert set(example.keys()) == {"user_query", "target_response", "pii_str", "redacted_query"}
    assert not {e.user_query for e in whole.examples("train")} & {e.user_query for e in whole.examples("dev")}


def test_what_needs_its_markers_written_is_trained_on_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "count_gpus", lambda: 8)
    assert TrainingTask.of(EMBEDDED, smoke=True).device == "cuda"


def test_arbor_is_taken_where_its_gpus_are_free_and_none_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(visible: int) -> int:
        raise UsageError("Arbor would take others")

    unhelped = replace(EMBEDDED, train={"guided": 0.0})
    monkeypatch.setattr(task, "count_gpus", lambda: 8)
    for free, device in ((lambda visible: 4, "arbor"), (lambda visible: 3, "cuda"), (hidden, "cuda")):
        monkeypatch.setattr(task, "free_gpus", free)
        assert TrainingTask.of(unhelped).device == device
    with pytest.raises(UsageError, match="Arbor would take others"):
        TrainingTask.of(unhelped, device="arbor")


def test_a_split_without_rows_to_learn_from_is_refused_before_a_device_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(task, "count_gpus", lambda: pytest.fail("a device was looked for"))
    with pytest.raises(UsageError, match=r"^Expected the split tutorial or grouped to learn from, got all, which"):
        TrainingTask.of(replace(EMBEDDED, split="all"), device="cpu")


def test_too_few_rows_are_said_before_anything_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "count_gpus", lambda: 0)
    (tmp_path / "one.csv").write_text("user_query,target_response,pii_units\nI am Ann,Hello,Ann\n")
    one = TrainingTask.of(replace(EMBEDDED, dataset=str(tmp_path / "one.csv")), device="cpu")
    with pytest.raises(UsageError, match=r"in the train part of one\.csv, got none of its 1 rows; give a data set of"):
        one.examples("train")


@pytest.mark.parametrize(
    ("gpus", "device", "said"),
    [
        (0, "cuda", "Expected a CUDA GPU to train on, got none"),
        (2, "arbor", "Expected 4 free GPUs for the device arbor"),
        (0, "tpu", "the device auto, arbor, cuda or cpu, got 'tpu'"),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, gpus: int, device: str, said: str
) -> None:
    monkeypatch.setattr(task, "count_gpus", lambda: gpus)
    monkeypatch.setattr(task, "free_gpus", lambda visible: visible)
    with pytest.raises(UsageError, match=said):
        TrainingTask.of(ARBOR, device=device)


def test_without_the_gpu_extra_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match=r"packages of the gpu extra.*got no torch; run .* pip install -e"):
        TrainingTask.of(EMBEDDED)


def test_the_last_training_is_the_one_to_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "TRAININGS", tmp_path / "training")
    with pytest.raises(UsageError, match=r"Expected a training in .*/training to resume, got none; name its folder"):
        last_training()
    for age, name in enumerate(("newest", "older", "oldest")):
        folder = tmp_path / "training" / name
        folder.mkdir(parents=True)
        (folder / "settings.json").write_text("{}")  # all that one has which was killed as it began
        os.utime(folder / "settings.json", (1e9 - age, 1e9 - age))
    assert last_training() == tmp_path / "training" / "newest"
    assert new_folder("own").parent == tmp_path / "training"
    assert new_folder("own").name.startswith("own-2")
