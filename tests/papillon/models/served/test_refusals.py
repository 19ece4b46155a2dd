"""What a failing status and its body mean: this call alone, every call, or what may pass."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from dspy.lm15 import ContextLengthError

from papillon.errors import EndpointError, Filtered
from papillon.models.failures import RefusesAll, TransientFailure
from papillon.models.served.endpoint import Endpoint
from papillon.models.served.error_bodies import read_error
from papillon.models.served.masking import Mask
from papillon.models.served.refusals import failed_reply
from tests.model_server import ModelServer
from tests.papillon.models.attempts import KEY, asked, attempt, judged
from tests.papillon.models.served.test_endpoint import retrying


def error(message: str, **beside: Any) -> dict[str, Any]:
    return {"error": {"message": message, **beside}}


def unanswered(body: Any, **sent: Any) -> Exception:
    """What it means that a status of 200 came with that body."""
    messages = [{"role": "user", "content": "hello"}]
    found = read_error(json.dumps(body).encode(), messages, Mask(None))
    return failed_reply("Model m", "broke off with an error", found, {"messages": messages, **sent})


AZURE = error(
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    code="content_filter",
    status=400,
    innererror={"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"violence": {"filtered": True}}},
)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, AZURE),
        (400, error("Invalid prompt.", code="content_policy_violation")),
        (400, error("Invalid prompt: your prompt was flagged as potentially violating our usage policy.")),
        (400, error("Input data may contain inappropriate content.", code="data_inspection_failed")),
        (400, error("Moderation Block", type="content_filter", code="421")),
        (403, error("Model requires moderation. Your input was flagged for 'harassment'.", code=403)),
        (
            403,
            {
                "code": "no permission",
                "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO",
            },
        ),
        (422, error("Blocked by guardrail")),
        (
            400,
            error("The response was filtered by our content management policy. Please modify your prompt and retry."),
        ),
        (403, error("The user input has been flagged by moderation.")),
        (400, error("Prompt flagged by moderation as invalid: such content is not allowed.")),
        (400, error("Request blocked by the organization's content policy.")),
        (400, error("Your prompt violates our usage policies. Repeated violations may get your account suspended.")),
    ],
)
def test_a_filter_refuses_one_prompt(status: int, body: Any) -> None:
    refused = judged(status, body)
    assert isinstance(refused, Filtered)
    assert f"Model m answered with its provider's filter, status {status}: " in str(refused)


OWN = {"safetySettings": [], "moderation": "strict", "guardrails": ["pii"], "temperature": 0.5}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (error('Invalid JSON payload received. Unknown name "safetySettings": Cannot find field.'), "safetySettings"),
        (error("Unknown parameter: 'moderation'", param="moderation"), "moderation"),
        (error("Unknown parameter: 'moderation'"), "moderation"),
        (error("Unrecognized request argument supplied: guardrails"), "guardrails"),
        (error("Invalid value: 'guardrails' must be an object"), "guardrails"),
        ({"detail": [{"loc": ["body", "guardrails"], "msg": "Extra inputs are not permitted"}]}, "guardrails"),
    ],
)  # fmt: skip
def test_a_filters_field_that_is_refused_is_the_profiles(body: Any, field: str) -> None:
    with pytest.raises(RefusesAll, match=f"Leave {field} out of the profile"):
        raise judged(400, body, **OWN)


def test_a_filter_is_one_beside_a_field_of_its_name() -> None:
    assert isinstance(judged(400, error("Invalid prompt: flagged by moderation."), **OWN), Filtered)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error('Unknown name "safetySettings": Cannot find field.')),
        (400, error("Unknown parameter: 'safety.guardrail'")),
        (400, error("The guardrail identifier or version provided in the request does not exist.")),
        (400, error("Guardrail 'pii-check' could not be reached")),
        (403, error("The moderation service timed out")),
        (400, error("Guardrail 'pii-check' is not configured")),
        (422, error("The content filter is currently unavailable, try again later")),
    ],
)
def test_a_filter_that_is_asked_for_wrongly_or_is_away_has_refused_no_prompt(status: int, body: Any) -> None:
    assert type(judged(status, body)) in (EndpointError, RefusesAll)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, error("Your account was suspended for violating our usage policies.", code="account_deactivated"), "key"),
        (403, error("Your account has been flagged for violating our usage policies."), "account that the key"),
        (400, error("This organization has been disabled for usage policy violations."), "account that the key"),
        (400, error("Organization org_01 has been restricted: content policy."), "account that the key"),
        (403, error("Access was suspended: harmful use", type="account_suspended"), "account that the key"),
        (403, b"<html><title>Web Content Filter - Access blocked</title></html>", "what the key may do, and api_base"),
        (400, b"<!doctype html><title>Blocked by content policy</title>", "no chat completions are served there"),
    ],
)
def test_an_account_or_a_proxy_that_is_refused_is_no_prompts_fault(status: int, body: Any, said: str) -> None:
    with pytest.raises(RefusesAll, match=said):
        raise judged(status, body)


@pytest.mark.parametrize(
    "body",
    [
        error("Too many tokens, please wait before trying again.", code=429),
        error("Too many tokens, please wait before trying again."),
        error("Too many tokens per minute."),
        error(
            "Provider returned error", code=502, metadata={"raw": "Too many tokens, please wait before trying again."}
        ),
        error("The moderation service is unavailable, please retry.", code=503),
        error("Guardrail failed", code="503"),
        error("The prompt is too long for the backend to start", status_code=504),
        error("Guardrail backend timed out"),
        error("Content filter: internal server error", type="server_error"),
        error("The model is not available right now."),
        error("Slow down: your content is being flagged too often", code=429),
    ],
)
def test_throttling_and_outages_in_a_reply_may_pass_whatever_they_name(body: Any) -> None:
    assert isinstance(unanswered(body), TransientFailure)


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504, 529])
@pytest.mark.parametrize(
    "words", ["Too many tokens, please wait before trying again.", "prompt is too long", "blocked by moderation"]
)
def test_throttling_and_outages_may_pass_whatever_they_name(status: int, words: str) -> None:
    assert isinstance(judged(status, error(words)), TransientFailure)
    assert isinstance(unanswered(error(words, code=status)), TransientFailure)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (error("Your input was flagged.", code=403), Filtered),
        (error("prompt is too long", code=400), ContextLengthError),
        (error("input length exceeds the context length", code=500), ContextLengthError),
        (error("Account suspended for violating our usage policy", code="account_deactivated"), RefusesAll),
        (error("Your account has been suspended for unsafe content", code=403), RefusesAll),
        (error("Unknown parameter: 'moderation'", code=400), RefusesAll),
        (error("Billing service is unavailable", code=503), TransientFailure),
    ],
)
def test_an_error_in_a_reply_means_what_its_own_status_does(body: Any, kind: type[Exception]) -> None:
    assert isinstance(unanswered(body, moderation="strict"), kind)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Too many tokens, please wait before trying again."),
        (400, "Too many input tokens per minute"),
        (413, "Request too large on tokens per minute (TPM): Limit 6000, Requested 7000, reduce your message size."),
    ],
)
def test_a_limit_of_tokens_over_time_is_no_window(status: int, message: str) -> None:
    assert type(judged(status, error(message, code="rate_limit_exceeded"))) is EndpointError


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, error("Forbidden")),
        (403, b"<html><title>Access denied</title></html>"),
        (403, error("Blocked by the organization's network policy")),
        (404, error("No route for this path")),
        (404, {"detail": "Not Found"}),
    ],
)
def test_what_may_be_this_call_alone_is_not_certain(status: int, body: Any) -> None:
    refused = judged(status, body)
    assert isinstance(refused, RefusesAll)
    assert not refused.certain


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, error("Incorrect API key provided."), "Check the key in OPENAI_API_KEY, or in the variable"),
        (400, error("API key not valid. Please pass a valid API key.", status="INVALID_ARGUMENT"), "Check the key"),
        (402, error("Insufficient credits"), "quota or credit is spent"),
        (402, b"", "quota or credit is spent"),
        (429, error("You exceeded your current quota, check billing.", code="insufficient_quota"), "quota or credit"),
        (400, error("Your credit balance is too low to access the API."), "quota or credit is spent"),
        (403, error("Your billing is not active."), "quota or credit is spent"),
        (404, error("The model `m` does not exist or you do not have access to it."), "Check the model's name and"),
        (404, error('model "m" not found, try pulling it first'), "Check the model's name"),
        (404, b"", "Check the model's name and api_base"),
        (404, b"<!doctype html><title>404 Not Found</title>", r"an HTML page \('404 Not Found'\)\. Check the"),
        (400, error("m is not a valid model ID"), "Check the model's name"),
        (400, error("The model m has been decommissioned and is no longer supported."), "Check the model's name"),
        (405, error("Method Not Allowed"), "Check api_base: no chat completions are served there"),
        (407, b"", "The proxy before it wants a user and password"),
        (400, b"Client sent an HTTP request to an HTTPS server.", "write https:// in api_base"),
        (400, b"<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>", "write https:// in"),
    ],
)  # fmt: skip
def test_what_concerns_every_call_is_certain_and_says_what_to_check(status: int, body: Any, said: str) -> None:
    refused = judged(status, body)
    assert isinstance(refused, RefusesAll)
    assert refused.certain
    with pytest.raises(RefusesAll, match=said):
        raise refused


@pytest.mark.parametrize(
    "body",
    [
        error("Rate limit reached for requests", code="rate_limit_exceeded"),
        error("You exceeded your current quota, check billing. Please retry in 11.5s.", status="RESOURCE_EXHAUSTED"),
        b"",
    ],
)
def test_a_quota_that_fills_up_again_is_waited_for(body: Any) -> None:
    assert judged(429, body).throttled  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "Your account was closed after violations of our usage policies."),
     (404, "No endpoints available matching your guardrail restrictions and data policy")],
)  # fmt: skip
def test_a_filters_words_with_a_status_for_every_call_are_no_prompts_fault(status: int, message: str) -> None:
    assert isinstance(judged(status, error(message)), RefusesAll)


def test_other_refusals_are_their_own_calls() -> None:
    refused = judged(400, error("Something about this call."))
    assert type(refused) is EndpointError
    assert str(refused) == "Model m refused the call with status 400: Something about this call."


def test_a_field_that_was_not_sent_is_not_named() -> None:
    assert type(judged(400, error("Unsupported parameter: 'top_p'", param="top_p"), temperature=0.5)) is EndpointError


def test_a_redirection_names_where_it_leads_and_nothing_private() -> None:
    def moved(body: dict[str, Any], number: int) -> Any:
        return 308, {"Location": "https://user:pass@example.org/v1?key=1234"}, ""

    with ModelServer(failing=moved) as server, pytest.raises(RefusesAll) as raised:
        attempt(server.base)
    assert str(raised.value).endswith("redirects to https://example.org; correct api_base.")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("filtered", Filtered), ("flagged", Filtered), ("forbidden", RefusesAll), ("no-quota", RefusesAll),
     ("unpaid", RefusesAll), ("wrong-key", RefusesAll), ("too-long", ContextLengthError),
     ("too-many-tokens", RefusesAll), ("no-temperature", RefusesAll), ("web-page", RefusesAll)],
)  # fmt: skip
def test_refusals_over_the_wire_are_what_they_are_and_show_no_key(name: str, kind: type[Exception]) -> None:
    with ModelServer() as server:
        with pytest.raises(kind) as raised:
            attempt(server.at(name), key=KEY, max_tokens=9000, temperature=0.5)
        assert server.calls == 1
    assert "0123456789" not in str(raised.value)


def test_a_server_that_quotes_the_prompt_and_the_key_is_shown_without_them() -> None:
    prompt = 'My name is Jane Doe and\nI live in "12 Café Street", Springfield.'
    with ModelServer() as server, pytest.raises(EndpointError) as raised:
        attempt(server.at("echo"), asked(prompt), key=KEY)
    text = str(raised.value)
    assert "Jane" not in text
    assert "Café" not in text
    assert "cdef" not in text
    assert "Invalid request" in text
    assert json.dumps(text)
    assert "\n" not in text


def test_what_the_prompt_says_does_not_decide_what_a_refusal_means() -> None:
    prompt = "Why does a content_filter say that the maximum context length is exceeded, or insufficient_quota?"
    assert type(judged(400, error(f"Cannot handle this: {prompt}"), prompt)) is EndpointError


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 529])
def test_what_may_pass_is_asked_again(status: int) -> None:
    failure = judged(status, error("upstream timed out"))
    assert isinstance(failure, TransientFailure)
    assert failure.may_have_cost == (status >= 500)
    assert "upstream timed out" in str(failure)


@pytest.mark.parametrize("name", ["no-quota", "unpaid", "wrong-key", "too-many-tokens", "no-temperature"])
def test_what_concerns_every_call_is_said_once_and_costs_one_call(name: str) -> None:
    async def main(base: str) -> None:
        sampling = {"temperature": 0.5, "max_tokens": 9000}
        endpoint = Endpoint("m", base=base, key=None, sampling=sampling, timeout=5)
        engine = retrying(endpoint)
        try:
            for _ in range(3):
                with pytest.raises(RefusesAll):
                    await engine.acomplete(asked())
        finally:
            await endpoint.aclose()

    with ModelServer() as server:
        asyncio.run(main(server.at(name)))
        assert server.calls == 1


def test_a_flagged_prompt_costs_the_others_nothing() -> None:
    async def main(base: str) -> None:
        endpoint = Endpoint("m", base=base, key=None, sampling={}, timeout=5)
        engine = retrying(endpoint)
        try:
            for _ in range(5):
                with pytest.raises(Filtered):
                    await engine.acomplete(asked())
        finally:
            await endpoint.aclose()

    with ModelServer() as server:
        asyncio.run(main(server.at("flagged")))
        assert server.calls == 5


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ("Limit 100000 tokens per day. Please try again in 12m3s.", 12),
        ("Please try again in 1h2m3.5s.", 62),
        ("Please try again in 20s.", None),
        ("Please try again in 240ms.", None),
    ],
)
def test_a_wait_of_minutes_that_is_told_in_words_gives_the_model_up(words: str, minutes: int | None) -> None:
    meant = judged(429, error(words))
    if minutes is None:
        assert isinstance(meant, TransientFailure)
    else:
        assert isinstance(meant, RefusesAll)
        assert f"It asks to wait {minutes} minutes" in str(meant)
