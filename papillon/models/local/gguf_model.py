"""Any .gguf model in this process: its file found, checked and known by its sha256, then asked through llama.cpp."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from papillon.errors import EndpointError, UsageError
from papillon.models.failures import RefusesAll
from papillon.models.local.copies import Weights
from papillon.models.local.gguf_digest import digest_of
from papillon.models.local.gguf_file import GgufHeader, read_header
from papillon.models.local.gguf_hub import fetched, file_here
from papillon.models.local.gguf_place import HubFile, place_of
from papillon.models.local.llama_cpp import LlamaCpp, adapter_file, fingerprint
from papillon.profile import ModelSettings

__all__ = ["MOST_CONTEXT", "GgufModel", "gguf_identity", "made_known"]

#: The most tokens of prompt and answer together, also for a model that was trained for more.
MOST_CONTEXT = 32_768


def gguf_identity(settings: ModelSettings) -> tuple[str, str]:
    """A model's name and what it serves, for a call's key: the same for files of the same content.

    With ``sha256`` no file is looked at; else its own is computed. Nothing is fetched: raises UsageError where the
    file is not there.
    """
    lora = None if settings.lora is None else adapter_file(settings.lora, settings.model)
    digest = settings.sha256.lower() if settings.sha256 is not None else _digest(settings)
    return f"gguf/{digest}", fingerprint(MOST_CONTEXT, bytes.fromhex(digest), lora)


def made_known(settings: ModelSettings, say: Callable[[str], None] | None = None) -> None:
    """Have what :func:`gguf_identity` needs: a file without ``sha256`` fetched, and its own computed.

    ``say`` hears of what takes seconds. Raises UsageError where the file cannot be had.
    """
    place = place_of(settings)
    if settings.sha256 is not None:
        return
    try:
        file = fetched(place, say) if isinstance(place, HubFile) else place
        digest_of(file, say or (lambda sentence: None))
    except EndpointError as error:
        raise UsageError(str(error)) from error


def _digest(settings: ModelSettings) -> str:
    file = file_here(settings)
    if file is None:
        place = place_of(settings)
        hub = isinstance(place, HubFile)
        missing, mend = ("local copy of", "run it once online") if hub else ("file", "correct the path")
        raise UsageError(
            f"Expected the file of {settings.model}, whose content stands in its calls' key where the profile has no "
            f"sha256, but there is no {missing} {place}; {mend}, or set sha256."
        )
    try:
        return digest_of(file)
    except EndpointError as error:
        raise UsageError(str(error)) from error


class GgufModel(LlamaCpp):
    """The model of ``settings``, named ``gguf/…``; ``sampling`` and the adapter are as LlamaCpp has them.

    Its file is fetched, where it is the hub's, checked against ``sha256`` and looked at before it is loaded; what is
    wrong with it is raised as RefusesAll, in one sentence. ``say`` hears of what takes seconds.
    """

    def __init__(
        self, settings: ModelSettings, sampling: Mapping[str, Any], say: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(f"model {settings.model}", lora=settings.lora, sampling=sampling)
        self.settings, self._say = settings, say
        self._place = place_of(settings)

    def weights(self) -> Weights:
        try:
            return self._weights()
        except EndpointError as error:
            raise RefusesAll(str(error)) from error

    def _weights(self) -> Weights:
        file = fetched(self._place, self._say) if isinstance(self._place, HubFile) else self._place
        if not file.is_file():
            raise EndpointError(
                f"Expected the file of {self.settings.model} at {file}, got nothing there; correct the path."
            )
        header = read_header(file)
        digest = digest_of(file, self._say or (lambda sentence: None))
        pinned = self.settings.sha256
        if pinned is not None and digest != pinned.lower():
            raise EndpointError(
                f"Expected the sha256 {pinned.lower()} of {file}, as the profile has it for {self.settings.model}, "
                f"got {digest}; fetch the file again, or correct sha256."
            )
        _check(file, header)
        context = min(header.context or MOST_CONTEXT, MOST_CONTEXT)
        return Weights(file, digest, context, header.per_token, header.vocabulary, _unloadable(header))


def _check(file: Path, header: GgufHeader) -> None:
    if header.parts > 1:
        raise EndpointError(
            f"Expected a model in one file at {file}, got the first of {header.parts}; merge them with llama.cpp's "
            "llama-gguf-split --merge."
        )
    if not header.template:
        raise EndpointError(
            f"Expected a chat template in {file}, got a file without one, so how it is asked is unknown; take an "
            "instruct model's file."
        )


def _unloadable(header: GgufHeader) -> str:
    """What is said where llama.cpp cannot load a file with this header, which it does not explain itself."""
    from gguf.constants import MODEL_ARCH_NAMES

    version = metadata.version("xllamacpp")
    if header.architecture not in MODEL_ARCH_NAMES.values():
        return (
            f"expected an architecture that it knows, got {header.architecture!r}; take another model, or a newer "
            f"xllamacpp than {version}"
        )
    return (
        f"the file is whole, and of the architecture {header.architecture!r}; it may be newer than xllamacpp "
        f"{version}, or no language model"
    )
