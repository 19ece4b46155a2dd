"""Replies: what came with a status of success is an answer, or it is none.

What a model did say is an answer, also when it is empty, cut short or withheld, and says what it is by its finish
reason. A fault that comes in a completion's clothes is a failure that may pass, and is never an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Literal

from dspy.lm15 import Message, Response, Usage

from papillon.models.characters import whole_characters
from papillon.models.served.bodies import is_page, json_in
from papillon.models.thinking import THINKING_TAG

__all__ = ["FinishReason", "NoAnswer", "finish_reason_of", "own_finish_reason", "read_reply", "refused_generation"]

FinishReason = Literal["stop", "length", "tool_call", "content_filter", "error"]

#: Servers' words for the ends that there are, in small letters.
_ENDS: dict[str, FinishReason] = {
    "stop": "stop",
    "error": "error",
    **dict.fromkeys(("length", "max_tokens", "max_length", "model_length", "max_output_tokens"), "length"),
    **dict.fromkeys(("tool_call", "tool_calls", "tool_use", "function_call"), "tool_call"),
    **dict.fromkeys(
        ("content_filter", "content-filter", "content_filtered", "safety", "prohibited_content", "blocklist", "spii"),
        "content_filter",
    ),
    **dict.fromkeys(("recitation", "sensitive", "guardrail_intervened", "refusal"), "content_filter"),
}
#: Of the parts of an end's name, those that name a fault.
_FAULT = re.compile(
    r"(?:^|_)(?:errors?|errored|exceptions?|fail(?:ed|ures?)?|faults?|time_?d?_?out|abort(?:ed)?|(?:user)?cancel(?:l?ed)?"
    r"|quota|insufficient|unavailable|overload(?:ed)?|interrupt(?:ed)?|crash(?:ed)?)(?:_|$)"
)
#: OpenAI's own words need no place beside lm15's.
_SAME = {"stop": "stop", "length": "length", "tool_calls": "tool_call", "content_filter": "content_filter"}
_WORD = re.compile(r"[\w.:-]{1,40}", re.ASCII)


class NoAnswer(Exception):
    """A body that came with success and is no answer: the text says what came, ``error`` the fault that it names."""

    def __init__(self, what: str, error: bytes = b"") -> None:
        super().__init__(what)
        self.error = error


def finish_reason_of(word: str) -> FinishReason:
    """lm15's nearest finish reason to a server's word: what nobody knows is an end like others."""
    return _ENDS.get(word.lower(), "stop")


def own_finish_reason(response: Response) -> str:
    """The server's own word for why it stopped, lm15's where that says the same."""
    data = response.provider_data
    word = data.get("finish_reason") if isinstance(data, dict) else None
    return word if isinstance(word, str) else response.finish_reason


def read_reply(raw: bytes, model: str) -> Response:
    """The answer in a body with a status of success; raises NoAnswer where there is none.

    Texts in parts are joined, reasoning that came apart stands before the text as ``<think>…</think>``, and a
    lone surrogate becomes U+FFFD. A finish reason that lm15 has no word for stands in ``provider_data``.
    """
    data = json_in(raw)
    choice, message = _choice(data, raw)
    if fault := data.get("error") or choice.get("error") or message.get("error") or _base_error(data):
        raise NoAnswer("broke off with an error", json.dumps({"error": fault}).encode())
    ends = [choice.get("finish_reason"), choice.get("native_finish_reason")]
    word = ends[0] if isinstance(ends[0], str) and _WORD.fullmatch(ends[0]) else ""
    if broken := next((end for end in ends if _names_fault(end)), None):
        told = repr(broken) if isinstance(broken, str) and _WORD.fullmatch(broken) else "that names a fault"
        raise NoAnswer(f"broke off (finish reason {told})")
    text, reasoning = _texts(message)
    if not text and (fault := data.get("errors") or data.get("detail")):
        raise NoAnswer("broke off with an error", json.dumps({"error": fault}).encode())
    finish = finish_reason_of(word)
    calls = bool(message.get("tool_calls") or message.get("function_call"))
    if calls and not text:
        finish, word = "tool_call", "tool_calls"
    if not text and not reasoning and word.lower() not in _ENDS:
        raise NoAnswer("sent a chat completion without an answer in it")
    whole = whole_characters(_with_reasoning(text or "", reasoning))
    usage = data.get("usage") if isinstance(data.get("usage"), dict) else {}
    return Response(
        id=None,
        model=model,
        message=Message.assistant(whole),
        finish_reason=finish,
        usage=Usage(
            input_tokens=_count(usage, "prompt_tokens"),
            output_tokens=_count(usage, "completion_tokens"),
            cache_read_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        ),
        provider_data=None if not word or _SAME.get(word) == finish else {"finish_reason": word},
    )


def refused_generation(raw: bytes, model: str) -> Response | None:
    """What a model wrote that its server refused as no JSON (Groq's way, with status 400); None for other bodies.

    It is an answer, and not in the asked format: whoever reads it says so.
    """
    data = json_in(raw) if b"failed_generation" in raw else None
    error = data.get("error") if isinstance(data, dict) else None
    text = error.get("failed_generation") if isinstance(error, dict) else None
    if not isinstance(text, str):
        return None
    return Response(
        id=None,
        model=model,
        message=Message.assistant(whole_characters(text)),
        finish_reason="stop",
        usage=Usage(),
        provider_data={"finish_reason": "json_validate_failed"},
    )


def _choice(data: Any, raw: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first choice and its message; what a body without them holds of an error goes into NoAnswer."""
    choices = data.get("choices") if isinstance(data, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(choice, dict):
        message = choice.get("message")
        # A filter, or an error beside it, may leave a choice without a message.
        if isinstance(message, dict) or (message is None and choice.keys() & {"finish_reason", "error"}):
            return choice, message or {}
    if isinstance(data, dict) and (data.get("error") or data.get("detail") or data.get("object") == "error"):
        raise NoAnswer("sent an error in place of an answer", raw)
    # Of another body only a page is looked at: a text may be what the model said.
    raise NoAnswer(f"sent a body that is no chat completion ({len(raw)} bytes)", raw if is_page(raw) else b"")


def _base_error(data: dict[str, Any]) -> Any:
    """MiniMax's way to say that a call failed."""
    base = data.get("base_resp")
    return base if isinstance(base, dict) and base.get("status_code") else None


def _names_fault(end: Any) -> bool:
    """Whether a finish reason, in whatever spelling, names a fault."""
    name = json.dumps(end) if isinstance(end, (dict, list)) else end
    return isinstance(name, str) and _FAULT.search(re.sub(r"[\W_]+", "_", name.lower())[:200]) is not None


def _texts(message: dict[str, Any]) -> tuple[str | None, str]:
    """The text of a message, None where it has none, and the reasoning that came apart from it."""
    content = message.get("content")
    thoughts: list[str] = []
    if isinstance(content, (list, dict)):
        parts = list(_parts(content))
        thoughts += [text for thinks, text in parts if thinks]
        said = [text for thinks, text in parts if not thinks]
        content = "".join(said) if said else None
    if content is None:
        content = message.get("refusal")
    if content is not None and not isinstance(content, str):
        raise NoAnswer("sent a chat completion whose content is no text")
    for name in ("reasoning_content", "reasoning", "thinking"):
        if not thoughts and isinstance(value := message.get(name), str) and value.strip():
            thoughts.append(value)
    return content, "\n".join(thoughts).strip()


def _parts(content: Any) -> Iterable[tuple[bool, str]]:
    """Each text in a content of parts, and whether it is thinking."""
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            yield False, part
        elif isinstance(part, dict):
            kind = str(part.get("type", "text"))
            thinks = "think" in kind or "reason" in kind
            for name in ("text", "thinking", "reasoning", "refusal"):
                if isinstance(value := part.get(name), str):
                    yield thinks, value
                elif isinstance(value, list):
                    yield from ((thinks, text) for _, text in _parts(value))


def _with_reasoning(text: str, reasoning: str) -> str:
    if not reasoning or text.lstrip().lower().startswith("<think"):
        return text
    # A tag inside would end the block early, and what follows it would pass for the answer.
    return f"<think>\n{THINKING_TAG.sub('', reasoning).strip()}\n</think>\n\n{text}"


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
