"""Embedded: the model that ships, SmolLM2-135M-Instruct, through llama.cpp in this process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from papillon.errors import EndpointError
from papillon.models.local.copies import Weights
from papillon.models.local.llama_cpp import LlamaCpp, fingerprint
from papillon.models.local.weights import prepared, weights_file

__all__ = ["CONTEXT", "Embedded"]

#: The tokens that the model was trained for; a prompt and its answer share them.
CONTEXT = 8192
#: Bytes that a token takes in a copy's cache: 30 layers, 3 heads for keys and 3 for values, 64 numbers of 16 bits.
_PER_TOKEN = 30 * 2 * 3 * 64 * 2
_VOCABULARY = 49_152


class Embedded(LlamaCpp):
    """The embedded model with the given sampling values; ``context`` counts tokens.

    ``weights`` is another .gguf file in its place, ``lora`` and ``sampling`` are as LlamaCpp has them.
    """

    def __init__(
        self,
        *,
        weights: Path | None = None,
        lora: Path | None = None,
        sampling: Mapping[str, Any] | None = None,
        context: int = CONTEXT,
    ) -> None:
        self.file = weights or weights_file()
        super().__init__("the embedded model", lora=lora, sampling=sampling)
        self.context = context
        self.fingerprint = fingerprint(context, self._samples(), self.lora)

    def weights(self) -> Weights:
        file = prepared(self.file) if self.file == weights_file() else self.file
        return Weights(file, str(self.file), self.context, _PER_TOKEN, _VOCABULARY, rearranged=True)

    def _samples(self) -> bytes:
        """The file's size and three megabytes of it, from the start (where its layout and vocabulary stand), the middle
        and the end: all 98 would cost each start a third of a second.
        """
        try:
            with self.file.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                seen = [size.to_bytes(8)]
                for start in (0, size // 2, max(0, size - 2**20)):
                    file.seek(start)
                    seen.append(file.read(2**20))
        except OSError as error:
            raise EndpointError(
                f"Expected the weights of a model in {self.file}, but they cannot be read: {error.strerror}."
            ) from error
        return b"".join(seen)
