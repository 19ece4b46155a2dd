"""Recorded: an engine around another that answers from the store, and records what it must ask for.

At most one call per key is under way at a time, over tasks, threads and processes that share a cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dspy.lm15 import Message, Request, Response, Usage

from papillon.bounds import LONGEST_CALL
from papillon.errors import EndpointError, Filtered, PapillonError, RecordMissing, RunStopped
from papillon.models.characters import whole_characters
from papillon.models.ledger import CallCost, Ledger
from papillon.models.retry import Retrying
from papillon.models.served.endpoint import chat_messages
from papillon.models.served.replies import finish_reason_of, own_finish_reason
from papillon.models.slots import Slots
from papillon.models.stop import Stop
from papillon.models.thinking import split_thinking
from papillon.models.turn import Use, current_turn, hearing
from papillon.profile import RecordMode
from papillon.store import Answer, Call, Keeper, KeyLocks, Neighbours, Record, Store
from papillon.store import Usage as Tokens
from papillon.store.holder import Holder

__all__ = ["Recorded"]


@dataclass
class Recorded:
    """One model in one trial and attempt, behind the store.

    ``who`` is the part of a call's identity that its messages do not give: model, weights, endpoint,
    sampling. ``price`` turns tokens into USD, None where that is unknown. ``made`` holds the keys
    called in this run, so that ``all`` calls each of them once; ``neighbours`` explain a miss, and ``needs`` says what
    a call would take first. ``say`` hears once of each other process, kept in ``told``, that a call is long waited for.
    """

    inner: Retrying
    who: Mapping[str, Any]
    seed: int | None
    mode: RecordMode
    store: Store
    keeper: Keeper
    locks: KeyLocks | None
    slots: tuple[Slots, ...]
    ledger: Ledger
    price: Callable[[int | None, int | None], float | None]
    role: str
    made: set[str]
    neighbours: Neighbours
    stop: Stop
    say: Callable[[str], None]
    told: set[int | None]
    needs: Callable[[], str] = str

    async def acomplete(self, request: Request) -> Response:
        """Answer from the record or from the model; raises RecordMissing in strict replay.

        A record of a filter's word in place of an answer is raised as Filtered, whenever it is read.
        """
        if self.seed is not None and request.config.seed is None:
            request = replace(request, config=replace(request.config, seed=self.seed))
        call = Call(self._identity(request))
        if len(call.text) * 4 > LONGEST_CALL and len(call.text.encode()) > LONGEST_CALL:
            raise EndpointError(
                f"Model {self.who['model']} cannot be asked: the call holds more than {LONGEST_CALL} bytes, which are "
                "the most that is recorded of one."
            )
        turn = current_turn.get()
        number = next(turn.numbers) if turn is not None else 0
        record = await self._recorded(call.key)
        if record is None:
            record = await self._ask(call, request, turn.priority if turn else (0, 0))
        else:
            self.ledger.replayed += 1
        tokens, (thinking, answer) = record.usage, split_thinking(whole_characters(record.answer.text))
        self.ledger.used[call.key] = CallCost(
            self.role, tokens, self.price(tokens.input, tokens.output), thought=bool(thinking)
        )
        made = self.mode == "all" or call.key in self.made
        if turn is not None:
            turn.depth += 1
            turn.keys[call.key] = turn.keys.get(call.key, 0) + 1
            turn.uses[number] = Use(self.role, record, replayed=not made)
            turn.textless.pop(self.role, None)
            if textless := _in_place_of_text(record, thinking, answer):
                turn.textless[self.role] = textless
        heard = hearing.get()
        if heard is not None:
            heard[call.key] = made
        if finish_reason_of(record.answer.finish_reason) == "content_filter" and not answer.strip():
            word = record.answer.finish_reason
            raise Filtered(f"Model {self.who['model']} answered with its provider's filter and no text ({word}).")
        return _response(record, answer, request.model)

    async def _recorded(self, key: str) -> Record | None:
        """The record that is not to be made anew; None only where a new one could be kept."""
        if self.mode == "all" and key not in self.made:
            await self.keeper.ready()
            return None
        return await self.keeper.get(key)

    async def _ask(self, call: Call, request: Request, priority: tuple[int, int]) -> Record:
        """The record of a call that has none yet, made here or by whoever holds its key."""
        if self.locks is None:
            raise self._missing(call, request.model)
        try:
            return await self._asked(self.locks, call, request, priority)
        except RunStopped:
            self.keeper.refuse()  # a store that takes no records stops the run: that is the cause
            raise

    async def _asked(self, locks: KeyLocks, call: Call, request: Request, priority: tuple[int, int]) -> Record:
        await self.inner.load()
        own, shared = self.slots
        while True:
            # A key is held for as long as its call is under way, and a slot until that is recorded. The model's own
            # bound comes first: a call that waits for it must not occupy a slot that others could use.
            async with own.taken(priority), shared.taken(priority):
                self.keeper.refuse()
                if locks.try_acquire(call.key):
                    try:
                        record = await self._recorded(call.key)
                        if record is None:
                            return await self._make(call, request)
                    finally:
                        locks.release(call.key)
                    self.ledger.replayed += 1
                    return record
            await self._until_free(locks, call.key)
            if (record := await self._recorded(call.key)) is not None:
                self.ledger.replayed += 1
                return record

    async def _until_free(self, locks: KeyLocks, key: str) -> None:
        """Wait while another makes this call; raises StoreError where another process does so past the deadline."""
        said = f"The call to the {self.role} model"

        def tell() -> None:
            process = locks.holder(key)
            if process not in (None, os.getpid(), *self.told):
                self.told.add(process)
                self.say(f"{said} {key[:12]} is being made by {Holder.of(process)}; it is waited for.")

        async def free() -> None:
            await locks.acquire(key, timeout=self.inner.deadline, call=said)
            locks.release(key)

        await self.stop.wait(free(), tell=tell)

    async def _make(self, call: Call, request: Request) -> Record:
        response = await self.inner.acomplete(request)
        answer = Answer(response.message.text or "", own_finish_reason(response))
        usage = response.usage
        tokens = Tokens(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens)
        record = Record.of(call, answer, tokens)
        if self.mode == "new":
            self.made.add(call.key)  # before anybody can read the record and take it for an earlier run's
        await self.keeper.put(record)
        self.made.add(call.key)
        self.ledger.made += 1
        return record

    def _identity(self, request: Request) -> dict[str, Any]:
        if request.tools:
            raise EndpointError(
                "Expected a request without tools, and this one has some; the store records text alone."
            )
        config = request.config
        own = {
            name: value
            for name in ("temperature", "top_p", "top_k", "max_tokens", "seed")
            if (value := getattr(config, name)) is not None
        }
        if config.stop:
            own["stop"] = list(config.stop)
        who = dict(self.who)
        return {
            **who,
            "sampling": {**who.get("sampling", {}), **own},
            "messages": chat_messages(request),
            "schema": config.response_format,
        }

    def _missing(self, call: Call, model: str) -> PapillonError:
        near = self.neighbours.nearest(call.identity)
        found = "nothing is recorded there yet" if near is None else str(near)
        return RecordMissing(
            f"A call to {model} ({call.key[:12]}) is not recorded in {self.store.folder}: {found}; "
            f"run once with --eval-record new to record it{self.needs()} (what its server refused, by a filter or as "
            "too long, never is)."
        )


def _in_place_of_text(record: Record, thinking: str, answer: str) -> str:
    """What an answer without text consists of, as far as its record tells."""
    if answer.strip():
        return ""
    if finish_reason_of(record.answer.finish_reason) == "tool_call":
        return "tool calls"
    return "only its reasoning" if thinking else ""


def _response(record: Record, answer: str, model: str) -> Response:
    word = record.answer.finish_reason
    finish_reason = finish_reason_of(word)
    return Response(
        id=None,
        model=model,
        message=Message.assistant(answer),
        finish_reason=finish_reason,
        provider_data=None if word == finish_reason else {"finish_reason": word},
        usage=Usage(input_tokens=record.usage.input, output_tokens=record.usage.output),
    )
