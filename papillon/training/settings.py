"""What a training run is told: the tutorial's numbers as one checked object.

The names are the tutorial's, in one flat list, as a profile's ``train`` table has them. How arbor-ai takes
them is ``papillon.training.arbor_arguments``' matter, and which device trains ``papillon.training.devices``'.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from papillon.errors import ProfileError

__all__ = ["Lora", "TrainSettings"]

SAMPLING = ("temperature", "top_p", "top_k", "repetition_penalty")

_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj")


@dataclass(frozen=True)
class Lora:
    """A low-rank adapter: rank ``r``, scale ``lora_alpha / r``, on the linear layers named."""

    r: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.05
    target_modules: tuple[str, ...] = _LINEAR


@dataclass(frozen=True)
class TrainSettings:
    """One training run; the defaults are the tutorial's, or arbor-ai's where the tutorial is silent.

    Raises ProfileError, naming the setting, for a value of the wrong type or outside its range.
    """

    #: The model that is trained: a hub name, a folder, a .gguf file, or one under ``embedded`` for what ships.
    model: str = "Qwen/Qwen2.5-1.5B-Instruct"
    #: Most tokens of one completion.
    max_tokens: int = 2048
    #: Of the sampling, the adapter's first weights, and the order of the examples.
    seed: int = 0

    # How completions are drawn. The trainer's and the sampling model's must agree, so they are set once.
    temperature: float = 1.0
    top_p: float = 1.0
    #: -1 keeps every token.
    top_k: int = -1
    repetition_penalty: float = 1.0

    #: The share of rollouts' draws whose markers the sampler writes, for a model too small to hit the format: with
    #: 1 all draws always, below it the rollouts' alone, so that there is something to learn; on one device alone.
    guided: float = 0.0

    # What one round is: some examples, each run several times.
    num_train_steps: int = 500
    num_dspy_examples_per_grpo_step: int = 4
    #: Rollouts of one example; those of one predictor are a group, and a group's mean is its baseline.
    num_samples_per_input: int = 8
    num_threads: int = 24
    num_steps_for_val: int = 10
    #: The predictors share one model and one job; nothing else exists in arbor-ai any more.
    multitask: Literal[True] = True
    exclude_demos: Literal[True] = True
    use_train_as_val: bool = False
    report_train_scores: bool = False
    checkpoint: Literal["single-best", "improvements", "none"] = "single-best"
    #: Reward of a rollout that gave no usable answer, and of one whose output had no format at all.
    failure_score: float = 0.0
    format_failure_score: float = -1.0

    # How a round's groups become steps of the optimiser.
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 4
    learning_rate: float = 1e-6
    lr_scheduler_type: Literal["constant", "constant_with_warmup"] = "constant_with_warmup"
    warmup_steps: int = 10
    max_steps: int = 1000
    weight_decay: float = 0.001
    max_grad_norm: float = 1.0
    loss_type: Literal["grpo", "bnpo", "dr_grpo", "dapo"] = "dapo"
    #: Whether advantages are divided by their group's standard deviation.
    scale_rewards: bool = False
    #: Weight of the KL divergence from the untrained model.
    beta: float = 0.0
    #: How far a token's probability may move before its gradient is cut, downwards and upwards.
    epsilon: float = 0.2
    epsilon_high: float = 0.28
    mask_truncated_completions: bool = True
    gradient_checkpointing: bool = True
    bf16: bool = True
    max_prompt_length: int | None = None
    max_completion_length: int | None = None
    #: Longest prompt with its completion, in tokens; arbor-ai does not start without it.
    max_seq_len: int = 8192
    lora_config: Lora = field(default_factory=Lora)

    # Arbor's GPUs, and what is written down.
    num_training_gpus: int = 3
    num_inference_gpus: int = 1
    #: The tutorial reports to wandb; here only who asks for it does.
    report_to: Literal["none", "wandb"] = "none"
    log_completions: bool = True
    logging_steps: int = 1

    #: The full training passes when the interval of its paired gain lies above this.
    min_gain: float = 0.0

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name, hint in hints.items():
            object.__setattr__(self, name, _typed(name, getattr(self, name), hint))
        for name, (holds, range_) in _RANGES.items():
            if (value := getattr(self, name)) is not None and not holds(value):
                raise ProfileError(f"Expected train.{name} to be {range_}, got {value!r}; change it.")
        if self.failure_score <= self.format_failure_score:
            raise ProfileError(
                f"Expected train.failure_score above train.format_failure_score, got {self.failure_score} "
                f"and {self.format_failure_score}; partly well-formed outputs are rewarded between the two."
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
        _known(cls=TrainSettings, table=table, where="train")
        return replace(self, **table)

    def smoke(self) -> TrainSettings:
        """Two steps over a handful of examples: enough to see that everything is joined up."""
        return replace(
            self,
            num_train_steps=2,
            num_dspy_examples_per_grpo_step=2,
            num_samples_per_input=4,
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


_COUNTS = (
    *("max_tokens", "num_train_steps", "num_dspy_examples_per_grpo_step", "num_threads", "num_steps_for_val"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "max_steps", "max_prompt_length"),
    *("max_completion_length", "max_seq_len", "num_training_gpus", "num_inference_gpus", "logging_steps"),
)

_RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **{name: (lambda value: value >= 1, "1 or more") for name in _COUNTS},
    "num_samples_per_input": (lambda value: value >= 2, "2 or more, since a group is its own baseline"),
    "temperature": (lambda value: value > 0, "above 0, since equal rollouts teach nothing"),
    "top_p": (lambda value: 0 < value <= 1, "in (0, 1]"),
    "top_k": (lambda value: value == -1 or value >= 1, "-1 (all tokens) or 1 or more"),
    **{name: (lambda value: value > 0, "above 0") for name in ("repetition_penalty", "learning_rate", "max_grad_norm")},
    **{
        name: (lambda value: value >= 0, "0 or more")
        for name in ("warmup_steps", "weight_decay", "beta", "epsilon_high", "seed")
    },
    "min_gain": (lambda value: -1 <= value <= 1, "a difference in [-1, 1]"),
    "guided": (lambda value: 0 <= value <= 1, "a share in [0, 1]"),
    "epsilon": (lambda value: 0 <= value < 1, "in [0, 1)"),
    "lora_config": (
        lambda lora: lora.r >= 1 and 0 <= lora.lora_dropout < 1 and bool(lora.target_modules),
        "a table with r of 1 or more, lora_dropout in [0, 1) and some target_modules",
    ),
}


def _known(cls: type, table: Mapping[str, Any], where: str) -> None:
    names = [f.name for f in fields(cls)]
    for name in table:
        if name not in names:
            raise ProfileError(
                f"Expected a setting of {where} ({', '.join(names)}), got {name!r}; remove or correct it."
            )


def _typed(name: str, value: Any, hint: Any) -> Any:
    """``value`` as ``hint`` has it, or a ProfileError that names the setting."""
    options = get_args(hint) if get_origin(hint) in (types.UnionType, Union) else (hint,)
    for option in options:
        if option is types.NoneType and value is None:
            return None
        if get_origin(option) is Literal:
            if any(value is choice or (value == choice and type(value) is type(choice)) for choice in get_args(option)):
                return value
        elif option is Lora and isinstance(value, Lora):
            return value
        elif option is Lora and isinstance(value, Mapping):
            _known(Lora, value, f"train.{name}")
            inner = get_type_hints(Lora)
            return Lora(**{key: _typed(f"{name}.{key}", item, inner[key]) for key, item in value.items()})
        elif get_origin(option) is tuple:
            if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
                return tuple(value)
        elif option is float and type(value) in (int, float) and value == value:
            return float(value)
        elif isinstance(option, type) and type(value) is option:
            return value
    raise ProfileError(f"Expected train.{name} to be {_spoken(hint)}, got {value!r}; correct it.")


def _spoken(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    words = {
        int: "a whole number",
        float: "a number",
        str: "a string",
        bool: "true or false",
        Lora: "a table",
    }
    if get_origin(hint) in (types.UnionType, Union):
        return " or ".join(_spoken(option) for option in get_args(hint) if option is not types.NoneType)
    return words.get(hint, "a list of strings")
