"""Results: what a run came to, as data that cannot change; made by the harness, read without it.

One room per matter: a row (rows), what ran (run), the verdicts on gates and controls (gates, controls), the judge's
own test and its agreement with another (judging), its figures beside people's labels (correction), all of it as one
value whose JSON is the results file (result), and in which ranges its numbers lie (ranges); figures in words (words).
Beside it, private: a row's texts (traces), and the folder that holds both (folder). And which run and which row of it
a user names (finding), what changed between two runs (comparison), the runs of many folders (gathering) and what they
came to over time (history), a run's tables for pandas (frames), and what others report (published).
"""

from papillon.results.controls import ControlResult
from papillon.results.frames import Frames, load
from papillon.results.gates import Flip, Gain, GateResult
from papillon.results.judging import Agreement, JudgeReport, Measure
from papillon.results.result import RunResult, read_result
from papillon.results.rows import Row
from papillon.results.run import RunInfo, SplitInfo

__all__ = [
    "Agreement",
    "ControlResult",
    "Flip",
    "Frames",
    "Gain",
    "GateResult",
    "JudgeReport",
    "Measure",
    "Row",
    "RunInfo",
    "RunResult",
    "SplitInfo",
    "load",
    "read_result",
]
