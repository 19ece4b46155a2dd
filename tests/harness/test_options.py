"""Options: what the command line comes to over a profile, and what is refused before anything is collected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evals.harness.evaluation.examples import Shard
from evals.harness.options import OPTIONS, RunSettings, resolve
from papillon.errors import UsageError
from papillon.profile import ROOT
from papillon.splits import CHOICES

PRICED = "max_tokens = 9, price = { input = 1, output = 2 }"


@pytest.fixture(autouse=True)
def _no_profile_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)


def given(**options: Any) -> dict[str, Any]:
    """All options as pytest hands them over: ``limit="3"`` is ``--eval-limit 3``, what is not named is None."""
    named = {f"eval_{name}": value for name, value in options.items()}
    assert named.keys() <= {option.dest for option in OPTIONS}
    return {option.dest: None for option in OPTIONS} | named


def settings(folder: Path = ROOT, **options: Any) -> RunSettings:
    return resolve(given(**options), folder)


def refused(folder: Path = ROOT, **options: Any) -> str:
    with pytest.raises(UsageError) as raised:
        settings(folder, **options)
    text = str(raised.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def profile(folder: Path, text: str = "", *, model: str = "", judge: str = 'kind = "lexical"') -> str:
    """A profile file whose two models share the TOML keys ``model``; its name."""
    model = f", {model}" if model else ""
    (folder / "own.toml").write_text(
        f'local = {{ model = "openai/l"{model} }}\n'
        f'untrusted = {{ model = "openai/u"{model} }}\n'
        f"judge = {{ {judge} }}\n{text}"
    )
    return "own.toml"


class TestDefaults:
    def test_they_come_from_the_profile(self, tmp_path: Path) -> None:
        own = profile(
            tmp_path, 'dataset = "pupa_tnb"\nsplit = "tutorial"\ntrials = 3\nconcurrency = 5\nprogram = "saved.json"'
        )
        (tmp_path / "saved.json").touch()
        run = settings(tmp_path, profile=own)
        assert (run.profile.name, run.profile.dataset, run.profile.split) == ("own", "pupa_tnb", "tutorial")
        assert (run.profile.trials, run.profile.concurrency) == (3, 5)
        assert run.profile.program == tmp_path / "saved.json"
        assert run.departs == ()

    def test_what_no_profile_sets_has_one_too(self) -> None:
        run = settings()
        assert run.profile.name == "embedded"
        assert (run.record, run.cache, run.accept) == ("new", ROOT / ".papillon" / "cache", False)
        assert run.import_files == ()
        files = (run.export_file, run.results_file, run.baseline_file)
        assert {run.limit, run.max_calls, run.max_cost, run.shard, *files} == {None}

    def test_the_environment_may_name_the_profile_and_the_option_goes_before_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PAPILLON_PROFILE", "vllm")
        assert settings().profile.name == "vllm"
        assert settings(profile="openai").profile.name == "openai"

    def test_every_option_says_what_it_is_in_one_group_with_one_prefix(self) -> None:
        bare = {"--full-train", "--train-device"}
        assert all((option.flag.startswith("--eval-") or option.flag in bare) and option.help for option in OPTIONS)
        assert len({option.dest for option in OPTIONS}) == len(OPTIONS)


class TestOptionsGoBeforeTheProfile:
    def test_each_value_arrives(self, tmp_path: Path) -> None:
        for name in ("calls.jsonl", "more.jsonl", "saved.json"):
            (tmp_path / name).touch()
        run = settings(
            tmp_path,
            dataset="pupa_new",
            split="tutorial",
            limit="7",
            trials="2",
            program="saved.json",
            judge="llm",
            concurrency="64",
            record="none",
            cache="cache",
            max_calls="100",
            max_cost="0.5",
            shard="2/4",
            results="out/r.json",
            export="out/calls.jsonl",
            baseline="b.json",
            **{"import": ["calls.jsonl", "more.jsonl"]},
        )
        assert (run.profile.dataset, run.profile.split, run.profile.judge.kind) == ("pupa_new", "tutorial", "llm")
        assert (run.profile.trials, run.profile.concurrency, run.limit) == (2, 64, 7)
        assert (run.record, run.max_calls, run.max_cost, run.shard) == ("none", 100, 0.5, Shard(2, 4))
        assert run.profile.program == tmp_path / "saved.json"
        assert run.cache == tmp_path / "cache"
        assert run.import_files == (tmp_path / "calls.jsonl", tmp_path / "more.jsonl")
        assert (run.results_file, run.export_file) == (tmp_path / "out/r.json", tmp_path / "out/calls.jsonl")
        assert run.baseline_file == tmp_path / "b.json"

    def test_the_rest_of_the_profile_stays(self) -> None:
        changed, plain = settings(concurrency="3").profile, settings().profile
        assert changed.concurrency == 3
        assert (changed.local, changed.gates, changed.controls) == (plain.local, plain.gates, plain.controls)

    def test_what_changes_data_split_or_judge_is_named(self) -> None:
        assert settings(dataset="pupa_new").departs == ("--eval-dataset",)
        assert settings(split="tutorial", judge="llm").departs == ("--eval-split", "--eval-judge")
        assert settings(dataset="mini", split="grouped", judge="lexical").departs == ()
        assert settings(limit="3", trials="2", concurrency="4").departs == ()


class TestPaths:
    def test_relative_ones_count_from_the_current_folder(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        own = profile(tmp_path, 'dataset = "sub/rows.csv"')
        run = settings(tmp_path / "sub", profile=f"../{own}", results="r.json", cache="../c")
        assert (run.results_file, run.cache) == (tmp_path / "sub" / "r.json", tmp_path / "c")
        assert run.profile.dataset == str(tmp_path / "sub" / "rows.csv")
        (tmp_path / "rows.csv").touch()
        assert settings(tmp_path, dataset="rows.csv").profile.dataset == str(tmp_path / "rows.csv")

    def test_a_path_to_the_profiles_own_data_changes_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "rows.csv").touch()
        own = profile(tmp_path, 'dataset = "sub/../rows.csv"')
        assert settings(tmp_path, profile=own, dataset="rows.csv").departs == ()

    def test_the_home_folder_and_absolute_ones_stay(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert settings(results="~/r.json").results_file == tmp_path / "r.json"
        assert settings(results=str(tmp_path / "a.json")).results_file == tmp_path / "a.json"

    def test_a_file_that_must_be_there(self, tmp_path: Path) -> None:
        text = refused(tmp_path, **{"import": ["none.jsonl"]})
        assert text == f"--eval-import: expected a file of recorded calls, got '{tmp_path}/none.jsonl'."
        text = refused(tmp_path, labels="none.jsonl")
        assert text.startswith("--eval-labels: expected a file of people's labels, as papillon label writes one, got '")
        text = refused(tmp_path, program="none.json")
        assert text == (
            "--eval-program: expected a saved DSPy program, a training's folder, or module:Class, "
            f"got '{tmp_path}/none.json'."
        )

    @pytest.mark.parametrize("value", ["nope", "none.csv", "."])
    def test_data_that_is_neither_a_name_nor_a_file(self, value: str) -> None:
        assert refused(dataset=value) == (
            f"--eval-dataset: expected mini, pupa_new, pupa_tnb or a .csv, .jsonl or .parquet file, got {value!r}."
        )

    def test_a_file_is_no_cache(self, tmp_path: Path) -> None:
        (tmp_path / "cache").touch()
        assert "--eval-cache: expected a folder, or a name for a new one, got" in refused(tmp_path, cache="cache")


class TestWrongValues:
    @pytest.mark.parametrize(
        ("option", "value", "expected"),
        [
            ("split", "random", f"one of {', '.join(CHOICES)}"),
            ("judge", "human", "one of llm, lexical"),
            ("record", "yes", "one of none, new, all"),
            *(
                (option, value, "a whole number of at least 1")
                for option in ("limit", "concurrency", "max-calls")
                for value in ("0", "-1", "1.5", "ten", "²", " 3", "1_0")
            ),
            *(("trials", value, "a whole number from 1 to 1000") for value in ("0", "1001", "1e9", "9" * 400)),
            *(("max-cost", value, "an amount in USD above 0") for value in ("0", "-1", "nan", "inf", "$5", "1e999")),
            *(
                ("shard", value, "I/N with I from 1 to N, such as 2/4")
                for value in ("0/4", "5/4", "2", "2/", "/4", "a/b", "1/0", "-1/4", "2/4/6", "2 / 4")
            ),
        ],
    )
    def test_the_option_the_value_and_what_is_right_are_named(self, option: str, value: str, expected: str) -> None:
        assert refused(**{option.replace("-", "_"): value}) == f"--eval-{option}: expected {expected}, got {value!r}."

    @pytest.mark.parametrize(
        "option",
        [option for option in OPTIONS if option.metavar and option.flag.startswith("--eval-")],
        ids=lambda option: option.flag,
    )
    def test_an_empty_text_is_no_value(self, option: Any) -> None:
        # As a shell gives for an unset variable: "--eval-profile $PROFILE" must not mean the default.
        nothing = [""] if option.several else ""
        assert refused(**{option.dest.removeprefix("eval_"): nothing}).startswith(f"{option.flag}: expected ")

    def test_an_unknown_profile(self) -> None:
        assert "Unknown profile 'opnai': expected one of arbor, demo, embedded, openai, small, vllm" in refused(
            profile="opnai"
        )

    def test_a_profile_file_that_is_not_there(self, tmp_path: Path) -> None:
        assert f"Expected a profile in {tmp_path}/none.toml, but it cannot be read" in refused(
            tmp_path, profile="none.toml"
        )


class TestCombinations:
    def test_the_llm_judge_needs_a_model(self, tmp_path: Path) -> None:
        own = profile(tmp_path)
        assert refused(tmp_path, profile=own, judge="llm") == (
            "--eval-judge llm: profile 'own' names no model for its judge; add 'model' to its table 'judge'."
        )

    def test_accepting_needs_the_whole_run(self) -> None:
        assert refused(accept=True, baseline="b.json", shard="1/2").startswith(
            "--eval-accept: a shard is only a part of the run"
        )
        assert refused(accept=True, baseline="b.json", limit="3").startswith(
            "--eval-accept: --eval-limit leaves examples out"
        )

    def test_accepting_needs_a_place_to_write(self, tmp_path: Path) -> None:
        own = profile(tmp_path)
        assert refused(tmp_path, profile=own, accept=True) == (
            "--eval-accept: profile 'own' names no baseline to write; say where with --eval-baseline FILE.json."
        )
        assert settings(tmp_path, profile=own, accept=True, baseline="new.json").accept
        own = profile(tmp_path, 'gates.dev.regression.baseline = "dev.json"')
        assert settings(tmp_path, profile=own, accept=True).accept

    def test_other_data_is_never_accepted_over_the_profiles_baseline(self, tmp_path: Path) -> None:
        own = profile(tmp_path, 'gates.dev.regression.baseline = "dev.json"')
        assert refused(tmp_path, profile=own, accept=True, split="tutorial") == (
            "--eval-accept: --eval-split departs from profile 'own', whose baseline belongs to its own data, split "
            "and judge; say where to write with --eval-baseline FILE.json."
        )
        assert settings(tmp_path, profile=own, accept=True, split="tutorial", baseline="other.json").accept

    @pytest.mark.parametrize(
        ("model", "judge", "complaint"),
        [
            ("max_tokens = 9", "", "model openai/l has no 'price' in profile 'own'"),
            ("price = { input = 1, output = 2 }", "", "model openai/l has no 'max_tokens' in profile 'own'"),
            (
                PRICED,
                'kind = "llm", model = "openai/j", max_tokens = 9',
                "model openai/j has no 'price' in profile 'own'",
            ),
        ],
    )
    def test_a_cap_on_cost_needs_to_know_what_a_call_may_cost(
        self, tmp_path: Path, model: str, judge: str, complaint: str
    ) -> None:
        own = profile(tmp_path, model=model, **({"judge": judge} if judge else {}))
        assert refused(tmp_path, profile=own, max_cost="1") == (
            f"--eval-max-cost: {complaint}, so the most that a call may cost is unknown; add it."
        )

    def test_a_judge_that_is_not_asked_needs_no_price(self, tmp_path: Path) -> None:
        own = profile(tmp_path, model=PRICED, judge='kind = "lexical", model = "openai/j"')
        assert settings(tmp_path, profile=own, max_cost="1").max_cost == 1.0
        assert "model openai/j has no 'price'" in refused(tmp_path, profile=own, max_cost="1", judge="llm")

    def test_the_embedded_model_costs_nothing(self) -> None:
        assert settings(max_cost="0.01").max_cost == 0.01

    def test_the_shipped_profiles_can_be_capped(self) -> None:
        assert settings(profile="openai", max_cost="5", max_calls="10").max_calls == 10


def test_a_profiles_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, profile=profile(tmp_path, 'program = "nope.json"\n'))
    assert "expected program to be a saved DSPy program, a training's folder, or module:Class, but there is no " in said
    assert said.endswith("nope.json; correct the path.")
