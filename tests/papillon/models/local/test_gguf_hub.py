"""A model's file from the hub: fetched once, gone on with after a cut, and refused in one sentence."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dspy.lm15 import Config, Message, Request

from papillon.errors import EndpointError, UsageError
from papillon.models.failures import RefusesAll
from papillon.models.local import gguf_digest, gguf_hub
from papillon.models.local.gguf_hub import fetched, local_copy
from papillon.models.local.gguf_model import GgufModel
from papillon.models.local.gguf_place import HubFile
from papillon.models.providers import identity_of, made_known
from papillon.profile import ModelSettings
from tests.hub import COMMIT, REPOSITORY, Hub, hub
from tests.tiny_gguf import write_tiny

FILE = HubFile(REPOSITORY, "tiny.gguf")


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_tiny(tmp_path_factory.mktemp("hub") / "tiny.gguf").read_bytes()


@pytest.fixture
def served(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub with a tiny model in it, an empty cache of its client's, and a memory of digests of its own."""
    from huggingface_hub import constants, file_download

    monkeypatch.setattr(gguf_digest.digest_of, "__defaults__", (lambda sentence: None, tmp_path / "digests.json"))
    with hub({"tiny.gguf": content, "deep/er.gguf": content}) as standing:
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", standing.address)
        template = standing.address + "/{repo_id}/resolve/{revision}/{filename}"
        for module in (constants, file_download):
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
        yield standing


def refusal(place: HubFile) -> str:
    with pytest.raises(EndpointError) as raised:
        fetched(place)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_file_is_fetched_once_and_then_read_without_a_request(served: Hub, content: bytes) -> None:
    assert local_copy(FILE) is None
    path = fetched(FILE)
    assert path.read_bytes() == content
    asked = len(served.requests)
    assert fetched(FILE) == local_copy(FILE) == path
    assert len(served.requests) == asked


def test_a_revision_and_a_folder_are_asked_for(served: Hub, content: bytes) -> None:
    assert fetched(HubFile(REPOSITORY, "deep/er.gguf", COMMIT)).read_bytes() == content
    assert all(f"/resolve/{COMMIT}/deep/er.gguf" in request for request in served.requests[1:])
    assert served.requests[0] == "HEAD /"


def test_a_cut_connection_is_gone_on_with_from_where_it_broke_off(served: Hub, content: bytes) -> None:
    served.cuts = 2
    assert fetched(FILE).read_bytes() == content
    ranges = [request.partition("bytes=")[2] for request in served.requests if "bytes=" in request]
    assert [int(each.rstrip("-")) > 0 for each in ranges] == [True, True]


def test_one_that_never_comes_is_given_up_and_the_next_run_goes_on(served: Hub, content: bytes) -> None:
    served.cuts = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gguf_hub, "BARREN", 0)
        said = refusal(FILE)
    assert re.fullmatch(
        rf"Expected tiny\.gguf in {REPOSITORY} at main from the hub, but that broke off after 0 MB \(.*\); "
        r"run it again, it goes on from there\.",
        said,
    )
    assert local_copy(FILE) is None
    assert fetched(FILE).read_bytes() == content
    assert any("bytes=" in request for request in served.requests)


def test_what_is_not_there_is_named(served: Hub) -> None:
    assert refusal(HubFile("people/none", "tiny.gguf")) == (
        "Expected tiny.gguf in people/none at main from the hub, but there is no such repository; "
        "correct 'model', or set HF_TOKEN if it is private."
    )
    assert refusal(HubFile(REPOSITORY, "tiny.gguf", "v9")).endswith(
        "at v9 from the hub, but there is no such revision; correct 'revision' in the profile."
    )
    assert refusal(HubFile(REPOSITORY, "none.gguf")).endswith(
        "from the hub, but there is no such file; correct 'model' in the profile."
    )


def test_no_network_is_named_with_the_address_and_the_ways_out_at_once(
    served: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()
    assert refusal(FILE) == (
        f"Expected tiny.gguf in {REPOSITORY} at main from the hub, but http://127.0.0.1:9 cannot be reached "
        "(ConnectionError); fetch it once with a network, or name your own copy of it as gguf/PATH with the same "
        "sha256, which asks for the same calls."
    )
    assert time.monotonic() - began < 2


def test_a_network_that_swallows_everything_is_waited_for_no_longer_than_the_hubs_own_variable_says(
    served: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{mute.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.3)
        began = time.monotonic()
        assert " cannot be reached (ReadTimeout); fetch it once" in refusal(FILE)
    assert time.monotonic() - began < 3


def test_a_hub_that_goes_away_before_the_file_is_named_the_same(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import file_download

    gone = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", gone)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client waits between its tries
    assert f"but {served.address} cannot be reached (ConnectionError); fetch it once with a network" in refusal(FILE)


def test_offline_the_local_copy_serves_and_nobody_is_asked(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    path = fetched(FILE)
    served.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetched(FILE) == path
    assert refusal(HubFile(REPOSITORY, "deep/er.gguf")).endswith(
        "but HF_HUB_OFFLINE is set; fetch it once without, or name your own copy of it as gguf/PATH with the same "
        "sha256, which asks for the same calls."
    )
    assert served.requests == []


def test_who_listens_hears_how_far_it_is(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    fetched(FILE, heard.append)
    assert heard == ["Fetching tiny.gguf in people/models at main, once."]


def test_a_model_of_the_hub_answers_and_its_key_is_its_contents(served: Hub, content: bytes) -> None:
    settings = ModelSettings(f"gguf/{REPOSITORY}/tiny.gguf")
    with pytest.raises(UsageError, match=r"but there is no local copy of tiny\.gguf in .* at main; run it once"):
        identity_of(settings)
    assert served.requests == []
    made_known(settings)
    assert identity_of(settings)["model"] == f"gguf/{hashlib.sha256(content).hexdigest()}"
    with closing(GgufModel(settings, {"max_tokens": 4})) as engine:
        request = Request(model="m", messages=(Message.user("hello"),), config=Config())
        assert engine.complete(request).usage.output_tokens == 4


def test_a_pinned_one_is_fetched_when_it_is_loaded_and_another_hash_is_refused(served: Hub) -> None:
    settings = ModelSettings(f"gguf/{REPOSITORY}/tiny.gguf", sha256="0" * 64)
    made_known(settings)
    identity_of(settings)
    engine = GgufModel(settings, {}, lambda sentence: None)
    assert served.requests == []
    with pytest.raises(RefusesAll, match=rf"^Expected the sha256 {'0' * 64} of .*, got [0-9a-f]{{64}}; fetch the file"):
        asyncio.run(engine.load())
