"""Option group: the command line's options, one group with one prefix; what their values come to is ``options``'.

Every project of the environment loads this, whose own tests are not to wait for it: it imports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OPTIONS", "Option"]


@dataclass(frozen=True)
class Option:
    """One option of the group: its flag, how its value is shown in the help, and what it is."""

    flag: str
    metavar: str | None
    help: str
    #: Whether it may be given several times.
    several: bool = False

    @property
    def dest(self) -> str:
        return self.flag.lstrip("-").replace("-", "_")


OPTIONS = (
    Option(
        "--eval-profile",
        "NAME|FILE.toml",
        "models, judge, data and gates (default: embedded, or PAPILLON_PROFILE)",
    ),
    Option("--eval-dataset", "mini|pupa_new|pupa_tnb|PATH", "the data to evaluate on (default: the profile's)"),
    Option("--eval-split", "tutorial|grouped|all", "how the data is split (default: the profile's, else grouped)"),
    Option("--eval-limit", "N", "the first N examples of each split (default: all)"),
    Option("--eval-trials", "K", "independent samples per example (default: the profile's, else 1)"),
    Option(
        "--eval-program",
        "FILE.json|module:Class",
        "a saved program, a training's folder, or a class (default: zero-shot)",
    ),
    Option("--eval-judge", "llm|lexical", "which judge scores (default: the profile's)"),
    Option("--eval-concurrency", "N", "model calls in flight at once, over all workers (default: the profile's)"),
    Option(
        "--eval-record",
        "none|new|all",
        "replay strictly, record what is new, or make every call anew (default: new)",
    ),
    Option("--eval-cache", "DIR", "where recorded calls live (default: .papillon/cache)"),
    Option(
        "--eval-import", "FILE.jsonl[.gz]", "recorded calls to take into the cache first; may be repeated", several=True
    ),
    Option("--eval-export", "FILE.jsonl[.gz]", "write the recorded calls that this run rests on"),
    Option("--eval-max-calls", "N", "stop before more than N model calls are made (default: no cap)"),
    Option("--eval-max-cost", "USD", "stop before more than that is spent (default: no cap)"),
    Option("--eval-runs", "DIR|none", "where the run's folder goes, private (default: .papillon/runs)"),
    Option("--eval-baseline", "FILE.json", "accepted scores to compare with (default: the profile's)"),
    Option("--eval-accept", None, "write this run's scores as the accepted ones instead of judging against them"),
    Option("--eval-labels", "FILE.jsonl", "people's labels, by papillon label, to correct the judge's figures by"),
    Option("--eval-results", "FILE.json", "write the run for machines (default: not written)"),
    Option("--eval-summary", "FILE.md", "write the run for a pull request, without a text (default: not written)"),
    Option("--eval-report", "FILE.html", "write the run for people, with its texts, private (default: not written)"),
    Option("--eval-show-text", None, "failing examples show their texts, which are private, in terminal and JUnit"),
    Option("--eval-shard", "I/N", "only the I-th of N parts of every split (default: all of it)"),
    Option("--full-train", None, "with -m gpu: the full training instead of its smoke test (profile: arbor)"),
    Option("--train-device", "auto|arbor|cuda|cpu", "with -m gpu: who trains (default: auto, which needs a GPU)"),
)
