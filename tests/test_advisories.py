"""The installed packages beside a file of advisories: what affects a version is told, and no file is no good end."""

from __future__ import annotations

import json
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests import advisories
from tests.advisories import affects


def ranged(*events: dict[str, str], versions: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"versions": list(versions), "ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        ([{"introduced": "0"}, {"fixed": "3.9.2"}], ["0.1", "3.9.1", "3.9.2rc1"], ["3.9.2", "3.10"]),
        ([{"introduced": "1.10"}, {"last_affected": "1.12"}], ["1.10", "1.12"], ["1.9", "1.12.1"]),
        ([{"introduced": "0"}], ["0.0.1", "99"], []),
        (
            [{"introduced": "2.0"}, {"fixed": "2.5"}, {"introduced": "1.0"}, {"fixed": "1.5"}],
            ["1.4", "2.0"],
            ["1.5", "1.9", "2.5"],
        ),
    ],
)
def test_a_version_in_a_range_is_affected(events: list[dict[str, str]], inside: list[str], outside: list[str]) -> None:
    assert all(affects(ranged(*events), each) for each in inside)
    assert not any(affects(ranged(*events), each) for each in outside)


def test_a_version_in_the_list_is_affected_whatever_the_ranges_say() -> None:
    assert affects({"versions": ["1.4"]}, "1.4")
    assert affects(ranged({"introduced": "2"}, versions=("1.4", "odd")), "odd")
    assert not affects({"versions": ["1.4"], "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, "1.5")


def zipped(folder: Path, *found: dict[str, Any]) -> str:
    with zipfile.ZipFile(folder / "all.zip", "w") as file:
        for number, each in enumerate(found):
            file.writestr(f"{number}.json", json.dumps(each))
    return str(folder / "all.zip")


def advisory(name: str, of: str, **more: Any) -> dict[str, Any]:
    affected = {"package": {"ecosystem": "PyPI", "name": of}, **ranged({"introduced": "0"}, {"fixed": "999"})}
    return {"id": name, "modified": "2026-11-20T01:02:03Z", "affected": [affected], **more}


def test_what_affects_an_installed_version_is_told_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = advisory("PYSEC-1", "DSPy", aliases=["CVE-1"]), advisory("PYSEC-2", "not-installed")
    assert advisories.main(zipped(tmp_path, *found)) == 1
    out = capsys.readouterr().out
    assert f"dspy {version('dspy')}: CVE-1, PYSEC-1; fixed in 999\n" in out
    assert "beside 2 advisories, the newest of 2026-11-20: 1 not passed over" in out


def test_what_is_withdrawn_or_passed_over_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = advisory("GHSA-1", "diskcache", aliases=["CVE-2025-69872"]), advisory("PYSEC-1", "dspy", withdrawn="2026")
    assert advisories.main(zipped(tmp_path, *found)) == 0
    assert "beside 1 advisories, the newest of 2026-11-20: 0 not passed over" in capsys.readouterr().out


def test_a_file_without_advisories_is_no_good_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "some.json").write_text("{}")
    for file, said in (
        (str(tmp_path / "some.json"), "could not be read as one"),
        (zipped(tmp_path), "it has none in 0"),
    ):
        assert advisories.main(file) == 4
        assert said in " ".join(capsys.readouterr().err.split())
