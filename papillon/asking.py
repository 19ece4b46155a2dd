"""Asking: one private query through the program, with every text shown before it leaves.

For each role it says which host gets what, and which of the query's identifiers stand in the request.
"""

from __future__ import annotations

import logging
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from papillon.destinations import Destination, destination
from papillon.errors import PapillonError, RunStopped, UsageError, behind
from papillon.identifiers import UNSEEN, Identifier, identifiers
from papillon.leaks import near_verbatim, places
from papillon.preview import Preview
from papillon.profile import Profile
from papillon.quiet import quiet
from papillon.screen import visible

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
    model fails.
    """
    import dspy
    from dspy.utils.exceptions import AdapterParseError, LMError

    from papillon.models.roles import open_models
    from papillon.program import PAPILLON, load_program

    local, untrusted = destination(profile.local), destination(profile.untrusted)
    with _in_one_sentence(AdapterParseError, LMError), open_models(profile, cache) as models:
        consulted = models.lm("untrusted")
        sent: list[str] = []
        answers: list[str] = []

        def consult(request: str) -> object:
            sent.append(_approved("The request", request, preview, lambda text: _show_request(text, query, profile)))
            return consulted(sent[-1])

        program = load_program(PAPILLON(untrusted_model=consult), profile.program)
        program.set_lm(models.lm("local"))
        responds = program.respond_to_query

        def respond(**given: str) -> dspy.Prediction:
            answers.append(given["related_llm_response"])
            _show_answer(answers[-1])
            # What came back belongs to the request as it was edited.
            return responds(**{**given, "related_llm_request": sent[-1]})

        program.respond_to_query = respond
        _show_where(profile, local, untrusted)
        query = _approved("Your query", query, None if local.stays else preview, _show_query)
        # DSPy warns of each answer that reached its limit.
        with quiet(logging.ERROR, "dspy"), dspy.context(adapter=models.adapter("local")):
            answer = program(user_query=query)
    if not answers:
        _show_answer("")
    print(f"The answer to your query:\n\n{visible(answer.response) or '(nothing)'}")
    return 0 if answer.response else 1


@contextmanager
def _in_one_sentence(*failures: type[Exception]) -> Iterator[None]:
    """Inside, what a model fails with is told as the project's own exceptions are."""
    try:
        yield
    except failures as error:
        raise PapillonError(" ".join(visible(str(behind(error) or error)).split())[:400]) from error


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
