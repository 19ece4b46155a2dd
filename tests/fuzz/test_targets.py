"""What fuzzing begins with is read, and what it found before is read or refused."""

import pytest

from tests.fuzz.targets import FOUND, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_what_was_found_are_read_or_refused(name: str) -> None:
    read = TARGETS[name].made()
    found = [path.read_bytes() for path in sorted((FOUND / name).glob("*"))]
    for data in [b"", *TARGETS[name].seeds(), *found]:
        read(data)
