"""What became of the rollouts: a watch over the program and its metric while ArborGRPO samples.

A rollout is rewarded when the program answered, gets the format's penalty when an output was not wholly in the format
or a provider's filter refused the request, and is dropped when a model, the network or the judge failed, since that
says nothing about the policy.
DSPy 3.4.1 would also drop one whose output had the format in part: it divides a list by a list there. And it gives an
output without a format the program's inputs in the place of its module's; here it gets those that it answered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import dspy
from dspy.utils.callback import BaseCallback
from dspy.utils.exceptions import AdapterParseError

from papillon.errors import EndpointError, Filtered, InfrastructureError, behind, cause_of
from papillon.training.grpo.requests import RequestWatch

__all__ = ["RolloutCounts", "RolloutWatch"]

#: Marks a rollout's prediction until the metric has seen it.
_ROLLOUT = "_papillon_rollout"


@dataclass(frozen=True)
class RolloutCounts:
    """Rollouts since the last look. ``rollouts`` is the sum of the three that follow it.

    ``format_failures`` were rewarded with the penalty, a filter's refusals among them; ``dropped`` were not rewarded,
    and ArborGRPO filled their groups up with copies of others. ``unvalidated`` are runs of a validation that a model or
    the judge failed: ArborGRPO scores them as failures, so its score is too low.
    """

    rollouts: int = 0
    scored: int = 0
    format_failures: int = 0
    dropped: int = 0
    unvalidated: int = 0

    def to_json(self) -> dict[str, int]:
        return asdict(self)


class RolloutWatch(BaseCallback):  # type: ignore[misc]
    """Counts a program's rollouts; its :meth:`metric` is the given one with the rules of training on top."""

    def __init__(
        self,
        program: dspy.Module,
        metric: Callable[..., float],
        failure_score: float = 0.0,
        format_failure_score: float = -1.0,
        reach_again: Callable[[], object] = lambda: None,
    ) -> None:
        self.program, self._metric = program, metric
        self.failure_score, self.format_failure_score = failure_score, format_failure_score
        self._reach_again = reach_again
        #: Requests that a provider's filter refused.
        self._refused: set[str] = set()
        self.last_failure: str | None = None
        #: Of the rollouts, not of validations.
        self.requests = RequestWatch(program)
        #: Rollouts dropped one after the other, none between them that said anything about the policy.
        self.in_vain = 0
        self._counts = RolloutCounts()
        self._rollouts: set[str] = set()
        #: In each thread, the predictor that was asked last and with what.
        self._last = threading.local()
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._ended = threading.Condition()

    @property
    def gathering(self) -> bool:
        """Whether rollouts are under way, and no validation."""
        return bool(self._rollouts)

    @property
    def gathered(self) -> int:
        """Rollouts since the last look."""
        return self._counts.rollouts

    def check(self, a_round: int) -> None:
        """Before a round: servers that could not be reached are tried again.

        Raises InfrastructureError where twice ``a_round`` rollouts failed one after the other.
        """
        if self.in_vain >= 2 * a_round:
            raise InfrastructureError(
                f"Expected rollouts to learn from, but the last {self.in_vain} all failed, most recently with "
                f"{self.last_failure}; mend that and resume."
            )
        self._reach_again()

    def told(self) -> dict[str, Any]:
        """For a round's line: :meth:`counts`, and what its requests look like."""
        return {**self.counts().to_json(), "requests": self.requests.taken().to_json()}

    def counts(self) -> RolloutCounts:
        """What happened since the last call of this method."""
        with self._lock:
            counts, self._counts = self._counts, RolloutCounts()
        return counts

    def metric(self, example: dspy.Example, prediction: dspy.Prediction, trace: Any = None) -> float:
        """The reward in training and the score in validation: the metric, or 0 for an empty answer.

        An empty answer leaks nothing, and would be worth half a point: the quickest thing to learn. A request that a
        filter refused is worth a failed format.
        """
        rollout = vars(prediction).pop(_ROLLOUT, False)
        if rollout and "llm_request" in prediction:  # a program of another kind may ask nobody
            self.requests.add(prediction.llm_request or "", example.user_query)
        if not getattr(prediction, "response", None):
            if rollout and getattr(prediction, "llm_request", None) in self._refused:
                self._count(scored=-1, format_failures=1)
                return self.format_failure_score
            return self.failure_score
        try:
            return float(self._metric(example, prediction))
        except Exception as error:
            self._failed(error, **({"scored": -1, "dropped": 1} if rollout else {"unvalidated": 1}))
            raise

    @contextmanager
    def watching(self, *, patience: float = 30.0) -> Iterator[None]:
        """Inside, the program's calls are counted, and a failure of its untrusted model is never its answer.

        DSPy leaves its threads behind when it is interrupted; what they run is waited for, ``patience`` seconds long.
        """
        untrusted = getattr(self.program, "untrusted_model", None)
        if untrusted is not None:
            self.program.untrusted_model = _Guarded(untrusted, self._refused.add)
        try:
            with dspy.context(callbacks=[*dspy.settings.get("callbacks", []), self]):
                yield
        finally:
            with self._ended:
                self._ended.wait_for(lambda: not self._running, timeout=patience)
            if untrusted is not None:
                self.program.untrusted_model = untrusted

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        if instance is not self.program:
            self._last.asked = instance, inputs.get("kwargs", {})
            return
        self._running.add(call_id)
        # DSPy puts another forward in the program's place while it gathers rollouts, and only then.
        if getattr(vars(instance).get("forward"), "__name__", "") == "patched_forward":
            self._rollouts.add(call_id)

    def on_adapter_parse_end(self, call_id: str, outputs: Any | None, exception: Exception | None = None) -> None:
        if isinstance(exception, AdapterParseError):
            exception.parsed_result = None  # or DSPy 3.4.1 loses the rollout

    def on_module_end(self, call_id: str, outputs: Any | None, exception: Exception | None = None) -> None:
        with self._ended:
            if call_id not in self._running:  # a module within the program
                return
            self._running.discard(call_id)
            self._ended.notify_all()
        if call_id not in self._rollouts:
            if exception is not None and not isinstance(exception, AdapterParseError):
                self._failed(exception, unvalidated=1)
            return
        self._rollouts.discard(call_id)
        if exception is None:
            answer, trace = outputs if isinstance(outputs, tuple) else (None, [])
            if isinstance(answer, dspy.Prediction):
                setattr(answer, _ROLLOUT, True)
                self._count(rollouts=1, scored=1)
            else:
                self._mend(trace)
                self._count(rollouts=1, format_failures=1)
        else:
            self._failed(exception, rollouts=1, dropped=1)

    def _mend(self, trace: list[tuple[Any, dict[str, Any], Any]]) -> None:
        """Give the failed output at the end of a trace the inputs of its own predictor."""
        asked, inputs = getattr(self._last, "asked", (None, {}))
        if trace and trace[-1][0] is asked:
            trace[-1] = (asked, dict(inputs), trace[-1][2])

    def _failed(self, error: Exception, **more: int) -> None:
        self.last_failure = cause_of(error)
        self._count(**more)

    def _count(self, **more: int) -> None:
        with self._lock:
            now = asdict(self._counts)
            self._counts = replace(self._counts, **{name: now[name] + by for name, by in more.items()})
            if "unvalidated" not in more:
                self.in_vain = self.in_vain + 1 if more.get("dropped") else 0


class _Guarded:
    """An untrusted model that answers a request which a filter refused with nothing, and ``refused`` hears of it.

    Every other failure is one that the program does not turn into an empty answer.
    """

    def __init__(self, model: Callable[[str], Any], refused: Callable[[str], None]) -> None:
        self.model, self.refused = model, refused

    def __call__(self, request: str) -> Any:
        try:
            return self.model(request)
        except Exception as error:
            if isinstance(behind(error), Filtered):
                self.refused(request)
                return ""
            if isinstance(error, InfrastructureError):
                raise
            raise EndpointError(f"The untrusted model failed: {cause_of(error)}") from error
