"""Arguments: what ``papillon optimize`` is typed with; light, since every command's help reads it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    """The arguments of the command, and what runs it."""
    parser.set_defaults(run=run)
    parser.add_argument("--optimizer", required=True, metavar="gepa|mipro|simba", help="which of DSPy's optimizers")
    parser.add_argument("--profile", metavar="P", help="default: embedded, or PAPILLON_PROFILE")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.json", help="for --eval-program (default: .papillon/optimized/OPTIMIZER.json)"
    )
    parser.add_argument(
        "--max-calls",
        type=int,
        default=300,
        metavar="N",
        help="calls for the optimisation, made or replayed (default: 300); scoring dev comes on top",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the optimizer's choices (default: 0)")
    parser.add_argument(
        "--reflection",
        metavar="P",
        help="a profile whose local model writes about prompts; it is shown queries and answers (default: --profile's)",
    )
    parser.add_argument(
        "--import",
        dest="imported",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.jsonl[.gz]",
        help="recorded calls to take into the cache first; may be repeated",
    )
    parser.add_argument(
        "--export",
        dest="exported",
        type=Path,
        metavar="FILE.jsonl[.gz]",
        help="write the recorded calls that it rests on, also where it is interrupted",
    )
