"""``papillon train``: what it says and how it exits, with a model of random weights where torch is installed."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from papillon.__main__ import main
from papillon.commands import evaluation, launcher
from papillon.data import load
from papillon.profile import ROOT
from papillon.training import task
from tests.harness.runs import await_rounds, heeds_ctrl_c
from tests.model_server import ModelServer


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)
    monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "cache")
    monkeypatch.setattr("papillon.training.task.TRAININGS", tmp_path / "training")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["train", *arguments]) == 4
    said = capsys.readouterr().err
    assert said.startswith("papillon train: Expected ")
    assert said.count("\n") == 1
    return said


class TestWhatCannotBegin:
    def test_without_the_gpu_extra(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)
        said = refused(capsys, "--smoke")
        assert 'got no torch; run in an environment of its own (about 8 GB): pip install -e ".[gpu]".' in said

    @pytest.mark.parametrize(
        ("gpus", "arguments", "said"),
        [
            (0, ["--device", "cuda"], "Expected a CUDA GPU to train on, got none; use --device cpu"),
            (
                1,
                ["--device", "arbor", "--smoke"],
                "Expected 2 free GPUs for the device arbor (1 to train, 1 to sample",
            ),
            (0, ["--device", "tpu"], "Expected the device auto, arbor, cuda or cpu, got 'tpu'."),
            (0, ["--resume"], "to resume, got none; name its folder with --out, or drop --resume."),
        ],
    )
    def test_on_this_device(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        gpus: int,
        arguments: list[str],
        said: str,
    ) -> None:
        monkeypatch.setattr(task, "count_gpus", lambda: gpus)
        monkeypatch.setattr(task, "free_gpus", lambda visible: visible)
        assert said in refused(capsys, *arguments)


def profile(folder: Path, base: str, model: str = "tiny", dataset: str = "mini", **train: Any) -> str:
    """A profile whose untrusted model is served at ``base`` and whose trained one is of random weights."""
    settings = {"max_tokens": 4, "learning_rate": 3e-3, "bf16": False, **train}
    lines = [
        f'dataset = "{dataset}"',
        f'local = {{ model = "openai/local", api_base = "{base}" }}',
        f'untrusted = {{ model = "openai/untrusted", api_base = "{base}" }}',
        "[train]",
        f'model = "{model}"',
        *(f"{name} = {json.dumps(value)}" for name, value in settings.items()),
        "lora_config = { r = 4, lora_dropout = 0.0 }",
    ]
    (folder / "own.toml").write_text("\n".join(lines))
    return str(folder / "own.toml")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
class TestTraining:
    @pytest.fixture(autouse=True)
    def _tiny(self, tmp_path: Path) -> None:
        pytest.importorskip("torch", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
        pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)
        from tests.papillon.training.tiny import preferred, tiny_model, tiny_tokenizer

        tokenizer = tiny_tokenizer()
        tiny_model(prefer=preferred(tokenizer)).save_pretrained(tmp_path / "tiny")
        tokenizer.save_pretrained(tmp_path / "tiny")

    def test_a_smoke_test_trains_and_says_what_came_out(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "run"
        with ModelServer() as server:
            own = profile(tmp_path, server.base)
            assert main(["train", "--smoke", "--device", "cpu", "--profile", own, "--out", str(out)]) == 0
            assert server.asked("Write a letter.") or server.asked("A letter, please.")
        said = capsys.readouterr().out
        rewarded, said = said.split("\n", 1)
        assert rewarded == "Rewarded by the composite, (quality + 1 − leakage) / 2."
        assert "\nIts rollouts: requests of " in said
        assert said.startswith(f"Training {tmp_path}/tiny on cpu: 2 rounds of 2 x 4 rollouts over mini, into {out}\n")
        assert "\nround 2/2 · reward " in said
        assert f"\nNext: {evaluation(out, own, 'mini')}\n" in said
        assert f"evals -m dev --eval-profile={own} --eval-program {out}\n" in said
        rewards = [
            item["reward"]
            for line in (out / "completions.jsonl").read_text().splitlines()
            for item in json.loads(line)["group"]
        ]
        assert rewards
        assert set(rewards) > {-1.0}
        for private in ("training.log", "completions.jsonl"):
            assert stat.S_IMODE((out / private).stat().st_mode) == 0o600
        assert "GRPO" in (log := (out / "training.log").read_text())
        assert "user_query" not in log
        assert not [row for row in load("mini").rows if row.user_query[:30] in log or row.target_response[:30] in log]

        # The same again would lose it.
        again = refused(capsys, "--smoke", "--device", "cpu", "--profile", own, "--out", str(out))
        assert (
            f"Expected a folder without a training in it, got {out}; resume it (--resume), or name another (--out)."
            in again
        )

    def test_a_folder_without_a_training_is_not_resumed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        own = profile(tmp_path, "http://127.0.0.1:9")
        out = tmp_path / "typo"
        said = refused(capsys, "--profile", own, "--device", "cpu", "--resume", "--out", str(out))
        assert f"Expected a training in {out} to resume, got none; check --out, or drop --resume." in said
        assert not out.exists()

    def test_a_model_that_is_not_there_is_named_and_leaves_the_folder_free(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        own = profile(tmp_path, "http://127.0.0.1:9", model="./no/such/model")
        for _ in range(2):
            said = refused(capsys, "--profile", own, "--device", "cpu", "--out", str(tmp_path / "run"))
            assert (
                "Expected a causal language model at './no/such/model' (train.model), but there is nothing at " in said
            )
            assert "no/such/model; correct the path, or give a hub name or 'embedded'." in said

    def test_an_untrusted_model_that_fails_every_time_rewards_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with ModelServer(failing=lambda body, number: (401, {}, "")) as server:
            own = profile(tmp_path, server.base)
            main(["train", "--smoke", "--device", "cpu", "--profile", own, "--out", str(tmp_path / "run")])
        lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
        assert sum(line["dropped"] for line in lines) > 0
        assert sum(line["scored"] for line in lines) == 0

    def test_a_loss_that_is_no_number_is_one_sentence(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer() as server:
            own = profile(tmp_path, server.base, learning_rate=1e30, warmup_steps=0, num_train_steps=4)
            command = ["train", "--device", "cpu", "--profile", own, "--out", str(tmp_path / "run")]
            assert main(command) == 1
        said = capsys.readouterr().err
        assert said.startswith("papillon train: Expected a finite ")
        assert said.endswith("keeps its last checkpoint: go on from it with train.learning_rate below 1e+30.\n")
        assert said.count("\n") == 1

    @pytest.mark.slow
    def test_ctrl_c_ends_it_says_how_to_go_on_and_that_works(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "run"
        few = tmp_path / "few.jsonl"
        few.write_text(
            "\n".join(
                json.dumps({"user_query": f"Write to Ann{n}.", "target_response": "Dear Ann", "pii_units": f"Ann{n}"})
                for n in range(9)
            )
        )
        settings = {"dataset": str(few), "num_samples_per_input": 4, "num_steps_for_val": 100}
        with ModelServer(latency=0.05) as server:
            own = profile(tmp_path, server.base, num_train_steps=200, **settings)
            command = [sys.executable, "-m", "papillon", "train", "--device", "cpu", "--profile", own]
            process = subprocess.Popen(
                [*command, "--out", str(out)],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=heeds_ctrl_c,
            )
            await_rounds(process, tmp_path)
            os.kill(process.pid, signal.SIGINT)
            _, said = process.communicate(timeout=60)
            assert process.returncode == 130
            last = said.strip().splitlines()[-1]
            assert last == (
                "papillon train: interrupted; go on with: "
                f"{shlex.join(launcher(ROOT, 'papillon'))} train --device cpu --profile {own} --out {out} --resume"
            )
            assert "Traceback" not in said
            done = json.loads((out / "checkpoints" / "checkpoints.json").read_text())["last"]["step"]
            own = profile(tmp_path, server.base, num_train_steps=done + 1, **settings)
            assert main(["train", "--device", "cpu", "--profile", own, "--out", str(out), "--resume"]) == 0
        assert f"round {done + 1}/{done + 1}" in capsys.readouterr().out
