"""Checkpoints that are whole or not there, and pointers that are never half written."""

from __future__ import annotations

from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.training.folder.checkpoints import Checkpoint, Checkpoints


def weights(text: str = "w") -> object:
    return lambda folder: (folder / "weights").write_text(text)


def test_the_last_and_the_best_are_kept_and_the_others_go(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    assert kept.last() is None
    assert kept.best() is None
    for step in (1, 2, 3):
        kept.save(Checkpoint(f"step-{step:06d}", step), weights(), "last")  # type: ignore[arg-type]
        if step == 1:
            kept.save(Checkpoint("model_checkpoint_best", 1, 40.0), weights("b"), "best")  # type: ignore[arg-type]
    assert kept.last() == Checkpoint("step-000003", 3)
    assert kept.best() == Checkpoint("model_checkpoint_best", 1, 40.0)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["model_checkpoint_best", "step-000003"]


def test_a_write_that_fails_leaves_the_last_checkpoint_as_it_was(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    kept.save(Checkpoint("step-000001", 1), weights("first"), "last")  # type: ignore[arg-type]

    def breaks(folder: Path) -> None:
        (folder / "weights").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        kept.save(Checkpoint("step-000002", 2), breaks, "last")
    last = kept.last()
    assert last == Checkpoint("step-000001", 1)
    assert (kept.path(last) / "weights").read_text() == "first"
    kept.save(Checkpoint("step-000002", 2), weights("second"), "last")  # type: ignore[arg-type]
    assert (tmp_path / "step-000002" / "weights").read_text() == "second"


@pytest.mark.parametrize(
    "pointer",
    ["{", "[1]", "5", '{"last": 5}', '{"last": {"name": "step-1"}}', '{"last": {"name": "../other", "step": 1}}'],
)
def test_a_broken_pointer_is_named(tmp_path: Path, pointer: str) -> None:
    (tmp_path / "checkpoints.json").write_text(pointer)
    with pytest.raises(
        UsageError,
        match=r"^Expected a whole .*checkpoints\.json, got: .*; put back a copy of it, or train into another folder",
    ):
        Checkpoints(tmp_path).last()


@pytest.mark.parametrize(
    ("best", "final", "kept"),
    [
        (40.0, 30.0, ("best", 40.0)),
        (40.0, 50.0, ("last", 50.0)),
        (None, 30.0, ("last", 30.0)),
        (40.0, None, ("best", 40.0)),
    ],
)
def test_what_is_kept_is_the_better_of_the_best_and_the_last(
    tmp_path: Path, best: float | None, final: float | None, kept: tuple[str, float | None]
) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.kept(final) is None
    if best is not None:
        checkpoints.save(Checkpoint("best", 1, best), weights(), "best")  # type: ignore[arg-type]
    checkpoints.save(Checkpoint("last", 2), weights(), "last")  # type: ignore[arg-type]
    found = checkpoints.kept(final)
    assert found is not None
    assert (found[0].name, found[1]) == kept
