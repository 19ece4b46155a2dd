"""The study: its profiles differ in one thing, its page has its results' figures, and it goes on where it stopped."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from docs.study import figures, parts
from docs.study.__main__ import main, run_part
from docs.study.models import as_the_hub_has_them
from docs.study.parts import PARTS, Part, Sitting, note_time, read_times
from papillon.errors import UsageError
from papillon.models.local.gguf_hub import file_here
from papillon.profile import ModelSettings, Profile, load_profile
from papillon.project import ROOT
from papillon.results import ControlResult, Gain, Measure
from papillon.results.judging import Agreement
from tests.harness.verdicts.samples import qualities
from tests.papillon.results.samples import INFO, result

LOCALS = {size: load_profile(str(ROOT / f"docs/study/local-{size}.toml")) for size in ("135m", "05b", "15b")}


def asked(model: ModelSettings) -> ModelSettings:
    """How a model is asked, whichever it is, and however long it is waited for."""
    return replace(model, model="", sha256=None, revision=None, timeout=1.0)


class TestProfiles:
    def test_they_differ_in_the_local_models_weights_alone(self) -> None:
        small = LOCALS["05b"]
        for profile in LOCALS.values():
            same = replace(
                profile.local, model=small.local.model, sha256=small.local.sha256, revision=small.local.revision
            )
            assert replace(profile, name=small.name, path=small.path, local=same) == small

    def test_the_middle_one_makes_the_same_calls_as_demo(self) -> None:
        try:
            demo: Profile = load_profile("demo")
        except UsageError:
            pytest.skip("there is no profile demo yet")
        small = LOCALS["05b"]
        assert demo.judge.model is not None
        assert small.judge.model is not None
        for own, other in (
            (small.local, demo.local),
            (small.untrusted, demo.untrusted),
            (small.judge.model, demo.judge.model),
        ):
            assert (own.sha256, asked(own)) == (other.sha256, asked(other))


class TestParts:
    def test_calls_over_pupa_are_not_kept_beside_the_results(self) -> None:
        over_pupa = [part for part in PARTS if "pupa" in part.name]
        assert len(over_pupa) == 5
        assert not [part for part in over_pupa if any("--eval-export" in word for word in part.command)]
        assert all("--eval-dataset=pupa_new" in part.command for part in over_pupa)

    def test_a_part_takes_the_calls_that_are_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parts, "ROOT", tmp_path)
        monkeypatch.setattr(parts, "FOLDER", tmp_path / "study")
        monkeypatch.setattr(parts, "CALLS", tmp_path / "study" / "calls")
        part = next(part for part in PARTS if part.calls == "beside")
        assert not [word for word in part.command if word.startswith("--eval-import")]
        (tmp_path / "study" / "calls").mkdir(parents=True)
        (tmp_path / "study" / "calls" / "other.jsonl.gz").touch()
        assert "--eval-import=study/calls/other.jsonl.gz" in part.command
        assert part.command[-1] == f"--eval-export=study/calls/{part.name}.jsonl.gz"

    def test_an_optimisation_takes_and_leaves_calls_too(self) -> None:
        command = next(part for part in PARTS if part.words[0] == "papillon").command
        assert "--import=fixtures/recorded/demo-mini.jsonl.gz" in command
        assert command[-1] == "--export=docs/study/calls/gepa.jsonl.gz"

    def test_what_profile_demo_has_recorded_is_not_kept_twice(self) -> None:
        replayed = [part.command for part in PARTS if part.calls == "demo"]
        assert replayed
        for command in replayed:
            assert "--eval-import=fixtures/recorded/demo-mini.jsonl.gz" in command
            assert not [word for word in command if word.startswith("--eval-export")]

    def test_every_profile_and_program_that_a_part_names_is_there_or_comes_from_an_earlier_one(self) -> None:
        made = set[str]()
        for part in PARTS:
            words = [word.partition("=")[2] or word for word in part.words]
            named = {word for word in words if word.startswith("docs/")}
            assert {word for word in named - made if not (ROOT / word).exists()} <= {words[-1]}
            made |= named

    def test_an_unknown_part_is_refused_by_name(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["nonsense"])
        assert "expected parts of the study, got nonsense; --list names them" in capsys.readouterr().err


class TestRunning:
    """Python's own ``timeit`` stands for a part: it takes as long as it is told."""

    @pytest.fixture(autouse=True)
    def _own_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parts, "FOLDER", tmp_path)
        monkeypatch.setattr("docs.study.__main__.CALLS", tmp_path / "calls")
        monkeypatch.setattr("docs.study.__main__.NOTED_EVERY", 0.2)

    def run(self, statement: str, seconds: float) -> tuple[Sitting, int, list[float]]:
        sitting, noted = Sitting("part", "now"), list[float]()
        part = Part("part", "nothing", ("timeit", "-n1", "-r1", statement), calls="cache")
        code = run_part(part, sitting, time.monotonic() + seconds, {}, lambda: noted.append(sitting.wall))
        return sitting, code, noted

    def test_what_comes_to_its_end_is_over_and_its_time_is_noted(self) -> None:
        sitting, code, noted = self.run("sum(range(3_000_000))", 60)
        assert (code, sitting.over) == (0, True)
        assert sitting.processor > 0
        assert noted[-1] == sitting.wall > 0

    def test_what_is_not_over_in_time_is_interrupted_and_noted_meanwhile(self) -> None:
        sitting, code, noted = self.run("__import__('time').sleep(60)", 1)
        assert code != 0
        assert not sitting.over
        assert 1 <= sitting.wall < 30
        assert len(noted) >= 3

    def test_what_fails_is_not_over(self) -> None:
        sitting, code, _ = self.run("1 / 0", 60)
        assert (code, sitting.over) == (1, False)

    def test_times_are_read_as_they_were_noted_and_those_of_another_study_beside_stay(self, tmp_path: Path) -> None:
        file = tmp_path / "times.jsonl"
        assert read_times(file) == []
        own, other = Sitting("a", "2026-11-26T06:10:54+00:00", 1.5, 2.5), Sitting("b", "later")
        for sitting in (own, other, own):
            note_time(sitting, file)
        own.over = True
        note_time(own, file)
        assert read_times(file) == [own, other]

    def test_named_parts_run_in_the_order_of_their_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ran = list[str]()

        def run(part: Part, sitting: Sitting, *_: object) -> int:
            ran.append(part.name)
            sitting.over = True
            return 0

        monkeypatch.setattr("docs.study.__main__.run_part", run)
        monkeypatch.setattr("docs.study.__main__.write_figures", lambda: None)
        assert main(["gepa", "mini-05b"]) == 0
        assert ran == ["gepa", "mini-05b"]


class TestModels:
    @pytest.fixture
    def pinned(self, monkeypatch: pytest.MonkeyPatch) -> ModelSettings:
        digest = hashlib.sha256(b"weights").hexdigest()
        model = ModelSettings("gguf/owner/repo/model.gguf", sha256=digest, revision="abc123")
        monkeypatch.setattr("docs.study.models._models", lambda: [model])
        return model

    def test_a_file_of_any_name_is_found_by_its_content(
        self, tmp_path: Path, pinned: ModelSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "any name.gguf").write_bytes(b"weights")
        for _ in range(2):
            environment = as_the_hub_has_them(tmp_path, tmp_path / "hub")
        assert environment == {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", environment["HF_HUB_CACHE"])
        monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", environment["HF_HUB_CACHE"])
        found = file_here(pinned)
        assert found is not None
        assert found.read_bytes() == b"weights"

    def test_one_that_is_not_there_is_named(self, tmp_path: Path, pinned: ModelSettings) -> None:
        with pytest.raises(UsageError) as refused:
            as_the_hub_has_them(tmp_path, tmp_path / "hub")
        assert str(refused.value) == (
            f"Expected a .gguf file of sha256 {pinned.sha256} in {tmp_path} for model.gguf in owner/repo at abc123, "
            "got none."
        )


class TestFigures:
    def test_the_page_has_the_figures_of_the_results_that_are_there(self) -> None:
        page = figures.PAGE.read_text(encoding="utf-8")
        assert figures.figured(page) == page, "make study ARGS=--figures writes them"

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(figures, "FOLDER", tmp_path)
        monkeypatch.setattr(parts, "FOLDER", tmp_path)
        monkeypatch.setattr(figures, "PAGE", tmp_path / "study.md")
        over = [Sitting(name, "now", 120.0, 180.0, True) for name in ("mini-05b", "mini-05b-llm", "mini-05b-gepa")]
        stopped = Sitting("mini-15b", "now", 60.0, 90.0)
        monkeypatch.setattr(figures, "read_times", lambda: [*over, stopped])
        shutil.copy(ROOT / "docs" / "study.md", tmp_path / "study.md")
        (tmp_path / "results").mkdir()
        control = ControlResult("verbatim", "dev", 0.4, 0.9, 0.9, 0.9, 0.25, "pass", carried=0.99)
        some = Measure(0.5, 0.2, 0.8, 12)
        gain = Gain("dev", -0.15, -0.3, 0.05, 20, 20)
        judged = Agreement(12, some, some, some, some, Measure(0.25, n=12))
        for name, run in (
            ("mini-05b", result(*qualities(5, 15), controls=(control,), gains=(gain,))),
            ("mini-05b-llm", result(*qualities(9, 3), agreement=judged)),
            ("mini-15b", result(*qualities(1, 0))),
            ("mini-05b-gepa", result(*qualities(20, 0), run=replace(INFO, id="after"))),
        ):
            (tmp_path / "results" / f"{name}.json").write_text(run.to_text())
        return tmp_path

    def test_what_is_there_is_shown_and_what_is_not_is_said(self, folder: Path) -> None:
        figures.write_figures()
        page = (folder / "study.md").read_text()
        assert "| `mini-05b` | 0.5 B on `mini`, with controls | 2.0 | 3.0 | 6 | 1,200 / 900 / 80 | done |" in page
        assert "| `mini-15b` | 1.5 B on `mini`, with controls | 1.0 | 1.5 | – | – | stopped |" in page
        assert "| 0.5 B | `dev` | 20 | 0.250 (" in page
        assert "135 M; 1.5 B: not yet run." in page
        assert "| 0.5 B | dev | verbatim | 0.400 | 0.900 | 0.900 | 0.990 | 0.250 | pass |" in page
        assert "| 0.5 B | dev | 20 | -0.150 (-0.300 … +0.050) |" in page
        assert "| quality, kappa | 0.500 (0.200 to 0.800) | not yet run |" in page
        assert "| rows that both judged | 12 | not yet run |" in page
        assert "BETTER: `dev-quality` +0.750: better" in page
        assert page.count("(study/mini.svg)") == 1
        assert "pupa40.svg" not in page

    def test_the_picture_has_the_models_and_their_controls_by_name(self, folder: Path) -> None:
        figures.write_figures()
        drawn = (folder / "mini.svg").read_text()
        assert "0.5 B: quality 0.250" in drawn
        assert "control verbatim: quality 0.400, leakage 0.900, carried 0.990" in drawn
        assert not (folder / "pupa40.svg").exists()
