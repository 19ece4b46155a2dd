"""Refusals of a prompt's length and of the values that a profile asks for, in the words of many servers."""

from __future__ import annotations

from typing import Any

import pytest
from dspy.lm15 import ContextLengthError

from papillon.models.failures import RefusesAll
from tests.papillon.models.attempts import judged
from tests.papillon.models.served.test_refusals import error


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8500 in the "
              "messages, 500 in the completion)."),
        (400, "This model's maximum context length is 128000 tokens. However, you requested 500 output tokens and your "
              "prompt contains at least 127900 input tokens, for a total of at least 128400 tokens."),
        (400, "The decoder prompt (length 10127) is longer than the maximum model length of 8192."),
        (400, "The input (61709 tokens) is longer than the model's context length (40960 tokens)."),
        (400, "Requested token count exceeds the model's maximum context length of 64000 tokens. You requested a total "
              "of 64100 tokens: 63600 tokens from the input messages and 500 tokens for the completion."),
        (400, "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens)."),
        (400, "Trying to keep the first 10136 tokens when context the overflows. However, the model is loaded with "
              "context length of only 7866 tokens, which is not enough."),
        (400, "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)"),
        (400, "the request exceeds the available context size. try increasing the context size"),
        (500, "the request exceeds the available context size. try increasing the context size"),
        (400, "prompt too long; exceeded max context length by 5000 tokens"),
        (500, "input length exceeds the context length"),
        (400, "Requested tokens (2285) exceed context window of 2048"),
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 1512. Given: 1400 `inputs` "
              "tokens and 500 `max_new_tokens`"),
        (422, "Input validation error: `inputs` must have less than 1024 tokens. Given: 1168"),
        (400, "prompt is too long: 213462 tokens > 200000 maximum"),
        (400, "input length and `max_tokens` exceed context limit: 199000 + 500 > 200000"),
        (400, "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576)."),
        (400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens"),
        (400, "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 maximum context"),
        (400, "Range of input length should be [1, 129024]"),
        (413, "Request Entity Too Large"),
        (400, "'max_tokens' or 'max_completion_tokens' is too large: 500. This model's maximum context length is 8192 "
              "tokens and your request has 8000 input tokens (500 > 8192 - 8000)."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", ["openai", "vllm", "text"])
def test_a_prompt_that_does_not_fit_is_known_in_many_servers_words(status: int, words: str, shape: str) -> None:
    body: Any = {"openai": error(words), "vllm": {"object": "error", "message": words}, "text": words.encode()}[shape]
    refused = judged(status, body, max_tokens=500)
    assert isinstance(refused, ContextLengthError)
    assert "the prompt does not fit the model" in str(refused)


def test_a_typed_overflow_is_known_without_words() -> None:
    assert isinstance(judged(400, error("too long", code="context_length_exceeded")), ContextLengthError)
    assert isinstance(judged(400, error("", type="exceed_context_size_error", n_ctx=8192)), ContextLengthError)


@pytest.mark.parametrize(
    "words",
    [
        "'max_tokens' or 'max_completion_tokens' is too large: 9000. This model's maximum context length is 8192 "
        "tokens and your request has 22 input tokens (9000 > 8192 - 22).",
        "This model's maximum context length is 8192 tokens. However, you requested 9064 tokens (64 in the messages).",
        "Requested token count exceeds the model's maximum context length of 8192 tokens. You requested 9022 tokens",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8192. Given: 22 `inputs` tokens",
    ],
)  # fmt: skip
@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_more_tokens_than_the_window_holds_are_a_mistake_in_the_profile(words: str, limit: str) -> None:
    with pytest.raises(
        RefusesAll, match=r"a window of 8192 tokens, and max_tokens = 9000 leaves no room.*in the profile"
    ):
        raise judged(400, error(words), **{limit: 9000})


@pytest.mark.parametrize(
    "words",
    [
        "max_tokens is too large: 9000. This model supports at most 4096 completion tokens, whereas you provided 9000.",
        "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
        "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` of this model",
        "max_tokens: 9000 > 8192, which is the maximum allowed number of output tokens",
        "The parameter `max_completion_tokens` specified in the request are not valid: integer above maximum value",
    ],
)
def test_more_tokens_than_the_model_writes_are_a_mistake_in_the_profile(words: str) -> None:
    with pytest.raises(RefusesAll, match=r"refuses max_tokens = 9000: .*set a smaller one in the profile"):
        raise judged(400, error(words), max_tokens=9000)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (error("Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is "
               "supported.", param="temperature"), "temperature"),
        (error("Unsupported parameter: 'top_p' is not supported with this model.", param="top_p"), "top_p"),
        (error("temperature and top_p cannot both be specified for this model. Please use only one."),
         "temperature and top_p"),
        (error("Unrecognized request argument supplied: top_k"), "top_k"),
        (error("Unknown parameter: top_k. Supported parameters: temperature, top_p, max_tokens."), "top_k"),
        ({"detail": [{"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "Extra inputs are not permitted"}]},
         "top_k"),
        (error("Unsupported value: 'reasoning_effort' does not support 'minimal' with this model.",
               param="reasoning_effort"), "reasoning_effort"),
        (error("Unknown name \"enable_thinking\": Cannot find field."), "enable_thinking"),
    ],
)  # fmt: skip
def test_a_sampling_value_that_the_model_refuses_is_the_profiles(body: Any, fields: str) -> None:
    sent = {"temperature": 0.5, "top_p": 0.9, "top_k": 5, "max_tokens": 9, "reasoning_effort": "minimal"}
    with pytest.raises(RefusesAll, match=f"Leave {fields} out of the profile") as raised:
        raise judged(400, body, **sent, enable_thinking=False)
    assert raised.value.certain
