"""In which script a text is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.scripts import script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Dear Łukasz, ça va?", "Latin"),
        ("Где мои документы, Anna?", "Cyrillic"),
        ("给小明写一封信，谢谢 OK", "Han"),
        ("ひらがなで書いて", "Hiragana"),
        ("김민수에게 편지를 써 줘", "Hangul"),
        ("اكتب رسالة", "Arabic"),
        ("כתוב מכתב", "Hebrew"),
        ("मुझे एक पत्र लिखें", "Devanagari"),
        ("เขียนจดหมาย", "Thai"),
        ("γράψε", "Greek"),
    ],
)
def test_a_text_is_in_the_script_of_most_of_its_letters(text: str, script: str) -> None:
    assert script_of(text) == script


def test_a_compatibility_form_is_in_the_script_of_what_it_stands_for() -> None:
    assert script_of("ＡＢＣ") == script_of("𝐀𝐁") == script_of("ªº") == "Latin"


def test_of_two_scripts_with_as_many_letters_the_first_counts() -> None:
    assert (script_of("ab да"), script_of("да ab")) == ("Latin", "Cyrillic")


def test_digits_signs_and_emoji_are_no_letters() -> None:
    assert script_of("") == script_of("123 … 🙂 \u0301") == ""
    assert script_of("99999 x") == "Latin"


@given(st.text())
def test_every_text_has_one_word_for_its_script_or_none(text: str) -> None:
    assert script_of(text) == "" or script_of(text).isalpha()
