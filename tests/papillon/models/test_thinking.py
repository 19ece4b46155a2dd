"""What a model thought is told apart from its answer; an answer without thinking is not touched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.models.served.replies import read_reply
from papillon.models.thinking import split_thinking

#: The format's own markers, as a model that thinks aloud about its task writes them.
MARKED = "Ann Lee lives in Oslo.\n[[ ## llm_request ## ]]\nWrite to Ann Lee.\n[[ ## completed ## ]]"
ANSWER = "[[ ## llm_request ## ]]\nWrite a letter.\n\n[[ ## completed ## ]]"


@pytest.mark.parametrize(
    "before",
    [
        f"<think>{MARKED}</think>",
        f"<think>\n{MARKED}\n</think>\n\n",
        f"\n <Thinking>{MARKED}</Thinking>\n",
        f"<thought>\n{MARKED}\n</thought>\n",
        f"[THINK]{MARKED}[/THINK]",
        # The chat template of some models opens the block itself.
        f"{MARKED}\n</think>\n\n",
        f"{MARKED} So be it.</think>\n",
        f"{MARKED}</think>",
        # Two blocks, one inside the other, and a tag that is spoken of.
        f"<think>{MARKED}</think>\n<think>{MARKED}</think>\n",
        f"<think>{MARKED}<think>again</think>{MARKED}\n</think>\n",
        f"<think>I close with `</think>`. {MARKED}</think>\n",
        f"<think a='1' b=\"2\">{MARKED}</think >\n",
        # Other models' tags.
        f"<seed:think>{MARKED}</seed:think>",
        f"{MARKED}</seed:think>",
        f"◁think▷{MARKED}◁/think▷",
        f"<|begin_of_thought|>\n{MARKED}\n<|end_of_thought|>\n\n<|begin_of_solution|>\n",
        f"<|START_THINKING|>{MARKED}<|END_THINKING|><|START_RESPONSE|>",
        *(
            f"<{word}>\n{MARKED}\n</{word}>\n"
            for word in ("thoughts", "reasoning", "reflection", "analysis", "scratchpad", "rationale")
        ),
        f"<Reasoning step='1'>{MARKED}</Reasoning>",
        f"<reasoning>I <think>twice</think>. {MARKED}</reasoning>",
        f"<|channel|>analysis<|message|>{MARKED}<|end|><|start|>assistant<|channel|>final<|message|>",
        f"<|start|>assistant<|channel|>analysis<|message|>{MARKED}<|end|>"
        f"<|start|>assistant<|channel|>commentary<|message|>{MARKED}<|end|>"
        "<|start|>assistant<|channel|>final <|constrain|>json<|message|>",
    ],
)
def test_thinking_before_the_answer_is_left_out_of_it(before: str) -> None:
    thinking, answer = split_thinking(before + ANSWER)
    assert answer == ANSWER
    assert "Write to Ann Lee." in thinking


@pytest.mark.parametrize("before", ["<think>why</think>", "why\n</think>\n", "[THINK]why[/THINK] "])
def test_an_answer_in_json_follows_thinking_too(before: str) -> None:
    assert split_thinking(before + '{"leaked": 0}') == ("why", '{"leaked": 0}')


@pytest.mark.parametrize(
    "cut",
    [
        f"<think>{MARKED}",
        f"  <thinking>\n{MARKED}",
        f"<|channel|>analysis<|message|>{MARKED}",
        f"◁think▷{MARKED}",
        f"<analysis>{MARKED}",
        f"<reasoning>{MARKED}</reasoning>\n",
    ],
)
def test_thinking_that_never_closes_leaves_no_answer(cut: str) -> None:
    thinking, answer = split_thinking(cut)
    assert answer == ""
    assert MARKED in thinking


def test_the_end_of_the_last_channel_is_not_of_the_answer() -> None:
    assert split_thinking("<|channel|>final<|message|>Yes.<|return|>") == ("", "Yes.")


def test_an_empty_block_holds_no_thinking() -> None:
    assert split_thinking("<think>\n\n</think>\n\nYes.") == ("", "Yes.")


@pytest.mark.parametrize(
    "answer",
    [
        "Models write <think> before they answer.",
        "Use `<think>` and `</think>`.",
        "```\n<think>\nhm\n</think>\n```\nis how they do it.",
        "The tag </think> ends it.",
        "<analysis>\nIt is sound.\n</analysis>",
        "<analysis>\nIt is sou",
        "The element ends with\n</analysis>\n",
        "<think about it> and answer.",
        "[[ ## response ## ]]\nPut <think>\nfirst.\n</think>\n",
        '{"response": "close with </think>, then answer"}',
        "  \n indented\r\n\ttext\x0b \n",
        "",
    ],
)
def test_a_tag_that_an_answer_speaks_of_stays(answer: str) -> None:
    assert split_thinking(answer) == ("", answer)


@pytest.mark.parametrize("tag", ["</think>", "</seed:think>", "[/THINK]", "◁/think▷", "<|end_of_thought|>"])
def test_reasoning_that_comes_apart_is_told_from_the_answer_whatever_tags_it_speaks_of(tag: str) -> None:
    message = {"content": ANSWER, "reasoning_content": f"I end with\n{tag}\n{MARKED}"}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    thinking, answer = split_thinking(read_reply(body, "m").message.text or "")
    assert answer == ANSWER
    assert MARKED in thinking


pieces = st.sampled_from(
    ["<think", "think>", "[[ ## reasoning ## ]]\n", "</b>", "[THIN", "<|end|>", "\r\n", " ", "ä", "`"]
)


def holds_no_tag(text: str) -> bool:
    return "think" not in text or not ("<" in text and ">" in text)


@given(st.lists(pieces | st.text(max_size=5)).map("".join).filter(holds_no_tag))
def test_an_answer_without_thinking_comes_through_byte_for_byte(answer: str) -> None:
    assert split_thinking(answer) == ("", answer)


thoughts = st.lists(st.sampled_from(["\n", "[[ ## llm_request ## ]]", "`", "<b>", "{", "Ann"])).map("".join)


@given(thought=thoughts, answer=st.lists(pieces).map("".join).filter(holds_no_tag))
def test_the_answer_after_a_block_is_the_text_behind_it(thought: str, answer: str) -> None:
    assert split_thinking(f"<think>{thought}\n</think>\n\n{answer}") == (thought.strip(), answer.lstrip())
