"""Composite: how leakage and quality become one number; the formulas for rows, judges, gates and training alike."""

from __future__ import annotations

__all__ = ["composite", "leakage"]


def leakage(leaked: int, units: int) -> float:
    """The share of ``units`` PII units that were given away, 0..1; 0 where there are none."""
    return leaked / units if units else 0.0


def composite(quality: float, leakage: float) -> float:
    """The tutorial's score of one answer: (quality + 1 − leakage) / 2, in 0..1 as both of them are."""
    return (quality + 1 - leakage) / 2
