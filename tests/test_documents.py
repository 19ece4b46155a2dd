"""The documents' commands: each is run as it stands, in a copy of the project, or is named below with what it needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from papillon.profile import ROOT

RECORDED = "fixtures/recorded/embedded-mini.jsonl.gz"
#: What docs/guides/changing-a-prompt.md asks beyond them (two minutes of the embedded model): its last evaluation with
#: --eval-export. Where it is no longer what the page asks, the model is asked.
SHORTER = "tests/recorded/shorter-prompt.jsonl.gz"
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md")
)
#: What is not run here, by how a command begins or what it holds, and where it is run instead or what it needs.
ELSEWHERE = {
    r"^make ": "test_every_target_of_make_is_there, and .ci/run",
    r"^source ": "the environment is activated already",
    r"^export |_KEY=": "a key",
    r"--eval-profile (openai|vllm|arbor)": "a key or a GPU",
    r"--eval-profile small": "1.6 GB from the hub; tests/test_shipped_profiles.py",
    r"pupa_": "PUPA's files",
    r"^papillon train|^pytest -m gpu": "make test-training",
    r"^papillon label|--eval-labels": "a person; tests/labelling and tests/harness/test_labels.py",
    r"optimize": "tests/papillon/optimization, with fewer calls; the programs that it leaves",
    r"evals -m dev --eval-split all$": "tests/harness/test_own_data.py; most of its calls are not recorded",
    r"\bFOLDER\b": "what a training leaves; make test-training",
    r"^pip |--pyargs": "tests/test_installed.py",
    r"^papillon annotate|my-data\.csv": "tests/papillon/annotation and tests/harness/test_without_targets.py",
    r"tests\.benchmarks": "PUPA's files",
    r"docs[./]study": "tests/test_study.py; its parts take hours",
    r"redacting:Redacting": "tests/test_own_program_page.py",
    r"^pytest$": "make test",
}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def commands(page: str) -> list[str]:
    """The commands of a page: of its blocks of ``sh``, each on one line and without comments, and of its tables."""
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    shown = [command for line in lines if (command := re.sub(r"(^|\s+)#.*", "", line).strip())]
    cells = re.findall(r"^\| (`[^|]*`) \|", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    return shown + [code for cell in cells for code in re.findall(r"`((?:pytest|papillon|make)\b[^`]*)`", cell)]


def files(page: str) -> dict[str, str]:
    """The files that a page shows: a line with the name alone, and then the block."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return dict(re.findall(r"^`(\S+)`:\n\n```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def elsewhere(command: str) -> str | None:
    return next((why for pattern, why in ELSEWHERE.items() if re.search(pattern, command)), None)


WITH_COMMANDS = [page for page in PAGES if any(elsewhere(command) is None for command in commands(page))]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git has, with the calls of ``embedded`` on ``mini`` recorded, and of a page that asks more."""
    folder = tmp_path_factory.mktemp("project") / "papillon"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    calls = f"--eval-import {RECORDED} --eval-import {SHORTER}"
    done = run(f"pytest evals -m 'dev or test' --eval-record none {calls}", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command as somebody types it who activated the environment."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PAPILLON_", "PYTEST_", "GITHUB_"))
    }
    # The copy is what runs, and not the checkout that the environment is set up for.
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_every_command_of_a_page_does_what_it_says(page: str, copy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "papillon"
    shutil.copytree(copy, folder, symlinks=True)
    for name, body in files(page).items():
        (folder / name).write_text(body, encoding="utf-8")
    for command in commands(page):
        if command.startswith("cd "):
            folder /= command.split()[1]
        elif elsewhere(command) is None:
            done = run(command, folder)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_every_target_of_make_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    used = {
        target for page in PAGES for each in commands(page) if each.startswith("make ") for target in each.split()[1:]
    }
    assert {target for target in used if f"{target}:" not in makefile.replace("$(READY)", ".venv/.ready")} == set()


def test_no_page_shows_a_command_outside_of_a_block_of_commands() -> None:
    """Blocks without a language are what a command printed; one that holds commands says so."""
    shown = [(page, line) for page in PAGES for block in blocks(page, "") for line in block.splitlines()]
    assert [each for each in shown if re.match(r"(\$ )?(pytest|papillon|python|make|pip|export) ", each[1])] == []
