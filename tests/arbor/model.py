"""The tiny model of the training's tests, in a folder."""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_model"]


def write_model(folder: Path) -> Path:
    """A Llama of two layers that begins most completions with one of five whole outputs, and its tokenizer."""
    from tests.papillon.training.tiny import preferred, tiny_model, tiny_tokenizer

    tokenizer = tiny_tokenizer()
    tiny_model(prefer=preferred(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
