"""What stands in a text and what does not, and the law of redaction."""

import subprocess
import sys
import time
import unicodedata
from itertools import compress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from papillon.leaks import Place, fold, leaks, near_verbatim, places, redact, verbatim, words

# Few letters of many kinds, so that units meet in texts, touch, overlap and stand beside marks.
TEXTS = st.text(alphabet="aAbiIİı1 -.[]\tßsS李王ก่가은क्\u0301\u0307\u200b\u00ad█REDACTÉ,_ﬁ½가ｶﾞΣς\u3000", max_size=24)
UNITS = st.lists(st.text(alphabet="aAbiIİı1 -.[]ßs李ก่가은क्\u0301\u0307█RED\u200b", min_size=1, max_size=5), max_size=4)


def stands(unit: str, text: str) -> bool:
    (found,) = verbatim([unit], text)
    return found


def nearly_stands(unit: str, text: str) -> bool:
    (found,) = near_verbatim([unit], text)
    return found


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("Ann", "ask Ann."),
        ("Ann", "annual report by ann"),
        ("Ann", "Ann's"),
        ("tim", "for 100tim, then"),
        ("mi", "100mi"),
        ("k", "No. 200719281K)"),
        ("42", "1942"),
        ("Rua Nova 3", "rua\nnova\t 3"),
        ("@jane", "mail me@jane"),
        ("4.5/(a+b)*", "is 4.5/(a+b)*?"),
        ("C++", "C++17"),
        ("\\d", "the pattern \\d"),
        ("tim", "告诉tim，附件"),
        ("阿里巴巴", "我在阿里巴巴总结"),
        ("スミス", "スミスさん"),
        ("ｽﾐｽ", "スミスさん"),
        ("さくら", "私はさくらです"),
        ("สมชาย", "คุณสมชายอยู่ไหน"),
        ("ກາ", "ຊື່ກາແມ່ນ"),
        ("ដារា", "លោកដារាមក"),
        ("အောင်", "ကိုအောင်သည်"),
        ("བསོད", "ངབསོདནམས"),
        ("김민수", "김민수는 갔다"),
        ("OpenAI", "OpenAI가 만든"),
        ("Weiß", "HERR WEISS"),
        ("Strasse", "STRAẞE"),
        ("José", "JOSE\u0301"),
        ("Jose\u0301", "josé"),
        ("İzmir", "izmir"),
        ("izmir", "İZMİR"),
        ("Işık", "ışık"),
        ("Diyarbakır", "DIYARBAKIR"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("Ｊａｎｅ", "jane"),
        ("Jane", "Ja\u00adne"),
        ("Jane Roe", "Jane\u00a0Ro\u200be"),
        ("राम", "राम है"),
        ("محمد", "السيد محمد، مرحبا"),
    ],
)
def test_a_unit_stands_in_the_text(unit: str, text: str) -> None:
    assert stands(unit, text)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("Ann", "annual"),
        ("Ann", "Joann"),
        ("Ann", "Joanne"),
        ("7B", "x7B"),
        ("42", "a42"),
        ("42", "42nd"),
        ("caf", "café"),
        ("cafe", "café"),
        ("q", "q\u0303"),
        ("Ann", "Ann\u0301"),
        ("a.b", "axb"),
        ("Иван", "Иванов"),
        ("राम", "रामायण"),
        ("김", "김치"),
        ("민수", "김민수는"),
        ("محمد", "محمدية"),
        ("f", "ﬁn"),
        ("i", "ﬁ"),
        ("Mas", "Maß"),
        ("Jane", "Ja\u200bnet"),
        ("Jane", ""),
        ("\u200b", "a\u200bb"),
        ("", "a"),
    ],
)
def test_a_unit_does_not_stand_in_the_text(unit: str, text: str) -> None:
    assert not stands(unit, text)


def test_units_are_found_each_by_itself_also_inside_each_other() -> None:
    assert verbatim(["New York", "York", "new york", "Yor"], "New York City") == (True, True, True, False)
    assert verbatim([], "anything") == ()


def test_a_place_inside_a_word_does_not_hide_a_later_one() -> None:
    assert stands("an a", "an an a")
    assert stands("Ann", "Joann, annual, annann Ann")


def plain_stand(unit: str, text: str) -> bool:
    """The definition, place by place: slow, and with none of the search's shortcuts."""
    unit, text = fold(unit), fold(text)

    def letter(character: str) -> bool:
        name = unicodedata.name(character, "")
        return unicodedata.category(character)[0] in "LM" and not name.startswith(("CJK", "THAI", "KATAKANA"))

    def open_edge(own: str, beside: str) -> bool:
        return not ((letter(own) or own.isdecimal()) and beside and letter(beside))

    return any(
        text.startswith(unit, at)
        and open_edge(unit[0], text[at - 1 : at])
        and open_edge(unit[-1], text[at + len(unit) :][:1])
        for at in range(len(text) if unit else 0)
    )


@given(
    st.text(alphabet="ab1 .李ก", min_size=1, max_size=4),
    st.text(alphabet="aAb1 .李กé", max_size=30),
)
def test_the_search_finds_what_the_definition_says(unit: str, text: str) -> None:
    assert stands(unit, text) == plain_stand(unit, text)


@given(TEXTS)
@example("ı\u0307")
@example("i\u0307\u0307\u0301")
def test_folding_is_idempotent_and_blind_to_composition(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)


def has_low_marks(text: str) -> bool:
    """Whether a mark would sort before the dot that lower() makes of İ, and part it from its i."""
    return any(0 < unicodedata.combining(mark) < 230 for mark in unicodedata.normalize("NFKD", text))


@given(TEXTS.filter(lambda text: not has_low_marks(text)))
def test_case_does_not_change_what_a_text_folds_to(text: str) -> None:
    assert fold(text.upper()) == fold(text.lower())


@given(TEXTS.filter(fold))
def test_every_text_stands_in_itself(text: str) -> None:
    assert stands(text, text)


@settings(max_examples=400, deadline=None)
@given(UNITS, TEXTS, st.sampled_from(["[REDACTED]", "", "█", "a", " ", "\u0301", "은"]))
@example(["RED"], "a RED b", "[RED]")
@example(["e", "redacted", "["], "[e]", "[REDACTED]")
@example(["a b"], "a a b b", "")
@example(["-a", "b"], "b-a", "")
@example(["가"], "\u1100\u1161", "x")
@example(["가"], "ㄱㅏ", "x")
@example(["ガ"], "ｶﾞ", "x")
def test_no_unit_stands_in_its_redaction(units: list[str], text: str, mask: str) -> None:
    redacted = redact(units, text, mask)
    assert not any(verbatim(units, redacted))
    if not any(verbatim(units, text)):
        assert redacted == text


@pytest.mark.parametrize(
    ("units", "text", "redacted"),
    [
        (["Jane Roe"], "I am Jane  Roe, 41.", "I am [REDACTED], 41."),
        (["Jane", "Roe", "e R"], "Jane and Jane Roe.", "[REDACTED] and [REDACTED] [REDACTED]."),
        (["李", "明"], "我是李明。", "我是[REDACTED]。"),
        (["New York", "York City"], "in NEW YORK CITY", "in [REDACTED]"),
        (["Weiß"], "HERR WEISS, bitte", "HERR [REDACTED], bitte"),
        (["José"], "für JOSE\u0301!", "für [REDACTED]!"),
        (["Ann"], "annual", "annual"),
        (["άι"], "Ja α\u0345\u0301", "Ja [REDACTED]"),
        (["가", "ガ"], "Ja ㄱㅏ ｶﾞ \u1100\u1161", "Ja [REDACTED] [REDACTED] [REDACTED]"),
        (["redacted"], "REDACTED by Bo", "█ by Bo"),
        (["[", "█"], "a [ █ b", "a ▉ ▉ b"),
    ],
)
def test_redaction_masks_the_places_and_keeps_the_rest(units: list[str], text: str, redacted: str) -> None:
    assert redact(units, text) == redacted


def test_a_text_is_dropped_where_every_mask_is_taken() -> None:
    every = "".join(map(chr, range(0x2588, 0x2600)))
    assert redact(["Jane", every], f"Jane {every}") == ""


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("Gonzalez", "write to González, please"),
        ("Lukáš", "lukas said"),
        ("Müller", "Herr Mueller"),
        ("Joergensen", "Frau Jørgensen"),
        ("Łódź", "in Lodz"),
        ("Abu-Lughod", "Abu Lughod wrote"),
        ("O'Connor", "Mr OConnor"),
        ("Maria Gonzales", "for Maria Gonzalez"),
        ("Jonathan", "Jhonathan is here"),
        ("Lissabon", "a flat in Lissabonn"),
        ("Jonathan", "from Jonathanville, Jonathon"),
        ("+34 600 111 222", "call 34600111222"),
        ("12/05/1987", "born 12.05.1987"),
        ("王小明", "王 小 明"),
    ],
)
def test_a_unit_spelled_otherwise_is_near(unit: str, text: str) -> None:
    assert nearly_stands(unit, text)
    assert not stands(unit, text)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("Sam", "same"),
        ("Maya", "you may ask"),
        ("Ina", "in a box"),
        ("Ann", "An n"),
        ("Martin", "Martinique"),
        ("Johnson", "Johnsonville"),
        ("Iris Vale", "iris valley"),
        ("12 May 1987", "12 May 1988, not 12 1987"),
        ("+34 600 111 222", "+34 600 111 223"),
        ("Lê", "le jardin"),
        ("王小明", "王小红"),
        ("...", "well..."),
        ("Jane Roe", ""),
        ("", "a"),
    ],
)
def test_another_word_is_not_near(unit: str, text: str) -> None:
    assert not nearly_stands(unit, text)


def test_what_stands_verbatim_is_not_counted_as_near() -> None:
    assert near_verbatim(["Jane Roe", "Jonathan"], "Jane Roe met Jonathon") == (False, True)
    assert near_verbatim(["Jane Roe"], "Jane Roe met Jane Rowe") == (False,)


def test_a_stricter_threshold_finds_less() -> None:
    assert near_verbatim(["Jonathan"], "Jonathon", threshold=0.9) == (False,)


def test_short_units_take_no_edit_at_any_threshold() -> None:
    assert near_verbatim(["Martin", "Marting"], "Martyn Martyng", threshold=0.8) == (False, True)


def test_a_long_unit_with_small_changes_is_near() -> None:
    unit = "The first sentence of a letter that someone wrote to the tax office about a house on the hill"
    assert nearly_stands(unit, f"So: {unit.replace('tax', 'land').replace('house', 'barn')}. Right?")


@settings(deadline=None)  # the first example imports the fuzzy matcher
@given(UNITS, TEXTS)
def test_near_and_verbatim_never_overlap(units: list[str], text: str) -> None:
    found = zip(verbatim(units, text), near_verbatim(units, text), strict=True)
    assert not any(exact and near for exact, near in found)


@given(UNITS, TEXTS)
def test_places_are_where_what_stands_verbatim_does(units: list[str], text: str) -> None:
    for unit, stands_there in zip(units, verbatim(units, text), strict=True):
        found = places(unit, text)
        assert bool(found) == stands_there
        assert all(fold(unit) in fold(text[start:end]) for start, end in found)


def test_words_leave_out_punctuation_and_split_scripts_without_spaces() -> None:
    assert words("o'neil_2 tim李小明，ok") == ["o", "neil", "2", "tim", "李", "小", "明", "ok"]
    assert words("tim李小明，王 ok", grams=2) == ["tim", "李小", "小明", "王", "ok"]
    assert words("शर्मा cafe\u0301") == ["शर्मा", "cafe\u0301"]
    assert words("น้ำ", grams=4) == ["น้ำ"]


def seconds(units: list[str], text: str) -> float:
    def once() -> float:
        start = time.process_time()
        verbatim(units, text)
        return time.process_time() - start

    return min(once() for _ in range(5))


@pytest.mark.parametrize(
    ("unit", "text"), [("a" * 2_500, "a" * 5_000), ("ab" * 50, "ab" * 25_000), ("z", "abcd " * 10_000)]
)
def test_the_search_is_linear_in_unit_and_text(unit: str, text: str) -> None:
    # Eight times of both; quadratic work would take 64 times as long.
    assert seconds([unit * 8], text * 8) < 24 * seconds([unit], text) + 0.01


def test_the_module_imports_nothing_heavy() -> None:
    code = "import papillon.leaks, sys; print([m for m in ('dspy', 'numpy', 'rapidfuzz') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


class TestLeaks:
    @pytest.mark.parametrize(
        ("unit", "text", "slice_"),
        [
            ("Jon Smith", "Ask Jon Smithh today.", "Jon Smithh"),
            ("Mueller GmbH", "from Müller GmbH & Co", "Müller GmbH"),
            ("Ann-Marie Leeson", "and Ann  Marie\nLeesen!", "Ann  Marie\nLeesen"),
            ("Łódź 12345", "in lodz 12345, Poland", "lodz 12345"),
        ],
    )
    def test_a_near_place_is_the_words_that_come_near(self, unit: str, text: str, slice_: str) -> None:
        at = text.index(slice_)
        assert leaks((unit,), text) == [Place(unit, "near", at, at + len(slice_))]

    @pytest.mark.parametrize("before", [0, 60, 64, 126, 1000])
    def test_a_near_place_in_a_long_text_is_those_words_too(self, before: int) -> None:
        text = "word " * before + "Ann-Marie Leesen of Lodz" + " other" * 500
        assert leaks(("Anne-Marie Leeson of Łódź",), text) == [
            Place("Anne-Marie Leeson of Łódź", "near", 5 * before, 5 * before + 24)
        ]

    def test_every_verbatim_place_is_named_and_then_no_near_one(self) -> None:
        found = leaks(("Oslo", "Ann Lee", "Bob"), "Oslo, OSLO; Ann Lee, Ann Lea")
        assert found == [
            *(Place("Oslo", "verbatim", 0, 4), Place("Oslo", "verbatim", 6, 10), Place("Ann Lee", "verbatim", 12, 19)),
        ]

    @given(UNITS, TEXTS)
    @settings(max_examples=300, deadline=None)
    def test_they_are_the_units_that_verbatim_and_near_verbatim_find_and_stand_where_they_say(
        self, units: list[str], text: str
    ) -> None:
        found = leaks(units, text)
        exact, near = verbatim(units, text), near_verbatim(units, text)
        assert {place.unit for place in found if place.how == "verbatim"} == set(compress(units, exact))
        assert {place.unit for place in found if place.how == "near"} == set(compress(units, near))
        for place in found:
            assert 0 <= place.start < place.end <= len(text)
            if place.how == "near":
                assert nearly_stands(place.unit, text[place.start : place.end])
