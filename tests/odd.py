"""Odd names, texts and values: what a file from anybody may be called and may hold, and where in it."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["PLACES", "TEXTS", "VALUES", "changed"]

_DEEP: Any = 1
for _ in range(90):
    _DEEP = [_DEEP]

#: What may stand in the place of any value, by a name for a test's id; ``1e999`` is JSON's way to infinity.
VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "minus": -1,
    "half": 0.5,
    "two": 2,
    "nan": float("nan"),
    "infinite": float("inf"),
    "400-digits": 10**400,
    "minus-400-digits": -(10**400),
    "empty-text": "",
    "long-text": "x" * 300,
    "nul": "a\0b",
    "half-a-character": "\ud800",
    "escape": "\x1b[2J",
    "nobody": "~nobody/x",
    "list": [],
    "list-of-one": [1],
    "object": {},
    "strange-object": {"\0": {"~nobody": None}},
    "deep": _DEEP,
}

#: What a whole file may hold in the place of JSON or TOML.
TEXTS: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n\n",
    "null": b"null",
    "number": b"1",
    "nan": b"NaN",
    "text": b'"text"',
    "list": b"[]",
    "object": b"{}",
    "list-of-null": b"[null]",
    "deep-lists": b"[" * 200_000,
    "deep-objects": b'{"a":' * 200_000,
    "deep-toml": b"a = " + b"[" * 50_000,
    "many-digits": b"9" * 5000,
    "many-digits-in-toml": b"trials = " + b"9" * 5000,
    "torn": b'{"a": [1, 2',
    "two-objects": b"{} {}",
    "nul": b"\0\0\0\0",
    "no-utf-8": b"\xff\xfe\xfa{}",
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "mark": b"\xef\xbb\xbf{}",
    "half-a-character": b'"\\ud800"',
    "escapes": b"\x1b[2J\x9b",
}


def _loop(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop"


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


#: Where a file is said to be that is none, with an ending; each is made in a folder.
PLACES: dict[str, Callable[[Path, str], str]] = {
    "long": lambda folder, ending: str(folder / f"{'x' * 300}{ending}"),
    "long-path": lambda folder, ending: str(folder / ("x/" * 3000) / f"x{ending}"),
    "nul": lambda folder, ending: f"{folder}/a\0b{ending}",
    "loop": lambda folder, ending: str(_named(_loop(folder), ending)),
    "below-a-loop": lambda folder, ending: str(_loop(folder) / f"x{ending}"),
    "nobody": lambda folder, ending: f"~nobody-of-that-name/x{ending}",
    "folder": lambda folder, ending: str(_made(folder / f"x{ending}")),
    "pipe": lambda folder, ending: str(_named(_pipe(folder), ending)),
    "device": lambda folder, ending: str(_linked(folder / f"x{ending}", "/dev/zero")),
    "nowhere": lambda folder, ending: str(folder / f"none{ending}"),
    "half-a-character": lambda folder, ending: str(folder / f"\udcff{ending}"),
    "line-end": lambda folder, ending: str(folder / f"a\nb{ending}"),
    "below-a-file": lambda folder, ending: str(_file(folder) / f"x{ending}"),
    "empty": lambda folder, ending: "",
}


def _named(path: Path, ending: str) -> Path:
    return path.rename(path.with_name(path.name + ending)) if ending and not path.is_symlink() else _again(path, ending)


def _again(path: Path, ending: str) -> Path:
    looping = path.with_name(path.name + ending)
    if looping != path:
        looping.symlink_to(looping.name)
    return looping


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def _linked(path: Path, to: str) -> Path:
    path.symlink_to(to)
    return path


def _file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file"


def changed(sample: Any, most: int = 2) -> Iterator[tuple[str, Any]]:
    """Copies of a sample of JSON, each with one of VALUES in one place or without it, and where and which that is.

    Of a list the first ``most`` entries are changed.
    """
    for place in _places(sample, most):
        where = ".".join(map(str, place))
        for name, value in VALUES.items():
            yield f"{where}={name}", _with(sample, place, value)
        if place:
            yield f"{where} away", _without(sample, place)


def _places(value: Any, most: int, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    listed = enumerate(value[:most] if isinstance(value, list) else ())
    steps: Any = value.items() if isinstance(value, dict) else listed
    for step, inner in steps:
        yield from _places(inner, most, (*place, step))


def _with(sample: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    whole = copy.deepcopy(sample)
    inner = whole
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return whole


def _without(sample: Any, place: tuple[Any, ...]) -> Any:
    whole = copy.deepcopy(sample)
    inner = whole
    for step in place[:-1]:
        inner = inner[step]
    del inner[place[-1]]
    return whole


def as_json(value: Any) -> bytes:
    """A value as JSON's text, with NaN and infinity in Python's spelling, which its reader takes."""
    return json.dumps(value).encode()
