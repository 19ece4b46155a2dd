"""Files of models on the hub: fetched once, by the hub's own client, and then read from its local copy."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from papillon.errors import EndpointError, one_line
from papillon.models.local import hub
from papillon.models.local.gguf_place import HubFile, place_of
from papillon.models.local.memory import megabytes
from papillon.profile import ModelSettings
from papillon.quiet import quiet, without_bars

__all__ = ["fetched", "file_here", "local_copy"]

#: Seconds between two words on a file that is being fetched, where no bar can be shown.
TOLD_EVERY = 10.0
#: So often a connection that breaks off may do so without any byte having come in between.
BARREN = 3

#: What else can be done where the hub cannot be asked.
_OR = "or name your own copy of it as gguf/PATH with the same sha256, which asks for the same calls"

#: One at a time: a bar is switched off for the whole process.
_fetching = threading.Lock()


def local_copy(place: HubFile) -> Path | None:
    """The file where this machine has it already; asks no network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(place.repository, place.file, revision=place.revision)
    return Path(found) if isinstance(found, str) else None


def file_here(settings: ModelSettings) -> Path | None:
    """The file of a model named ``gguf/…`` where it is on this machine; asks no network."""
    place = place_of(settings)
    file = local_copy(place) if isinstance(place, HubFile) else place
    return file if file is not None and file.is_file() else None


def fetched(place: HubFile, say: Callable[[str], None] | None = None) -> Path:
    """The file's local copy; fetched where there is none, from where an earlier try broke off.

    Progress is a bar on stderr where that is a terminal; where ``say`` is given it hears of it instead. Raises
    EndpointError, in one sentence, where the file cannot be had.
    """
    if (found := local_copy(place)) is not None:
        return found
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise EndpointError(f"Expected {place} from the hub, but HF_HUB_OFFLINE is set; fetch it once without, {_OR}.")
    if (why := hub.silent()) is not None:
        raise EndpointError(f"Expected {place} from the hub, but {why}, {_OR}.")
    bars = nullcontext() if say is None and sys.stderr.isatty() else without_bars()
    with _fetching, quiet(logging.ERROR, "huggingface_hub"), bars, _telling(place, say):
        return _fetch(place)


def _fetch(place: HubFile) -> Path:
    from huggingface_hub import hf_hub_download

    barren, before = 0, _begun(place)
    while True:
        try:
            return Path(hf_hub_download(place.repository, place.file, revision=place.revision))
        except Exception as error:  # of the hub's client, its HTTP library or the system
            why = _refusal(error)
            if why is None:
                # A cut connection: what came is kept, and the next try goes on behind it.
                barren, before = (0 if (now := _begun(place)) > before else barren + 1), now
                if barren < BARREN:
                    continue
                why = f"that broke off after {megabytes(now)} ({one_line(error)}); run it again, it goes on from there"
            raise EndpointError(f"Expected {place} from the hub, but {why}.") from error


def _refusal(error: Exception) -> str | None:
    """Why trying again is of no use, and what is; None where it may be of use."""
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError):
        return f"{hub.away(type(error.__cause__ or error).__name__)}, {_OR}"
    for kind, why in (
        (errors.GatedRepoError, "its owner wants to be asked first; do so on its page, and set HF_TOKEN"),
        (
            errors.RepositoryNotFoundError,
            "there is no such repository; correct 'model', or set HF_TOKEN if it is private",
        ),
        (errors.RevisionNotFoundError, "there is no such revision; correct 'revision' in the profile"),
        (errors.EntryNotFoundError, "there is no such file; correct 'model' in the profile"),
    ):
        if isinstance(error, kind):
            return why
    # A full disk, say; a cut connection has no number of the system's.
    if isinstance(error, errors.HfHubHTTPError) or (isinstance(error, OSError) and error.errno is not None):
        return f"that failed: {one_line(error).rstrip('.')}"
    return None


def _begun(place: HubFile) -> int:
    """The bytes of the repository's files that have come and are not whole yet."""
    from huggingface_hub import constants

    blobs = Path(constants.HF_HUB_CACHE) / f"models--{place.repository.replace('/', '--')}" / "blobs"
    return sum(file.stat().st_size for file in blobs.glob("*.incomplete"))


@contextmanager
def _telling(place: HubFile, say: Callable[[str], None] | None) -> Iterator[None]:
    """Inside, ``say`` hears how far the file has come, from time to time."""
    if say is None:
        yield
        return
    done = threading.Event()

    def tell() -> None:
        while not done.wait(TOLD_EVERY):
            say(f"Fetching {place.file}: {megabytes(_begun(place))} so far.")

    say(f"Fetching {place}, once.")
    teller = threading.Thread(target=tell, name="fetching", daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
