"""The row cache is derived and trusted for nothing: what is planted in it, or below it, is dropped and made anew."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.harness import row_cache
from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.scheduler import PROGRAM, Job
from evals.harness.options import OPTIONS, resolve
from evals.harness.plan import Plan
from evals.harness.row_cache import RowCache, RowKeys
from papillon.models.ledger import Ledger
from papillon.profile import ROOT, Profile
from papillon.program_class import ProgramClass
from papillon.store import Answer, Call, FinishedRows, Record, Store, Usage
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

DEV = ("evals", "-m", "dev", "--eval-limit", "2")
#: Where the models of the recorded run were served; nothing listens there any more.
SERVED = "http://127.0.0.1:9/v1"


class Recorded:
    """A cache folder that a run of two examples with controls left, to be changed and read again."""

    def __init__(self, cache: Path, plan: Plan) -> None:
        self.cache, self.plan = cache, plan
        self.profile: Profile = plan.settings.profile
        examples = plan.examples["dev"]
        self.jobs = [Job(PROGRAM, example) for example in examples]
        self.controls = [Job(name, example) for _, name in plan.controls if _ == "dev" for example in examples]

    def taken(self, jobs: list[Job] | None = None, profile: Profile | None = None) -> dict[Job, Outcome]:
        with Store(self.cache, read_only=True) as store:
            return RowCache(profile or self.profile, self.cache).take(
                self.jobs if jobs is None else jobs, store, Ledger(), lambda job, outcome: None
            )

    def key(self, job: Job) -> str:
        return RowCache(self.profile, self.cache).keys.of(job)

    def calls(self, job: Job) -> list[list[str]]:
        with closing(sqlite3.connect(self.cache / "rows.db")) as rows:
            (text,) = rows.execute("SELECT calls FROM rows WHERE key = ?", (self.key(job),)).fetchone()
        named: list[list[str]] = json.loads(text)
        return named

    def plant(self, job: Job, calls: Any) -> None:
        """Write what a row rests on, as only the project's own secret allows: what is read must fit all the same."""
        FinishedRows(self.cache).put({self.key(job): calls})

    def record(self, job: Job, part: str) -> Record:
        with Store(self.cache, read_only=True) as store:
            record = store.get(next(key for named, key in self.calls(job) if named == part))
        assert record is not None
        return record

    def plant_record(self, record: Record) -> None:
        with closing(sqlite3.connect(self.cache / "cache.db")) as cache, cache:
            assert cache.execute("UPDATE Cache SET value = ? WHERE key = ?", (record.to_text(), record.key)).rowcount


@pytest.fixture(scope="module", params=["llm", "lexical"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The cache and the profile of a run that is over."""
    evaluator = Evaluator(tmp_path_factory.mktemp("source"))
    with ModelServer() as server:
        asked = {} if request.param == "llm" else {"judge": '{ kind = "lexical" }'}
        profile = evaluator.profile(server.base, controls="true", **asked)
        run = evaluator.run(*DEV, "--eval-profile", str(profile))
        assert run.results is not None, run.out
        profile.write_text(profile.read_text().replace(server.base, SERVED))
    return evaluator.cache, profile


@pytest.fixture
def recorded(source: tuple[Path, Path], tmp_path: Path) -> Recorded:
    cache, profile = source
    shutil.copytree(cache, tmp_path / "cache")
    given: dict[str, Any] = {option.dest: None for option in OPTIONS}
    settings = resolve({**given, "eval_profile": str(profile), "eval_limit": "2"}, tmp_path)
    return Recorded(tmp_path / "cache", Plan(settings))


def test_what_a_run_left_is_taken_whole(recorded: Recorded) -> None:
    assert len(recorded.taken()) == 2
    assert len(recorded.taken(recorded.controls)) == len(recorded.controls) == 10


def test_a_row_without_calls_that_claims_to_be_the_programs_is_dropped(recorded: Recorded) -> None:
    recorded.plant(recorded.jobs[0], [])
    assert list(recorded.taken()) == recorded.jobs[1:]


def test_no_text_and_no_score_stands_in_the_file_so_none_can_be_planted(recorded: Recorded) -> None:
    data = (recorded.cache / "rows.db").read_bytes()
    for job in recorded.jobs:
        row = job.example.row
        for text in (row.user_query, row.target_response, *row.units):
            assert text.encode() not in data
    row = {"overall": 7.0, "quality": 1.0, "status": "scored"}
    recorded.plant(recorded.jobs[0], {"row": row, "calls": {}})
    assert list(recorded.taken()) == recorded.jobs[1:]


def test_another_rows_calls_under_this_key_are_dropped(recorded: Recorded) -> None:
    recorded.plant(recorded.jobs[0], recorded.calls(recorded.jobs[1]))
    assert list(recorded.taken()) == recorded.jobs[1:]


@pytest.mark.parametrize("part", ["untrusted", "local", "leakage", "answer-first", "target-first"])
def test_one_call_of_another_row_among_this_ones_is_seen(recorded: Recorded, part: str) -> None:
    ours, theirs = recorded.calls(recorded.jobs[0]), dict(map(tuple, recorded.calls(recorded.jobs[1])))
    if part not in theirs:
        pytest.skip("The lexical judge asks nothing.")
    recorded.plant(recorded.jobs[0], [[named, theirs[part] if named == part else key] for named, key in ours])
    assert list(recorded.taken()) == recorded.jobs[1:]


@pytest.mark.parametrize(
    "change",
    [
        lambda calls: calls[1:],
        lambda calls: calls[:-1],
        lambda calls: [["untrusted", key] for _, key in calls],
        lambda calls: [[part, "0" * 64] for part, _ in calls],
        lambda calls: [[part, f"{key}\n"] for part, key in calls],
        lambda calls: [*calls, *calls[:3]],
        lambda calls: "[" * 5_000,
        lambda calls: [[1, None]],
        lambda calls: [["local"] * 3],
    ],
)
def test_calls_that_are_not_all_and_only_the_rows_own_are_dropped(
    recorded: Recorded, change: Callable[[list[list[str]]], Any]
) -> None:
    recorded.plant(recorded.jobs[0], change(recorded.calls(recorded.jobs[0])))
    assert list(recorded.taken()) == recorded.jobs[1:]


@pytest.mark.parametrize("part", ["local", "untrusted"])
def test_a_damaged_record_below_a_row_is_noticed(recorded: Recorded, part: str) -> None:
    record = recorded.record(recorded.jobs[0], part)
    with closing(sqlite3.connect(recorded.cache / "cache.db")) as cache, cache:
        cache.execute("UPDATE Cache SET value = replace(value, 'numbered', 'lettered') WHERE key = ?", (record.key,))
        cache.execute("UPDATE Cache SET value = replace(value, 'About', 'Above') WHERE key = ?", (record.key,))
    assert list(recorded.taken()) == recorded.jobs[1:]


def test_a_record_that_is_not_there_is_noticed(recorded: Recorded) -> None:
    record = recorded.record(recorded.jobs[0], "untrusted")
    with closing(sqlite3.connect(recorded.cache / "cache.db")) as cache, cache:
        cache.execute("DELETE FROM Cache WHERE key = ?", (record.key,))
    assert list(recorded.taken()) == recorded.jobs[1:]


def test_a_record_of_another_call_with_a_fitting_checksum_is_noticed(recorded: Recorded) -> None:
    # Its key is no longer the key of what it says was asked.
    record = recorded.record(recorded.jobs[0], "untrusted")
    asked = {**record.call, "messages": [{"role": "user", "content": "Nothing private."}]}
    recorded.plant_record(Record(record.key, asked, record.answer, record.usage))
    assert list(recorded.taken()) == recorded.jobs[1:]


def test_a_call_to_another_model_is_not_this_profiles(recorded: Recorded) -> None:
    stranger = replace(recorded.profile, local=replace(recorded.profile.local, temperature=0.5))
    cache = RowCache(stranger, recorded.cache)
    job = recorded.jobs[0]
    FinishedRows(recorded.cache).put({cache.keys.of(job): recorded.calls(job)})  # type: ignore[dict-item]
    assert not recorded.taken([job], stranger)


def test_sound_calls_of_another_row_are_not_this_ones_without_the_secret(recorded: Recorded) -> None:
    one, other = recorded.jobs[:2]
    assert {one, other} <= recorded.taken().keys()
    with closing(sqlite3.connect(recorded.cache / "rows.db")) as rows, rows:
        statement = "UPDATE rows SET (calls, hash) = (SELECT calls, hash FROM rows WHERE key = ?) WHERE key = ?"
        assert rows.execute(statement, (recorded.key(other), recorded.key(one))).rowcount == 1
        cut = "UPDATE rows SET calls = ? WHERE key = ?"
        assert rows.execute(cut, (json.dumps(recorded.calls(other)[:1]), recorded.key(other))).rowcount == 1
    assert not {one, other} & recorded.taken().keys()


@pytest.mark.parametrize("count", ["7", "-1", "2 of 2", "many"])
def test_a_judges_answer_that_cannot_be_true_is_no_row(recorded: Recorded, count: str) -> None:
    if recorded.profile.judge.kind == "lexical":
        pytest.skip("The lexical judge asks nothing.")
    job = next(job for job in recorded.jobs if len(job.example.row.units) == 3)
    record = recorded.record(job, "leakage")
    said = f"[[ ## reason ## ]]\nso\n\n[[ ## leaked ## ]]\n{count}\n\n[[ ## completed ## ]]"
    recorded.plant_record(Record.of(Call(record.call), Answer(said, "stop"), Usage(1, 1)))
    assert job not in recorded.taken()


def test_a_request_that_the_program_did_not_craft_is_none_of_its_own(recorded: Recorded) -> None:
    job = recorded.jobs[0]
    said = "[[ ## reasoning ## ]]\nso\n\n[[ ## llm_request ## ]]\nAnother one.\n\n[[ ## completed ## ]]"
    recorded.plant_record(Record.of(Call(recorded.record(job, "local").call), Answer(said, "stop"), Usage(1, 1)))
    assert job not in recorded.taken()


def test_controls_are_bound_to_the_row_of_the_data(recorded: Recorded) -> None:
    by_name = {(job.subject, job.example.id): job for job in recorded.controls}
    first, second = (job.example.id for job in recorded.jobs)
    for name in ("verbatim", "redacted", "local-only"):
        recorded.plant(by_name[name, first], recorded.calls(by_name[name, second]))
        assert not recorded.taken([by_name[name, first]])
    verbatim = recorded.calls(by_name["verbatim", second])
    recorded.plant(by_name["empty", first], verbatim)
    recorded.plant(by_name["redacted", second], verbatim)
    assert not recorded.taken([by_name["empty", first], by_name["redacted", second]])


class TestTheFile:
    def test_it_is_private_and_so_it_stays(self, recorded: Recorded) -> None:
        path = recorded.cache / "rows.db"
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        assert not recorded.taken()

    @pytest.mark.parametrize("place", ["link", "fifo", "view", "old", "rubbish", "folder", "journal"])
    def test_what_stands_in_its_place_is_not_followed(self, recorded: Recorded, tmp_path: Path, place: str) -> None:
        plant(recorded.cache, tmp_path, place)
        assert recorded.taken() == {}
        cache = RowCache(recorded.profile, recorded.cache)
        cache.put("f" * 64)
        assert (tmp_path / "elsewhere.db").exists() == (place in ("link", "journal"))
        if place != "folder":
            assert (recorded.cache / "rows.db").stat().st_mode & 0o777 == 0o600
            assert not (recorded.cache / "rows.db").is_symlink()


def plant(cache: Path, elsewhere: Path, place: str) -> None:
    """Something in the place of ``rows.db`` that holds the rows all the same."""
    path, moved = cache / "rows.db", elsewhere / "elsewhere.db"
    if place == "link":
        path.rename(moved)
        path.symlink_to(moved)
    elif place == "fifo":
        path.unlink()
        os.mkfifo(path, 0o600)
    elif place == "view":
        with closing(sqlite3.connect(path)) as rows:
            rows.executescript("ALTER TABLE rows RENAME TO kept; CREATE VIEW rows AS SELECT * FROM kept;")
    elif place == "old":
        path.unlink()
        with closing(sqlite3.connect(path)) as rows:
            rows.execute("CREATE TABLE kept (key TEXT PRIMARY KEY, checksum TEXT, value TEXT)")
    elif place == "rubbish":
        path.write_bytes(b"rubbish" * 500)
    elif place == "folder":
        path.unlink()
        path.mkdir()
    else:
        moved.touch()
        (cache / "rows.db-journal").symlink_to(moved)


class TestTheKey:
    @pytest.mark.parametrize("module", ["subjects.py", "deeper/new.py", "prompt.txt"])
    def test_it_covers_every_file_of_the_folder_that_makes_rows(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
    ) -> None:
        assert {room.name for room in row_cache._ROOMS} == {"papillon", "judges", "evaluation"}
        monkeypatch.setattr(row_cache, "_ROOMS", (tmp_path,))
        monkeypatch.setattr(row_cache, "PACKAGES", tmp_path)
        seen = row_cache._sources.__wrapped__()
        (tmp_path / module).parent.mkdir(exist_ok=True)
        (tmp_path / module).write_text("1\n")
        written = row_cache._sources.__wrapped__()
        (tmp_path / module).write_text("2\n")
        assert len({seen, written, row_cache._sources.__wrapped__()}) == 3

    def test_another_python_is_another_key(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
        assert not recorded.taken()

    def test_a_class_of_ones_own_and_its_sources_are_in_it(
        self, recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "own_module.py").write_text("import rules\n")
        own = replace(recorded.profile, program_class=ProgramClass("own_module", "Own"))
        seen = {RowKeys(profile).program for profile in (recorded.profile, own)}
        for source in ("", "names = ()\n"):
            (tmp_path / "rules.py").write_text(source)
            seen.add(RowKeys(own).program)
        assert len(seen) == 4

    @pytest.mark.slow
    def test_a_changed_module_that_makes_rows_makes_them_anew(self, evaluator: Evaluator, tmp_path: Path) -> None:
        copy = tmp_path / "project"
        for part in ("papillon", "judges", "evals", "fixtures"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "conftest.py"):
            shutil.copy(ROOT / file, copy / file)
        (copy / "tests").mkdir()
        subjects = copy / "evals" / "harness" / "evaluation" / "subjects.py"
        with ModelServer() as server:
            profile = str(evaluator.profile(server.base))
            assert evaluator.run(*DEV, "--eval-profile", profile, cwd=copy).code == 0
            raising = r'\1        raise KeyError("changed")\n'
            subjects.write_text(re.sub(r"(    async def sample\(.*\n)", raising, subjects.read_text()))
            run = evaluator.run(*DEV, "--eval-profile", profile, cwd=copy)
        assert run.code == 1
        assert {row["status"] for row in run.rows} == {"infrastructure_error"}
