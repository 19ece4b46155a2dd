"""Campaigns: faults drawn from a seed, many by hand and a tenth of them in CI.

``FAULTS=all`` asks for all of them, anything else for a tenth; ``FAULTS_SEED`` is the seed, which a failure shows.
"""

from __future__ import annotations

import os
import random

__all__ = ["SEED", "drawing", "points"]

SEED = int(os.environ.get("FAULTS_SEED") or "27")


def points(whole: int) -> int:
    """How many of the ``whole`` number of faults are asked for."""
    return whole if os.environ.get("FAULTS") == "all" else max(1, whole // 10)


def drawing(name: str) -> random.Random:
    """Chance for one campaign, the same for the same seed; what it prints pytest shows where the test fails."""
    print(f"FAULTS_SEED={SEED}")
    return random.Random(f"{SEED} {name}")
