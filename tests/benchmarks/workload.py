"""The benchmarks' work: examples of PUPA's lengths with distinct queries, a profile, and a server of set latency."""

from __future__ import annotations

import csv
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["CALLS", "latency_server", "write_examples", "write_profile"]

#: Calls of one example: craft, untrusted model, respond, leakage, and quality twice.
CALLS = 6

COLUMNS = ("conversation_hash", "predicted_category", "user_query", "target_response", "pii_units", "redacted_query")


def write_examples(path: Path, dev: int) -> None:
    """A data set whose tutorial split has ``dev`` dev examples, PUPA's own rows where PUPA_DIR has them."""
    rows = math.ceil(dev * 664 / 225)
    while round(rows * 225 / 664) < dev:
        rows += 1
    source = Path(os.environ.get("PUPA_DIR", "")) / "PUPA_New.csv"
    pupa = []
    if source.is_file():
        csv.field_size_limit(10**7)
        with source.open(encoding="utf-8", newline="") as file:
            pupa = list(csv.DictReader(file))
    dice = random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, COLUMNS)
        out.writeheader()
        for number in range(rows):
            row = pupa[number % len(pupa)] if pupa else _generated(dice)
            # PUPA's queries repeat; here each has a call of its own.
            query = f"({number}) {row['user_query']}"
            out.writerow({**{c: row[c] for c in COLUMNS}, "user_query": query, "conversation_hash": str(number)})


def _generated(dice: random.Random) -> dict[str, str]:
    def text(length: float) -> str:
        return " ".join("word" * dice.randint(1, 2) for _ in range(int(length / 6)))

    query, target = text(dice.lognormvariate(6.2, 1.1)), text(dice.lognormvariate(7.2, 0.5))
    units = "||".join(f"unit{n}" for n in range(dice.randint(1, 4)))
    return dict(zip(COLUMNS, ("", "any", f"{units} {query}", target, units, query), strict=True))


def write_profile(path: Path, base: str, concurrency: int) -> None:
    """A profile whose three models are served at ``base``."""
    models = "".join(
        f'{role} = {{ {kind}model = "openai/{role}", api_base = "{base}", max_concurrency = 100000 }}\n'
        for role, kind in (("local", ""), ("untrusted", ""), ("judge", 'kind = "llm", '))
    )
    path.write_text(
        f'dataset = "examples.csv"\nsplit = "tutorial"\nconcurrency = {concurrency}\n{models}'
        "[gates.dev]\nquality = { min = 0.0 }\n"
    )


@contextmanager
def latency_server(latency: float) -> Iterator[str]:
    """A model server in a process of its own that answers after ``latency`` seconds; gives its address."""
    program = (
        "import sys, time\nfrom tests.model_server import ModelServer\n"
        f"with ModelServer({latency}, remember=False) as server:\n"
        "    print(server.base, flush=True)\n    sys.stdin.read()\n"
    )
    server = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()
        server.stdout.close()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
        time.sleep(0.1)
