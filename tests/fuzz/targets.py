"""Targets: all that reads bytes from outside, by name; each returns, also where what it reads is refused."""

from __future__ import annotations

import atexit
import gzip
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from papillon.errors import PapillonError
from papillon.project import SHIPPED

__all__ = ["FOUND", "TARGETS", "Target"]

#: What was found, a folder for each target.
FOUND = Path(__file__).with_name("found")


@dataclass(frozen=True)
class Target:
    """A reader: ``made`` imports what it needs and gives a function of an input; ``seeds`` are inputs to begin with."""

    made: Callable[[], Callable[[bytes], object]]
    seeds: Callable[[], list[bytes]]


def _of_file(read: Callable[[Path], object], ending: str) -> Callable[[bytes], object]:
    """A reader of bytes made of one of files."""
    folder = tempfile.mkdtemp(prefix="papillon-fuzz-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / f"input{ending}"

    def reading(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(PapillonError):
            read(path)

    return reading


def _answers() -> Callable[[bytes], object]:
    import dspy
    from dspy.utils.exceptions import AdapterParseError

    from judges.llm import CompareResponses, CountLeaks, count_from
    from judges.values import read_value
    from papillon.models.adapters import adapter_for

    dspy.settings.configure(disable_history=True)
    adapters = [adapter_for(kind, json_fallback=False, read=read_value) for kind in ("chat", "json")]

    def reading(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        for adapter in adapters:
            with suppress(AdapterParseError):
                assert adapter.parse(CompareResponses, text)["a_is_at_least_as_good"] in (True, False)
            with suppress(AdapterParseError, ValueError):
                leaked = adapter.parse(CountLeaks, text)["leaked"]
                assert 0 <= count_from(leaked, 3) <= 3

    return reading


def _replies() -> Callable[[bytes], object]:
    from papillon.models.served.error_bodies import read_error
    from papillon.models.served.masking import Mask
    from papillon.models.served.replies import NoAnswer, read_reply, refused_generation

    def reading(data: bytes) -> None:
        with suppress(NoAnswer):
            (read_reply(data, "m").message.text or "").encode()
        refused_generation(data, "m")
        read_error(data, [{"role": "user", "content": "hello"}], Mask("secret-key"))

    return reading


def _profiles() -> Callable[[bytes], object]:
    from papillon.profile import load_profile

    return _of_file(lambda path: load_profile(str(path)), ".toml")


def _data(ending: str) -> Callable[[], Callable[[bytes], object]]:
    def made() -> Callable[[bytes], object]:
        from papillon.data import load

        return _of_file(load, ending)

    return made


def _records() -> Callable[[bytes], object]:
    from hashlib import sha256

    from papillon.store import Record

    def reading(data: bytes) -> None:
        for key in (data[:64], b"0" * 64):
            body = data[64:] if key is not data else data
            sealed = b'{"checksum":"%b","key":"%b","record":%b}' % (
                sha256(key + body).hexdigest().encode(),
                key,
                body,
            )
            for text in (data, sealed):
                with suppress(PapillonError):
                    record = Record.from_text(text)
                    record.require_own_key()
                    assert Record.from_text(record.to_text().encode()) == record

    return reading


def _exports() -> Callable[[bytes], object]:
    from papillon.store.transfer import _lines

    plain = _of_file(lambda path: list(_lines(path)), ".jsonl")
    packed = _of_file(lambda path: list(_lines(path)), ".jsonl.gz")

    def reading(data: bytes) -> None:
        plain(data)
        packed(data)

    return reading


def _results() -> Callable[[bytes], object]:
    from papillon.results import RunResult, read_result

    def read(path: Path) -> None:
        found = read_result(path)
        again = RunResult.from_json(json.loads(found.to_text()))
        assert again == found

    return _of_file(read, ".json")


def _traces() -> Callable[[bytes], object]:
    from papillon.reading import Unreadable
    from papillon.results.traces import Trace

    def reading(data: bytes) -> None:
        with suppress(Unreadable):
            found = Trace.from_line(data)
            assert Trace.from_line(found.to_line()) == found

    return reading


def _labels() -> Callable[[bytes], object]:
    from judges.labels.file import LabelFile
    from judges.labels.label import Label
    from papillon.reading import Unreadable

    file = _of_file(lambda path: LabelFile(path, b"0" * 32).labels(), ".jsonl")

    def reading(data: bytes) -> None:
        file(data)
        with suppress(Unreadable):
            Label.from_line(data, b"0" * 32)

    return reading


def _baselines() -> Callable[[bytes], object]:
    from evals.harness.baseline_files import read_baseline
    from evals.harness.verdicts.baseline import Baseline, _checksum

    whole = _of_file(read_baseline, ".json")

    def reading(data: bytes) -> None:
        whole(data)
        with suppress(ValueError, RecursionError):
            value = json.loads(data)
            if isinstance(value, dict):
                sealed = {key: each for key, each in value.items() if key != "checksum"}
                held = Baseline.from_json(sealed | {"checksum": _checksum(sealed)})
                assert Baseline.from_json(held.to_json()) == held

    return reading


def _programs() -> Callable[[bytes], object]:
    from papillon import PAPILLON
    from papillon.program import load_program

    def read(path: Path) -> None:
        program: Any = load_program(PAPILLON(str), path)
        assert callable(program.respond_to_query.acall)

    return _of_file(read, ".json")


def _shipped(*names: str) -> list[bytes]:
    return [(SHIPPED / "fixtures" / name).read_bytes() for name in names]


def _recorded() -> list[bytes]:
    return gzip.decompress(*_shipped("recorded/embedded-mini.jsonl.gz")).splitlines()[:3]


def _row() -> dict[str, str]:
    return {"user_query": "Why, Bo?", "target_response": "So.", "pii_units": "Bo", "redacted_query": "Why?"}


def _parquet() -> list[bytes]:
    import pyarrow
    import pyarrow.parquet

    with tempfile.TemporaryFile() as file:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([_row()]), file)
        file.seek(0)
        return [file.read()]


def _result() -> list[bytes]:
    from tests.papillon.results.samples import result

    return [result().to_text().encode()]


def _trace() -> list[bytes]:
    call = {"role": "local", "key": "k", "input_tokens": 1, "output_tokens": 1, "cost_usd": 0.0, "replayed": True}
    leaked = {"unit": "Bo", "request": 0, "how": "near", "start": 0, "end": 2}
    judged = {"question": "quality", "order": "answer-first", "answer": True, "reason": "r", "attempts": 1}
    texts = {"query": "q", "redacted_query": "q", "units": ["Bo"], "target": "t", "requests": ["Bo"]}
    texts |= {"untrusted_responses": ["a"], "response": "r", "unparsed": None}
    parts = {"leaked_units": [leaked], "judge_extra": 0, "judge": [judged], "calls": [call], "error": None}
    return [json.dumps({"id": "dev-0000", "trial": 0, **texts, **parts}).encode()]


def _saved() -> list[bytes]:
    from papillon import PAPILLON, save_program

    with tempfile.TemporaryDirectory() as folder:
        save_program(PAPILLON(str), Path(folder) / "p.json")
        return [(Path(folder) / "p.json").read_bytes()]


def _baseline() -> list[bytes]:
    from tests.harness.verdicts.samples import row
    from tests.harness.verdicts.test_baseline import baseline

    return [json.dumps(baseline([row(0), row(0, split="test")]).to_json()).encode()]


def _profile() -> list[bytes]:
    return [
        b'dataset = "mini"\nsplit = "grouped"\ntrials = 2\n'
        b'local = { model = "openai/m", temperature = 1.0, seed = 1 }\n'
        b'untrusted = { model = "openai/m", price = { input = 1, output = 2.5 } }\njudge = { kind = "lexical" }\n'
        b"[gates.dev]\nquality = { min = 0.8, confident = true }\n[train]\nlearning_rate = 1e-5\n"
    ]


_ANSWERS = [
    b"[[ ## reason ## ]]\nBo\n\n[[ ## leaked ## ]]\n1\n\n[[ ## completed ## ]]",
    b'{"reason": "r", "a_is_at_least_as_good": true}',
    b"[[ ## reason ## ]]\nr\n[[ ## a_is_at_least_as_good ## ]]\nTrue",
    b'```json\n{"reason": "r", "leaked": "2 of 3"}\n```',
]
_REPLIES = [
    b'{"choices": [{"finish_reason": "stop", "message": {"content": [{"type": "text", "text": "a"}]}}], "usage": {}}',
    b'{"error": {"message": "no", "code": 429, "failed_generation": "x"}}',
    b"<!DOCTYPE html><html>",
]

TARGETS: dict[str, Target] = {
    "answers": Target(_answers, lambda: _ANSWERS),
    "replies": Target(_replies, lambda: _REPLIES),
    "profiles": Target(_profiles, _profile),
    "csv": Target(_data(".csv"), lambda: [b"\n".join(_shipped("mini.csv")[0].splitlines()[:3])]),
    "jsonl": Target(_data(".jsonl"), lambda: [json.dumps(_row()).encode()]),
    "parquet": Target(_data(".parquet"), _parquet),
    "records": Target(_records, lambda: [line[86:150] + line[161:-1] for line in _recorded()]),
    "exports": Target(_exports, lambda: [*_recorded()[:1], gzip.compress(_recorded()[0])]),
    "results": Target(_results, _result),
    "traces": Target(_traces, _trace),
    "labels": Target(_labels, lambda: [b'{"id": "dev-0000", "trial": 0}\n']),
    "baselines": Target(_baselines, _baseline),
    "programs": Target(_programs, _saved),
}
