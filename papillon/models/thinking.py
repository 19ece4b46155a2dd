"""Thinking: what a model says to itself before its answer, told apart from the answer.

Servers leave it in the text unless they are told to take it out. It may hold anything, private things and the
format's own markers included, so it stays in the record of its call and goes nowhere else.
"""

from __future__ import annotations

import re

__all__ = ["split_thinking"]

_NAMES = "think|thinking|thought"
_OPENING = re.compile(rf"\s*(?:<(?:{_NAMES})>|\[THINK\])", re.IGNORECASE)
_TAG = re.compile(rf"<(?P<closes>/)?(?:{_NAMES})>|\[(?P<ends>/)?THINK\]", re.IGNORECASE)
#: One behind a backtick is spoken of by the model.
_CLOSING = re.compile(rf"(?<!`)(?:</(?:{_NAMES})>|\[/THINK\])", re.IGNORECASE)
#: Without an opening one it is a tag at an end of its line, or before the answer's format; elsewhere it is a word.
_CLOSING_ALONE = re.compile(
    rf"^[ \t]*{_CLOSING.pattern}|{_CLOSING.pattern}(?=[ \t\r]*(?:$|\[\[|\{{|```))", re.IGNORECASE | re.MULTILINE
)
#: The channels of OpenAI's open models: all but ``final`` are thinking.
_CHANNELS = re.compile(r"\s*(?:<\|start\|>assistant)?<\|channel\|>")
_FINAL = re.compile(r"<\|channel\|>final.*?<\|message\|>")
_END = re.compile(r"<\|(?:end|return)\|>")


def split_thinking(text: str) -> tuple[str, str]:
    """What a model thought, and its answer: ``("", text)`` byte for byte where there is no thinking in it.

    Thinking is one or more blocks at the start (``<think>…</think>`` and the like); all up to a closing tag whose
    opening one stands nowhere, as some chat templates write that themselves; the channels before
    ``<|channel|>final``. A block that never closes leaves no answer. White space around blocks belongs to neither.
    """
    if _CHANNELS.match(text):
        final = _FINAL.search(text)
        if final is None:
            return text, ""
        return text[: final.start()], _END.split(text[final.end() :], maxsplit=1)[0]
    start = 0
    while (end := _block_end(text, start)) is not None:
        start = end
    return (_TAG.sub("", text[:start]).strip(), text[start:].lstrip()) if start else ("", text)


def _block_end(text: str, start: int) -> int | None:
    """Where the block of thinking ends that begins at ``start``, None where none does."""
    if opening := _OPENING.match(text, start):
        closing = _CLOSING.search(text, opening.end())
        return closing.end() if closing else len(text)
    first = _TAG.search(text, start)
    if first is None or not (first["closes"] or first["ends"]):
        return None
    closing = _CLOSING_ALONE.search(text, start)
    return closing.end() if closing else None
