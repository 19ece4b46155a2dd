"""What a training run is told: the tutorial's numbers as one checked object.

The names are the tutorial's, in one flat list, as a profile's ``train`` table has them. How arbor-ai takes
them is ``papillon.training.arbor.arguments``' matter, and which device trains ``papillon.training.devices``'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, Literal

from papillon.errors import ProfileError
from papillon.shape import Bound, Unfit, Unknown, check_keys, fit
from papillon.spelling import nearest

__all__ = ["Lora", "TrainSettings"]

SAMPLING = ("temperature", "top_p", "top_k", "repetition_penalty")

#: What other trainers call these, TRL and peft among them.
_ELSEWHERE = {
    "lr": "learning_rate",
    "num_steps": "num_train_steps",
    "steps": "num_train_steps",
    "num_train_epochs": "num_train_steps",
    "epochs": "num_train_steps",
    "batch_size": "per_device_train_batch_size",
    "num_generations": "num_samples_per_input",
    "group_size": "num_samples_per_input",
    "max_length": "max_seq_len",
    "max_model_len": "max_seq_len",
    "max_new_tokens": "max_tokens",
    "kl_coef": "beta",
    "rank": "lora_config.r",
    "lora_r": "lora_config.r",
    "lora_rank": "lora_config.r",
    "lora_alpha": "lora_config.lora_alpha",
    "lora_dropout": "lora_config.lora_dropout",
    "target_modules": "lora_config.target_modules",
}

Count = Annotated[int, Bound(lambda value: value >= 1, "1 or more")]
Positive = Annotated[float, Bound(lambda value: value > 0, "above 0")]
_NONE_OR_MORE = Bound(lambda value: value >= 0, "0 or more")

_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj")


@dataclass(frozen=True)
class Lora:
    """A low-rank adapter: rank ``r``, scale ``lora_alpha / r``, on the linear layers named."""

    r: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.05
    target_modules: tuple[str, ...] = _LINEAR


_LORA = Bound(
    lambda lora: lora.r >= 1 and 0 <= lora.lora_dropout < 1 and bool(lora.target_modules),
    "a table with r of 1 or more, lora_dropout in [0, 1) and some target_modules",
)


@dataclass(frozen=True)
class TrainSettings:
    """One training run; the defaults are the tutorial's, or arbor-ai's where the tutorial is silent.

    Raises ProfileError, naming the setting, for a value of the wrong type or outside its range.
    """

    #: The model that is trained: a hub name, a folder, a .gguf file, or one under ``embedded`` for what ships.
    model: str = "Qwen/Qwen2.5-1.5B-Instruct"
    #: Most tokens of one completion.
    max_tokens: Count = 2048
    #: Of the sampling, the adapter's first weights, and the order of the examples.
    seed: Annotated[int, _NONE_OR_MORE] = 0

    # How completions are drawn. The trainer's and the sampling model's must agree, so they are set once.
    temperature: Annotated[float, Bound(lambda value: value > 0, "above 0, since equal rollouts teach nothing")] = 1.0
    top_p: Annotated[float, Bound(lambda value: 0 < value <= 1, "in (0, 1]")] = 1.0
    #: -1 keeps every token.
    top_k: Annotated[int, Bound(lambda value: value == -1 or value >= 1, "-1 (all tokens) or 1 or more")] = -1
    repetition_penalty: Positive = 1.0

    #: The share of rollouts' draws whose markers the sampler writes, for a model too small to hit the format: with
    #: 1 all draws always, below it the rollouts' alone, so that there is something to learn; on one device alone.
    guided: Annotated[float, Bound(lambda value: 0 <= value <= 1, "a share in [0, 1]")] = 0.0

    # What one round is: some examples, each run several times.
    num_train_steps: Count = 500
    num_dspy_examples_per_grpo_step: Count = 4
    #: Rollouts of one example; those of one predictor are a group, and a group's mean is its baseline.
    num_samples_per_input: Annotated[
        int, Bound(lambda value: value >= 2, "2 or more, since a group is its own baseline")
    ] = 8
    num_threads: Count = 24
    num_steps_for_val: Count = 10
    #: The predictors share one model and one job; nothing else exists in arbor-ai any more.
    multitask: Literal[True] = True
    exclude_demos: Literal[True] = True
    use_train_as_val: bool = False
    report_train_scores: bool = False
    checkpoint: Literal["single-best", "improvements", "none"] = "single-best"
    #: What a rollout earns: the composite that the gates judge, or (quality + carried × (1 − leakage)) / 2, under
    #: which a request that says nothing earns nothing.
    reward: Literal["composite", "carried"] = "composite"
    #: Reward of a rollout that gave no usable answer, and of one whose output had no format at all.
    failure_score: float = 0.0
    format_failure_score: float = -1.0

    # How a round's groups become steps of the optimiser.
    per_device_train_batch_size: Count = 8
    gradient_accumulation_steps: Count = 4
    learning_rate: Positive = 1e-6
    lr_scheduler_type: Literal["constant", "constant_with_warmup"] = "constant_with_warmup"
    warmup_steps: Annotated[int, _NONE_OR_MORE] = 10
    max_steps: Count = 1000
    weight_decay: Annotated[float, _NONE_OR_MORE] = 0.001
    max_grad_norm: Positive = 1.0
    loss_type: Literal["grpo", "bnpo", "dr_grpo", "dapo"] = "dapo"
    #: Whether advantages are divided by their group's standard deviation.
    scale_rewards: bool = False
    #: Weight of the KL divergence from the untrained model.
    beta: Annotated[float, _NONE_OR_MORE] = 0.0
    #: How far a token's probability may move before its gradient is cut, downwards and upwards.
    epsilon: Annotated[float, Bound(lambda value: 0 <= value < 1, "in [0, 1)")] = 0.2
    epsilon_high: Annotated[float, _NONE_OR_MORE] = 0.28
    #: How many times as likely a token of a bad completion counts at most, which epsilon_high leaves open.
    delta: Annotated[float, Bound(lambda value: value > 1, "above 1")] | None = None
    mask_truncated_completions: bool = True
    gradient_checkpointing: bool = True
    bf16: bool = True
    max_prompt_length: Count | None = None
    max_completion_length: Count | None = None
    #: Longest prompt with its completion, in tokens; arbor-ai does not start without it.
    max_seq_len: Count = 8192
    lora_config: Annotated[Lora, _LORA] = field(default_factory=Lora)

    # Arbor's GPUs, and what is written down.
    num_training_gpus: Count = 3
    num_inference_gpus: Count = 1
    #: The tutorial reports to wandb; here only who asks for it does.
    report_to: Literal["none", "wandb"] = "none"
    log_completions: bool = True
    logging_steps: Count = 1

    #: The full training passes when the interval of its paired gain lies above this.
    min_gain: Annotated[float, Bound(lambda value: -1 <= value <= 1, "a difference in [-1, 1]")] = 0.0

    def __post_init__(self) -> None:
        try:
            fit(self)
        except Unfit as wrong:
            raise ProfileError(
                f"Expected train.{wrong.key} to be {wrong.phrase()}, got {wrong.value!r}; correct it."
            ) from None
        except Unknown as unknown:
            raise _refusal(unknown) from None
        if self.failure_score <= self.format_failure_score:
            raise ProfileError(
                f"Expected train.failure_score above train.format_failure_score, got {self.failure_score} "
                f"and {self.format_failure_score}; a run without an answer may not earn less than one without a format."
            )
        if self.max_tokens >= self.max_seq_len:
            raise ProfileError(
                "Expected train.max_seq_len, of a prompt with its completion, above train.max_tokens, of the "
                f"completion alone, got {self.max_seq_len} and {self.max_tokens}; raise the first or lower the second."
            )
        if self.use_train_as_val != self.report_train_scores:
            # Alone, the second would make arbor-ai give validation scores as fractions, and else it gives percentages.
            raise ProfileError(
                "Expected train.use_train_as_val and train.report_train_scores to be both true or both false, got "
                f"{self.use_train_as_val} and {self.report_train_scores}; set both."
            )

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> TrainSettings:
        """Settings from a profile's ``train`` table or from :meth:`to_json`; what is absent is default."""
        return cls().override(table)

    def override(self, table: Mapping[str, Any]) -> TrainSettings:
        """These settings with the values of ``table``; raises ProfileError for a name not among them."""
        try:
            check_keys(TrainSettings, table)
        except Unknown as unknown:
            raise _refusal(unknown) from None
        return replace(self, **table)

    def smoke(self) -> TrainSettings:
        """Two steps over a handful of examples: enough to see that everything is joined up."""
        return replace(
            self,
            num_train_steps=2,
            num_dspy_examples_per_grpo_step=2,
            num_samples_per_input=4,
            # A group at a time, since what its completions answer is read once for all of them.
            per_device_train_batch_size=4,
            gradient_accumulation_steps=4,
            num_threads=min(self.num_threads, 8),
            num_steps_for_val=2,
            # Where the markers are written, nothing need be long.
            max_tokens=min(self.max_tokens, 64 if self.guided else 160),
            warmup_steps=0,
            learning_rate=max(self.learning_rate, 1e-4),
            num_training_gpus=1,
            num_inference_gpus=1,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def sampling(self) -> dict[str, float | int]:
        """The four values that trainer and sampling model share."""
        return {name: getattr(self, name) for name in SAMPLING}

    @property
    def sequences_per_step(self) -> int:
        """Completions behind one step of the optimiser on one device."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps


def _refusal(unknown: Unknown) -> ProfileError:
    table = ".".join(filter(None, ("train", unknown.table)))
    elsewhere = _ELSEWHERE.get(unknown.key, "").removeprefix(f"{unknown.table}.")
    near = elsewhere or nearest(unknown.key, unknown.known)
    if near is not None:
        return ProfileError(f"Expected a setting of {table}, got {unknown.key!r}; did you mean {near!r}?")
    known = ", ".join(unknown.known)
    return ProfileError(f"Expected a setting of {table} ({known}), got {unknown.key!r}; remove or correct it.")
