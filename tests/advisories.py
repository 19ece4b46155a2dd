"""``python -m tests.advisories all.zip``: the installed packages beside a file of advisories, without a network.

The file is the one that OSV publishes for PyPI: a zip with one advisory in JSON in each of its files
(https://google.github.io/osv.dev/data/). What `docs/dependencies.md` passes over is passed over here too.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from papillon.errors import UsageError
from papillon.profile import ROOT

PASSED_OVER = ROOT / "docs" / "dependencies.md"


def main(file: str) -> int:
    try:
        advisories = read(Path(file))
    except UsageError as error:
        print(error, file=sys.stderr)
        return 4
    packages = sorted({(canonicalize_name(each.name), each.version) for each in distributions()})
    reasons = set(re.findall(r"^\| ([A-Z]+-[\w-]+) \|", PASSED_OVER.read_text(encoding="utf-8"), re.MULTILINE))
    found = [each for each in known(packages, advisories) if not each[2] & reasons]
    for name, version, names, fixed in found:
        print(f"{name} {version}: {', '.join(sorted(names))}; fixed in {fixed or 'no version'}")
    newest = max(str(each.get("modified", "")) for each in advisories)[:10]
    compared = f"{len(packages)} packages beside {len(advisories)} advisories, the newest of {newest}"
    print(f"{compared}: {len(found)} not passed over")
    return 1 if found else 0


def read(file: Path) -> list[dict[str, Any]]:
    """The advisories for PyPI that a file of OSV's has and that were not withdrawn; never none.

    :raises UsageError: it is no such file, or has no advisory for PyPI
    """
    try:
        with zipfile.ZipFile(file) as opened:
            all_ = [json.loads(opened.read(name)) for name in opened.namelist() if name.endswith(".json")]
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise UsageError(
            f"Expected OSV's file of advisories for PyPI, a zip with one in JSON in each of its files, and {file} "
            f"could not be read as one ({error}); fetch all.zip of PyPI as https://google.github.io/osv.dev/data/ says."
        ) from None
    here = [each for each in all_ if not each.get("withdrawn") and list(_affected(each))]
    if not here:
        raise UsageError(
            f"Expected advisories for packages of PyPI in {file}, and it has none in {len(all_)} files; "
            "fetch all.zip of PyPI as https://google.github.io/osv.dev/data/ says."
        )
    return here


def known(
    packages: Iterable[tuple[str, str]], advisories: Iterable[dict[str, Any]]
) -> Iterator[tuple[str, str, set[str], str]]:
    """Each package, its version, an advisory's names and the versions that mend it, where one affects that version."""
    versions = dict(packages)
    for advisory in advisories:
        for affected in _affected(advisory):
            name = canonicalize_name(affected["package"]["name"])
            if name in versions and affects(affected, versions[name]):
                fixed = sorted({event["fixed"] for event in _events(affected) if "fixed" in event})
                yield name, versions[name], {advisory["id"], *advisory.get("aliases", ())}, ", ".join(fixed)


def affects(affected: dict[str, Any], version: str) -> bool:
    """Whether a version is listed or lies in a range, as OSV's schema defines it (section *Evaluation*).

    A version that PEP 440 has no order for is looked for in the list alone.
    """
    if version in affected.get("versions", ()):
        return True
    try:
        here = Version(version)
    except InvalidVersion:
        return False
    inside = False
    for event in sorted(_events(affected), key=lambda event: _version(next(iter(event.values())))):
        ((kind, value),) = event.items()
        if (kind == "last_affected" and here > _version(value)) or (kind == "fixed" and here >= _version(value)):
            inside = False
        elif kind == "introduced" and here >= _version(value):
            inside = True
    return inside


def _affected(advisory: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for affected in advisory.get("affected", ()):
        if affected.get("package", {}).get("ecosystem") == "PyPI":
            yield affected


def _events(affected: dict[str, Any]) -> Iterator[dict[str, str]]:
    for range_ in affected.get("ranges", ()):
        if range_["type"] == "ECOSYSTEM":
            yield from range_["events"]


def _version(text: str) -> Version:
    """Before every version where it is OSV's ``0``."""
    return Version("0.dev0" if text == "0" else text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
