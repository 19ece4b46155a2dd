"""Parts: what the study runs, in the order of what it is worth, and what each has taken so far."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from papillon.files import write_whole
from papillon.project import ROOT

__all__ = ["CALLS", "FOLDER", "PARTS", "TIMES", "Part", "Sitting", "note_time", "read_times"]

FOLDER = Path(__file__).parent
#: The recorded calls of parts over invented data; those over PUPA stay in the cache, with its texts.
CALLS = FOLDER / "calls"
TIMES = FOLDER / "times.jsonl"

_SMALL, _SMALLER, _LARGER = (f"docs/study/local-{size}.toml" for size in ("05b", "135m", "15b"))
_NO_CONTROLS = ("-k", "not control")
_BOTH = ("-m", "dev or test")
_PUPA = ("-m", "dev", "--eval-dataset=pupa_new")

Kept = Literal["beside", "demo", "cache"]


@dataclass(frozen=True)
class Part:
    """One command of the study, as it is typed at the project's root, without what says where its output goes.

    ``calls`` says where its recorded calls are kept: beside its results, with those of profile demo (which has them
    all), or in the cache alone.
    """

    name: str
    shows: str
    words: Sequence[str]
    calls: Kept = "beside"

    @property
    def results(self) -> Path:
        """What it leaves: a results file, or of an optimisation what it printed."""
        return FOLDER / "results" / f"{self.name}.{'json' if self.words[0] == 'pytest' else 'txt'}"

    @property
    def command(self) -> list[str]:
        """The whole command."""
        words, evaluates = [*self.words], self.words[0] == "pytest"
        prefix = "--eval-" if evaluates else "--"
        if evaluates:
            words.append(f"--eval-results={_from_root(self.results)}")
        if self.calls != "cache":
            recorded = [ROOT / "fixtures" / "recorded" / "demo-mini.jsonl.gz", *sorted(CALLS.glob("*.jsonl.gz"))]
            words += [f"{prefix}import={_from_root(file)}" for file in recorded if file.exists()]
        if self.calls == "beside":
            words.append(f"{prefix}export={_from_root(CALLS)}/{self.name}.jsonl.gz")
        return words


def _from_root(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _evaluates(name: str, shows: str, profile: str, *words: str, calls: Kept = "beside") -> Part:
    return Part(name, shows, ("pytest", "evals", *words, f"--eval-profile={profile}"), calls)


def _on_40(size: str, said: str, profile: str) -> Part:
    words = (*_PUPA, "--eval-limit=40", *_NO_CONTROLS)
    return _evaluates(f"pupa40-{size}", f"{said} on 40 rows of PUPA", profile, *words, calls="cache")


_OPTIMISED = "docs/study/gepa.json"

PARTS = (
    _evaluates("mini-05b", "0.5 B on `mini`, with controls", _SMALL, *_BOTH, calls="demo"),
    _evaluates("mini-135m", "135 M on `mini`, with controls", _SMALLER, *_BOTH),
    _evaluates("mini-15b", "1.5 B on `mini`, with controls", _LARGER, *_BOTH),
    _evaluates("judges-lexical", "the lexical judge's examination", _SMALL, "-m", "judges", calls="cache"),
    _evaluates("judges-15b", "the 1.5 B judge's examination", _SMALL, "-m", "judges", "--eval-judge=llm"),
    _evaluates("mini-05b-llm", "the same by the 1.5 B judge", _SMALL, *_BOTH, "--eval-judge=llm", calls="demo"),
    _evaluates(
        "pupa15-05b", "0.5 B on 15 rows of PUPA, with controls", _SMALL, *_PUPA, "--eval-limit=15", calls="cache"
    ),
    _on_40("05b", "0.5 B", _SMALL),
    _evaluates(
        "pupa15-05b-llm",
        "PUPA's 15 rows by the 1.5 B judge",
        _SMALL,
        *(*_PUPA, "--eval-limit=15", *_NO_CONTROLS, "--eval-judge=llm"),
        calls="cache",
    ),
    _on_40("135m", "135 M", _SMALLER),
    _on_40("15b", "1.5 B", _LARGER),
    Part(
        "gepa",
        "prompts of 0.5 B optimised, 1.5 B reflecting",
        tuple(
            f"papillon optimize --optimizer gepa --max-calls 300 --profile {_SMALL} --reflection {_LARGER} "
            f"--out {_OPTIMISED}".split()
        ),
    ),
    # It found no better ones, so that these calls are those of profile demo.
    _evaluates(
        "mini-05b-gepa",
        "0.5 B with these prompts",
        _SMALL,
        *(*_BOTH, *_NO_CONTROLS, f"--eval-program={_OPTIMISED}"),
        calls="demo",
    ),
)


@dataclass
class Sitting:
    """What one part took at one time, in seconds: ``wall``, and ``processor`` over all cores; ``over`` says that it
    came to its end."""

    part: str
    started: str
    wall: float = 0.0
    processor: float = 0.0
    over: bool = False


def read_times(file: Path = TIMES) -> list[Sitting]:
    """All sittings so far, the first first."""
    return [Sitting(**json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


def note_time(sitting: Sitting, file: Path = TIMES) -> None:
    """Write a sitting down in place of what stands there of it; what others noted meanwhile stays."""
    sittings = read_times(file)
    same = [
        place for place, each in enumerate(sittings) if (each.part, each.started) == (sitting.part, sitting.started)
    ]
    for place in same or [len(sittings)]:
        sittings[place : place + 1] = [sitting]
    write_whole(file, "".join(json.dumps(asdict(each)) + "\n" for each in sittings))
