"""What the check found, as the lines that people read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["table"]


def table(found: dict[str, Any]) -> Iterator[str]:
    """The machine, then each part with its checks and figures, or why it has none."""
    yield " · ".join(f"{name} {value}" for name, value in found["machine"].items())
    for part, result in found["parts"].items():
        yield f"\n{part}  ({result['seconds']} s)"
        for why in ("skipped", "error"):
            if why in result:
                yield f"  {why}: {result[why]}"
        for check in result.get("checks", ()):
            bar = "" if check["bar"] is None else f"  ({'at least' if check['more'] else 'at most'} {check['bar']:g})"
            yield f"  {'ok ' if check['holds'] else 'NOT'} {check['name']:<56} {check['value']:.4g}{bar}"
        for name, value in result.get("figures", {}).items():
            if isinstance(value, list):
                value = f"{value[0]:.3f} … {value[-1]:.3f} over {len(value)}"
            elif "memory" in name:
                value = f"{value / 2**30:.2f} GiB"
            elif isinstance(value, float):
                value = f"{value:,.3f}" if value < 100 else f"{value:,.0f}"
            yield f"      {name:<56} {value}"
