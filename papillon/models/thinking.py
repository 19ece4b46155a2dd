"""Thinking: what a model says to itself before its answer, told apart from the answer.

Servers leave it in the text unless they are told to take it out. It may hold anything, private things and the
format's own markers included, so it stays in the record of its call and goes nowhere else.
"""

from __future__ import annotations

import re

__all__ = ["THINKING_TAG", "behind_block", "split_thinking"]

_ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"<>\n]*"|'[^'<>\n]*'|[^\s"'<>]+))*\s*"""
#: What chat templates and models trained to think write, ``<seed:think>`` and ``◁think▷`` among it.
_THINK = r"(?:\w+:)?(?:think|thinking|thoughts?)"
_OPENS = rf"<\|?{_THINK}{_ATTRIBUTES}\|?>|\[THINK\]|◁think▷|<\|(?:begin_of_thought|start_thinking)\|>"
_CLOSES = rf"<\|?/{_THINK}\s*\|?>|\[/THINK\]|◁/think▷|<\|(?:end_of_thought|end_thinking)\|>"
#: Words that an answer may use as tags of its own as well: they need the opening one, and close by their own name.
_WORDS = "reasoning|reflection|analysis|scratchpad|rationale|inner_monologue|cot"
_OPENING = re.compile(rf"\s*(?:{_OPENS}|<(?P<word>{_WORDS}){_ATTRIBUTES}>)", re.IGNORECASE)
#: A tag of thinking that opens or ``closes`` a block.
THINKING_TAG = re.compile(rf"(?P<closes>{_CLOSES})|{_OPENS}", re.IGNORECASE)
#: One behind a backtick is spoken of by the model.
_CLOSING = re.compile(rf"(?<!`)(?:{_CLOSES})", re.IGNORECASE)
#: Without an opening one it is a tag at an end of its line, or before the answer's format; elsewhere it is a word.
_CLOSING_ALONE = re.compile(
    rf"^[ \t]*{_CLOSING.pattern}|{_CLOSING.pattern}(?=[ \t\r]*(?:$|\[\[|\{{|```))", re.IGNORECASE | re.MULTILINE
)
#: What some models write around the answer behind their thoughts.
_AROUND = re.compile(r"<\|(?:(?:begin|end)_of_solution|(?:start|end)_response)\|>", re.IGNORECASE)
_ANY_OPENING = re.compile(rf"\s*<(?P<name>[a-z_][\w:.-]*){_ATTRIBUTES}>", re.IGNORECASE)
#: An answer's format, as a draft of it holds.
_FORMAT = re.compile(r"\[[ \t]*##|\{")
#: The channels of OpenAI's open models: all but ``final`` are thinking.
_CHANNELS = re.compile(r"\s*(?:<\|start\|>assistant)?<\|channel\|>")
_FINAL = re.compile(r"<\|channel\|>final.*?<\|message\|>")
_END = re.compile(r"<\|(?:end|return)\|>")


def split_thinking(text: str) -> tuple[str, str]:
    """What a model thought, and its answer: ``("", text)`` byte for byte where there is no thinking in it.

    Thinking is one or more blocks at the start (``<think>…</think>``, ``<reasoning>…</reasoning>`` and the like); all
    up to a closing tag whose opening one stands nowhere, as some chat templates write that themselves; the channels
    before ``<|channel|>final``. A block that never closes leaves no answer. White space around it belongs to neither.
    """
    if _CHANNELS.match(text):
        final = _FINAL.search(text)
        if final is None:
            return text, ""
        return text[: final.start()], _END.split(text[final.end() :], maxsplit=1)[0]
    start = 0
    while (end := _block_end(text, start)) is not None:
        start = end
    if not start:
        return "", text
    return THINKING_TAG.sub("", text[:start]).strip(), _AROUND.sub("", text[start:]).lstrip()


def behind_block(text: str) -> str:
    """What stands behind the block that ``text`` begins with, whatever its tag's name; "" where it begins with none."""
    opening = _ANY_OPENING.match(text)
    if opening is None:
        return ""
    return text[opening.end() :].partition(f"</{opening['name']}>")[2]


def _block_end(text: str, start: int) -> int | None:
    """Where the block of thinking ends that begins at ``start``, None where none does."""
    if opening := _OPENING.match(text, start):
        word = opening["word"]
        closing = (re.compile(rf"(?<!`)</{word}\s*>", re.IGNORECASE) if word else _CLOSING).search(text, opening.end())
        end = closing.end() if closing else len(text)
        # All of an answer may stand in such a tag; with a draft of the format in it, it is none.
        if word and not text[end:].strip() and not _FORMAT.search(text, opening.end()):
            return None
        return end
    first = THINKING_TAG.search(text, start)
    if first is None or not first["closes"]:
        return None
    closing = _CLOSING_ALONE.search(text, start)
    return closing.end() if closing else None
