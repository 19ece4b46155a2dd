"""A trained adapter in peft's format, as the engines that load one themselves look at its folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from papillon.profile import ModelSettings

__all__ = ["missing_adapter", "with_adapter"]


def missing_adapter(settings: ModelSettings) -> str | None:
    """One sentence where the settings name an adapter that is none, else None."""
    if settings.lora is not None and not (settings.lora / "adapter_config.json").is_file():
        return (
            f"Model {settings.model} asks for the adapter in {settings.lora}, and there is no adapter_config.json; "
            "name the folder of a trained adapter."
        )
    return None


def with_adapter(name: str, lora: Path | None) -> str:
    """``name`` with what tells the adapter's files from all others, for a call's key; as it is without one."""
    if lora is None:
        return name
    seen = hashlib.sha256()
    for file in sorted(lora.glob("adapter_*")):
        seen.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"{name} with {seen.hexdigest()[:16]}"
