"""A .gguf file's header: what the model in it is, and whether the file is whole. Nothing of the weights is read."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from papillon.errors import EndpointError

__all__ = ["GgufHeader", "read_header"]

#: GGUF's types of values by number, as struct has them; 8 is a string, 9 a list.
_PLAIN = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _LIST = 8, 9
#: More values, tensors or characters than this are no header's.
_MOST = 2**28
#: Lists of numbers up to this long are kept; longer ones, and lists of texts, are only counted.
_KEPT = 1024


@dataclass(frozen=True)
class GgufHeader:
    """What a header says: ``context`` is the tokens that the model was trained for, 0 where it says none.

    ``per_token`` is the bytes that a token takes in a key-value cache of 16 bits; ``vocabulary`` counts tokens;
    ``template`` says whether a chat template is there; ``parts`` is the number of files that the model stands in.
    """

    architecture: str
    context: int
    per_token: int
    vocabulary: int
    template: bool
    parts: int


def read_header(path: Path) -> GgufHeader:
    """The header of a whole .gguf file; raises EndpointError for a file that is none, or cut short."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise EndpointError(f"Expected a .gguf file in {path}, got another kind of file; check the path.")
            values, tensors, end = _parse(file)
    except OSError as error:
        raise EndpointError(f"Expected a .gguf file in {path}, but it cannot be read: {error.strerror}.") from error
    except EOFError:
        raise EndpointError(
            f"Expected a whole .gguf file in {path}, got the beginning of one, {size:,} bytes; fetch it again."
        ) from None
    except (ValueError, struct.error, UnicodeDecodeError) as error:
        raise EndpointError(
            f"Expected a .gguf file in {path}, got one whose header cannot be read ({error}); fetch it again."
        ) from error
    if size < end:
        raise EndpointError(
            f"Expected {end:,} bytes in {path}, as its header has it, got {size:,}; it was cut short, fetch it again."
        )
    return _header(values, tensors)


def _header(values: Mapping[str, Any], tensors: frozenset[str]) -> GgufHeader:
    architecture = str(values.get("general.architecture", ""))

    def number(name: str, default: int = 0) -> int:
        value = values.get(f"{architecture}.{name}", default)
        return max(value, default=0) if isinstance(value, list) else int(value)

    context = number("context_length")
    if "rope_factors_long.weight" in tensors:
        # Beyond this length such a model answers short prompts otherwise, too.
        context = number("rope.scaling.original_context_length", context)
    heads = max(1, number("attention.head_count", 1))
    each = number("embedding_length") // heads
    wide = number("attention.key_length", each) + number("attention.value_length", each)
    return GgufHeader(
        architecture=architecture,
        context=context,
        per_token=2 * number("block_count") * number("attention.head_count_kv", heads) * wide,
        vocabulary=int(values.get("tokenizer.ggml.tokens") or 0),
        template=bool(values.get("tokenizer.chat_template")),
        parts=int(values.get("split.count", 1)),
    )


def _parse(file: IO[bytes]) -> tuple[dict[str, Any], frozenset[str], int]:
    """The header's values (a long list as its length), the tensors' names, and the byte at which the last one ends."""
    from gguf.constants import GGML_QUANT_SIZES

    version, tensors, count = _take(file, "IQQ")
    if version not in (2, 3) or tensors > _MOST or count > _MOST:
        raise ValueError(f"version {version}")
    values = {}
    for _ in range(count):
        key = _text(file)
        (kind,) = _take(file, "I")
        values[key] = _value(file, kind)
    names, last = set(), 0
    for _ in range(tensors):
        names.add(_text(file))
        (dimensions,) = _take(file, "I")
        if dimensions > 8:
            raise ValueError(f"{dimensions} dimensions")
        elements = 1
        for length in _take(file, f"{dimensions}Q"):
            elements *= length
        kind, offset = _take(file, "IQ")
        # A type that the gguf package does not know has at least the offset's bytes.
        block, bytes_ = GGML_QUANT_SIZES.get(kind, (1, 0))
        last = max(last, offset + elements // block * bytes_)
    alignment = max(1, int(values.get("general.alignment", 32)))
    return values, frozenset(names), -(-file.tell() // alignment) * alignment + last


def _value(file: IO[bytes], kind: int) -> Any:
    if kind == _STRING:
        return _text(file)
    if kind != _LIST:
        return _take(file, _PLAIN.get(kind) or _unknown(kind))[0]
    inner, length = _take(file, "IQ")
    if length > _MOST:
        raise ValueError(f"a list of {length} values")
    if inner == _STRING:
        for _ in range(length):
            file.seek(_length(file), 1)
        return length
    form = _PLAIN.get(inner) or _unknown(inner)
    if length > _KEPT:
        file.seek(length * struct.calcsize(f"<{form}"), 1)
        return length
    return list(_take(file, f"{length}{form}"))


def _unknown(kind: int) -> str:
    raise ValueError(f"a value of type {kind}")


def _length(file: IO[bytes]) -> int:
    (length,) = _take(file, "Q")
    if length > _MOST:
        raise ValueError(f"a text of {length} bytes")
    return int(length)


def _text(file: IO[bytes]) -> str:
    length = _length(file)
    data = file.read(length)
    if len(data) < length:
        raise EOFError
    return data.decode("utf-8")


def _take(file: IO[bytes], form: str) -> tuple[Any, ...]:
    size = struct.calcsize(f"<{form}")
    if len(data := file.read(size)) < size:
        raise EOFError
    return struct.unpack(f"<{form}", data)
