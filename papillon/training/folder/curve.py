"""A training's curve as a picture: reward, runs scored, and validations over its rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["curve"]

_WIDTH, _HEIGHT = 760, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 744, 40, 296

_BLUE, _ORANGE, _GREEN = "#1b6ca8", "#b4530a", "#2a7d2e"

#: Above it a dot a round would hide the line.
_DOTS = 60

_Points = list[tuple[float, float]]


def curve(rounds: Sequence[dict[str, Any]]) -> str:
    """An SVG of lines as ``metrics.jsonl`` has them, at least one.

    Mean reward, in −1..1, and the share of runs that were scored, in 0..1, are lines; a validation's score, a
    percentage there, is a square at the round that it came before.
    """
    last = max(line["round"] for line in rounds)
    reward = [_at(line, last, line["reward"]) for line in rounds]
    share = [_at(line, last, line["scored"] / line["rollouts"]) for line in rounds if line.get("rollouts")]
    checks = [_at(line, last, score / 100) for line in rounds if (score := line["validation_score"]) is not None]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        *_grid(last),
        *_line(reward, _BLUE, "", "mean reward", _LEFT),
        *_line(share, _ORANGE, ' stroke-dasharray="6 4"', "share of runs scored", _LEFT + 160),
        *(_square(x, y) for x, y in checks),
        _square(_LEFT + 370, 20),
        _text(_LEFT + 382, 24, "validation"),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _grid(last: int) -> list[str]:
    parts = []
    for value in (-1.0, -0.5, 0.0, 0.5, 1.0):
        parts.append(f'<path d="M{_LEFT} {_up(value):.1f}H{_RIGHT}" stroke="{"#999" if value == 0 else "#ddd"}"/>')
        parts.append(_text(_LEFT - 8, _up(value) + 4, f"{value:g}", "end"))
    step = next(width for power in range(9) for size in (1, 2, 5) if last / (width := size * 10**power) <= 12)
    for number in sorted({1, *range(step, last + 1, step)}):
        parts.append(_text(_across(number, last), _BOTTOM + 18, str(number), "middle"))
    return [*parts, _text((_LEFT + _RIGHT) / 2, _HEIGHT - 8, "round", "middle")]


def _line(points: _Points, colour: str, dashes: str, name: str, legend: float) -> list[str]:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points]
    return [
        f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>',
        *(dots if len(dots) <= _DOTS else ()),
        f'<path d="M{legend} 20h28" stroke="{colour}" stroke-width="2"{dashes}/>',
        _text(legend + 36, 24, name),
    ]


def _square(x: float, y: float) -> str:
    place = f'x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10"'
    return f'<rect {place} fill="none" stroke="{_GREEN}" stroke-width="2"/>'


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#333">{words}</text>'


def _at(line: dict[str, Any], last: int, value: float) -> tuple[float, float]:
    return _across(line["round"], last), _up(value)


def _across(number: int, last: int) -> float:
    return _LEFT + (_RIGHT - _LEFT) * (number - 1) / max(1, last - 1)


def _up(value: float) -> float:
    return _TOP + (_BOTTOM - _TOP) * (1 - value) / 2
