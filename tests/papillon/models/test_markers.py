"""Fields of chat answers are found where a model wrote their markers, and nothing of a marker stays in a field."""

from __future__ import annotations

from typing import Any

import dspy
import pytest
from dspy.utils.exceptions import AdapterParseError
from hypothesis import given
from hypothesis import strategies as st

from papillon.models.adapters import adapter_for

SIGNATURE = dspy.Signature("query -> reasoning, llm_request")
REASONING, REQUEST, COMPLETED = "[[ ## reasoning ## ]]", "[[ ## llm_request ## ]]", "[[ ## completed ## ]]"
READ = {"reasoning": "Hide it.", "llm_request": "Write\n  a letter."}


def parsed(completion: str) -> dict[str, Any]:
    fields: dict[str, Any] = adapter_for("chat").parse(SIGNATURE, completion)
    return fields


@pytest.mark.parametrize(
    "completion",
    [
        f"{REASONING}\nHide it.\n\n{REQUEST}\nWrite\n  a letter.\n\n{COMPLETED}",
        # On the text's line, indented, or both.
        f"{REASONING} Hide it.\n{REQUEST} Write\n  a letter.\n{COMPLETED}",
        f"    {REASONING}\n    Hide it.\n    {REQUEST}\n    Write\n  a letter.\n    {COMPLETED}",
        f"\t{REASONING} Hide it.\n \xa0{REQUEST} Write\n  a letter. {COMPLETED}",
        f"{REASONING} Hide it. {REQUEST} Write\n  a letter. {COMPLETED}",
        f"Sure! {REASONING} Hide it. {REQUEST} Write\n  a letter.",
        # In markup.
        f"**{REASONING}**\nHide it.\n\n**{REQUEST}** Write\n  a letter.\n\n**{COMPLETED}**",
        f"### {REASONING}\nHide it.\n\n> {REQUEST}\nWrite\n  a letter.\n\n`{COMPLETED}`",
        f"- __{REASONING}__ Hide it. **{REQUEST}** Write\n  a letter. `{COMPLETED}`",
        # In another spacing, or with a bracket missing.
        "[[## reasoning ##]]\nHide it.\n[[##llm_request##]]\nWrite\n  a letter.\n[[ ##  completed ## ]]",
        "[[ ## reasoning ## ]\nHide it.\n[ ## llm_request ## ]\nWrite\n  a letter.\n[[ ## completed ## ]",
        # Cut off by the token limit.
        f"{REASONING}\nHide it.\n\n{REQUEST}\nWrite\n  a letter.\n\n[[ ## comp",
        f"{REASONING}\nHide it.\n\n{REQUEST}\nWrite\n  a letter.\n\n[[ ##",
        # More than was asked for.
        f"{REASONING}\nHide it.\n{REQUEST}\nWrite\n  a letter.\n{REQUEST}\nWrite to Ann.",
        f"{REASONING}\nHide it.\n{REQUEST}\nWrite\n  a letter.\n{COMPLETED}\n{REQUEST}\nWrite to Ann.",
        f"{REASONING}\nHide it.\n{REQUEST}\nWrite\n  a letter.\n\n  {COMPLETED}\nAnn will like it. {COMPLETED}",
        f"{REASONING}\nHide it.\n{REQUEST}\nWrite\n  a letter. {COMPLETED} Ann will like it.\n{COMPLETED}",
        # DSPy's lines end elsewhere, too.
        f"{REASONING}\u2028Hide it.\r\n{REQUEST}\x0bWrite\x85  a letter.\r{COMPLETED}",
    ],
)
def test_what_follows_a_marker_belongs_to_its_field(completion: str) -> None:
    assert parsed(completion) == READ


def test_a_field_begins_where_its_marker_opens_a_line_and_not_where_it_is_spoken_of() -> None:
    completion = f"{REASONING}\nInto {REQUEST} goes no name.\n\n{REQUEST}\nWrite.\n\n{COMPLETED}"
    assert parsed(completion) == {"reasoning": "Into  goes no name.", "llm_request": "Write."}


def test_a_marker_in_backticks_within_a_line_begins_no_field() -> None:
    # Else an answer that was cut off would send what is thought about the request.
    with pytest.raises(AdapterParseError):
        parsed(f"{REASONING}\nAnn's name must not stand in `{REQUEST}` because Ann")


def test_nothing_after_completed_becomes_part_of_a_field() -> None:
    with pytest.raises(AdapterParseError):
        parsed(f"{REASONING}\nHide it.\n{COMPLETED}\n{REQUEST}\nWrite to Ann.")


ANSWER = f"{REASONING}\nHide it.\n\n{REQUEST}\nWrite\n  a letter.\n\n{COMPLETED}"
DRAFT = f"{REASONING}\nAnn Lee.\n\n{REQUEST}\nWrite to Ann Lee."
ALOUD = "The user is Ann Lee. Let me draft:\n"


@pytest.mark.parametrize(
    "before",
    [
        # Thinking that nothing marks as such.
        f"{ALOUD}{DRAFT}\n\nNo names! So:\n\n",
        f"{ALOUD}{DRAFT}\n{DRAFT}\n",
        f"{ALOUD}{REQUEST}\nWrite to Ann Lee.\n\n",
        f"{ALOUD}In {REASONING} I hide it.\n{REQUEST}\nWrite to Ann Lee.\n\n",
        # In a tag of a name that nobody knows, with all of the format.
        f"<inner_voice>{DRAFT}\n{COMPLETED}</inner_voice>\n",
        f"\n<plan n='1'>\n{ALOUD}{REQUEST}\nWrite to Ann Lee.\n{COMPLETED}\n</plan>\n\n",
    ],
)
def test_a_draft_before_the_answer_is_not_the_answer(before: str) -> None:
    assert parsed(before + ANSWER) == READ


@pytest.mark.parametrize(
    "completion",
    [
        # The answer was cut off, or never came.
        f"{ALOUD}{DRAFT}\n\nNo names!\n\n{REASONING}\nHide it",
        f"{ALOUD}{REQUEST}\nWrite to Ann Lee.\n\n{REASONING}\nHide it",
        # Two answers behind other text: which of them is a draft?
        f"{ALOUD}{DRAFT}\n{COMPLETED}\n\nNo names!\n\n{ANSWER}",
        f"{ALOUD}{REQUEST}\nWrite to Ann Lee.\n{COMPLETED}\n\n{ANSWER}",
        f"{ALOUD}{DRAFT}\n{COMPLETED}\n{REASONING}\nHide it",
    ],
)
def test_a_draft_alone_is_no_answer(completion: str) -> None:
    with pytest.raises(AdapterParseError):
        parsed(completion)


@pytest.mark.parametrize("before", ["", "Sure:\n\n", "[[ ## query ## ]]\nI am Ann Lee.\n\n", "<b>\n", "<b>So</b>\n"])
@pytest.mark.parametrize(
    "after", ["", f"\n{ANSWER}", f"\n{ANSWER[:40]}", f"\nAnn will like it.\n{REQUEST}\nWrite to Ann.", "\n</b>"]
)
def test_a_second_copy_of_the_answer_changes_nothing(before: str, after: str) -> None:
    assert parsed(before + ANSWER + after) == READ


@pytest.mark.parametrize("before", ["", "[[ ## query ## ]]\nI am Ann Lee.\n\n"])
def test_an_answer_with_nothing_before_it_is_the_first_whatever_follows(before: str) -> None:
    assert parsed(f"{before}{ANSWER}\n\n[[ ## query ## ]]\nI am Ann.\n\n{DRAFT}\n{COMPLETED}") == READ


@pytest.mark.parametrize(
    "behind",
    [
        "Write. [[ ## user_query ## ]] My secret.",
        "Write.\n\n[[ completed ]]\nMy secret.",
        "Write.\n\n## completed ##\nMy secret.",
        "<think>My secret.</think>Write.",
        ": Write.",
    ],
)
def test_what_stands_behind_another_marker_or_in_a_block_is_not_the_fields(behind: str) -> None:
    assert parsed(f"{REASONING}\nHide.\n{REQUEST}{'' if behind[0] == ':' else chr(10)}{behind}\n{COMPLETED}") == {
        "reasoning": "Hide.",
        "llm_request": "Write.",
    }


def test_a_marker_in_backticks_is_text() -> None:
    said = "Put it in `[[ ## response ## ]]` please."
    assert parsed(f"{REASONING}\nHide.\n{REQUEST}\n{said}\n{COMPLETED}")["llm_request"] == said


texts = st.lists(
    st.sampled_from(["Write", " ", "\n", "    ", "\t", "**bold**", "\n[[ ## other ## ]]\n", "[[1, 2]]", "\n# A", "`x`"])
    | st.text(max_size=8)
).map("".join)


@given(reasoning=texts, request=texts, before=st.sampled_from(["", "Sure:\n\n", "\n"]), closed=st.booleans())
def test_a_well_formed_answer_is_read_as_dspy_reads_it(reasoning: str, request: str, before: str, closed: bool) -> None:
    completion = f"{before}{REASONING}\n{reasoning}\n\n{REQUEST}\n{request}"
    if closed:
        completion += f"\n\n{COMPLETED}\n"
    assert parsed(completion) == dspy.ChatAdapter().parse(SIGNATURE, completion)


markers = st.sampled_from([REASONING, REQUEST, COMPLETED, f"**{REQUEST}**", f"`{REQUEST}`", "[[##completed##]]"])


@given(st.lists(markers | st.sampled_from(["\n", " ", "  ", "word", "\n\n", "**", "> "])).map("".join))
def test_no_marker_of_its_own_is_left_in_a_field(completion: str) -> None:
    try:
        fields = parsed(completion)
    except AdapterParseError:
        return
    assert not any("##" in text for text in fields.values())
