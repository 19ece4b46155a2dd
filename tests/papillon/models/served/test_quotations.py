"""Quotations of a request in a server's words: no piece of it is shown, and the server's own sentence is."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from papillon.models.served.error_bodies import read_error
from papillon.models.served.masking import Mask
from papillon.models.served.quotations import Quotations
from papillon.models.served.wordings import PLAIN

ROW = "Please write to Jane Doe (Oslo) about her HIV test of 12 March; her son Tim, 7, likes Fußball. 张伟 knows."
#: What DSPy writes around a row.
TEMPLATE = """Your input fields are:
1. `query` (str): The user's query. It must not hold the user's private data.
Your output fields are:
1. `request` (str): All interactions will be structured in the following way, with the appropriate values filled in.
[[ ## response ## ]]
Respond with the corresponding output fields, starting with the field `request`, and then ending with the marker.
This is the model's maximum length; the request is too long. However, you see, the user requested the context."""


def shown(words: str, *asked: str) -> str:
    quotations = Quotations(asked or (TEMPLATE, ROW))
    return quotations.without_words(quotations.without_runs(words))


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("Blocked term in prompt: Jane Doe (Oslo)", "Blocked term in prompt: […] ([…])"),
        ("Detected PII: 'HIV test'", "Detected PII: '[…]'"),
        ("Blocked term in prompt: Jane", "Blocked term in prompt: […]"),
        ('The words "likes" and `son` are not allowed', 'The words "[…]" and `[…]` are not allowed'),
        ("Blocked term - likes", "Blocked term - […]"),
        ("term=likes", "term=[…]"),
        ("The prompt names Oslo and HIV", "The prompt names […] and […]"),
        ("The prompt says about her son", "The prompt says about […]"),
        ("Found (12 March) in it", "Found ([…]) in it"),
        ("Bad phrase: fussball", "Bad phrase: […]"),
        ("Bad phrase: FUSSBALL", "Bad phrase: […]"),
        ("Bad phrase: 'Fußb...'", "Bad phrase: '[…]...'"),
        ("Bad phrase: …ßball", "Bad phrase: …[…]"),
        ("包含敏感词张伟", "包含敏感词[…]"),
        ("Blocked term in prompt: “Jane", "Blocked term in prompt: “[…]"),
    ],
)
def test_a_piece_of_a_row_is_cut_however_short(words: str, kept: str) -> None:
    assert shown(words) == kept


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9064 tokens (64 in the messages).",
        "Invalid request: the response is too long.",
        "Error code: 400 - The request was rejected: your input was flagged by the content filter",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "The model `llama-3` does not exist",
        "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.",
        "body.top_k; Extra inputs are not permitted",
        "Rate limit reached for requests per minute: Limit 3, please try again in 20s",
    ],
)
def test_a_servers_own_sentence_stays_whatever_the_template_says(words: str) -> None:
    assert shown(words) == words


def test_a_servers_word_that_ends_one_of_the_rows_is_hidden_with_what_follows_it() -> None:
    kept = shown("No `AAAA AAAA AAAA AAAA`", "AANO AAAA AAAA AAAA AAAA")
    assert not re.search("no|aaaa", kept.casefold())


LETTERS = st.characters(categories=("Ll", "Lu"), include_characters="ßéñäøжλ")
WORDS = st.text(LETTERS, min_size=4, max_size=12).filter(lambda word: word.isalpha())


@given(
    st.lists(WORDS, min_size=1, max_size=12),
    st.sampled_from(
        ["Blocked term: {}", "Detected PII: '{}'", "Cannot read ({}) here", 'The term "{}" is not allowed', "No `{}`",
         "Terms: the {} or no", "«{}» was refused", "Term={}", "Blocked term – {}", "Blocked “{}”.", "Refused [{}]"]
    ),
    st.sampled_from([str, str.upper, str.lower, str.title]),
    st.data(),
)  # fmt: skip
def test_no_word_of_a_row_survives_in_quotes_brackets_or_behind_a_colon(
    words: list[str], template: str, spelling: object, data: st.DataObject
) -> None:
    assert callable(spelling)
    known = {word.casefold() for word in words}
    assume(not known & PLAIN)
    start = data.draw(st.integers(0, len(words) - 1))
    piece = words[start : data.draw(st.integers(start + 1, len(words)))]
    kept = shown(template.format(spelling(" ".join(piece))), " ".join(words))
    own = template.casefold()
    assert not [word for word in known if word in kept.casefold() and word not in own], kept
    # The server's word may end one of the row's, and is a piece of it then.
    before = re.findall(r"\w+", template.partition("{}")[0])[-1:]
    if " ".join([*before, *piece]).casefold() not in " ".join(words).casefold():
        assert kept[0] == template[0]


@pytest.mark.parametrize("text", ["the patient told us on Monday that Jane said {} ", "名前は{}です。", "é{} à ü "])
def test_a_prompt_of_a_megabyte_takes_a_few_passes_over_it_and_does_not_hold_up_other_calls(text: str) -> None:
    prompt = "".join(text.format(number) for number in range(10**6 // len(text)))
    body = b'{"error": {"message": "Your prompt was refused, since Jane said 7; the patient told us on Monday. %s"}}'
    raw = body % (b"This model's maximum context length is 8192 tokens. However, you requested 9064 tokens. " * 8)

    def quickest(work: Callable[[], object]) -> float:
        took = []
        for _ in range(3):
            start = time.process_time()
            work()
            took.append(time.process_time() - start)
        return min(took)

    asked = [{"role": "user", "content": prompt}]
    assert read_error(raw, asked, Mask(None)).words.startswith("Your prompt was refused")
    one_pass = quickest(lambda: re.findall(r"\w+", prompt.casefold()))
    assert quickest(lambda: read_error(raw, asked, Mask(None))) < 6 * one_pass  # 2 to 4 were measured


def test_a_word_is_found_whichever_way_its_accents_are_written() -> None:
    for asked, said in (("AAA\u1f71", "AAA\u1f71"), ("Jos\u00e9 Mora", "Jose\u0301"), ("Jose\u0301 Mora", "Jos\u00e9")):
        assert shown(f"Blocked term: {said}", asked) == "Blocked term: […]"
