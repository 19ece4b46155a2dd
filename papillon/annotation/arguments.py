"""Arguments: what ``papillon annotate`` is typed with; light, since every command's help reads it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from papillon.annotation.command import Annotation

__all__ = ["add_arguments", "asked_for"]


def add_arguments(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    """The arguments of the command, and what runs it."""
    parser.set_defaults(run=run)
    parser.add_argument("file", type=Path, metavar="FILE", help="queries: .csv, .jsonl, .parquet, or .txt, one a line")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="the data set, in PUPA's columns")
    parser.add_argument("--profile", metavar="P", help="whose local model proposes (default: embedded)")
    parser.add_argument(
        "--from",
        dest="origins",
        default="forms,capitals,model",
        metavar="A,B",
        help="who proposes (default: all three)",
    )
    parser.add_argument(
        "--region", action="append", metavar="XX", help="countries of phone numbers without a code (default: US)"
    )
    parser.add_argument("--by", default="", metavar="NAME", help="who reviews")
    parser.add_argument("--terminal", action="store_true", help="review here, by lines, instead of on a page")
    parser.add_argument("--port", type=int, default=0, metavar="P", help="of the page (default: the system chooses)")
    parser.add_argument("--targets", metavar="ROLE", help="let this role's model answer the queries as targets")
    parser.add_argument("--send-queries", action="store_true", help="queries may go where the untrusted model is")


def asked_for(given: argparse.Namespace) -> Annotation:
    """What was typed, as the command takes it."""
    from papillon.annotation.command import Annotation
    from papillon.persons import person

    origins, regions = tuple(given.origins.split(",")), tuple(given.region or ["US"])
    by = person(given.by) if given.by else ""
    return Annotation(given.file, given.out, origins, regions, by, given.targets, given.send_queries)
