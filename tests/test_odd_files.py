"""Odd files: every kind of file that is read, under odd names and with odd contents: read, or refused in a sentence.

Each goes to the real loader, by the command where that is quick.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from evals.harness.baseline_files import accepted_before, read_baseline
from evals.harness.options import OPTIONS, resolve
from evals.harness.plan import Plan
from evals.harness.verdicts.baseline import _checksum
from judges.labels.file import LabelFile
from papillon import PAPILLON, save_program
from papillon.__main__ import main
from papillon.errors import PapillonError
from papillon.models.trained import with_program
from papillon.profile import ROOT, load_profile
from papillon.program import load_program
from papillon.program_class import ProgramClass, named_program
from papillon.store import Call, Store, import_records
from papillon.store.records import canonical_json
from tests.harness.verdicts.samples import row
from tests.harness.verdicts.test_baseline import DATA, JUDGE, baseline
from tests.odd import PLACES, TEXTS, as_json, changed
from tests.papillon.results.samples import result

#: Of so many odd values in odd places one is tried; ``ODD_EVERY=1`` tries all, in some minutes.
EVERY = int(os.environ.get("ODD_EVERY", "11"))

Reading = Callable[[str], object]

PROFILE: dict[str, Any] = {
    "dataset": "mini",
    "concurrency": 2,
    "trials": 1,
    "program": "saved.json",
    "local": {
        "model": "openai/m",
        "temperature": 1.0,
        "top_p": 0.9,
        "top_k": 3,
        "max_tokens": 100,
        "seed": 1,
        "api_base": "http://127.0.0.1:1/v1",
        "price": {"input": 1.0, "output": 2.0},
        "timeout": 3.0,
        "max_attempts": 2,
        "deadline": 9.0,
        "extra_body": {"a": 1},
        "lora": "adapter",
        "max_concurrency": 2,
    },
    "untrusted": {"model": "gguf/./x.gguf", "sha256": "0" * 64},
    "judge": {"kind": "llm", "model": "openai/m", "calibration": {"leakage": {"kappa": {"min": 0.5}}}},
    "gates": {
        "dev": {
            "quality": {"min": 0.5, "confident": True},
            "regression": {"baseline": "b.json", "metrics": ["quality"], "max_drop": 0.1},
        }
    },
    "train": {"num_train_steps": 3, "learning_rate": 1e-5},
}
ROW = {"user_query": "Why, Bo?", "target_response": "So.", "pii_units": "Bo", "redacted_query": "Why?"}


def as_toml(value: Any) -> str:
    """A value in TOML; the top is a table."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)  # nan and inf are TOML's
    return json.dumps("none" if value is None else value.replace("\ud800", "?") if isinstance(value, str) else value)


def with_profile(file: str) -> int:
    """A command that reads a profile and then refuses the optimizer, so that it goes no further."""
    return main(["optimize", "--optimizer", "none", "--profile", file])


def with_results(file: str) -> list[int]:
    beside = Path(file).parent / "beside"
    if (shown := main(["show", file])) == 4:
        return [shown]
    return [
        main(["compare", file, file, "--summary", f"{beside}.md", "--plot", f"{beside}.svg"]),
        main(["history", file, "--all", "--plot", f"{beside}2.svg"]),
    ]


def with_baseline(file: str) -> None:
    plan = Plan(resolve({option.dest: None for option in OPTIONS} | {"eval_baseline": file}, Path.cwd()))
    assert plan.gates


def with_baseline_read(file: str) -> None:
    with suppress(PapillonError):
        accepted_before(Path(file), ("dev",), dataset=DATA, judge=JUDGE)
    held = read_baseline(Path(file))
    assert all(0 <= score <= 1 for scores in held.rows.values() for each in scores.values() for score in each.values())


def with_saved_program(file: str) -> None:
    named = named_program(file)
    assert not isinstance(named, ProgramClass)
    program = load_program(PAPILLON(str), with_program(load_profile("embedded"), named).program)
    assert all(isinstance(each.signature.instructions, str) for _, each in program.named_predictors())


def with_data(file: str) -> int:
    return main(["data", file])


def with_labels(file: str) -> None:
    LabelFile.at(Path(file)).labels()


def with_export(file: str) -> None:
    with Store(Path("odd-store")) as store:
        import_records(Path(file), store)
        for record in store.records():
            assert record.to_text()


READ: dict[str, tuple[Reading, str]] = {
    "profile": (with_profile, ".toml"),
    "results": (with_results, ".json"),
    "baseline": (with_baseline, ".json"),
    "program": (with_saved_program, ".json"),
    "csv": (with_data, ".csv"),
    "jsonl": (with_data, ".jsonl"),
    "parquet": (with_data, ".parquet"),
    "labels": (with_labels, ".jsonl"),
    "export": (with_export, ".jsonl"),
    "packed-export": (with_export, ".jsonl.gz"),
}


def samples() -> dict[str, Any]:
    save_program(PAPILLON(str), Path("saved.json"))
    saved = json.loads(Path("saved.json").read_text())
    saved["respond_to_query"]["demos"] = [{"user_query": "a", "response": "b"}]
    with gzip.open(ROOT / "fixtures" / "recorded" / "embedded-mini.jsonl.gz") as file:
        record = json.loads(file.readline())
    record["record"]["call"]["messages"] = record["record"]["call"]["messages"][:1]
    return {
        "results": result().to_json(),
        "baseline": baseline([row(0), row(0, split="test")]).to_json(),
        "program": saved,
        "profile": PROFILE,
        "jsonl": ROW,
        "export": record,
    }


def written(kind: str, value: Any) -> bytes:
    """A file of that kind, sealed as whoever makes such files by hand can seal it."""
    if kind == "profile":
        return "\n".join(f"{json.dumps(key)} = {as_toml(each)}" for key, each in value.items()).encode()
    if kind == "baseline" and isinstance(value, dict):
        body = {key: each for key, each in value.items() if key != "checksum"}
        return as_json(body | {"checksum": _checksum(body)})
    if kind == "export" and isinstance(value, dict) and isinstance(value.get("record"), dict):
        record = value["record"]
        try:
            key, body = Call(record["call"]).key.encode(), canonical_json(record).encode()
        except (PapillonError, KeyError):
            key, body = b"0" * 64, json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return b'{"checksum":"%b","key":"%b","record":%b}' % (sha256(key + body).hexdigest().encode(), key, body)
    return as_json(value)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read_each(
    reading: Reading, files: Iterable[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[str, str]]:
    """What each reading that fails says, by what was odd; any other error is the test's own."""
    assert isinstance(sys.stderr, io.TextIOWrapper)
    sys.stderr.reconfigure(errors="backslashreplace")  # as Python's own is
    for odd, file in files:
        said = ""
        try:
            reading(file)
        except PapillonError as error:
            said = f"{error}\n"
        except Exception as error:
            error.add_note(f"with {odd}")
            raise
        yield odd, said + capsys.readouterr().err


def refused(odd: str, said: str) -> None:
    assert said.rstrip().endswith("."), f"{odd}: {said}"
    assert "Traceback" not in said, f"{odd}: {said}"


@pytest.mark.parametrize("kind", READ)
def test_odd_names(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reading, ending = READ[kind]
    places = {name: tmp_path / name for name in PLACES if kind != "profile" or name != "empty"}
    for folder in places.values():
        folder.mkdir()
    files = ((name, PLACES[name](folder, ending)) for name, folder in places.items())
    for odd, said in read_each(reading, files, capsys):
        refused(odd, said)


@pytest.mark.parametrize("kind", READ)
def test_odd_texts(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reading, ending = READ[kind]
    file = tmp_path / f"odd{ending}"
    file.with_suffix(".key").write_text("0" * 64)

    def files() -> Iterator[tuple[str, str]]:
        for name, text in TEXTS.items():
            file.write_bytes(gzip.compress(text) if kind == "packed-export" else text)
            yield name, str(file)

    for odd, said in read_each(reading, files(), capsys):
        if said:
            refused(odd, said)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["profile", "results", "baseline", "program", "jsonl", "export"])
def test_odd_values_in_every_place(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reading, ending = (with_baseline_read, ".json") if kind == "baseline" else READ[kind]
    file = tmp_path / f"odd{ending}"

    def files() -> Iterator[tuple[str, str]]:
        for where, value in islice(changed(samples()[kind], 1), 3, None, EVERY):
            if kind != "profile" or isinstance(value, dict):
                file.write_bytes(written(kind, value))
                yield where, str(file)

    for odd, said in read_each(reading, files(), capsys):
        if said:
            refused(odd, said)
