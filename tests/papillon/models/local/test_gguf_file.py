"""A .gguf file's header, and what is said of a file that is none or not whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papillon.errors import EndpointError
from papillon.models.local.gguf_file import GgufHeader, read_header
from papillon.models.local.weights import weights_file
from tests.tiny_gguf import write_tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def test_it_says_what_the_model_is(tiny: Path) -> None:
    # A token's cache: one layer, two heads of 16 for keys and values, 16 bits each.
    assert read_header(tiny) == GgufHeader("llama", 4096, 2 * 2 * 32, 259, template=True, parts=1)


def test_it_is_the_same_for_a_real_model() -> None:
    header = read_header(weights_file())
    assert (header.architecture, header.context, header.vocabulary, header.template) == ("llama", 8192, 49152, True)
    assert header.per_token == 30 * 2 * 3 * 64 * 2


def test_a_missing_template_and_the_parts_of_a_split_model_are_seen(tmp_path: Path) -> None:
    header = read_header(write_tiny(tmp_path / "part.gguf", template=None, parts=3))
    assert (header.template, header.parts) == (False, 3)


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_text("<html>not found</html>")
    with pytest.raises(EndpointError, match=r"^Expected a \.gguf file in .*a\.gguf, got another kind of file; check"):
        read_header(tmp_path / "a.gguf")
    with pytest.raises(EndpointError, match=r"^Expected a \.gguf file in .*b\.gguf, but it cannot be read: No such"):
        read_header(tmp_path / "b.gguf")


def test_a_file_cut_short_says_how_many_bytes_it_should_have(tiny: Path, tmp_path: Path) -> None:
    whole = tiny.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[:-1000])
    with pytest.raises(EndpointError, match=rf"^Expected {len(whole):,} bytes in .*cut\.gguf, .*; it was cut short"):
        read_header(tmp_path / "cut.gguf")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_is_cut_or_changed_is_read_or_refused_in_one_sentence(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(tiny.read_bytes()[: data.draw(st.integers(5, 20_000))])
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(4, len(raw) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.mktemp("broken") / "broken.gguf"
    file.write_bytes(raw)
    with pytest.raises(EndpointError, match=r"^Expected [^\n]*\.$"):
        read_header(file)
