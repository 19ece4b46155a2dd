"""Where labelled rows have their texts."""

from __future__ import annotations

from pathlib import Path

from judges.labels.texts import texts_of
from papillon.results.traces import TRACES, Trace
from tests.judges.labels.samples import KEY, label, trace


def folder(parent: Path, name: str, *traces: Trace) -> Path:
    (parent / name).mkdir()
    (parent / name / TRACES).write_bytes(b"".join(each.to_line() for each in traces))
    return parent / name


def test_texts_are_those_with_the_same_hashes_wherever_they_are(tmp_path: Path) -> None:
    new = folder(tmp_path, "new", trace(1, response="new"), trace(2), trace(3))
    old = folder(tmp_path, "old", trace(1), trace(2))
    labels = [label(trace(1)), label(trace(1, response="new")), label(trace(2)), label(trace(4))]
    found = texts_of(labels, KEY, [new, old])
    assert [found.get((each.row, each.hashes)) for each in labels] == [
        trace(1),
        trace(1, response="new"),
        trace(2),
        None,
    ]


def test_a_folder_or_a_line_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    broken = folder(tmp_path, "broken")
    (broken / TRACES).write_bytes(b'{"id": "dev-0001", "trial": 0, "query": 3}\n\xff\n' + trace(2).to_line())
    found = texts_of([label(trace(1)), label(trace(2))], KEY, [tmp_path / "none", broken])
    assert list(found.values()) == [trace(2)]


def test_no_folder_is_read_once_all_are_found(tmp_path: Path) -> None:
    first = folder(tmp_path, "first", trace(1))
    assert len(texts_of([label(trace(1))], KEY, [first, Path("/proc/self/mem")])) == 1
