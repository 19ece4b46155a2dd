"""Items: what the suites' items share: their way to ask the run, and what they report of its answers."""

from __future__ import annotations

from typing import Any

from evals.harness.protocol import Ask

__all__ = ["Line", "missed"]


class Line:
    """What an item holds: its way to ask the run."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def example(self, example_id: str) -> dict[str, Any]:
        """The ``rows`` of one example, one for each trial, how it ``failed``, and its ``texts`` as lines.

        These are empty where it did not fail, and where its texts are not to be shown.
        """
        return self._ask({"ask": "example", "id": example_id})

    def gate(self, gate_id: str) -> list[dict[str, Any]]:
        """The verdicts of one gate, one for each bound."""
        results: list[dict[str, Any]] = self._ask({"ask": "gate", "id": gate_id})["results"]
        return results

    def control(self, control_id: str) -> dict[str, Any]:
        """The figures of one control with its ``verdict`` and ``note``."""
        return self._ask({"ask": "control", "id": control_id})

    def judged(self, question: str) -> dict[str, Any]:
        """``results`` of the bars, how many cases ``failed`` and their ``causes``, for one question to the judge."""
        return self._ask({"ask": "judge", "id": question})


def missed(results: list[dict[str, Any]]) -> str:
    """What an item says of verdicts that are no pass, fails before what cannot be told; empty where all passed."""
    said = [f"{result['verdict'].upper()}: {result['note']}" for result in results if result["verdict"] != "pass"]
    return "\n".join(sorted(said, key=lambda line: not line.startswith("FAIL")))
