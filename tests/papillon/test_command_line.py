"""The command line's parser: what an argument names is read as a shell would read it, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from papillon.command_line import CommandParser


def parser() -> CommandParser:
    made = CommandParser(prog="papillon")
    made.add_subparsers().add_parser("label").add_argument("--out", type=Path)
    return made


def test_a_home_is_one_behind_an_equals_sign_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parser().parse_args(["label", "--out=~/l.jsonl"]).out == tmp_path / "l.jsonl"
    assert parser().parse_args(["label", "--out", "x~/l.jsonl"]).out == Path("x~/l.jsonl")


def test_the_home_of_nobody_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["label", "--out=~no-such-user/l.jsonl"])
    assert ended.value.code == 4
    assert capsys.readouterr().err == (
        "papillon label: argument --out: expected a path, got '~no-such-user/l.jsonl', and that user has no home here; "
        "see papillon label --help.\n"
    )
