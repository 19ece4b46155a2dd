"""How close two texts are, and what cannot make them so."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.closeness import Closeness, closeness, measured

TEXTS = st.text(alphabet="abé 1.,_李小明ก\u0301", max_size=40)


def test_the_formula_is_content_times_one_plus_length_over_two() -> None:
    # Shared "river" 5 of 5 + 10 letters: content 2 × 5 / 15; lengths 5 and 11.
    assert closeness("river", "river basin") == pytest.approx((2 * 5 / 15) * (1 + 5 / 11) / 2)


def test_a_word_counts_as_often_as_both_hold_it() -> None:
    assert closeness("tea tea tea tea", "tea and lemons") == pytest.approx((2 * 3 / (12 + 12)) * (1 + 14 / 15) / 2)


def test_scripts_without_spaces_count_in_pairs_so_that_order_matters() -> None:
    assert closeness("海上花", "上海花") == 0
    assert closeness("上海花", "上海人") == pytest.approx(2 * 2 / 8)


def test_long_words_weigh_more_than_short_ones() -> None:
    target = "the depreciation of the machine"
    assert closeness("depreciation", target) > closeness("the of the", target)


@given(TEXTS, TEXTS)
def test_closeness_is_symmetric_and_within_0_and_1(answer: str, target: str) -> None:
    assert 0 <= closeness(answer, target) <= 1
    assert closeness(answer, target) == closeness(target, answer)


@given(TEXTS)
def test_a_text_is_as_close_to_itself_as_can_be_unless_it_is_empty(text: str) -> None:
    assert closeness(text, text) == float(bool(text.strip()))


@pytest.mark.parametrize("answer", ["", "  \n", ":", "…", "\u200b"])
def test_an_answer_of_nothing_has_closeness_0(answer: str) -> None:
    assert closeness(answer, "A letter to the landlord.") == 0
    assert closeness("", answer) == 0


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        ("DEAR  SIR,\nthank you", "Dear Sir, thank you"),
        ("STRASSE und HOF", "Straße und Hof"),
        ("le cafe\u0301", "le café"),
        ("ＡＢＣ", "abc"),
    ],
)
def test_case_spaces_and_composition_do_not_count(answer: str, target: str) -> None:
    assert closeness(answer, target) == 1


@pytest.mark.parametrize(
    ("target", "near", "far"),
    [
        ("请把合同的日期改为五月。", "请将合同日期改为五月。", "今天的天气真的很好啊。"),
        ("契約書の日付を直しました。", "契約書の日付を修正した。", "明日はとても寒いようだ。"),
        ("แก้วันที่ในสัญญาแล้ว", "แก้ไขวันที่ในสัญญา", "พรุ่งนี้อากาศจะหนาวมาก"),
        ("계약서의 날짜를 고쳤습니다.", "계약서의 날짜를 바꿨습니다.", "내일은 아주 추울 것입니다."),
        (
            "I corrected the date in the contract.",
            "The contract's date is now corrected.",
            "It may rain a lot.",
        ),
    ],
)
def test_a_like_answer_is_closer_than_an_unlike_one_in_every_script(target: str, near: str, far: str) -> None:
    assert closeness(near, target) > 2 * closeness(far, target)


def test_padding_and_cutting_lower_closeness() -> None:
    target = "Please send the signed lease to our office before Friday noon."
    assert closeness(target + " Thank you very much indeed for everything." * 5, target) < 0.3
    assert closeness(target[:20], target) < closeness(target[:40], target) < 1


def test_the_same_words_at_half_the_length_keep_half_at_most() -> None:
    target = "word " * 100
    assert closeness("word " * 50, target) == pytest.approx((2 / 3) * (3 / 4), abs=0.01)


def test_long_texts_take_milliseconds() -> None:
    one, other = "one two three four five " * 600, "six seven three eight nine " * 520

    def once() -> float:
        start = time.perf_counter()
        closeness(one, other)
        return time.perf_counter() - start

    # About 1 ms; the bound leaves room for a loaded machine.
    assert min(once() for _ in range(5)) < 0.01


def test_its_parts_can_be_told() -> None:
    assert measured("river", "river basin") == Closeness(2 * 5 / 15, 1 - 6 / 11, {"basin": 1})
    assert measured("Same!", "same!") == Closeness(1.0, 1.0)
    assert measured("", "") == Closeness(0.0, 0.0)


def test_what_an_answer_lacks_stands_as_often_as_it_lacks_it() -> None:
    assert measured("Tea, please.", "Tea and TEA and lemonade").lacks == {"tea": 1, "and": 2, "lemonade": 1}
    assert measured("上海花", "上海人").lacks == {"海人": 1}
    assert measured("Same words!", "words, same").lacks == {}
    assert "basin" not in repr(measured("river", "river basin"))


@given(TEXTS, TEXTS)
def test_its_parts_are_within_0_and_1_and_come_to_it(answer: str, target: str) -> None:
    parts = measured(answer, target)
    assert 0 <= parts.content <= 1
    assert 0 <= parts.length <= 1
    assert parts.value == closeness(answer, target)
    assert measured(f"{answer} {target}", target).lacks == {}
