"""A training's curve as a picture: reward, runs scored, and validations over its rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from papillon.pictures import At, Axis, Line, lines

__all__ = ["curve"]


def curve(rounds: Sequence[dict[str, Any]]) -> str:
    """An SVG file of lines as ``metrics.jsonl`` has them, at least one.

    Mean reward, in −1..1, and the share of runs that were scored, in 0..1, are lines; a validation's score, a
    percentage there, is a sign at the round that it came before.
    """
    last = max(line["round"] for line in rounds)
    series = [
        Line("mean reward", [_at(line, line["reward"]) for line in rounds]),
        Line(
            "share of runs scored",
            [_at(line, line["scored"] / line["rollouts"]) for line in rounds if line.get("rollouts")],
        ),
        Line(
            "validation",
            [_at(line, score / 100) for line in rounds if (score := line["validation_score"]) is not None],
            joined=False,
        ),
    ]
    numbers = sorted({1, *range(step := _step(last), last + 1, step)})
    across = Axis(1, last, "round", [(number, str(number)) for number in numbers])
    return lines(f"Training over {last} round{'s' * (last > 1)}", series, across, Axis(-1, 1)).file()


def _at(line: dict[str, Any], value: float) -> At:
    return At(line["round"], value, said=f"round {line['round']}: {value:.3f}")


def _step(last: int) -> int:
    """A round number that divides the rounds into 12 parts at most."""
    steps: Iterator[int] = (size * 10**power for power in range(9) for size in (1, 2, 5))
    return next(step for step in steps if last / step <= 12)
