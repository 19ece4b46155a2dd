"""One training on Arbor as a process: what it is told is JSON, the lines that it says go to standard output.

python -m tests.arbor.training '{"folder": ..., "settings": {...}, "one_module": ..., "resume": ...}'
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import dspy

from papillon.errors import PapillonError
from papillon.program import PAPILLON
from papillon.training.run import train
from papillon.training.settings import TrainSettings

NAMES = ("Ann", "Bob", "Cid", "Dan")
EXAMPLES = [
    dspy.Example(user_query=f"Write a letter for {name}.", target_response="x", pii_str=name).with_inputs("user_query")
    for name in NAMES
]


class Letter(dspy.Module):  # type: ignore[misc]
    """A program of one module, whose every answer is rewarded by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.write = dspy.Predict("user_query -> response")

    def forward(self, user_query: str) -> dspy.Prediction:
        return self.write(user_query=user_query)


def rewarded(example: Any, prediction: Any, trace: Any = None) -> float:
    """One of the two answers that the tiny model begins with."""
    return 1.0 if prediction.response.startswith("Gladly") else 0.0


def main(told: dict[str, Any]) -> int:
    def say(line: str) -> None:
        print(line, flush=True)

    try:
        trained = train(
            TrainSettings.from_json(told["settings"]),
            Letter() if told["one_module"] else PAPILLON(untrusted_model=lambda request: "Dear Sir,"),
            EXAMPLES,
            EXAMPLES[:2],
            rewarded,
            Path(told["folder"]),
            "arbor",
            say=say,
            resume=told["resume"],
        )
    except PapillonError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    say(str(trained))
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
