"""The training suite as a user starts it: what is selected, refused, skipped, and what passes."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from evals.harness.options import OPTIONS
from evals.harness.training.suite import Training, resolve_training
from papillon.errors import UsageError
from papillon.profile import ROOT
from tests.harness.runs import Evaluator, await_rounds
from tests.model_server import ModelServer
from tests.papillon.test_train_command import profile

SUITE = "evals/test_training.py"
INSTALLED = find_spec("torch") is not None and find_spec("arbor") is not None


def given(**named: Any) -> dict[str, Any]:
    return {option.dest: None for option in OPTIONS} | named


class TestWhatIsAsked:
    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PAPILLON_PROFILE", "openai")

    def asked(self, **named: Any) -> Training:
        return resolve_training(given(**named), ROOT, asked=True)

    def test_a_smoke_test_is_the_embedded_models_whatever_evaluations_use(self) -> None:
        smoke = self.asked()
        assert (smoke.settings.profile.name, smoke.device, smoke.full) == ("embedded", "auto", False)
        assert self.asked(eval_profile="arbor").settings.profile.name == "arbor"

    def test_a_full_training_is_the_tutorials_unless_another_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.asked(full_train=True).settings.profile.name == "openai"
        monkeypatch.delenv("PAPILLON_PROFILE")
        assert self.asked(full_train=True).settings.profile.name == "arbor"
        assert self.asked(full_train=True, eval_profile="embedded").settings.profile.name == "embedded"

    def test_what_is_wrong_is_refused(self) -> None:
        with pytest.raises(UsageError, match=r"^--train-device: expected one of auto, arbor, cuda, cpu, got 'gpu'\.$"):
            self.asked(train_device="gpu")
        with pytest.raises(UsageError, match=r"^--full-train: a training runs only where it is selected; type pytest"):
            resolve_training(given(full_train=True), ROOT, asked=False)

    def test_a_split_without_rows_to_learn_from_is_refused_where_a_training_is_asked_for(self, tmp_path: Path) -> None:
        own = tmp_path / "own.toml"
        own.write_text('split = "all"\nlocal = { model = "embedded/x" }\nuntrusted = { model = "embedded/x" }\n')
        with pytest.raises(UsageError, match=r"^Expected the split tutorial or grouped to learn from, got all, which"):
            self.asked(eval_profile=str(own))
        resolve_training(given(eval_profile=str(own), train_device="cpu"), ROOT, asked=False)


class TestFromTheCommandLine:
    def run(self, evaluator: Evaluator, *arguments: str) -> tuple[int, str]:
        # An evaluation's options beside a training that is not asked for are refused.
        run = evaluator.run(*arguments, bare=True)
        assert "Traceback" not in run.out
        assert run.results is None
        return run.code, run.out

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["-m", "gpu", "--train-device", "tpu"], "--train-device: expected one of auto, arbor, cuda, cpu, got"),
            (["--full-train"], "--full-train: a training runs only where it is selected; type pytest -m gpu --full"),
        ],
    )
    def test_a_wrong_value_is_refused_before_collection(
        self, evaluator: Evaluator, arguments: list[str], said: str
    ) -> None:
        code, out = self.run(evaluator, SUITE, *arguments)
        assert code == 4
        assert f"ERROR: {said}" in out
        assert "collected" not in out

    @pytest.mark.parametrize(
        ("arguments", "selected"),
        [
            (["-m", "gpu"], "test_smoke_training"),
            (["-m", "gpu", "--full-train"], "test_full_training"),
            (["-m", "not gpu"], None),
            ([], None),
        ],
    )
    def test_only_one_of_them_is_selected_and_neither_unasked(
        self, evaluator: Evaluator, arguments: list[str], selected: str | None
    ) -> None:
        code, out = self.run(evaluator, SUITE, "--collect-only", "-q", *arguments)
        assert [line.partition("::")[2] for line in out.splitlines() if "::" in line] == [selected][: bool(selected)]
        assert code == (0 if selected else 5)

    def test_where_it_alone_is_asked_for_nothing_else_is_read(self, evaluator: Evaluator) -> None:
        code, out = self.run(evaluator, "--collect-only", "-q", "-m", "gpu")
        assert code == 0
        assert "1/2 tests collected (1 deselected)" in out

    @pytest.fixture
    def _no_gpu(self) -> None:
        if INSTALLED:
            import torch

            if torch.cuda.is_available():
                pytest.skip("a GPU is here, so the smoke test would run")

    @pytest.mark.usefixtures("_no_gpu")
    def test_without_a_gpu_it_skips_and_says_in_one_sentence_what_would_run_it(self, evaluator: Evaluator) -> None:
        code, out = self.run(evaluator, SUITE, "-m", "gpu")
        assert code == 0
        assert "1 skipped" in out
        (said,) = [line for line in out.splitlines() if line.startswith("No training here: ")]
        assert said.endswith("--train-device cpu" if INSTALLED else 'pip install -e ".[gpu]".')

    @pytest.mark.usefixtures("_no_gpu")
    def test_what_was_asked_for_outright_fails_where_it_cannot_be(self, evaluator: Evaluator) -> None:
        arguments = ["--full-train"] if INSTALLED else ["--train-device", "cpu"]
        code, out = self.run(evaluator, SUITE, "-m", "gpu", *arguments)
        assert code == 1
        assert "No training here: " in out


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="the gpu extra (arbor-ai, torch, peft) is not installed")
class TestTraining:
    @pytest.fixture
    def tiny(self, tmp_path: Path) -> Callable[..., str]:
        """A profile that trains a model of random weights, whose untrusted model a server has."""
        from tests.papillon.training.tiny import preferred, tiny_model, tiny_tokenizer

        tokenizer = tiny_tokenizer()
        tiny_model(prefer=preferred(tokenizer)).save_pretrained(tmp_path / "tiny")
        tokenizer.save_pretrained(tmp_path / "tiny")
        return lambda base, **settings: profile(tmp_path, base, **settings)

    def test_the_smoke_test_passes(self, evaluator: Evaluator, tiny: Callable[..., str]) -> None:
        with ModelServer() as server:
            own = tiny(server.base, learning_rate=0.01)
            run = evaluator.run(SUITE, "-m", "gpu", "--train-device", "cpu", "--eval-profile", own, timeout=400)
        assert run.code == 0, run.out
        assert "1 passed" in run.out
        assert "round 2/2 · reward " in run.out

    def test_with_the_embedded_model_it_takes_under_ten_minutes_and_8_gb(self, evaluator: Evaluator) -> None:
        out = evaluator.folder / "out"
        with out.open("w") as file:
            process = subprocess.Popen(
                evaluator.command(SUITE, "-m", "gpu", "--train-device", "cpu"),
                cwd=ROOT,
                env=evaluator.environment(),
                stdout=file,
                stderr=file,
            )
            hung = threading.Timer(1800, process.kill)
            hung.start()
            _, status, used = os.wait4(process.pid, 0)
            hung.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, out.read_text()
        assert "Training embedded on cpu: 2 rounds of 2 x 4 rollouts over mini" in out.read_text()
        # Ten minutes of two cores: what else the machine does counts in the clock's time, and hardly in this.
        assert used.ru_utime + used.ru_stime < 2 * 600
        assert used.ru_maxrss * 1024 < 8e9

    def test_a_full_training_is_judged_by_its_gain_and_a_second_one_begins_anew(
        self, evaluator: Evaluator, tiny: Callable[..., str]
    ) -> None:
        with ModelServer() as server:
            small = {"num_train_steps": 2, "num_dspy_examples_per_grpo_step": 1, "num_samples_per_input": 4}
            full = [SUITE, "-m", "gpu", "--full-train", "--train-device", "cpu", "--eval-limit", "6"]
            own = tiny(server.base, **small, min_gain=-1.0)
            run = evaluator.run(*full, "--eval-profile", own, timeout=400)
            assert run.code == 0, run.out
            (folder,) = (evaluator.cache.parent / "training").iterdir()
            report = json.loads((folder / "report.json").read_text())
            assert len(report["rows"]["before"]) == len(report["rows"]["after"]) == 6
            assert {row["status"] for row in report["rows"]["after"]} <= {"scored", "program_error"}
            assert "pass: gain is " in (folder / "report.txt").read_text()

            # Untrained noise is no gain: the same training fails where something is asked of it.
            own = tiny(server.base, **small, min_gain=0.9)
            run = evaluator.run(*full, "--eval-profile", own, timeout=400)
            assert run.code == 1
            assert "at least 0.9 is asked of the whole interval" in run.out
            assert len(list((evaluator.cache.parent / "training").iterdir())) == 2

    def test_a_full_training_that_was_killed_goes_on_with_the_same_command(
        self, evaluator: Evaluator, tiny: Callable[..., str]
    ) -> None:
        with ModelServer(latency=0.05) as server:
            own = tiny(
                server.base,
                num_train_steps=8,
                num_dspy_examples_per_grpo_step=1,
                num_samples_per_input=4,
                num_steps_for_val=100,
                min_gain=-1.0,
            )
            full = [SUITE, "-m", "gpu", "--full-train", "--train-device", "cpu", "--eval-limit", "2"]
            process = subprocess.Popen(
                evaluator.command(*full, "--eval-profile", own),
                cwd=ROOT,
                env=evaluator.environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            trainings = evaluator.cache.parent / "training"
            await_rounds(process, trainings)
            process.kill()
            process.wait()
            (folder,) = trainings.iterdir()
            assert not (folder / "report.json").exists()

            run = evaluator.run(*full, "--eval-profile", own, timeout=400)
        assert run.code == 0, run.out
        assert list(trainings.iterdir()) == [folder]
        rounds = [json.loads(line)["round"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert rounds == list(range(1, 9))
        assert "round 1/8" not in run.out
        assert (folder / "report.json").exists()
