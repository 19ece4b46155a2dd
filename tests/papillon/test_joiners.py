"""Joiners: unseen signs are needed beside certain letters and emoji, and emoji that are joined are one sign."""

from __future__ import annotations

from papillon.joiners import JOINED, needed


def test_the_places_are_offsets_of_the_text() -> None:
    assert needed("می\u200cخواهم و 👩\u200d💻 \u200d") == {2, 12}
    assert needed("plain") == needed("") == set()


def test_emoji_that_are_joined_are_one_sign() -> None:
    text = "a👩🏽\u200d💻b❤\ufe0f\u200d🔥1\ufe0f\u20e3 👩💻 ☎"
    assert JOINED.findall(text) == ["👩🏽\u200d💻", "❤\ufe0f\u200d🔥", "1\ufe0f\u20e3"]
