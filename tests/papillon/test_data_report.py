"""What the report on a data set counts, and how it reads."""

import os
import time

import pytest

from papillon.data import Dataset, PupaRow, load
from papillon.data_report import Contamination, Shared, contamination, data_report, left_out_line, unit_facts
from papillon.errors import UsageError

needs_pupa = pytest.mark.skipif(not os.environ.get("PUPA_DIR"), reason="PUPA_DIR names no folder with PUPA's files.")


def row(query: str, conversation: str = "", units: str = "", category: str = "") -> PupaRow:
    return PupaRow(conversation, category, query, "t", units, "")


def dataset(*rows: PupaRow, left_out: tuple[tuple[int, str], ...] = ()) -> Dataset:
    return Dataset("few", rows, "0123456789abcdef" * 4, left_out, sum(not one.units for one in rows))


#: By position: two rows of train, two of dev, two of test. Dev shares a query with train; test shares a
#: conversation with train, and both with dev.
SIX = (row("a", "1"), row("b", "2"), row("a", "3"), row("c", "4"), row("d", "2"), row("c", "4"))


class TestContamination:
    def test_queries_and_conversations_of_earlier_parts_are_counted_apart(self) -> None:
        assert contamination(SIX, "tutorial") == Contamination(dev=Shared(2, 1, 0), test=Shared(2, 1, 2))
        assert not contamination(SIX, "tutorial").clean

    def test_the_grouped_split_shares_nothing(self) -> None:
        shared = contamination(SIX, "grouped")
        assert shared.clean
        assert shared.dev.rows + shared.test.rows == 4

    def test_every_row_in_one_split_shares_nothing_since_the_other_is_not_asked(self) -> None:
        assert contamination(SIX, "all") == Contamination(dev=Shared(6, 0, 0), test=Shared(6, 0, 0))

    def test_rows_without_a_conversation_share_none(self) -> None:
        assert contamination([row(letter) for letter in "abcdef"], "tutorial").clean

    def test_a_repetition_inside_a_part_is_no_contamination(self) -> None:
        assert contamination([row("a", "1")] * 2 + [row("b", "2")] * 2 + [row("c", "3")] * 2, "tutorial").clean

    def test_it_reads_as_a_sentence(self) -> None:
        assert str(Shared(214, 94, 102)) == ("94 of 214 rows share a query with an earlier split, 102 a conversation")

    def test_an_unknown_split_is_refused(self) -> None:
        with pytest.raises(UsageError, match="Expected a split named tutorial, grouped or all"):
            contamination(SIX, "random")


class TestUnits:
    def test_empty_absent_and_found_units_are_counted(self) -> None:
        facts = unit_facts(
            [
                row("Dear ZOË and bo", units="Zoë|| ||Bo||Bo"),
                row("Nobody is here", units="Ada||Nobody||Eve||here"),
                row("None", units="||"),
            ]
        )
        assert (facts.units, facts.without, facts.empty, facts.absent) == (6, (2,), (0,), (1, 1))
        assert facts.pooled == pytest.approx(4 / 6)
        assert facts.mean == pytest.approx((1 + 0.5 + 0) / 3)

    def test_the_plain_search_takes_a_unit_inside_a_word_and_the_leak_finder_does_not(self) -> None:
        facts = unit_facts([row("an annual plan", units="Ann")])
        assert (facts.pooled, facts.absent) == (1.0, (0,))

    def test_rows_without_any_unit_have_no_share(self) -> None:
        facts = unit_facts([row("q")])
        assert (facts.units, facts.pooled, facts.mean, facts.without) == (0, 0.0, 0.0, (0,))


class TestReport:
    def test_the_whole_of_a_small_one(self) -> None:
        rows = (
            row("Bo", "1", "Bo", "job"),
            row("b", "2", "Ada||"),
            row("Bo", "3", "Bo", "job"),
            row("d", "2"),
        )
        assert data_report(dataset(*rows, left_out=((2, "user_query"),)), 60) == (
            "few: 4 rows, 3 distinct queries, 3 conversations, 2 groups\n"
            "  of rows that share one or the other\n"
            "sha256 0123456789abcdef\n"
            "1 of the 5 rows of few left out: row 2 has no user_query.\n"
            "\n"
            "split tutorial                          train    dev   test\n"
            "rows                                        1      1      2\n"
            "- (no category)                             0      1      1\n"
            "- job                                       1      0      1\n"
            "query stands in an earlier part                    0      1\n"
            "conversation in an earlier part                    0      1\n"
            "On shared rows a score is partly a memory test; the grouped\n"
            "  split has none.\n"
            "\n"
            "split grouped                           train    dev   test\n"
            "rows                                        2      0      2\n"
            "- (no category)                             0      0      2\n"
            "- job                                       2      0      0\n"
            "query stands in an earlier part                    0      0\n"
            "conversation in an earlier part                    0      0\n"
            "\n"
            "PII units, each once a row                                3\n"
            "- nowhere word for word in their row's query              1\n"
            "  row 3\n"
            "- rows with an empty unit beside others                   1\n"
            "  row 3\n"
            "- rows without any unit                                   1\n"
            "  row 5\n"
            "- found by a plain case-folded search                 66.7%\n"
            "- the same as a mean over rows                        50.0%\n"
        )

    def test_it_names_the_first_rows_and_counts_the_others(self) -> None:
        report = data_report(dataset(*(row(f"q{i}") for i in range(9))), 120)
        assert "rows 1, 2, 3, 4, 5 and 4 more\n" in report

    @pytest.mark.parametrize("width", [60, 120])
    def test_no_line_is_wider_than_asked_for_whatever_the_categories_are(self, width: int) -> None:
        rows = [row(f"q{i}", units="x||", category="a very long category of things " * 3) for i in range(9)]
        assert max(map(len, data_report(dataset(*rows), width).splitlines())) <= width

    def test_a_category_cannot_steer_the_terminal(self) -> None:
        report = data_report(dataset(row("q", category="a\x1b[31m\u202eb\tcé")), 80)
        assert "- a\\x1b[31m\\u202eb\\tcé " in report
        assert "\x1b" not in report

    def test_nothing_left_out_is_no_line(self) -> None:
        assert left_out_line(dataset(row("q"))) == ""

    def test_every_row_left_out_is_named(self) -> None:
        line = left_out_line(dataset(row("q"), left_out=((2, "user_query"), (7, "target_response"))))
        assert line == "2 of the 3 rows of few left out: row 2 has no user_query, row 7 has no target_response."


@needs_pupa
class TestRealData:
    def test_the_tutorials_split_is_contaminated_and_the_grouped_one_is_not(self) -> None:
        rows = load("pupa_new").rows
        assert contamination(rows, "tutorial") == Contamination(dev=Shared(225, 43, 50), test=Shared(214, 94, 102))
        assert contamination(rows, "grouped") == Contamination(dev=Shared(225, 0, 0), test=Shared(214, 0, 0))

    def test_the_plain_search_finds_the_published_shares(self) -> None:
        facts = unit_facts(load("pupa_new").rows)
        assert facts.units == 1688
        assert round(facts.pooled, 3) == 0.965
        assert round(facts.mean, 3) == 0.986
        assert len(facts.empty) == 37

    def test_the_report_takes_less_than_a_second(self) -> None:
        loaded = load("pupa_new")
        start = time.perf_counter()
        report = data_report(loaded, 60)
        assert time.perf_counter() - start < 1
        assert report.startswith("pupa_new: 664 rows, 462 distinct queries, 430 conversations,")

    def test_the_row_that_pupa_tnb_leaves_out_is_named(self) -> None:
        line = left_out_line(load("pupa_tnb"))
        assert line == "1 of the 237 rows of pupa_tnb left out: row 218 has no target_response."


def test_rows_without_a_target_are_counted_with_what_to_do() -> None:
    bare = PupaRow("1", "", "b", " ", "", "")
    assert "1 of 2 rows have no target: evaluate them without targets (targets = false in the profile)" in data_report(
        dataset(row("a", "2"), bare), 200
    )
    assert "no target" not in data_report(dataset(row("a")))
