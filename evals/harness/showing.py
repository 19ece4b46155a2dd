"""Showing: which examples' texts a run shows in the terminal, and how they travel there from an item's report.

Texts are private: they are shown of a few examples that were selected by name, with -vv, or where an option asks for
those that fail. Everybody else is told the command that shows one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from evals.harness.plan import Plan
from evals.harness.reports.lines import Lines
from evals.harness.selection import Selection
from papillon.results import Row

__all__ = ["SHOWN", "Showing", "add_to_failure", "take"]

#: The most examples that -vv shows the texts of.
MOST = 5
#: What a report's section with texts is called.
SHOWN = "papillon"
_SECTION = f"Captured {SHOWN} call"


@dataclass(frozen=True)
class Showing:
    """Whose texts are shown: of the examples ``named``, and of ``failing`` ones where that was asked for.

    ``asked`` says that -vv was given, ``selected`` how many examples were selected by name.
    """

    named: frozenset[str] = frozenset()
    failing: bool = False
    asked: bool = False
    selected: int = 0
    lines: Lines = field(default_factory=lambda: Lines(80))

    @classmethod
    def of(cls, config: pytest.Config, plan: Plan, selection: Selection) -> Showing:
        """What the command line asks for."""
        terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
        lines = Lines(80) if terminal is None else Lines(max(20, terminal._tw.fullwidth), terminal.hasmarkup)
        asked, selected = config.get_verbosity() >= 2, list[str]()
        if asked and _by_name(config):
            selected = [e.id for examples in plan.examples.values() for e in examples if e.id in selection.examples]
        return cls(frozenset(selected[:MOST]), plan.settings.show_text, asked, len(selected), lines)

    def shows(self, row: Row) -> bool:
        """Whether the texts of this row are to be shown."""
        return row.id in self.named or self.fails(row)

    def fails(self, row: Row) -> bool:
        """Whether this row's item fails and the failure is to show its texts."""
        return self.failing and row.status == "infrastructure_error"

    def closing(self, command: str) -> str:
        """What -vv did not show, and the ``command`` that does, up to a row's id; "" where there is nothing to say."""
        if not self.asked or 0 < self.selected == len(self.named):
            return ""
        how = f"{command} ID shows one" if command else "--eval-runs none left no folder to show others from"
        if self.named:
            return f"-vv shows the texts of {len(self.named)} of the {self.selected} examples selected; {how}."
        return f"-vv shows texts where examples are selected by -k or by node id; {how}."


def _by_name(config: pytest.Config) -> bool:
    return bool(config.getoption("keyword", "")) or any("::" in arg and "[" in arg for arg in config.args)


def take(report: pytest.TestReport) -> str:
    """Take the texts out of an item's report, before anything else prints or writes it; "" where it has none."""
    found = [content for name, content in report.sections if name == _SECTION]
    report.sections = [section for section in report.sections if section[0] != _SECTION]
    return "\n".join(found)


def add_to_failure(report: pytest.TestReport) -> None:
    """Let a failure show the texts in its report, in the terminal and in JUnit, wherever it is printed."""
    text, failure = take(report), report.longrepr
    add: Any = getattr(failure, "addsection", None)
    if text and add is not None:
        add(f"everything about {report.nodeid.rpartition('[')[2].removesuffix(']')}", text)
