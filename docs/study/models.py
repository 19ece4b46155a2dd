"""Models: .gguf files that are on this machine already, laid out as the hub's local copy has them."""

from __future__ import annotations

from pathlib import Path

from docs.study.parts import FOLDER
from papillon.errors import UsageError
from papillon.models.local.gguf_digest import digest_of
from papillon.models.local.gguf_place import HubFile, place_of
from papillon.profile import ModelSettings, load_profile

__all__ = ["as_the_hub_has_them"]


def as_the_hub_has_them(folder: Path, hub: Path) -> dict[str, str]:
    """Make ``hub`` a local copy of the study's models by links into ``folder``, whatever the files are called there;
    gives the environment that uses it.

    UsageError, with its name and sha256, for a model that is not there.
    """
    found = {digest_of(file): file for file in sorted(folder.glob("*.gguf"))}
    for model in _models():
        place = place_of(model)
        assert isinstance(place, HubFile)
        if (file := found.get(model.sha256 or "")) is None:
            raise UsageError(f"Expected a .gguf file of sha256 {model.sha256} in {folder} for {place}, got none.")
        link = hub / f"models--{place.repository.replace('/', '--')}" / "snapshots" / place.revision / place.file
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(file.resolve())
    return {"HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1"}


def _models() -> list[ModelSettings]:
    profiles = [load_profile(str(file)) for file in sorted(FOLDER.glob("local-*.toml"))]
    return [each for profile in profiles for each in profile.models.values() if each.model.startswith("gguf/")]
