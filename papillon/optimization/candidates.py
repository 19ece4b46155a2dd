"""Candidates: the programs that an optimizer tries, their scores, and the calls that they are tried with.

DSPy's optimizers catch every exception and count it as a score of 0, or as nothing proposed. Here a model call that
cannot be had (the budget is spent, an endpoint failed) ends them from within, by an exception that is none of theirs
to catch, and a candidate's score comes from runs that have one: an example whose judging a provider's filter refuses
counts for none of them. Which optimizer runs is not known here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import dspy
from dspy.utils.callback import BaseCallback
from dspy.utils.exceptions import AdapterParseError, ContextWindowExceededError

from papillon.errors import (
    BudgetSpent,
    Filtered,
    InfrastructureError,
    PapillonError,
    Unreachable,
    behind,
    cause_of,
)
from papillon.models.roles import Models
from papillon.program import PAPILLON

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["CandidateWatch"]

#: What is the program's own doing, and a score of 0 for the gates as well.
_PROGRAM_ERRORS = (AdapterParseError, ContextWindowExceededError, Filtered)
Answer = TypeVar("Answer")
#: Marks a prediction with the candidate that gave it, until the metric has seen it.
_CANDIDATE = "_papillon_candidate"
#: Rollout numbers become trials of the store, which seeds draws; DSPy numbers them up to a milliard.
_TRIALS = 100_003


class _Stopped(BaseException):
    """Leaves an optimizer from within; no Exception, since an optimizer takes each of those for a score of 0."""


class CandidateWatch(BaseCallback):  # type: ignore[misc]
    """Hears every run of the program, keeps the scores of each candidate, and ends the optimizer when a call fails."""

    def __init__(
        self,
        validation: Sequence[dspy.Example],
        metric: Callable[[dspy.Example, dspy.Prediction], dspy.Prediction],
        used: Callable[[], int],
        max_calls: int,
        say: Callable[[str], None],
        names: Mapping[str, str] | None = None,
        reach_again: Callable[[], object] = lambda: None,
        program: type[dspy.Module] = PAPILLON,
    ) -> None:
        self._program = program
        self.failure: PapillonError | None = None
        self._queries = {example.user_query for example in validation}
        self._left_out: set[str] = set()
        self._names, self._reach_again = names or {}, reach_again
        self._metric, self._used, self._max_calls, self._say = metric, used, max_calls, say
        self._prompts: dict[str, list[tuple[Any, list[Any]]]] = {}
        self._scores: dict[str, dict[str, float]] = {}
        self._running: dict[str, tuple[str, str]] = {}
        self._inside, self._over, self._changed = 0, False, threading.Condition()

    def lm(self, models: Models, role: str) -> dspy.LM:
        """The role's model, whose failures end the optimizer."""
        return _WatchedLM(
            models.settings[role].model, lambda trial: _WatchedEngine(models.lm(role, trial).engine, self)
        )

    def metric(
        self, gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None
    ) -> dspy.Prediction | float:
        """The metric with its feedback; 0 where the program gave no prediction.

        An example whose judging a provider's filter refuses counts for no candidate any more, whatever its score.
        """
        if pred is None:
            return 0.0
        if gold.user_query in self._left_out:
            return _no_score()
        with self.inside():
            try:
                scored = self.once_more(lambda: self._metric(gold, pred))
            except Exception as error:
                if not isinstance(behind(error), Filtered):
                    self.stop(error)
                self._leave_out(gold.user_query, error)
                return _no_score()
        candidate = vars(pred).pop(_CANDIDATE, None)
        if candidate is not None:
            self._note(candidate, gold.user_query, float(scored.score))
        return scored

    def score(self, gold: Any, pred: Any, trace: Any = None) -> float | bool:
        """The metric's score alone; with a trace, whether the run is worth showing as an example."""
        scored = self.metric(gold, pred)
        value = float(getattr(scored, "score", scored))
        return value if trace is None else value >= 1.0

    def once_more(self, ask: Callable[[], Answer]) -> Answer:
        """What ``ask`` gives; where a server could not be reached, it is tried a second and last time."""
        try:
            return ask()
        except Exception as error:
            if not isinstance(behind(error), Unreachable):
                raise
            self._reach_again()
            return ask()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Around whatever may call a model: not entered once a call has failed, or the calls are used up."""
        with self._changed:
            # Each that is under way may be the call that uses them up; a recorded one comes as fast as it is counted.
            self._changed.wait_for(lambda: self._used() + self._inside < self._max_calls or not self._inside)
            if self.failure is None and self._used() >= self._max_calls:
                self.failure = BudgetSpent(f"The optimisation's {self._max_calls} calls are used up.")
            if self.failure is not None or self._over:
                raise _Stopped
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def stop(self, error: BaseException) -> NoReturn:
        self._fail(error)
        raise _Stopped from error

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Around an optimizer: what ended it from within has done so."""
        try:
            yield
        except _Stopped:
            pass
        except Exception as error:
            # An optimizer that gives up by itself: its candidates so far are as good as ever.
            self._fail(error)

    def settle(self) -> None:
        """Let no further call start, and wait for those in flight: they are paid for and get recorded."""
        with self._changed:
            self._over = True
            self._changed.wait_for(lambda: self._inside == 0)

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        # Runs with another temperature or draw than the profile's say nothing about a candidate's own score.
        if isinstance(instance, self._program) and not any(
            getattr(p.lm, "redrawn", False) for p in instance.predictors()
        ):
            prompts = [(predictor.signature, list(predictor.demos)) for predictor in instance.predictors()]
            said = [(signature.instructions, [dict(demo) for demo in demos]) for signature, demos in prompts]
            candidate = json.dumps(said, ensure_ascii=False, default=str)
            with self._changed:
                self._prompts.setdefault(candidate, prompts)
                self._running[call_id] = (candidate, str(inputs.get("kwargs", {}).get("user_query")))

    def on_module_end(self, call_id: str, outputs: Any | None, exception: BaseException | None = None) -> None:
        candidate, query = self._running.pop(call_id, (None, ""))
        if candidate is None or isinstance(exception, _Stopped):
            return
        if exception is None:
            # GEPA puts a forward in the program's place that gives its trace as well.
            prediction = outputs[0] if isinstance(outputs, tuple) else outputs
            setattr(prediction, _CANDIDATE, candidate)
        elif any(isinstance(each, _PROGRAM_ERRORS) for each in (exception, exception.__context__, behind(exception))):
            self._note(candidate, query, 0.0)
        else:
            # Not raised from here: the next call finds it, and no score comes of it meanwhile.
            self._fail(exception)

    @property
    def validation(self) -> int:
        """How many validation examples candidates are chosen by."""
        return len(self._queries)

    def means(self) -> dict[str, float]:
        """Each candidate's mean score, for those with a score on every validation example, in order of appearance."""
        with self._changed:
            return {
                candidate: sum(scores[query] for query in self._queries) / len(self._queries)
                for candidate in self._prompts
                if self._queries and (scores := self._scores.get(candidate, {})).keys() >= self._queries
            }

    def apply_best(self, program: dspy.Module) -> tuple[float | None, float | None]:
        """Give the program the best candidate's prompts; the first candidate's mean and the best's."""
        means = self.means()
        first = next(iter(self._prompts), "")
        if first not in means:
            return None, None
        best = max(means, key=means.__getitem__)
        for predictor, (signature, demos) in zip(program.predictors(), self._prompts[best], strict=True):
            predictor.signature, predictor.demos = signature, list(demos)
        return means[first], means[best]

    def _note(self, candidate: str, query: str, score: float) -> None:
        if query not in self._queries:
            return
        with self._changed:
            scores = self._scores.setdefault(candidate, {})
            done = query not in scores and scores.keys() | {query} >= self._queries
            scores.setdefault(query, score)
        if done:
            means = self.means()
            self._say(
                f"  candidate {len(means)}, after {self._used()} of {self._max_calls} calls: {means[candidate]:.3f} "
                f"on {self.validation} validation examples, best {max(means.values()):.3f}"
            )

    def _leave_out(self, query: str, error: Exception) -> None:
        with self._changed:
            known = query in self._left_out
            self._left_out.add(query)
            self._queries.discard(query)
        if not self._queries:
            self._fail(error)  # nothing is left to choose by
        if not known:
            self._say(f"  {self._names.get(query, 'an example')} is left out for every candidate: {cause_of(error)}")

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self.failure = self.failure or behind(error) or InfrastructureError(cause_of(error))


def _no_score() -> dspy.Prediction:
    """What an optimizer is told of an example that is left out: the same of every candidate."""
    return dspy.Prediction(score=0.0, feedback="This answer could not be judged; there is nothing to learn from it.")


class _WatchedEngine:
    """An engine whose failures end the optimizer instead of becoming its scores."""

    supports_response_schema = True

    def __init__(self, inner: Any, watch: CandidateWatch) -> None:
        self.inner, self.watch = inner, watch
        self.supported_params = inner.supported_params

    def complete(self, request: Request) -> Response:
        with self.watch.inside():
            try:
                response: Response = self.watch.once_more(lambda: self.inner.complete(request))
            except Filtered:
                raise
            except PapillonError as error:
                self.watch.stop(error)
        return response

    def __deepcopy__(self, memo: dict[int, Any]) -> _WatchedEngine:
        return self


class _WatchedLM(dspy.LM):  # type: ignore[misc]
    """A model whose copies with another ``rollout_id`` draw anew; DSPy keeps that number from the engine."""

    redrawn = False

    def __init__(self, model: str, engine_of: Callable[[int], _WatchedEngine]) -> None:
        super().__init__(model, engine=engine_of(0), cache=False, num_retries=0)
        self._engine_of = engine_of

    def copy(self, **kwargs: Any) -> _WatchedLM:
        rollout = kwargs.pop("rollout_id", None)
        if rollout is not None:
            kwargs["engine"] = self._engine_of(rollout % _TRIALS)
        copied: _WatchedLM = super().copy(**kwargs)
        copied.redrawn = rollout is not None
        return copied
