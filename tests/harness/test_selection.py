"""What pytest selected, read from the ids of its items, also where other plugins put parts of their own into them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.baseline_files import write_baseline
from evals.harness.options import OPTIONS, resolve
from evals.harness.plan import Plan
from evals.harness.selection import Selection, names_of, nothing_selected, refuse_selection
from papillon.errors import UsageError
from papillon.profile import ROOT
from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.harness.verdicts.samples import row
from tests.harness.verdicts.test_baseline import baseline


def plan(**named: Any) -> Plan:
    return Plan(resolve({option.dest: None for option in OPTIONS} | {"eval_profile": "embedded"} | named, ROOT))


PLAN = plan()
EXAMPLES = [example.id for example in PLAN.examples["dev"]]


def test_each_kind_is_told_by_its_suite() -> None:
    chosen = Selection(
        [
            f"evals/test_examples.py::test_example[{EXAMPLES[3]}]",
            "evals/test_gates.py::test_gate[dev-quality-regression]",
            "evals/test_controls.py::test_control[test-local-only]",
            "evals/test_judges.py::test_judge[quality]",
            f"tests/mine/test_other.py::test_example[{EXAMPLES[4]}]",
            "evals/test_examples.py::test_example[dev-0000-nothere]",
            "::test_control[dev-empty]",  # of evals/test_controls.py, typed where pytest's root is elsewhere
        ],
        PLAN,
    )
    assert chosen.examples == {EXAMPLES[3]}
    assert (chosen.gates, chosen.controls) == ({"dev-quality-regression"}, {"test-local-only", "dev-empty"})
    assert chosen.judged == {"quality"}
    assert chosen.splits == {"dev", "test"}
    assert not Selection([], PLAN)


@given(st.sampled_from(EXAMPLES), st.sampled_from(["-1-2", "-0", "-2-3-x"]), st.booleans())
def test_an_item_that_a_plugin_repeats_is_the_same_example(example: str, part: str, before: bool) -> None:
    inside = f"{part[1:]}-{example}" if before else f"{example}{part}"
    assert Selection([f"evals/test_examples.py::test_example[{inside}]"], PLAN).examples == {example}


@pytest.mark.parametrize(
    "inside", ["dev-quality-regression-1-2]", "1-2-dev-quality-regression]@group", "dev-quality-regression]"]
)
def test_the_longest_id_is_meant(inside: str) -> None:
    assert Selection([f"evals/test_gates.py::test_gate[{inside}"], PLAN).gates == {"dev-quality-regression"}


def test_the_root_may_lie_anywhere() -> None:
    for path in ("test_gates.py", "deep/in/a/tree/evals/test_gates.py"):
        assert Selection([f"{path}::test_gate[dev-overall]"], PLAN).gates == {"dev-overall"}


def test_what_matched_nothing_is_answered_with_what_there_is_and_the_nearest() -> None:
    said = nothing_selected(PLAN, keyword="dev-0007-a753e36", marks="")
    assert said.startswith(f"No item matches -k 'dev-0007-a753e36': {sum(map(len, names_of(PLAN).values()))} ids are ")
    assert f"such as {EXAMPLES[0]}, the nearest is {EXAMPLES[7]}; -m takes dev, test and judges." in said
    said = nothing_selected(plan(eval_limit="3"), keyword="dev-0007", marks="dev")
    assert said.startswith("No item matches -m 'dev' and -k 'dev-0007': ")
    assert "ids are there under --eval-limit 3, such as " in said
    assert nothing_selected(PLAN, keyword="", marks="") == "Nothing of the evaluation was selected."


class TestRefused:
    """What was selected and what the options ask of it do not go together."""

    def refused(self, selected: str, **named: Any) -> str:
        asked = plan(**named)
        chosen = Selection([], asked)
        for part in selected.split():
            (chosen.judged if part == "judges" else chosen.gates).add(f"{part}-errors")
        try:
            refuse_selection(chosen, asked)
        except UsageError as error:
            return str(error)
        return ""

    def test_a_shard_without_a_row(self) -> None:
        assert self.refused("dev", eval_shard="30/30") == (
            "--eval-shard 30/30: this shard holds no row of dev; use fewer shards."
        )
        assert "no row of dev and test; " in self.refused("test dev", eval_shard="30/30")
        assert self.refused("dev", eval_shard="1/30") == ""
        assert self.refused("judges", eval_shard="1/30") == ""
        assert self.refused("judges dev", eval_shard="1/30") == ""

    def test_a_keyword_that_matched_nothing_is_not_the_shards_fault(self) -> None:
        asked = plan(eval_shard="30/30")
        assert nothing_selected(asked, keyword="", marks="dev").endswith("holds no row of dev; use fewer shards.")
        assert "fewer shards" not in nothing_selected(asked, keyword="dev-0001", marks="dev")
        assert nothing_selected(asked, keyword="", marks="judges") == (
            "--eval-shard 30/30: the judge's own test is in shard 1 alone; use -m dev or test."
        )

    def test_the_splits_that_a_mark_selects_are_evaluated_not_searched_for(self) -> None:
        asked = plan(eval_shard="30/30")
        for marks, splits in (
            ("not dev", "test"),
            ("not (judges or gpu)", "dev and test"),
            ("dev or test", "dev and test"),
        ):
            said = nothing_selected(asked, keyword="", marks=marks)
            assert said == f"--eval-shard 30/30: this shard holds no row of {splits}; use fewer shards."
        assert "no row of" not in nothing_selected(asked, keyword="", marks="not (dev or test)")

    def test_a_baseline_without_the_split(self, tmp_path: Path) -> None:
        file = tmp_path / "b.json"
        write_baseline(baseline([row(0)]), file)
        assert self.refused("test", eval_baseline=str(file)) == (
            f"--eval-baseline {file}: expected accepted scores of test, but it has those of dev alone; "
            "select what it has with -m, or name another."
        )
        assert self.refused("dev", eval_baseline=str(file)) == ""
        assert self.refused("judges", eval_baseline=str(file)) == ""
        assert self.refused("test", eval_baseline=str(file), eval_accept=True) == ""

    @pytest.mark.parametrize(("held", "lacking"), [(0, 20), (19, 1)], ids=["no row in common", "an older split"])
    def test_a_baseline_that_lacks_examples(self, tmp_path: Path, held: int, lacking: int) -> None:
        file, rows = tmp_path / "b.json", [row(99)]
        rows += [replace(row(0), id=example) for example in EXAMPLES[:held]]
        write_baseline(replace(baseline(rows), dataset=PLAN.compared_data, judge=PLAN.compared_judge), file)
        named = plan(eval_baseline=str(file))
        chosen = Selection(["test_gates.py::test_gate[dev-quality-regression]"], named)
        with pytest.raises(UsageError) as refused:
            refuse_selection(chosen, named)
        assert str(refused.value) == (
            f"Baseline {file}: expected accepted scores of all 20 examples of dev, but {lacking} have none (first "
            f"{EXAMPLES[held]}), as where the data were split otherwise; accept this split's scores with "
            "--eval-accept, or name another file with --eval-baseline."
        )
        # Where no comparison was selected, or none of what is lacking, there is nothing to refuse.
        refuse_selection(Selection([f"test_examples.py::test_example[{EXAMPLES[held]}]"], named), named)
        chosen.examples.update(EXAMPLES[:held])
        if held:
            refuse_selection(chosen, named)

    def test_a_profiles_own_baseline_without_the_split(self, tmp_path: Path) -> None:
        file = tmp_path / "b.json"
        rows = [replace(row(0), id=example) for example in EXAMPLES]
        write_baseline(replace(baseline(rows), dataset=PLAN.compared_data, judge=PLAN.compared_judge), file)
        own = tmp_path / "own.toml"
        model = '{ model = "embedded/SmolLM2-135M-Instruct" }'
        own.write_text(
            f'dataset = "mini"\nlocal = {model}\nuntrusted = {model}\njudge = {{ kind = "lexical" }}\n'
            f'[gates.test]\nregression = {{ baseline = "{file}" }}\n'
        )
        named = plan(eval_profile=str(own))
        with pytest.raises(UsageError, match=r"expected accepted scores of all 20 examples of test, but 20 have none"):
            refuse_selection(Selection(["test_gates.py::test_gate[test-quality-regression]"], named), named)


@alone_and_with_workers
@pytest.mark.parametrize("gates", ["", "[gates.dev]\nquality = { min = 0.5 }\n"], ids=["no items", "gates"])
def test_an_empty_shard_is_no_pass_and_says_what_to_do(
    evaluator: Evaluator, gates: str, workers: tuple[str, ...]
) -> None:
    profile = f"--eval-profile={evaluator.profile('http://127.0.0.1:1/v1', gates=gates)}"
    run = evaluator.run("evals", "-m", "dev", *workers, profile, "--eval-shard", "30/30")
    assert run.code == (4 if gates else 5), run.out
    assert "--eval-shard 30/30: this shard holds no row of dev" in run.out
    assert "use fewer shards." in run.out
    assert "Traceback" not in run.out


def test_the_first_shards_own_test_of_the_judge_needs_no_row(evaluator: Evaluator) -> None:
    profile = evaluator.profile("http://127.0.0.1:1/v1", judge='{ kind = "lexical" }')
    run = evaluator.run("evals", "-m", "judges", f"--eval-profile={profile}", "--eval-shard", "1/30")
    assert run.code == 0, run.out
    assert "2 passed" in run.out


def test_a_control_of_quality_that_is_sought_without_targets_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        'targets = false\ncontrols = true\nlocal = { model = "openai/l" }\nuntrusted = { model = "openai/u" }\n'
    )
    said = nothing_selected(plan(eval_profile=str(file)), keyword="dev-target", marks="dev")
    assert "; with targets = false there are no controls local-only and target; -m takes" in said
