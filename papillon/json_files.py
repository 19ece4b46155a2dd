"""JSON files from anybody, read whole within a bound; whatever is wrong with one is one kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from papillon.bounds import MOST_FILE
from papillon.files import read_file

__all__ = ["json_of", "read_json"]


def json_of(text: bytes | str) -> Any:
    """The JSON value that a text is; ValueError, which quotes nothing of it, where it is none or holds NaN."""
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no JSON (byte {error.start + 1} is none of UTF-8)") from None
    except ValueError:
        raise ValueError("it holds a number that JSON has not, or one of more digits than can be read") from None


def read_json(path: Path, *, links: bool = True) -> Any:
    """The value of a regular file of at most MOST_FILE bytes; OSError or ValueError, each with what is wrong."""
    return json_of(read_file(path, MOST_FILE, links=links))


def _refuse(name: str) -> float:
    raise ValueError(name)
