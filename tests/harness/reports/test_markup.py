"""Markup: whatever a text holds, it is shown letter by letter, and nothing in it acts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evals.harness.reports.markup import bullets, fence, fitted, name, prose, table
from papillon.screen import visible

MARKDOWN = MarkdownIt("gfm-like")

#: Each would act if it stood there as it is.
HOSTILE = [
    "a | b |\n|---|",
    "`code` ``more``",
    "@octocat and @org/team",
    "[link](https://evil.example/x) ![i](http://evil.example/i.png)",
    "https://evil.example www.evil.example ftp://evil.example mailto:a@evil.example a@evil.example",
    "<script>alert(1)</script><img src=x onerror=alert(1)> <!-- --> &lt; &#60;",
    "#12 GH-3 org/repo#4 !5 %6 $7 ~bug &8",
    "*a* _b_ ~~c~~ **d** $x$ :tada:",
    "# head\n\n- item\n1. one\n> quote\n---\n    code",
    "a\r\nb\u2028c\x1b[31md\u202ee\x00f\\",
    "1. one",
    "- x",
    "+",
    "--- ---",
    "![a][b]\n\n[b]: https://evil.example",
    "\ud800 half",
]


def html_of(markdown: str) -> str:
    return MARKDOWN.render(markdown)


@pytest.mark.parametrize("shown", [prose, name])
@pytest.mark.parametrize("text", HOSTILE)
def test_in_a_cell_and_in_a_list_nothing_of_a_hostile_text_acts(shown: object, text: str) -> None:
    cell: str = shown(text)  # type: ignore[operator]
    assert cell.splitlines() == [cell]
    for found in (html_of(table(["x"], [[cell]])), html_of(bullets([cell]))):
        tags = {*re.findall(r"<(/?\w+)", found)}
        assert tags <= {"table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code"} | {
            f"/{tag}" for tag in ("table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code")
        }
        assert found.count("<td>") <= 1
        assert found.count("<li>") <= 1
        bare = re.sub(r"<code>[^<]*</code>", "", found)
        assert not re.search(r"[@#!%~$&]\w(?!mp;|t;|uot;)", bare.replace("&amp;", "&").replace("&lt;", "<")), bare
        assert "://" not in bare
        assert not re.search(r"www\.", bare)


@given(st.text(max_size=80))
def test_any_text_is_shown_letter_by_letter_in_one_cell(text: str) -> None:
    found = html_of(table(["x"], [[prose(text)]]))
    (cell,) = re.findall(r"<td>(.*?)</td>", found, re.DOTALL) or [""]
    assert "<" not in cell
    letters = re.sub(r"[^\w]", "", re.sub(r"&(?:amp|lt|gt|quot);", "", cell.replace("\u200b", "")))
    assert letters == re.sub(r"[^\w]", "", visible(" ".join(text.split()), one_line=True))


def test_plain_names_are_code_and_plain_sentences_are_as_they_were() -> None:
    assert name("openai/gpt-4.1-mini") == "`openai/gpt-4.1-mini`"
    assert name("dev-0004-1f3c9a2e") == "`dev-0004-1f3c9a2e`"
    said = "quality is 0.500 (0.272 to 0.728), at least 0.8 is asked; about 40 examples would decide it"
    assert prose(said) == said
    assert name("a`b") == "a&#96;b"
    assert name("") == ""


def test_what_is_long_is_cut_and_says_so() -> None:
    assert len(prose("x" * 5000)) == 600
    assert name("y" * 500) == "y" * 119 + "…"
    assert bullets(["a"] * 25).endswith("- a\n- … and 5 more")
    assert table(["a", ">b"], [["1", "2"]] * 70).endswith("| 1 | 2 |\n| … and 10 more |  |")
    assert table(["a"], []) == bullets([]) == ""


def test_a_command_is_copied_as_it_is_whatever_it_holds() -> None:
    command = "pytest -k '```' && echo `date` | cat"
    (code,) = re.findall(r"<code[^>]*>(.*)</code>", html_of(fence(command)), re.DOTALL)
    assert code.strip().replace("&amp;", "&") == command


def test_the_largest_parts_are_left_out_first_and_are_counted() -> None:
    blocks = ["head", "a" * 300, "small", "", "b" * 200, "last"]
    assert fitted(blocks, 1000) == "\n\n".join(filter(None, blocks)) + "\n"
    short = fitted(blocks, 300)
    assert short.startswith("head\n\nsmall\n\nbbb")
    assert short.endswith("1 further part left out: a comment holds no more.\n\nlast\n")
    assert fitted(blocks, 1) == "head\n\n3 further parts left out: a comment holds no more.\n\nlast\n"
