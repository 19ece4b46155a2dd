"""A whole training on Arbor, what came out of it, and one whose trainer is killed and that goes on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from papillon.profile import ROOT
from tests.arbor.runs import SETTINGS, Run
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

# Torch and safetensors are imported here, and warn of their own old habits.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Train = Callable[..., Run]


def adapter(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "adapter_model.safetensors"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, train: Train) -> Run:
    """A training that has ended well, of rounds enough to learn something."""
    run = train(
        tmp_path_factory.mktemp("whole") / "run",
        num_train_steps=5,
        num_samples_per_input=8,
        per_device_train_batch_size=8,
        learning_rate=2e-2,
        num_steps_for_val=5,
    )
    assert run.wait() == 0, run.said
    return run


def test_the_reward_rises_and_each_group_that_tells_something_is_learned_once(trained: Run) -> None:
    rounds = trained.rounds
    assert [line["round"] for line in rounds] == [1, 2, 3, 4, 5]
    rewards = [line["reward"] for line in rounds]
    assert max(rewards[-2:]) > rewards[0] + 0.3, rewards
    assert all(line["steps"] == line["groups"] - line["alike"] for line in rounds)
    steps = [line for line in trained.log("grpo_training") if "'grad_norm'" in line and "'loss'" in line]
    assert len(steps) == sum(line["steps"] for line in rounds) > 5
    assert not [line for line in steps if re.search(r"'grad_norm': (nan|inf|0\.0[,}])", line)]
    # The sampler has had the weights of all but the last step, at least.
    assert trained.log("inference").count("weights received") >= len(steps) - 1
    # LoRA's second factor begins at 0: whatever is there was learned.
    weights = adapter(trained.folder / "adapter")
    assert any(weight.abs().max() > 0 for name, weight in weights.items() if "lora_B" in name)
    assert (trained.folder / "adapter" / "adapter.gguf").exists()


def test_the_screen_has_what_the_training_says_and_no_more(trained: Run) -> None:
    lines = trained.out.read_text().splitlines()
    assert [re.split(r"[ :]", line)[0] for line in lines] == [
        "mask_truncated_completions",
        *["round"] * 5,
        "Trained",
    ], trained.said
    # What the test's own process says of torch, before anything begins.
    assert "Traceback" not in trained.err.read_text()


def test_arbors_processes_answer_this_machine_alone(trained: Run) -> None:
    (arguments,) = [line for line in trained.log("inference") if line.startswith("arguments:")]
    assert '"--host", "127.0.0.1"' in arguments
    assert not trained.processes()


@pytest.mark.slow
def test_what_came_out_is_evaluated_and_answers(trained: Run, tmp_path: Path) -> None:
    evaluator = Evaluator(tmp_path)
    with ModelServer() as server:
        local = f'{{ model = "transformers/{trained.model}", max_tokens = 8 }}'
        profile = evaluator.profile(server.base, local=local, concurrency="1", judge='{ kind = "lexical" }')
        given = ("--eval-profile", str(profile), "--eval-program", str(trained.folder), "--eval-limit", "2")
        run = evaluator.run("evals", "-m", "dev", *given, timeout=600)
        assert [row["error"] for row in run.rows if row["status"] == "infrastructure_error"] == [], run.out
        asked = subprocess.run(
            [
                *(sys.executable, "-m", "papillon", "ask", "Write a letter for Ann."),
                *("--profile", str(profile), "--program", str(trained.folder)),
            ],
            cwd=ROOT,
            env=evaluator.environment(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    # It may still miss the format, which is said in a sentence.
    assert "Traceback" not in asked.stderr
    assert asked.returncode == 0 or "format" in asked.stderr, asked.stderr


def test_a_killed_trainer_is_named_and_the_training_goes_on(tmp_path: Path, train: Train) -> None:
    rounds: dict[str, Any] = {"num_train_steps": 4, "num_steps_for_val": 2, "learning_rate": 1e-2}
    first = train(tmp_path / "run", **rounds)
    first.until(lambda: (first.folder / "checkpoints" / "step-000002").exists())
    for trainer in first.processes("-u -m papillon.training.arbor.trainer"):
        trainer.kill()
    assert first.wait(120) == 1
    assert re.search(
        r"^EndpointError: Expected Arbor's trainer to go on, got one that ended with status 1: "
        r"Signal 9 \(SIGKILL\) received by PID \d+; see \S+/grpo_training\.log, mend that, and resume \(--resume\)\.$",
        first.err.read_text(),
        re.MULTILINE,
    ), first.said
    assert "Traceback" not in first.err.read_text()
    assert not first.processes()
    kept = adapter(first.folder / "checkpoints" / "step-000002" / "adapter")

    second = train(first.folder, resume=True, **rounds)
    assert second.wait() == 0, second.said
    assert [line["round"] for line in second.rounds] == [1, 2, 3, 4]
    assert not list(second.folder.glob("merged-*"))
    # A step moves a weight by about the rate, so what it went on with is near; a new adapter's first factors are not.
    steps = sum(line["steps"] for line in second.rounds[2:])
    for name, weight in adapter(second.folder / "adapter").items():
        assert (weight - kept[name]).abs().max() <= 1.5 * steps * SETTINGS["learning_rate"] * 4 + 1e-6, name
    # The sampler, which has the bare model at first, is given them before anything is sampled.
    assert second.log("inference").count("weights received") >= steps
