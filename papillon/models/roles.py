"""Models: the language models of a run by role, each a dspy.LM over a stack of small engines.

From the outside in: the store of recorded calls, the limits, the retries with the budget, and the
model itself. A role is ``local``, ``untrusted`` or ``judge``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType, MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

# DSPy fetches a table of model metadata over the network on first use, in every process, unless told not to.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import dspy

from papillon.errors import StoreError, Unreachable
from papillon.models.adapters import adapter_for
from papillon.models.backends import backend_of
from papillon.models.budget import Budget
from papillon.models.halves import Awaited, Blocking
from papillon.models.ledger import Ledger
from papillon.models.loop import ModelLoop
from papillon.models.open_files import make_room
from papillon.models.providers import HERE, LLAMA_CPP, identity_of, made_known, needed_first, price_of, provider_of
from papillon.models.recorded import Recorded
from papillon.models.retry import Retrying
from papillon.models.slots import AdaptiveSlots, Slots
from papillon.models.stop import Stop
from papillon.profile import ModelSettings, Profile, RecordMode
from papillon.screen import visible
from papillon.store import Keeper, KeyLocks, Neighbours, Store

if TYPE_CHECKING:
    from dspy.lm15 import Request

__all__ = ["Models", "open_models"]

logger = logging.getLogger(__name__)

#: Seconds after which a wait for calls in flight is told of.
CLOSING_TOLD_AFTER = 1.0


def _warn(sentence: str) -> None:
    logger.warning("%s", visible(sentence, one_line=True))


class Models:
    """Builds and keeps the models of one run; a context manager, which closes them.

    ``settings`` maps roles to their settings. With ``record="none"`` no model is ever asked, no key
    is read and nothing is loaded. ``concurrency`` bounds calls in flight over all roles. ``say`` hears, in one
    sentence each, when a server cannot be reached and when it can again; by default they are logged as warnings.
    """

    def __init__(
        self,
        settings: Mapping[str, ModelSettings],
        *,
        store: Store,
        locks: KeyLocks | None,
        loop: ModelLoop,
        record: RecordMode = "new",
        concurrency: int = 16,
        budget: Budget | None = None,
        ledger: Ledger | None = None,
        say: Callable[[str], None] = _warn,
    ) -> None:
        self.settings = dict(settings)
        self.store, self.locks, self.loop, self.record = store, locks, loop, record
        self.budget = budget or Budget()
        self.ledger = ledger or Ledger()
        self._say = say
        self.slots = Slots(concurrency)
        self._stop = Stop()
        self._interrupted: Callable[[int, FrameType | None], None] | None = None
        self._told: set[int | None] = set()
        self._shares: dict[tuple[str | Path | None, ...], AdaptiveSlots] = {}
        self._made: set[str] = set()
        self._neighbours = Neighbours(store)
        self.keeper = Keeper(
            store,
            replace=record == "all",
            stopped=lambda: self._stop.asked,
            failed=self._cannot_record,
            say=say,
        )
        self._engines: dict[str, Retrying] = {}
        self._closers: list[Callable[[], Any]] = []
        self._lms: dict[tuple[str, int, int], dspy.LM] = {}

    def lm(self, role: str, trial: int = 0, attempt: int = 0) -> dspy.LM:
        """The role's model for one trial; ``attempt`` tells calls apart that ask the same again."""
        key = (role, trial, attempt)
        if key not in self._lms:
            engine = self._recorded(role, trial, attempt)
            self._lms[key] = dspy.LM(
                self.settings[role].model,
                engine=Blocking(engine, role, self.loop),
                async_engine=Awaited(engine, role),
                cache=False,
                num_retries=0,
            )
        return self._lms[key]

    def adapter(self, role: str) -> dspy.Adapter:
        """The adapter that the role's profile asks for."""
        settings = self.settings[role]
        return adapter_for(settings.adapter, json_fallback=settings.json_fallback)

    def stop(self) -> None:
        """Let no new call or attempt start; those in flight finish and are recorded."""
        self._stop.ask()
        self.budget.stop()
        self.slots.stop()
        for engine in list(self._engines.values()):
            engine.slots.stop()
            engine.wake()

    def stop_soon(self) -> None:
        """What :meth:`stop` does, from any thread; nothing where the models are closed."""
        with suppress(RuntimeError):
            self.loop.loop.call_soon_threadsafe(self.stop)

    def reach_again(self, besides: Collection[str] = ()) -> set[str]:
        """Let models be asked again that were given up as unreachable, and say which: their roles, without ``besides``.

        There is none once the run was stopped.
        """
        if self.budget.stopped:
            return set()
        away = {role for role, engine in list(self._engines.items()) if isinstance(engine.given_up, Unreachable)}
        for role in sorted(away := away.difference(besides)):
            self._engines[role].reach_again()
        return away

    def close(self) -> None:
        """Begin no more calls, wait for those in flight and their records, and let go of everything.

        ``say`` hears of a wait of some seconds. Where a Ctrl-C ends that, the models are left to the process's end.
        """
        self.loop.run(self._aclose())
        self.loop.close()

    def __enter__(self) -> Models:
        """Until the models are closed, a Ctrl-C stops their calls, and then interrupts as ever."""

        def interrupted(number: int, frame: FrameType | None) -> None:
            self.stop_soon()
            signal.default_int_handler(number, frame)

        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupted)
            self._interrupted = interrupted
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises StoreError, where nothing else was raised, for what is ``unrecorded``."""
        if self._interrupted is not None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.close()
        if error is None and (lost := self.unrecorded) is not None:
            raise StoreError(lost)

    @property
    def unrecorded(self) -> str | None:
        """How many paid answers could not be recorded, and why, in a sentence; None where all were."""
        if not (lost := len(self.keeper.unkept)):
            return None
        answers = f"{lost} paid answers were" if lost > 1 else "1 paid answer was"
        return f"{answers} used and could not be recorded: {self.keeper.failure}"

    async def _aclose(self) -> None:
        self.stop()
        under_way = asyncio.ensure_future(self.slots.empty())
        if not (await asyncio.wait([under_way], timeout=CLOSING_TOLD_AFTER))[0]:
            self._say("Stopping: calls in flight are waited for and recorded; Ctrl-C again ends at once.")
            await under_way
        for close in self._closers:
            if (closing := close()) is not None:
                await closing
        self._closers.clear()
        await self.keeper.close()

    def _cannot_record(self, failure: StoreError) -> None:
        """Ask no model for what could not be kept."""
        self.stop()
        self._say(f"No model is asked any more: {failure}")

    def _recorded(self, role: str, trial: int, attempt: int) -> Recorded:
        settings = self.settings[role]
        inner = self._engine(role)
        known = identity_of(settings)
        who = {name: known[name] for name in ("model", "served", "sampling")} | {"trial": trial, "attempt": attempt}
        seed = settings.seed
        if seed is None and provider_of(settings) in HERE:
            seed = 0
        # Each trial and attempt is a draw of its own, also where a fixed seed makes draws repeatable.
        drawn = None if seed is None else seed + 7919 * trial + 104729 * attempt
        return Recorded(
            inner=inner,
            who=who,
            seed=drawn,
            mode=self.record,
            store=self.store,
            keeper=self.keeper,
            locks=self.locks if self.record != "none" else None,
            slots=(inner.slots, self.slots),
            ledger=self.ledger,
            price=price_of(settings),
            role=role,
            made=self._made,
            neighbours=self._neighbours,
            stop=self._stop,
            say=self._say,
            told=self._told,
            needs=lambda: needed_first(settings),
        )

    def _engine(self, role: str) -> Retrying:
        if role in self._engines:
            return self._engines[role]
        settings = self.settings[role]
        deadline = settings.deadline or max(60.0, 2 * settings.timeout)
        backend = backend_of(
            settings,
            logs=self.store.folder.parent / "logs",
            keyless=self.record == "none",
            deadline=deadline,
            stop=self._stop,
            say=self._say,
        )
        self._closers.append(backend.close)
        own = AdaptiveSlots(backend.at_once)
        if provider_of(settings) in LLAMA_CPP:
            # Calls that wait inside a model would only hide the queue.
            here = [_weights(each) for each in self.settings.values() if provider_of(each) in LLAMA_CPP]
            share = _share(here.count(_weights(settings)), len(here), backend.at_once)
            own = self._shares.setdefault(_weights(settings), AdaptiveSlots(share))
        price = price_of(settings)
        self._engines[role] = Retrying(
            backend.engine,
            max_attempts=settings.max_attempts,
            deadline=deadline,
            budget=self.budget,
            slots=own,
            ledger=self.ledger,
            bound=lambda request: _bound(settings, request),
            cost=lambda response: price(response.usage.input_tokens, response.usage.output_tokens),
            name=f"Model {settings.model}",
            say=self._say,
            stop=self._stop,
            replayed=lambda: any(used.role == role for used in list(self.ledger.used.values())),
        )
        return self._engines[role]


def open_models(
    profile: Profile,
    cache: Path,
    *,
    record: RecordMode = "new",
    concurrency: int | None = None,
    budget: Budget | None = None,
    ledger: Ledger | None = None,
    say: Callable[[str], None] = _warn,
    besides: Mapping[str, ModelSettings] = MappingProxyType({}),
) -> Models:
    """The models of a profile over the store in ``cache``; use them in a ``with``, or end with ``models.close()``.

    ``besides`` are models of roles that an evaluation does not have.
    """
    settings = {**profile.models, **besides}
    for each in settings.values():
        provider_of(each)
        if record != "none":
            made_known(each)
    at_once = concurrency or profile.concurrency
    if record != "none" and any(provider_of(each) not in HERE for each in settings.values()):
        make_room(at_once)
    store = Store(cache, read_only=record == "none")
    return Models(
        settings,
        store=store,
        locks=None if record == "none" else KeyLocks.shared(cache),
        loop=ModelLoop(),
        record=record,
        concurrency=at_once,
        budget=budget,
        ledger=ledger,
        say=say,
    )


def _weights(settings: ModelSettings) -> tuple[str | Path | None, ...]:
    """What roles have in common whose calls the same copies of a model answer."""
    return settings.model, settings.revision, settings.lora


def _share(roles: int, all_roles: int, processors: int) -> int:
    """How many calls a model in llama.cpp answers at once, by how many of the roles in llama.cpp it has.

    Each call at once is a copy in memory, so that two models on two processors have one each, not two.
    """
    return -(-processors * roles // all_roles)


def _bound(settings: ModelSettings, request: Request) -> float:
    """The most one attempt can cost: a token stands for at least one byte, and the template adds a few."""
    if settings.price is None:
        return 0.0
    from papillon.models.served.endpoint import chat_messages

    given = sum(len(m["content"].encode()) + 16 for m in chat_messages(request)) + 64
    if request.config.response_format is not None:
        given += len(str(request.config.response_format))
    most = request.config.max_tokens or settings.max_tokens or 0
    return (given * settings.price[0] + most * settings.price[1]) / 1e6
