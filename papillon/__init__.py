"""PAPILLON, privacy-conscious delegation between language models, and the ground its evaluation stands on.

The names below load on first use, so that a part that needs no DSPy does not pay for its import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from papillon.data import Dataset, PupaRow, load, to_dspy
    from papillon.profile import Profile, load_profile
    from papillon.program import (
        PAPILLON,
        CraftRedactedRequest,
        RespondToQuery,
        load_program,
        response_text,
        save_program,
    )

__version__ = "0.1.0"

__all__ = [
    "PAPILLON",
    "CraftRedactedRequest",
    "Dataset",
    "Profile",
    "PupaRow",
    "RespondToQuery",
    "load",
    "load_profile",
    "load_program",
    "response_text",
    "save_program",
    "to_dspy",
]

_HOMES = {
    "papillon.data": ("Dataset", "PupaRow", "load", "to_dspy"),
    "papillon.profile": ("Profile", "load_profile"),
    "papillon.program": (
        "PAPILLON",
        "CraftRedactedRequest",
        "RespondToQuery",
        "load_program",
        "response_text",
        "save_program",
    ),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'papillon' has no attribute {name!r}")
