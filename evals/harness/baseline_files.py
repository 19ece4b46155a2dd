"""Baseline files: accepted scores read and written, and what a file holds beside those that are accepted now."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evals.harness.verdicts.baseline import Baseline, differing
from papillon.bounds import MOST_FILE
from papillon.errors import UsageError
from papillon.files import read_file, write_whole
from papillon.json_files import json_of, read_json

__all__ = ["accepted_before", "read_baseline", "write_baseline"]


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write it whole or not at all, one row a line; UsageError where that cannot be done."""
    data = baseline.to_json()
    splits = []
    for split, rows in data.pop("rows").items():
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        splits.append(f"{json.dumps(split)}: [\n{lines}\n]")
    heads = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in data.items()]
    text = "{\n" + ",\n".join([*heads, '"rows": {\n' + ",\n".join(splits) + "\n}"]) + "\n}\n"
    write_whole(path, text)


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file; UsageError naming the file when it cannot be read as one."""
    try:
        return Baseline.from_json(read_json(path))
    except OSError as error:
        why = error.strerror or str(error)
    except ValueError as error:
        why = str(error)
    raise UsageError(f"Expected accepted scores in baseline {path}, but {why}; write it anew with --eval-accept.")


def accepted_before(
    path: Path, splits: Collection[str], *, dataset: Mapping[str, str], judge: Mapping[str, Any]
) -> Baseline | None:
    """What a file holds of other splits than those that are to be accepted into it, None where that is nothing.

    UsageError where it cannot stay beside scores of this data by this judge, and where the file holds something else.
    """
    try:
        text = read_file(path, MOST_FILE) if path.exists() else b""
        data = json_of(text) if text.strip() else {"rows": {}}
        others = sorted(data["rows"].keys() - set(splits))
    except OSError as error:
        raise UsageError(f"--eval-accept: {path} cannot be read ({error.strerror}); make it readable.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(
            f"--eval-accept: expected {path} to hold accepted scores, or not to be there, but it holds something else; "
            "name another file with --eval-baseline, or remove it."
        ) from None
    if not others:
        return None
    try:
        before = Baseline.from_json(data)
        why = f"they are of {said}" if (said := differing(before, dataset, judge)) else ""
    except ValueError as error:
        why = str(error)
    if why:
        raise UsageError(
            f"--eval-accept: {path} also holds accepted scores of {' and '.join(others)}, which would be lost: {why}; "
            f"accept {' and '.join(sorted([*splits, *others]))} in one run, or name another file with --eval-baseline."
        )
    return replace(before, rows={split: before.rows[split] for split in others})
