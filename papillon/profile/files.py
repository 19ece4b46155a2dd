"""Where profiles stand: tables of the project's pyproject.toml, and TOML files of their own.

A profile is data, checked key by key. Building models from it is papillon.models' work, judging the gates the
harness's.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from papillon.bounds import MOST_PROFILE
from papillon.errors import ProfileError, one_line
from papillon.files import looked_up, read_file
from papillon.profile.gates import gate_settings
from papillon.profile.models import judge_settings, model_settings
from papillon.profile.settings import ROOT, Profile
from papillon.profile.table import Table
from papillon.program_class import ProgramClass, named_program
from papillon.project import SHIPPED
from papillon.shape import keys_of
from papillon.spelling import did_you_mean, nearest

__all__ = ["load_profile", "own_settings", "parse_profile"]


def parse_profile(name: str, path: Path | None, data: Any, base: Path = ROOT) -> Profile:
    """Check one profile's keys; raises ProfileError that names the key, what came and what was expected.

    ``path`` is the file that holds the profile, None for the pyproject.toml in ``base``, ours or the user's.
    """
    table = Table(f"Profile {name!r} ({path or 'pyproject.toml'})", data, path.parent if path else base, path)
    table.only(keys_of(Profile))
    gates, targets = table.table("gates"), table.value("targets", bool) is not False
    thresholds, regressions = gate_settings(gates, targets=targets) if gates is not None else ((), ())
    given: dict[str, Any] = {"name": name, "path": path, "gates": thresholds, "regressions": regressions}
    if (own := _program_class(table)) is not None:
        given |= {"program": None, "program_class": own}
    return table.read(
        Profile,
        given,
        {
            "dataset": _dataset,
            **dict.fromkeys(("local", "untrusted"), lambda table, role: model_settings(table.at(role))),
            "judge": lambda table, key: judge_settings(table.at(key)),
            "train": _train,
        },
    )


def _dataset(table: Table, key: str) -> str:
    name: str = table.value(key, str)
    # A name stays a name; a path counts from the file that holds the profile.
    return name if name in ("mini", "pupa_new", "pupa_tnb") else str(table.value(key, Path))


def _program_class(table: Table) -> ProgramClass | None:
    text = table.data.get("program")
    named = named_program(text) if isinstance(text, str) else None
    if not isinstance(named, ProgramClass):
        return None
    if table.file is not None:
        # To evaluate a stranger's file must not run a stranger's code.
        raise table.wrong(
            "program", "a saved program's path in a file of its own; name a class in pyproject.toml or --eval-program"
        )
    return named


def _train(table: Table, key: str) -> dict[str, Any]:
    """The training's settings as they stand there, once they are known to be some."""
    # Here alone: a profile without them need not pay for the import.
    from papillon.training.settings import TrainSettings

    train = table.at(key).data
    try:
        TrainSettings.from_json(train)
    except ProfileError as wrong:
        said = str(wrong)
        raise ProfileError(f"{table.where}: {said[0].lower()}{said[1:]}") from None
    return train


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = read_file(path, MOST_PROFILE)
    except OSError as error:
        missing = _neighbours(path) if isinstance(error, FileNotFoundError) else "check its path and its rights."
        raise ProfileError(
            f"Expected a profile in {path}, but it cannot be read: {error.strerror}; {missing}"
        ) from error
    try:
        if b"\0" in raw:
            raise ValueError("it is in another encoding, perhaps UTF-16")
        text = raw.decode("utf-8-sig")
    except ValueError as error:
        cause = f"byte {error.start + 1} is none of UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise ProfileError(
            f"Expected a profile in {path}, but it cannot be read: {cause}; save it as UTF-8."
        ) from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"Expected TOML in {path}, but it does not parse: {error}.") from error
    except (ValueError, RecursionError) as error:
        cause = "it is nested too deeply" if isinstance(error, RecursionError) else one_line(error).rstrip(".")
        raise ProfileError(f"Expected TOML in {path}, but it cannot be read: {cause}; correct it.") from None


def _neighbours(path: Path) -> str:
    """What stands in the place of a file that is not there, the nearest names first."""
    folder = path.parent
    if not folder.is_dir():
        return f"its folder {folder} is not there either."
    names = sorted(each.name for each in folder.glob("*.toml"))
    return did_you_mean(path.name, names, f"in its folder are {', '.join(names[:5]) or 'no .toml files'}.")


def own_settings() -> Table:
    """``[tool.papillon]`` of the project's pyproject.toml, empty where it has none."""
    return _settings(ROOT)


def _settings(folder: Path) -> Table:
    file = folder / "pyproject.toml"
    table = _read(file).get("tool", {}).get("papillon", {}) if file.exists() else {}
    found = Table("[tool.papillon] in pyproject.toml", table, folder)
    found.only(("default-profile", "keys", "profiles"))
    return found


def _profiles() -> dict[str, tuple[Any, Path]]:
    """Every profile by name, with the folder that its paths count from; the project's own come before shipped ones."""
    found: dict[str, tuple[Any, Path]] = {}
    for folder in dict.fromkeys((SHIPPED, ROOT)):
        if (profiles := _settings(folder).table("profiles")) is not None:
            found |= {name: (data, folder) for name, data in profiles.data.items()}
    return found


def load_profile(name: str | None = None) -> Profile:
    """The profile of that name or file; without one, ``PAPILLON_PROFILE``'s, else the project's default.

    Raises ProfileError, in one sentence, for an unknown name, an unreadable file, and every
    unknown key or wrong value in it.
    """
    name = name or os.environ.get("PAPILLON_PROFILE") or own_settings().value("default-profile", str) or "embedded"
    if name.endswith(".toml"):
        try:
            path = looked_up(name, Path.cwd())
        except ValueError as error:
            raise ProfileError(f"Expected a profile's file, got {name!r}, which no file can be: {error}.") from None
        return parse_profile(path.stem, path, _read(path))
    profiles = _profiles()
    if name not in profiles:
        near = nearest(name, profiles)
        meant = "" if near is None else f" (did you mean {near!r}?)"
        raise ProfileError(
            f"Unknown profile {name!r}: expected one of {', '.join(sorted(profiles))}{meant}, "
            "or a file that ends in .toml."
        )
    data, base = profiles[name]
    return parse_profile(name, None, data, base)
