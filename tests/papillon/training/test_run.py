"""Whole trainings: the real ArborGRPO over PAPILLON, a policy of random weights, two rounds in seconds."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
pytest.importorskip("arbor", reason="the gpu extra (arbor-ai, torch, peft) is not installed", exc_type=ImportError)

import dspy  # noqa: E402

from papillon.errors import InfrastructureError, ProfileError, UsageError  # noqa: E402
from papillon.program import PAPILLON  # noqa: E402
from papillon.training.arbor.arguments import train_kwargs  # noqa: E402
from papillon.training.grpo.learner import DivergenceError, Learner  # noqa: E402
from papillon.training.grpo.policy import Policy  # noqa: E402
from papillon.training.run import Trained, sampling_model, train  # noqa: E402
from papillon.training.settings import TrainSettings  # noqa: E402
from tests.harness.runs import await_rounds  # noqa: E402
from tests.papillon.training.tiny import OUTPUTS, preferred, tiny_model, tiny_tokenizer  # noqa: E402

# LiteLLM, arbor and uvicorn are imported and run here, and warn of their own old habits.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "UserWarning", "FutureWarning", "ResourceWarning")
]

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """LiteLLM leaves its clients' sockets to the garbage collector: here, where it is known, and not later."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


EXAMPLES = [
    dspy.Example(user_query=f"Write a letter for {name}.", target_response="x", pii_str=name).with_inputs("user_query")
    for name in ("Ann", "Bob", "Cid", "Dan")
]


def settings(**more: Any) -> TrainSettings:
    return TrainSettings.from_json(
        {
            "model": "tiny",
            "num_train_steps": 2,
            "num_dspy_examples_per_grpo_step": 2,
            "num_samples_per_input": 6,
            "num_threads": 4,
            "num_steps_for_val": 2,
            "max_tokens": 4,
            "learning_rate": 3e-3,
            "warmup_steps": 0,
            "lora_config": {"r": 4, "lora_dropout": 0.0},
            **more,
        }
    )


def policy() -> Policy:
    tokenizer = tiny_tokenizer()
    return Policy(tiny_model(prefer=preferred(tokenizer)), tokenizer, settings().lora_config)


def metric(example: Any, prediction: Any, trace: Any = None) -> float:
    """What is rewarded: the one answer that begins with Gladly."""
    return 1.0 if prediction.response.startswith("Gladly") else 0.0


def run(
    folder: Path,
    untrusted: Callable[[str], Any] = lambda request: "Dear Sir,",
    said: list[str] | None = None,
    metric: Callable[..., float] = metric,
    resume: bool = False,
    **more: Any,
) -> Trained:
    program = PAPILLON(untrusted_model=untrusted)
    say = (said if said is not None else []).append
    return train(
        settings(**more),
        program,
        EXAMPLES,
        EXAMPLES[:2],
        metric,
        folder,
        "cpu",
        resume=resume,
        say=say,
        policy=policy(),
    )


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_completions_stand_in_the_record_as_they_were_drawn(tmp_path: Path) -> None:
    groups = [json.loads(line)["group"] for line in (run(tmp_path / "run").folder / "completions.jsonl").open()]
    texts = {item["text"] for group in groups for item in group}
    written = {text for text in OUTPUTS if "[[ ##" in text}
    assert len(texts & written) >= 2
    assert not [text for text in texts - written if "completed ## ]]\n" in text]  # DSPy's form of one


def adapter(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "adapter" / "adapter_model.safetensors"))


def test_a_training_leaves_a_folder_that_says_everything(tmp_path: Path) -> None:
    said: list[str] = []
    trained = run(tmp_path / "run", said=said)
    folder = trained.folder
    assert trained.rounds == 2
    assert trained.score_before is not None
    assert {path.name for path in folder.iterdir()} >= {
        "adapter",
        "program.json",
        "settings.json",
        "versions.json",
        "metrics.jsonl",
        "completions.jsonl",
        "curve.svg",
        "training.log",
    }
    first, second = lines(folder)
    assert (first["round"], second["round"]) == (1, 2)
    assert first["rollouts"] == first["scored"] + first["format_failures"] + first["dropped"]
    assert first["rollouts"] == 12
    assert first["steps"] + second["steps"] > 0
    assert first["spread"] > 0
    assert json.loads((folder / "versions.json").read_text())["arbor-ai"] == "0.2.17"
    trained_weights = adapter(folder)
    assert all(torch.isfinite(weight).all() for weight in trained_weights.values())
    # LoRA's second factor begins at 0: whatever is there was learned.
    assert any(weight.abs().max() > 0 for name, weight in trained_weights.items() if "lora_B" in name)
    assert said[0].startswith("round 1/2 · reward ")
    assert said[1].endswith("0 min left")


def test_a_failure_counts_the_same_in_the_validations_before_and_after(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    formless = Policy(tiny_model(prefer=preferred(tokenizer)[-1:]), tokenizer, settings().lora_config)
    program = PAPILLON(untrusted_model=lambda request: "Dear Sir,")
    told = settings(failure_score=-0.5, num_train_steps=1)
    trained = train(
        told, program, EXAMPLES, EXAMPLES[:2], metric, tmp_path, "cpu", say=lambda line: None, policy=formless
    )
    assert (trained.score_before, trained.score_after) == (-50.0, -50.0)


def test_the_examples_trained_on_may_be_those_validated_on(tmp_path: Path) -> None:
    trained = run(tmp_path / "run", use_train_as_val=True, report_train_scores=True)
    assert trained.score_before is not None
    assert trained.score_after is not None


def test_trainer_and_sampling_model_cannot_differ_in_the_four_values(tmp_path: Path) -> None:
    # ArborGRPO refuses a training where they do; both come from one setting here, and no other name is taken.
    told = settings(temperature=0.7, top_p=0.9, top_k=20, repetition_penalty=1.1)
    sampling, trainer = sampling_model(told, "m", "http://127.0.0.1:1/v1/", None).kwargs, train_kwargs(told)
    names = ("temperature", "top_p", "top_k", "repetition_penalty")
    assert [sampling[name] for name in names] == [trainer[name] for name in names] == [0.7, 0.9, 20, 1.1]
    with pytest.raises(
        ProfileError, match=r"^Expected a setting of train, got 'sampling_temperature'; did you mean 'temperature'"
    ):
        settings(sampling_temperature=0.5)


def test_the_programs_own_models_are_put_back(tmp_path: Path) -> None:
    program = PAPILLON(untrusted_model=lambda request: "Dear Sir,")
    untrusted = program.untrusted_model
    train(settings(), program, EXAMPLES, None, metric, tmp_path / "run", "cpu", say=lambda line: None, policy=policy())
    assert [predictor.lm for predictor in program.predictors()] == [None, None]
    assert program.untrusted_model is untrusted


def test_a_resumed_training_learns_what_an_unbroken_one_does(tmp_path: Path) -> None:
    steps = {"num_train_steps": 4, "num_threads": 1, "num_steps_for_val": 2, "checkpoint": "none"}
    unbroken = run(tmp_path / "whole", **steps)

    class Stop(Exception):
        pass

    said: list[str] = []

    def stop(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            raise Stop  # before this round has its checkpoint

    program = PAPILLON(untrusted_model=lambda request: "Dear Sir,")
    folder, few = tmp_path / "cut", EXAMPLES[:2]
    with pytest.raises(Stop):
        train(settings(**steps), program, EXAMPLES, few, metric, folder, "cpu", say=stop, policy=policy())
    went_on = run(folder, **steps, resume=True)

    whole, resumed = lines(tmp_path / "whole"), lines(tmp_path / "cut")
    assert [line["round"] for line in resumed] == [1, 2, 3, 4]
    assert [line["validation_score"] is not None for line in resumed] == [True, True, False, True]
    assert (went_on.score_before, went_on.score_after) == (unbroken.score_before, unbroken.score_after)
    same = ("reward", "spread", "steps", "gradient", "rollouts", "format_failures", "validation_score")
    assert [{name: line[name] for name in same} for line in resumed] == [
        {name: line[name] for name in same} for line in whole
    ]
    for name, weight in adapter(tmp_path / "whole").items():
        assert torch.equal(weight, adapter(tmp_path / "cut")[name]), name


def test_a_hub_that_is_away_is_said_at_once_and_leaves_no_training_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    began, program = time.monotonic(), PAPILLON(untrusted_model=lambda request: "Dear Sir,")
    with pytest.raises(
        UsageError,
        match=r"^Expected a causal language model at 'nobody/nothing' \(train\.model\), but http://127\.0\.0\.1:9 "
        r"cannot be reached \(\w+\); fetch it once with a network, or name a folder\.$",
    ):
        train(settings(model="nobody/nothing"), program, EXAMPLES, None, metric, tmp_path / "run", "cpu")
    assert time.monotonic() - began < 10
    assert not (tmp_path / "run").exists()


def test_a_damaged_checkpoint_is_named_by_its_file_where_a_training_is_resumed(tmp_path: Path) -> None:
    run(tmp_path / "run", checkpoint="none")
    (checkpoint,) = (tmp_path / "run" / "checkpoints").glob("step-*")
    said = {
        "compiler.json": r"^Expected a whole .*/compiler\.json, got: .*; put back a copy of it, or train into another",
        "learner.pt": r"^Expected a whole .*/learner\.pt, got: (?!.*weights_only)",
        "adapter/adapter_model.safetensors": r"^Expected an adapter's weights in .*model\.safetensors, got: .*; name a",
    }
    for name, sentence in said.items():
        file = checkpoint / name
        sound = file.read_bytes()
        for damaged in (b"garbage", b"", sound[: len(sound) // 2]):
            file.write_bytes(damaged)
            with pytest.raises(UsageError, match=sentence):
                run(tmp_path / "run", checkpoint="none", num_train_steps=3, resume=True)
        file.write_bytes(sound)
    run(tmp_path / "run", checkpoint="none", num_train_steps=3, resume=True)


def test_a_rollout_whose_untrusted_model_failed_is_dropped_not_rewarded(tmp_path: Path) -> None:
    calls = iter(range(10_000))

    def fails_sometimes(request: str) -> str:
        if next(calls) % 2:
            raise RuntimeError("the endpoint hung up")
        return "Dear Sir,"

    run(tmp_path / "run", fails_sometimes)
    counted = lines(tmp_path / "run")
    assert sum(line["dropped"] for line in counted) > 0


def test_a_judge_that_fails_drops_the_rollout(tmp_path: Path) -> None:
    def broken(example: Any, prediction: Any, trace: Any = None) -> float:
        raise RuntimeError("no verdict")

    run(tmp_path / "run", metric=broken, num_train_steps=1, num_samples_per_input=12)
    line = lines(tmp_path / "run")[0]
    assert line["scored"] == 0
    assert line["rollouts"] == line["format_failures"] + line["dropped"]


def test_rollouts_that_all_fail_end_the_training_and_name_the_cause(tmp_path: Path, monkeypatch: Any) -> None:
    def unreachable(self: Policy, *arguments: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Policy, "sample", unreachable)
    with pytest.raises(InfrastructureError, match=r"but the last \d+ all failed, most recently with .*out of memory"):
        run(tmp_path / "run", num_train_steps=20)


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: Any
) -> None:
    learn = Learner.learn

    def diverges_later(self: Learner, groups: Any) -> Any:
        if self.schedule.last_epoch >= 1:
            raise DivergenceError("Expected a finite loss, got nan; training stopped.")
        return learn(self, groups)

    monkeypatch.setattr(Learner, "learn", diverges_later)
    with pytest.raises(DivergenceError, match="Expected a finite loss, got nan"):
        run(tmp_path / "run", num_train_steps=10)
    marks = json.loads((tmp_path / "run" / "checkpoints" / "checkpoints.json").read_text())
    assert (tmp_path / "run" / "checkpoints" / marks["last"]["name"] / "adapter").is_dir()
    assert marks["last"]["step"] == len(lines(tmp_path / "run"))


def test_a_folder_with_a_training_in_it_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(json.dumps(settings().to_json()))
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(
        UsageError, match=r"Expected a folder without a training in it, got .*; resume it \(--resume\), or"
    ):
        run(tmp_path)
    with pytest.raises(UsageError, match=r"Expected train\.seed to be 0, as when the training in .* began, got 1"):
        run(tmp_path, resume=True, seed=1)


@pytest.mark.slow
def test_a_killed_training_goes_on_where_it_was(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from tests.papillon.training.test_run import run
        run(Path(sys.argv[1]), num_train_steps=50)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "run")], cwd=ROOT)
    await_rounds(process, tmp_path)
    process.kill()
    process.wait()
    done = json.loads((tmp_path / "run" / "checkpoints" / "checkpoints.json").read_text())["last"]["step"]
    trained = run(tmp_path / "run", num_train_steps=done + 2, resume=True)
    assert trained.rounds == done + 2
    assert [line["round"] for line in lines(tmp_path / "run")] == list(range(1, done + 3))
