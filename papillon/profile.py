"""Profiles: which models, judge, data and gates a run uses, read from TOML and checked key by key.

A profile is data. Building models from it is papillon.models' work, judging the gates the harness's.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

from papillon.errors import ProfileError
from papillon.hosts import KEYS_TABLE, KEYS_VARIABLE, checked_pair, read_pairs
from papillon.profiles.gates import gate_settings
from papillon.profiles.models import MODEL_KEYS, judge_settings, model_settings, names_a_variable
from papillon.profiles.settings import (
    CACHE,
    CALIBRATION_METRICS,
    GATE_METRICS,
    ROOT,
    GateSettings,
    JudgeSettings,
    ModelSettings,
    Profile,
    RecordMode,
    RegressionSettings,
)
from papillon.profiles.table import Table
from papillon.splits import CHOICES

__all__ = [
    "CACHE",
    "CALIBRATION_METRICS",
    "GATE_METRICS",
    "ROOT",
    "GateSettings",
    "JudgeSettings",
    "ModelSettings",
    "Profile",
    "RecordMode",
    "RegressionSettings",
    "load_profile",
    "paired_hosts",
    "profile_names",
]

_PROFILE_KEYS = (
    "dataset",
    "split",
    "controls",
    "concurrency",
    "trials",
    "program",
    "local",
    "untrusted",
    "judge",
    "gates",
    "train",
)


def parse_profile(name: str, path: Path | None, data: Any) -> Profile:
    """Check one profile's keys; raises ProfileError that names the key, what came and what was expected.

    ``path`` is the file that holds the profile, None for the project's own pyproject.toml.
    """
    table = Table(f"Profile {name!r} ({path or 'pyproject.toml'})", data, path.parent if path else ROOT, path)
    table.only(_PROFILE_KEYS)
    roles = {}
    for role in ("local", "untrusted"):
        entry = table.table(role)
        if entry is None:
            raise ProfileError(
                f"{table.where}: expected a table {role!r} that names the {role} model, and there is none."
            )
        entry.only(MODEL_KEYS)
        roles[role] = model_settings(entry)
    judge = table.table("judge")
    gates = table.table("gates")
    train = table.table("train")
    thresholds, regressions = gate_settings(gates) if gates is not None else ((), ())
    return Profile(
        name=name,
        path=path,
        local=roles["local"],
        untrusted=roles["untrusted"],
        judge=judge_settings(judge) if judge is not None else JudgeSettings("lexical"),
        dataset=_dataset(table),
        split=table.text("split", CHOICES) or "grouped",
        controls=table.flag("controls", False),
        concurrency=table.integer("concurrency", 1) or 16,
        trials=table.integer("trials", 1) or 1,
        program=table.path("program"),
        gates=thresholds,
        regressions=regressions,
        train=train.data if train is not None else {},
    )


def _dataset(table: Table) -> str:
    name = table.text("dataset") or "mini"
    # A name stays a name; a path counts from the file that holds the profile.
    return name if name in ("mini", "pupa_new", "pupa_tnb") else str((table.base / Path(name).expanduser()).resolve())


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        missing = _neighbours(path) if isinstance(error, FileNotFoundError) else "check its path and its rights."
        raise ProfileError(
            f"Expected a profile in {path}, but it cannot be read: {error.strerror}; {missing}"
        ) from error
    try:
        if b"\0" in raw:
            raise ValueError("it is in another encoding, perhaps UTF-16")
        return tomllib.loads(raw.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"Expected TOML in {path}, but it does not parse: {error}.") from error
    except ValueError as error:
        cause = f"byte {error.start + 1} is none of UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise ProfileError(
            f"Expected a profile in {path}, but it cannot be read: {cause}; save it as UTF-8."
        ) from error


def _neighbours(path: Path) -> str:
    """What stands in the place of a file that is not there, the nearest names first."""
    folder = path.parent
    if not folder.is_dir():
        return f"its folder {folder} is not there either."
    names = sorted(each.name for each in folder.glob("*.toml"))
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"in its folder are {', '.join(names[:5]) or 'no .toml files'}."


def _shipped() -> Table:
    """``[tool.papillon]`` of the project's pyproject.toml."""
    table = _read(ROOT / "pyproject.toml").get("tool", {}).get("papillon", {})
    found = Table("[tool.papillon] in pyproject.toml", table, ROOT)
    found.only(("default-profile", "keys", "profiles"))
    return found


def _profiles() -> dict[str, Any]:
    profiles = _shipped().table("profiles")
    return profiles.data if profiles is not None else {}


def profile_names() -> list[str]:
    """The names under ``[tool.papillon.profiles]`` in the project's pyproject.toml."""
    return sorted(_profiles())


def paired_hosts() -> dict[str, list[str]]:
    """The hosts that the user has paired with each variable: in ``[tool.papillon.keys]`` and PAPILLON_KEY_HOSTS.

    Raises UsageError, without showing a value, for what pairs nothing.
    """
    pairs = read_pairs(os.environ.get(KEYS_VARIABLE, ""))
    if (keys := _shipped().table("keys")) is not None:
        for variable, hosts in keys.data.items():
            if not names_a_variable(variable):
                raise ProfileError(f"{KEYS_TABLE}: expected NAMES of environment variables, got another key.")
            where = f"{KEYS_TABLE}.{variable}"
            listed = hosts if isinstance(hosts, list) else [hosts]
            if not listed or not all(isinstance(host, str) for host in listed):
                raise ProfileError(f"{where}: expected a host, or a list of hosts, got something else.")
            pairs.setdefault(variable, []).extend(checked_pair(host, where, ProfileError) for host in listed)
    return pairs


def load_profile(name: str | None = None) -> Profile:
    """The profile of that name or file; without one, ``PAPILLON_PROFILE``'s, else the project's default.

    Raises ProfileError, in one sentence, for an unknown name, an unreadable file, and every
    unknown key or wrong value in it.
    """
    name = name or os.environ.get("PAPILLON_PROFILE") or _shipped().text("default-profile") or "embedded"
    if name.endswith(".toml"):
        path = Path(name).expanduser().resolve()
        return parse_profile(path.stem, path, _read(path))
    profiles = _profiles()
    if name not in profiles:
        near = difflib.get_close_matches(name, profiles, n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise ProfileError(
            f"Unknown profile {name!r}: expected one of {', '.join(sorted(profiles))}{meant}, "
            "or a file that ends in .toml."
        )
    return parse_profile(name, None, profiles[name])
