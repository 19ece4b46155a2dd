"""A file's sha256: computed once, remembered, and computed again where the file is another."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from papillon.errors import EndpointError
from papillon.models.local import gguf_digest
from papillon.models.local.gguf_digest import digest_of


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_digest, "_known", {})
    monkeypatch.setattr(gguf_digest, "TOLD_FROM", 5)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_it_is_computed_once_and_said_and_remembered_in_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, memory, heard = tmp_path / "a.gguf", tmp_path / "weights" / "digests.json", list[str]()
    file.write_bytes(b"weights")
    for _ in range(3):
        assert digest_of(file, heard.append, memory) == sha256(b"weights")
        monkeypatch.setattr(gguf_digest, "_known", {})  # as in another process
    assert heard == ["Computing the sha256 of a.gguf, 0 MB, once."]
    assert memory.stat().st_mode & 0o777 == 0o600


def test_a_changed_file_is_read_again_and_its_old_digest_forgotten(tmp_path: Path) -> None:
    file, memory = tmp_path / "a.gguf", tmp_path / "digests.json"
    file.write_bytes(b"one")
    assert digest_of(file, memory=memory) == sha256(b"one")
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert digest_of(file, memory=memory) == sha256(b"two")
    (tmp_path / "new").write_bytes(b"six")
    os.utime(tmp_path / "new", ns=(1, 1))
    (tmp_path / "new").replace(file)  # of the same size and time, another inode
    assert digest_of(file, memory=memory) == sha256(b"six")
    assert list(json.loads(memory.read_text()).values()) == [sha256(b"six")]


@pytest.mark.parametrize("planted", ["[1, 2]", "{", '{"a": 1}', ""])
def test_a_memory_that_is_none_is_written_anew(tmp_path: Path, planted: str) -> None:
    file, memory = tmp_path / "a.gguf", tmp_path / "digests.json"
    file.write_bytes(b"one")
    memory.write_text(planted)
    assert digest_of(file, memory=memory) == sha256(b"one")
    assert list(json.loads(memory.read_text()).values()) == [sha256(b"one")]


def test_a_memory_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"one")
    assert digest_of(file, memory=file / "in" / "a" / "file") == sha256(b"one")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match=r"^Expected the weights of a model in .*none, but they cannot be read: No"):
        digest_of(tmp_path / "none", memory=tmp_path / "digests.json")
