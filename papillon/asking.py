"""Asking: one private query through the program, with every text shown before it leaves.

For each role it says which host gets what, and which of the query's identifiers stand in the request.
"""

from __future__ import annotations

import logging
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papillon.destinations import Destination, destination
from papillon.errors import PapillonError, RunStopped, UsageError, behind, one_line
from papillon.identifiers import UNSEEN, Identifier, identifiers
from papillon.leaks import near_verbatim, places
from papillon.preview import Preview
from papillon.profile import Profile
from papillon.program_class import ProgramClass, awaited
from papillon.quiet import quiet
from papillon.screen import visible

if TYPE_CHECKING:
    from papillon.models.roles import Models

__all__ = ["ask", "marked", "read_query", "standing"]


def read_query(given: str) -> str:
    """The query as given, from standard input for ``-``; raises UsageError for an empty one or one that is no text."""
    try:
        if given == "-":
            if sys.stdin is None:
                raise UsageError("Expected a query on standard input, and that is closed; give it as an argument.")
            if sys.stdin.isatty():
                print("Type the query, then Ctrl-D on a line of its own:", file=sys.stderr)
            given = sys.stdin.buffer.read().decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
        given.encode()
    except UnicodeError as error:
        raise UsageError("Expected a query in UTF-8, got bytes that are no such text; convert it.") from error
    if not given.strip():
        raise UsageError("Expected a query, got an empty one; say what you want to ask.")
    return given


def ask(query: str, profile: Profile, cache: Path, preview: Preview | None = None) -> int:
    """Run the profile's program on ``query`` and print each text before it is sent; 0 where there is an answer.

    Raises RunStopped, before the text in question is sent, where ``preview`` says so, and PapillonError where a
    model fails, or an answer, which is shown all the same, could not be recorded.
    """
    import dspy
    from dspy.utils.exceptions import AdapterParseError, LMError

    from papillon.models.roles import open_models
    from papillon.program import make_program

    local, untrusted = destination(profile.local), destination(profile.untrusted)
    with _in_one_sentence(AdapterParseError, LMError), open_models(profile, cache) as models:

        def approved(request: str) -> str:
            return _approved("The request", request, preview, lambda text: _show_request(text, query, profile))

        consulted = _Consulted(models.lm("untrusted"), approved)
        program = make_program(profile, consulted)
        program.set_lm(models.lm("local"))
        if profile.program_class is None:
            responds = program.respond_to_query
            # What came back belongs to the request as it was edited.
            program.respond_to_query = lambda **given: responds(**{**given, "related_llm_request": consulted.sent[-1]})
        _show_where(profile, local, untrusted)
        query = _approved("Your query", query, None if local.stays else preview, _show_query)
        # DSPy warns of each answer that reached its limit.
        with quiet(logging.ERROR, "dspy"), dspy.context(adapter=models.adapter("local"), lm=models.lm("local")):
            answer = _answer(program, query, profile.program_class, models)
        if not consulted.sent:
            print("\nNothing was sent to the untrusted model.\n")
        elif not consulted.answered:
            _show_answer("")
        print(f"The answer to your query:\n\n{visible(answer) or '(nothing)'}")
    return 0 if answer else 1


class _Consulted:
    """The untrusted model, which is sent what ``approved`` makes of a request, and whose answers are shown."""

    def __init__(self, lm: Any, approved: Callable[[str], str]) -> None:
        self.lm, self.approved = lm, approved
        self.sent: list[str] = []
        self.answered = False

    def __call__(self, request: str) -> object:
        self.sent.append(self.approved(request))
        return self._shown(self.lm(self.sent[-1]))

    async def acall(self, request: str) -> object:
        self.sent.append(self.approved(request))
        return self._shown(await self.lm.acall(self.sent[-1]))

    def _shown(self, raw: object) -> object:
        from papillon.program import response_text

        with suppress(ValueError, TypeError):
            _show_answer(response_text(raw))
            self.answered = True
        return raw


def _answer(program: Any, query: str, own: ProgramClass | None, models: Models) -> str:
    """What the program answers; raises PapillonError for what a class of the user's own raises or gives instead."""
    if own is None:
        return str(program(user_query=query).response)
    try:
        waits = awaited(type(program))
        response = (models.loop.run(program.acall(user_query=query)) if waits else program(user_query=query)).response
    except Exception as error:
        if behind(error) is not None or type(error).__module__.startswith("dspy."):
            raise
        raise PapillonError(f"{own} raised {type(error).__name__}: {one_line(error)} ({own.place(error)}).") from error
    if not isinstance(response or "", str):
        raise PapillonError(f"{own} answered with a response of type {type(response).__name__} and no text.")
    return response or ""


@contextmanager
def _in_one_sentence(unread: type[Exception], failed: type[Exception]) -> Iterator[None]:
    """Inside, what a model fails with is told as the project's own exceptions are: an answer of which no fields
    could be read (``unread`` is DSPy's AdapterParseError) and a call that ``failed``."""

    def line(text: object, most: int) -> str:
        return " ".join(visible(str(text)).split())[:most]

    try:
        yield
    except (unread, failed) as error:
        if behind(error) is None and isinstance(error, unread):
            fields = " and ".join(error.signature.output_fields)  # type: ignore[attr-defined]
            said = line(error.lm_response, 200) or "nothing"  # type: ignore[attr-defined]
            raise PapillonError(
                f"Expected the model's {line(fields, 100)} in the format that it was asked for, got: {said}; "
                "ask again in other words, or name a model that keeps to formats."
            ) from error
        raise PapillonError(line(behind(error) or error, 400)) from error


def _approved(what: str, text: str, preview: Preview | None, show: Callable[[str], None]) -> str:
    """``text``, shown and as a person lets it go; edited, it is shown again."""
    while True:
        show(text)
        sys.stdout.flush()
        if preview is None or (choice := preview.choice()) == "send":
            return text
        if choice == "quit":
            raise RunStopped(f"{what} was not sent, as you asked.")
        text = preview.edited(text)


def _show_where(profile: Profile, local: Destination, untrusted: Destination) -> None:
    _say("This prints private texts: your query, the request and the answers.")
    _say(f"Where they go, with profile {profile.name}:", before=1)
    there = "" if local.stays else ": your query leaves, as the local model is there!"
    _say(f"your query {_way(local, profile.local.model)}{there}", indent=2)
    _say(f"the request {_way(untrusted, profile.untrusted.model)}", indent=2)
    if not local.stays:
        also = "the request and what the untrusted model answers go to"
        _say(f"{also} {local.host} ({profile.local.model}) too", indent=2)


def _way(to: Destination, model: str) -> str:
    name = model if to.host == model else f"{to.host}, {model}"
    return f"stays on this machine ({name})" if to.stays else f"goes to {to.host} ({model})"


def _show_query(query: str) -> None:
    print(f"\nYour query:\n\n{visible(query)}", flush=True)


def _show_answer(answer: str) -> None:
    print(f"\n← The untrusted model answered:\n\n{visible(answer) or '(nothing)'}\n", flush=True)


def _show_request(request: str, query: str, profile: Profile) -> None:
    to = destination(profile.untrusted)
    _say(f"→ The request {_way(to, profile.untrusted.model)}:", before=1)
    sought = identifiers(query)
    found = standing(sought, request)
    print(f"\n{marked(request, [span for _, spans in found for span in spans])}\n")
    seen = "1 identifier" if len(sought) == 1 else f"{len(sought)} identifiers"
    if found:
        stand = "stands" if len(found) == 1 else "stand"
        _say(f"{len(found)} of {seen} that rules see in your query {stand} in it, >>marked<< where word for word:")
        for each, spans in found:
            _say(f"{each.text} ({each.kind}){'' if spans else ', nearly'}", indent=2)
    elif sought:
        _say(f"Of {seen} that rules see in your query none stands in it.")
    else:
        _say("Rules see no identifier in your query that could stand in it.")
    _say(f"Such rules do not see {UNSEEN}: read the request yourself.")


def standing(sought: list[Identifier], request: str) -> list[tuple[Identifier, list[tuple[int, int]]]]:
    """Those that stand in the request, with where they do word for word; with no place, they do so nearly."""
    near = near_verbatim([each.text for each in sought], request)
    placed = [(each, places(each.text, request)) for each in sought]
    return [found for found, nearly in zip(placed, near, strict=True) if found[1] or nearly]


def marked(text: str, spans: list[tuple[int, int]]) -> str:
    """``text`` as it can be shown, each of the ``spans`` between >> and <<; those that overlap share the marks."""
    parts, at = [], 0
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    for start, end in merged:
        parts += [visible(text[at:start]), f">>{visible(text[start:end])}<<"]
        at = end
    return "".join([*parts, visible(text[at:])])


def _say(text: str, *, indent: int = 0, before: int = 0) -> None:
    width = min(shutil.get_terminal_size().columns, 100)
    lines = textwrap.wrap(
        visible(text),
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (2 * indent),
        break_on_hyphens=False,
    )
    print("\n" * before + "\n".join(lines))
