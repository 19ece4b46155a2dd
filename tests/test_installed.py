"""The built wheel in an environment of its own, used from a repository of one's own; built and installed offline."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from papillon.project import ROOT
from tests.harness.strangers import ran, refusal, stranger

pytestmark = pytest.mark.slow

#: Ten lines.
PYPROJECT = """\
[tool.papillon]
default-profile = "mine"

[tool.papillon.profiles.mine]
dataset = "mini"
program = "redacting:Redacting"
local = { model = "embedded/SmolLM2-135M-Instruct", max_tokens = 64 }
untrusted = { model = "embedded/SmolLM2-135M-Instruct", max_tokens = 32 }
[tool.papillon.profiles.mine.gates.dev]
leakage = { max = 1.0 }
"""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and the empty folder of somebody's repository."""

    environment: Path
    repository: Path

    @property
    def packages(self) -> Path:
        (packages,) = self.environment.glob("lib/python*/site-packages")
        return packages

    def run(self, *words: str, folder: Path | None = None, code: int = 0, **more: str) -> str:
        """What a program of the environment says in a folder, the repository's root unless another is given."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PAPILLON_"))}
        kept |= {"PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100", "VIRTUAL_ENV": str(self.environment), **more}
        kept["PATH"] = f"{self.environment / 'bin'}{os.pathsep}{kept['PATH']}"
        program = [str(self.environment / "bin" / "python"), "-m", *words]
        done = subprocess.run(
            program, cwd=folder or self.repository, env=kept, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def files(self) -> set[Path]:
        return {file for file in self.packages.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _uv("build", "--wheel", "--quiet", "--out-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Installed:
    venv.create(tmp_path / "env", with_pip=False)
    found = Installed(tmp_path / "env", tmp_path / "mine")
    found.repository.mkdir()
    python = str(found.environment / "bin" / "python")
    _uv("pip", "install", "--quiet", "--no-deps", "--python", python, str(wheel))
    # What it depends on is taken from the environment of these tests; a path of a path file reads no path files there.
    (found.packages / "beside.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return found


@pytest.fixture
def mine(installed: Installed) -> Installed:
    """With ten lines of settings, and a program."""
    (installed.repository / "pyproject.toml").write_text(PYPROJECT)
    shutil.copy(ROOT / "docs" / "examples" / "redacting.py", installed.repository)
    # What takes ten seconds to make is the same everywhere.
    (weights := installed.repository / ".papillon" / "weights").mkdir(parents=True)
    for file in (ROOT / ".papillon" / "weights").glob("*"):
        os.link(file, weights / file.name)
    return installed


def _uv(*words: str) -> None:
    program = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("uv is not there to build a wheel with; make .venv/.ready installs it")
    for offline in ("--offline",), ():
        done = subprocess.run([program, *words, *offline], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
    pytest.fail(done.stderr)


def test_the_wheel_holds_code_and_shipped_data_and_nothing_at_its_top_but_three_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"papillon", "judges", "evals"}
    shipped = {name.removeprefix("papillon/shipped/") for name in names if name.startswith("papillon/shipped/")}
    assert {"pyproject.toml", "fixtures/mini.csv", "fixtures/baselines/embedded.json"} <= shipped
    assert {"fixtures/baselines/demo.json", "fixtures/recorded/demo-mini.jsonl.gz"} <= shipped
    assert {"fixtures/calibration/leakage.jsonl", "fixtures/calibration/quality.jsonl"} <= shipped
    assert "judges/quality.txt" in names


def test_settings_and_code_beside_an_options_value_are_refused(installed: Installed, tmp_path: Path) -> None:
    theirs = stranger(tmp_path / "theirs")
    command = ("pytest", "--pyargs", "evals", "-m", "dev", "--eval-cache", "../theirs/cache")
    for more in ((), ("-n", "2"), ("-p", "evals.harness.plugin")):
        off = "1" if "-p" in more else ""
        out = installed.run(*command, *more, code=4, PYTEST_DISABLE_PLUGIN_AUTOLOAD=off)
        assert refusal("--eval-cache", "../theirs/cache", theirs) in out
    assert not ran(theirs)


def test_a_program_of_ones_own_is_evaluated_from_ten_lines(mine: Installed) -> None:
    before = mine.files()
    out = mine.run("pytest", "--pyargs", "evals", "-m", "dev", "--eval-limit", "2", "--eval-profile", "mine")
    assert "3 passed" in out or "4 passed" in out
    assert "profile mine · mini" in out
    assert "1 of 20" not in out
    (next_command,) = re.findall(r"^Next: ((?:.*\\\n)*.*)$", out, re.MULTILINE)
    assert " -m pytest --pyargs evals -k dev-000" in next_command
    # It can be typed as it stands, here and with workers, and asks nothing again.
    python, _, *typed = next_command.replace("\\\n", "").split()
    assert (mine.repository / python).resolve().is_file()
    again = mine.run(*typed, "-q")
    assert "0 calls made" in again
    # The page's templates, style and script come along.
    assert "private texts" in mine.run("papillon", "report")
    workers = mine.run("pytest", "--pyargs", "evals", "-m", "dev", "--eval-limit", "2", "-n", "2", "-q")
    assert "0 calls made" in workers
    # From a folder below the root is the same, and a program of the root is found.
    (mine.repository / "below").mkdir()
    below = mine.run(
        *("pytest", "--pyargs", "evals.test_examples", "-m", "dev", "--eval-limit", "2", "-q"),
        folder=mine.repository / "below",
    )
    assert "0 calls made" in below
    assert not list((mine.repository / "below").glob(".papillon"))
    assert (mine.repository / ".papillon" / ".gitignore").read_text() == "*\n"
    assert {file.name for file in (mine.repository / ".papillon").iterdir()} >= {"cache", "runs", "rows.key"}
    assert mine.files() == before


def test_shipped_profiles_data_and_cases_come_along_and_ones_own_name_wins(mine: Installed) -> None:
    assert mine.run("papillon", "data").startswith("mini: 60 rows")
    collected = mine.run("pytest", "--pyargs", "evals", "--collect-only", "-q", "--eval-profile", "embedded")
    assert "test_gate[dev-leakage-regression]" in collected
    assert "test_judge[leakage]" in collected
    refused = mine.run("pytest", "--pyargs", "evals", "-m", "dev", "--eval-profile", "nope", code=4)
    assert "expected one of arbor, embedded, mine, openai, vllm" in re.sub(r" (demo|small),", "", refused)
    refused = mine.run(
        "pytest", "--pyargs", "evals", "-m", "dev", "--eval-profile", "embedded", "--eval-accept", code=4
    )
    assert "the baseline of profile 'embedded' comes with the installed package; say where to write with" in refused
    with (mine.repository / "pyproject.toml").open("a") as more:
        model = '{ model = "embedded/SmolLM2-135M-Instruct" }'
        more.write(f"[tool.papillon.profiles.embedded]\nlocal = {model}\nuntrusted = {model}\n")
        more.write("[tool.papillon.profiles.embedded.gates.test]\nquality = { min = 0.1 }\n")
    collected = mine.run("pytest", "--pyargs", "evals", "--collect-only", "-q", "--eval-profile", "embedded")
    assert "regression" not in collected
    assert "test_gate[test-quality]" in collected


def test_the_recorded_demo_comes_along(installed: Installed) -> None:
    where = "from papillon.project import FIXTURES; print(FIXTURES)"
    python = str(installed.environment / "bin" / "python")
    fixtures = subprocess.run(
        [python, "-c", where], cwd=installed.repository, capture_output=True, text=True, check=True
    ).stdout.strip()
    out = installed.run(
        *("pytest", "--pyargs", "evals", "-m", "dev or test", "--eval-profile", "demo", "--eval-record", "none"),
        f"--eval-import={fixtures}/recorded/demo-mini.jsonl.gz",
        HF_HOME=str(installed.repository / "nothing"),
    )
    assert "dev-quality-regression" in out
    assert "\n0 calls made" in out


def test_ask_runs_it_on_one_query(mine: Installed) -> None:
    said = mine.run("papillon", "ask", "Tell Maeve that I, Otto, moved: otto@home.example.")
    assert "Tell [NAME_1] that I, [NAME_2], moved: [EMAIL_3]." in said
    assert "The answer to your query:" in said


class TestAUsersOwnTests:
    @pytest.fixture
    def theirs(self, installed: Installed) -> Installed:
        """A repository that has never heard of this package, but for the environment that it is tested in."""
        (installed.repository / "tests").mkdir()
        (installed.repository / "tests" / "test_own.py").write_text(
            "import sys, pytest\n@pytest.mark.gpu\n@pytest.mark.mine\ndef test_own():\n"
            "    assert not {'dspy', 'numpy', 'pandas'} & {*sys.modules}\n"
        )
        (installed.repository / "pytest.ini").write_text("[pytest]\nmarkers = mine\nstrict_markers = true\n")
        return installed

    @pytest.mark.parametrize("asked", [(), ("tests",), ("-m", "gpu"), (".",)], ids=" ".join)
    def test_are_run_as_ever_and_nothing_is_evaluated(self, theirs: Installed, asked: tuple[str, ...]) -> None:
        out = theirs.run("pytest", "-p", "no:hypothesispytest", "-p", "no:anyio", *asked)
        assert "1 passed" in out
        assert "PAPILLON" not in out
        assert not (theirs.repository / ".papillon").exists()

    def test_a_package_evals_of_their_own_is_theirs(self, theirs: Installed) -> None:
        (folder := theirs.repository / "evals").mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "metric.py").write_text("good = True\n")
        (folder / "test_theirs.py").write_text("from evals.metric import good\ndef test_theirs():\n    assert good\n")
        assert "1 passed" in theirs.run("pytest", "evals")
        said = theirs.run("pytest", "--pyargs", "evals", "--eval-limit", "2", code=4)
        assert f"--eval-limit: expected no other package evals, but {folder} hides the suites' own" in said

    def test_the_marks_and_options_are_registered(self, theirs: Installed) -> None:
        assert "@pytest.mark.judges: tests the configured judge" in theirs.run("pytest", "--markers")
        assert "--eval-profile=NAME|FILE.toml" in theirs.run("pytest", "--help")
