"""Programs of the user's own by name: found without being run, imported, and refused in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.profile import parse_profile
from papillon.program import make_program
from papillon.program_class import ProgramClass, awaited, named_program

PROGRAM = """
import dspy

class Own(dspy.Module):
    def __init__(self, untrusted_model):
        super().__init__()
        self.untrusted_model = untrusted_model

    def forward(self, user_query):
        return dspy.Prediction(response=self.untrusted_model("a request"))
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, whose modules are forgotten again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in [*sys.modules]:
        if name.partition(".")[0] in ("mine", "pkg", "rules", "names"):
            del sys.modules[name]


def refused(text: str) -> str:
    named = named_program(text)
    assert isinstance(named, ProgramClass)
    with pytest.raises(UsageError) as refusal:
        named.made(None)
    said = str(refusal.value)
    assert "\n" not in said
    assert said.startswith(f"{text}: expected ")
    return said.removeprefix(f"{text}: ")


class TestTheName:
    @pytest.mark.parametrize("text", ["mine:Own", "pkg.deep.mine:Own", "mine.py:Own", "größe:Löscher"])
    def test_a_module_and_a_class(self, text: str) -> None:
        assert str(named_program(text)) == text
        assert isinstance(named_program(text), ProgramClass)

    @pytest.mark.parametrize("text", ["saved.json", "out/run", "./mine:Own", "mine:", ":Own", "a b:Own", "mine:Own.x"])
    def test_everything_else_is_a_path(self, text: str) -> None:
        assert named_program(text) == Path(text)

    def test_a_profile_in_pyproject_may_hold_it_and_a_file_of_its_own_may_not(self, tmp_path: Path) -> None:
        model = {"model": "embedded/SmolLM2-135M-Instruct"}
        table = {"local": model, "untrusted": model, "program": "mine:Own"}
        own = parse_profile("own", None, table)
        assert (own.program, own.program_class) == (None, ProgramClass("mine", "Own"))
        with pytest.raises(UsageError) as refusal:
            parse_profile("own", tmp_path / "own.toml", table)
        assert str(refusal.value) == (
            f"Profile 'own' ({tmp_path}/own.toml).program: expected a saved program's path in a file of its own; "
            "name a class in pyproject.toml or --eval-program, got the string 'mine:Own'."
        )


class TestImporting:
    def test_it_is_made_with_the_untrusted_model(self, here: Path) -> None:
        (here / "mine.py").write_text(PROGRAM)
        program = ProgramClass("mine", "Own").made(lambda request: f"heard {request}")
        assert program(user_query="?").response == "heard a request"
        assert not awaited(type(program))

    def test_of_the_environment_too_and_our_own_is_a_class_as_well(self) -> None:
        program = ProgramClass("papillon", "PAPILLON").made(str)
        assert awaited(type(program))

    def test_the_current_folder_hides_nothing_that_is_installed(self, here: Path) -> None:
        (here / "json.py").write_text("raise RuntimeError('a stranger')\n")
        (here / "mine.py").write_text(PROGRAM)
        ProgramClass("mine", "Own").load()
        assert sys.path.index(str(here)) > 0

    def test_a_forward_of_ones_own_goes_before_an_inherited_aforward(self, here: Path) -> None:
        (here / "mine.py").write_text(
            "from papillon import PAPILLON\nclass Own(PAPILLON):\n    def forward(self, user_query): ...\n"
        )
        assert not awaited(ProgramClass("mine", "Own").load())

    @pytest.mark.parametrize(
        ("source", "said"),
        [
            ("x = 1", "a class Own in {here}/mine.py, got none; there it has no DSPy module."),
            (
                "import dspy\nclass Owm(dspy.Module): ...",
                "a class Own in {here}/mine.py, got none; did you mean 'Owm'?",
            ),
            ("class Own: ...", "a class derived from dspy.Module, got the class Own in {here}/mine.py"),
            ("def Own(): ...", "a class derived from dspy.Module, got a function Own in {here}/mine.py"),
            ("import dspy\nclass Own(dspy.Module): ...", "a class made as Own(untrusted_model=…), got Own(callbacks)"),
            (
                "import dspy\nclass Own(dspy.Module):\n    def __init__(self, untrusted_model): ...",
                "a class that has forward or aforward, got neither",
            ),
            (
                PROGRAM.replace("user_query", "question"),
                "a class whose forward is called with user_query=, got forward(question)",
            ),
            ("\nraise KeyError('no key')", "can be imported, got KeyError: 'no key' (mine.py, line 2); mend it"),
            ("import nowhere_at_all", "got ModuleNotFoundError: No module named 'nowhere_at_all' (mine.py, line 1)"),
            ("import sys\nsys.exit(3)", "that can be imported, got SystemExit: 3 (mine.py, line 2)"),
            ("x = 1\ndef (:", "got SyntaxError: "),
            (
                PROGRAM.replace("super()", "{}['lost']"),
                "Own(untrusted_model=…), got KeyError: 'lost' (mine.py, line 6)",
            ),
        ],
    )
    def test_what_is_no_program_is_refused_in_a_sentence(self, here: Path, source: str, said: str) -> None:
        (here / "mine.py").write_text(source)
        assert said.format(here=here) in refused("mine:Own")

    def test_a_module_that_is_not_there(self, here: Path) -> None:
        assert refused("mine:Own").startswith("expected a module mine, got none in the environment or in ")
        assert refused("mine:Own").endswith("; check its spelling.")
        assert "(name it without .py, mine:Own)" in refused("mine.py:Own")

    def test_a_module_that_is_not_there_in_a_package_that_is(self, here: Path) -> None:
        (here / "pkg").mkdir()
        assert "No module named 'pkg.mine'" in refused("pkg.mine:Own")


class TestWhatItIsMadeOf:
    def test_the_whole_package_and_what_it_imports_from_beside_it(self, here: Path) -> None:
        (here / "pkg" / "deep").mkdir(parents=True)
        (here / "pkg" / "__pycache__").mkdir()
        for name in (
            "pkg/__init__.py",
            "pkg/deep/mine.py",
            "pkg/prompt.txt",
            "pkg/weights.bin",
            "pkg/__pycache__/x.py",
        ):
            (here / name).write_text("")
        (here / "pkg" / "mine.py").write_text("def later():\n    from rules import names\n")
        (here / "rules.py").write_text("import names\n")
        (here / "names.py").write_text("import json, rules\n")
        (here / "else.py").write_text("")
        files = [file.relative_to(here).as_posix() for file in ProgramClass("pkg.mine", "Own").files]
        own = ["__init__.py", "deep/mine.py", "mine.py", "prompt.txt"]
        assert files == ["names.py", *(f"pkg/{name}" for name in own), "rules.py"]

    def test_finding_it_runs_nothing(self, here: Path) -> None:
        (here / "pkg").mkdir()
        (here / "pkg" / "__init__.py").write_text("raise RuntimeError\n")
        (here / "pkg" / "mine.py").write_text("raise RuntimeError\n")
        assert len(ProgramClass("pkg.mine", "Own").files) == 2
        ProgramClass("pkg.mine", "Own").require("")

    def test_any_change_is_another_fingerprint_and_a_move_is_none(
        self, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (here / "a").mkdir()
        (here / "a" / "mine.py").write_text("import rules\n")
        (here / "a" / "rules.py").write_text("")
        own = ProgramClass("mine", "Own")
        monkeypatch.chdir(here / "a")
        first = own.fingerprint
        (here / "a").rename(here / "b")
        monkeypatch.chdir(here / "b")
        assert own.fingerprint == first
        assert ProgramClass("mine", "Other").fingerprint != first
        (here / "b" / "rules.py").write_text("x = 1\n")
        assert own.fingerprint != first

    def test_what_is_installed_is_taken_alone(self) -> None:
        files = ProgramClass("tqdm", "Own").files
        assert {file.parent.name for file in files} >= {"tqdm"}
        assert all("tqdm" in file.parts for file in files)


def test_saved_prompts_are_set_in_a_class_and_refused_by_one_without_predictors(here: Path) -> None:
    from papillon import PAPILLON, save_program

    (here / "mine.py").write_text(PROGRAM + "\nfrom papillon import PAPILLON\nclass Also(PAPILLON): ...\n")
    program = PAPILLON(str)
    program.respond_to_query.signature = program.respond_to_query.signature.with_instructions("Be brief.")
    save_program(program, here / "saved.json")
    model = {"model": "embedded/SmolLM2-135M-Instruct"}
    table = {"local": model, "untrusted": model}
    own = parse_profile("own", None, table | {"program": "mine:Also"}, here)
    from papillon.models.trained import with_program

    also = make_program(with_program(own, here / "saved.json"), str)
    assert type(also).__name__ == "Also"
    assert also.respond_to_query.signature.instructions == "Be brief."
    bare = with_program(parse_profile("own", None, table | {"program": "mine:Own"}, here), here / "saved.json")
    with pytest.raises(
        UsageError, match=r"Expected a program with predictors for .*saved\.json to set, got one without"
    ):
        make_program(bare, str)
    assert with_program(bare, ProgramClass("mine", "Also")).program is None
