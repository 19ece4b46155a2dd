"""Room for open files is made where the system lets it, and missing room is said with the number that is needed."""

import resource

import pytest

from papillon.errors import UsageError
from papillon.models.open_files import BESIDE, CALLS_FROM, make_room


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The limits of this process, the last one standing, without changing them."""
    found = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: found[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: found.append(limits))
    return found


def test_where_there_is_room_nothing_is_changed(limits: list[tuple[int, int]]) -> None:
    make_room((1024 - BESIDE) // CALLS_FROM)
    limits.append((resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    make_room(10**6)
    assert len(limits) == 2


def test_room_that_the_system_allows_is_taken(limits: list[tuple[int, int]]) -> None:
    make_room(1000)
    assert limits[-1] == (BESIDE + CALLS_FROM * 1000, 4096)


def test_too_little_room_is_said_with_the_number(limits: list[tuple[int, int]]) -> None:
    limits.append((64, 64))
    with pytest.raises(UsageError) as refused:
        make_room(16)
    assert str(refused.value) == (
        "Expected room for 96 open files, 48 and 3 for each of 16 calls in flight at once, but this process may open "
        "64: raise it with ulimit -n 96, or set a lower concurrency."
    )
