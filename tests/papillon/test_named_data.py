"""Where named data sets come from: the package, a folder, the hub, its local copy; and what loading them imports."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from papillon import data
from papillon.data import COLUMNS, Dataset, PupaRow, load
from tests.papillon.test_data import (
    HEADER,
    NO_TARGET,
    ROOT,
    TWO_ROWS,
    as_dict,
    refusal,
    write,
    write_jsonl,
    write_parquet,
)

needs_pupa = pytest.mark.skipif(not os.environ.get("PUPA_DIR"), reason="PUPA_DIR names no folder with PUPA's files.")


class TestNamedSets:
    def test_mini_ships_beside_the_package_and_is_found_from_any_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        mini = load("mini")
        assert (mini.name, len(mini.rows), mini.left_out) == ("mini", 60, ())
        by_path = load(ROOT / "fixtures" / "mini.csv")
        assert (by_path.name, by_path.sha256) == ("mini.csv", mini.sha256)

    def test_a_pupa_set_comes_from_the_folder_that_pupa_dir_names(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PUPA_DIR", str(tmp_path))
        write(tmp_path / "PUPA_New.csv", TWO_ROWS)
        loaded = load("pupa_new", offline=True)
        assert (loaded.name, len(loaded.rows)) == ("pupa_new", 2)
        assert loaded.sha256 == load(tmp_path / "PUPA_New.csv").sha256
        assert refusal("pupa_tnb") == (
            f"Expected PUPA_TNB.csv for the data set pupa_tnb in the folder that PUPA_DIR names, {tmp_path}, "
            "found none; put it there, or unset PUPA_DIR to load it from the hub."
        )

    def test_a_named_set_leaves_out_what_a_users_file_may_not_hold(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PUPA_DIR", str(tmp_path))
        path = write(tmp_path / "PUPA_TNB.csv", NO_TARGET)
        loaded = load("pupa_tnb")
        assert loaded.left_out == ((2, "target_response"),)
        assert [row.user_query for row in loaded.rows] == ["q1", "q3"]
        assert f"{path}, row 2, line 3, column target_response, got none" in refusal(path)

    def test_a_set_of_which_every_row_is_left_out_is_empty(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PUPA_DIR", str(tmp_path))
        path = write(tmp_path / "PUPA_TNB.csv", HEADER + "c,j,q,,u,r\n")
        assert refusal("pupa_tnb").startswith(f"Expected at least one row in {path}, found none")


class HubRows(list[dict[str, Any]]):
    """Rows as the hub's client gives them, with the files that they were read from."""

    def __init__(self, rows: list[dict[str, Any]], revision: str) -> None:
        super().__init__(rows)
        self.cache_files = [{"filename": f"/cache/pupa_new/0.0.0/{revision}/pupa-train.arrow"}]


@pytest.fixture
def no_local_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.delenv("PUPA_DIR", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("no_local_copy")
class TestHub:
    def client(self, monkeypatch: pytest.MonkeyPatch, answer: HubRows | Exception) -> list[Any]:
        """Put a client in the place of the hub's that gives ``answer``; returns the calls it gets."""
        calls: list[Any] = []

        def load_dataset(*names: str, **options: str) -> HubRows:
            calls.append((names, options))
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
        return calls

    def test_rows_are_asked_for_at_the_pinned_revision(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = as_dict(PupaRow("c", "j", "q", "t", "u", "r"))
        rows = HubRows([whole, {**dict.fromkeys(COLUMNS), "user_query": "q"}], data.HUB_REVISION)
        calls = self.client(monkeypatch, rows)
        loaded = load("pupa_new")
        assert loaded.rows == (PupaRow("c", "j", "q", "t", "u", "r"),)
        assert loaded.left_out == ((2, "target_response"),)
        revision = "9981b49b6ced0033988a224b6712895ebf119294"
        assert calls == [(("Columbia-NLP/PUPA", "pupa_new"), {"split": "train", "revision": revision})]

    def test_a_failure_names_the_set_its_cause_and_the_way_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client(monkeypatch, ConnectionError("Couldn't reach the Hub.\nmore"))
        assert refusal("pupa_tnb") == (
            "Expected the data set pupa_tnb from the hub (Columbia-NLP/PUPA at 9981b49b6ced), "
            "but it could not be fetched (ConnectionError: Couldn't reach the Hub); "
            "check the network, or set PUPA_DIR to a folder that holds PUPA_TNB.csv."
        )

    def test_a_local_copy_of_another_revision_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client(monkeypatch, HubRows([as_dict(PupaRow("c", "j", "q", "t", "u", "r"))], "0" * 40))
        assert "the local copy is of another revision" in refusal("pupa_new")

    def test_offline_without_a_local_copy_asks_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = self.client(monkeypatch, HubRows([], data.HUB_REVISION))
        assert refusal("pupa_new", offline=True) == (
            "Expected the data set pupa_new from the hub (Columbia-NLP/PUPA at 9981b49b6ced), "
            "but there is no local copy of it and this run may not fetch one; "
            "load it once online, or set PUPA_DIR to a folder that holds PUPA_New.csv."
        )
        assert calls == []


REPORT = """
import json, socket, sys
if "no-sockets" in sys.argv:
    def refuse(*_): raise AssertionError("a socket was opened")
    socket.socket.__init__ = refuse
from papillon.data import load
loaded = load(sys.argv[1], offline="no-sockets" in sys.argv)
heavy = ("datasets", "dspy", "huggingface_hub", "numpy", "pandas", "pyarrow")
print(json.dumps([loaded.sha256, len(loaded.rows), [name for name in heavy if name in sys.modules]]))
"""


def loaded_elsewhere(*arguments: str, **environment: str) -> tuple[str, int, list[str]]:
    """What a fresh interpreter gets: the hash, the number of rows, and which heavy modules it imported."""
    env = {name: value for name, value in os.environ.items() if name != "PUPA_DIR"} | environment
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", REPORT, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sha256, rows, modules = json.loads(done.stdout)
    return sha256, rows, modules


class TestImports:
    def test_csv_and_json_lines_need_no_heavy_module(self, tmp_path: Path) -> None:
        path = write(tmp_path / "two.csv", TWO_ROWS)
        lines = write_jsonl(tmp_path / "two.jsonl", [as_dict(row) for row in load(path).rows])
        assert loaded_elsewhere(str(path)) == loaded_elsewhere(str(lines)) == (load(path).sha256, 2, [])

    def test_parquet_needs_pyarrow_alone(self, tmp_path: Path) -> None:
        path = write_parquet(tmp_path / "a.parquet", [as_dict(PupaRow("c", "j", "q", "t", "u", "r"))])
        modules = loaded_elsewhere(str(path))[2]
        assert "pyarrow" in modules
        assert not {"datasets", "dspy", "huggingface_hub", "pandas"} & set(modules)

    def test_the_hubs_local_copy_is_read_without_its_client_or_a_socket(self, tmp_path: Path) -> None:
        snapshot = tmp_path / "hub" / "datasets--Columbia-NLP--PUPA" / "snapshots" / data.HUB_REVISION
        snapshot.mkdir(parents=True)
        path = write(snapshot / "PUPA_New.csv", TWO_ROWS)
        loaded = loaded_elsewhere("pupa_new", "no-sockets", HF_HOME=str(tmp_path))
        assert loaded == (load(path).sha256, 2, ["huggingface_hub"])


CARD = (
    "---\nconfigs:\n- config_name: pupa_new\n  data_files: PUPA_New.csv\n"
    "- config_name: pupa_tnb\n  data_files: PUPA_TNB.csv\n---\n"
)
HUB_FILES = {
    "README.md": CARD.encode(),
    "PUPA_New.csv": TWO_ROWS.encode(),
    "PUPA_TNB.csv": NO_TARGET.encode(),
}


class StandInHub(BaseHTTPRequestHandler):
    """The hub's repository of PUPA, as far as its client asks: a card of two configurations, two files."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urllib.parse.urlparse(self.path).path
        repository, content = f"/datasets/{data.HUB_NAME}/resolve/{data.HUB_REVISION}/", b"{}"
        headers = {"Content-Type": "application/json", "X-Repo-Commit": data.HUB_REVISION}
        status = 200
        if path.startswith(repository) and path.removeprefix(repository) in HUB_FILES:
            content = HUB_FILES[path.removeprefix(repository)]
            headers["ETag"] = f'"{self.oid(content)}"'
        elif path == f"/api/datasets/{data.HUB_NAME}/revision/{data.HUB_REVISION}":
            content = json.dumps({"id": data.HUB_NAME, "sha": data.HUB_REVISION, "siblings": []}).encode()
        elif path == f"/api/datasets/{data.HUB_NAME}/tree/{data.HUB_REVISION}":
            listing = [
                {"type": "file", "path": name, "size": len(text), "oid": self.oid(text)}
                for name, text in HUB_FILES.items()
            ]
            content = json.dumps(listing).encode()
        else:
            status, headers["X-Error-Code"] = 404, "EntryNotFound"
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815

    @staticmethod
    def oid(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), StandInHub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_the_hubs_own_client_loads_a_set_once_and_its_copy_serves_without_network(hub: str, tmp_path: Path) -> None:
    expected = load(write(tmp_path / "two.csv", TWO_ROWS)).sha256
    home = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": hub}
    sha256, rows, modules = loaded_elsewhere("pupa_new", **home)
    assert (sha256, rows) == (expected, 2)
    assert "datasets" in modules
    assert loaded_elsewhere("pupa_new", "no-sockets", **home) == (expected, 2, ["huggingface_hub"])


@needs_pupa
class TestRealData:
    def test_pupa_new_has_the_counts_that_its_readme_gives(self) -> None:
        loaded = load("pupa_new")
        assert len(loaded.rows) == 664
        assert len({row.user_query for row in loaded.rows}) == 462
        assert len({row.conversation_hash for row in loaded.rows}) == 430
        assert max(len(row.user_query) for row in loaded.rows) == 14_177
        assert (loaded.left_out, loaded.without_units) == ((), 0)

    def test_pupa_tnb_leaves_one_row_out_and_names_it(self) -> None:
        loaded = load("pupa_tnb")
        assert len(loaded.rows) == 236
        assert loaded.left_out == ((218, "target_response"),)
        assert "row 218, line " in refusal(Path(os.environ["PUPA_DIR"]) / "PUPA_TNB.csv")

    def test_the_rows_written_as_parquet_have_the_same_hash(self, tmp_path: Path) -> None:
        loaded: Dataset = load("pupa_new")
        path = write_parquet(tmp_path / "new.parquet", [as_dict(row) for row in loaded.rows])
        assert load(path).sha256 == loaded.sha256
