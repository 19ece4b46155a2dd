"""Openings: what prompts begin with is read once, and an answer follows from its request whatever ran before."""

from __future__ import annotations

import gc
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from papillon.models.local import openings
from papillon.models.local.copies import Copies, Weights
from papillon.models.local.gguf_file import read_header
from papillon.models.local.openings import MOST_FILES, Openings
from tests.tiny_gguf import CHATML, write_lora, write_sliding, write_tiny


class Copy:
    """A copy whose state is what it read last, and whose file holds as many bytes as that has characters."""

    def __init__(self, folder: str) -> None:
        self.folder, self.read, self.resumed = folder, [], 0

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        self.read.append("".join(message["content"] for message in body["messages"]))
        return {}

    def keep(self, name: str) -> bool:
        Path(self.folder + name).write_text(self.read[-1])
        return True

    def resume(self, name: str) -> bool:
        self.resumed += 1
        return Path(self.folder + name).exists()


def call(opening: str, text: str = "text") -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": opening}, {"role": "user", "content": text}], "max_tokens": 6}


@pytest.fixture(params=["in memory", "on disk"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Openings]:
    """Openings of which ten bytes are kept, on a system with files in memory and on one without."""
    if request.param == "on disk":
        monkeypatch.delattr(os, "memfd_create")
    made = Openings(most=10)
    yield made
    made.close()


@pytest.fixture
def copies_of(tmp_path: Path) -> Iterator[Callable[..., Copies]]:
    made: list[Copies] = []
    file = write_tiny(tmp_path / "tiny.gguf")

    def make(size: int = 1, lora: Path | None = None) -> Copies:
        made.append(Copies("Model gguf/x", Weights(file, str(file), 4096, 128, 259), lora, size=size))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_an_opening_is_read_once_for_all_calls_that_begin_with_it(kept: Openings) -> None:
    first, second = Copy(kept.files.folder), Copy(kept.files.folder)
    for copy in (first, second, first):
        assert kept.begin(copy, call("1234"))
    assert (first.read, second.read) == (["1234"], [])
    assert (first.resumed, second.resumed) == (2, 1)


def test_the_opening_asked_for_longest_ago_goes_where_there_is_no_room(kept: Openings) -> None:
    copy = Copy(kept.files.folder)
    for opening in ("1234", "abcd", "1234", "wxyz", "1234", "abcd"):
        kept.begin(copy, call(opening))
        assert kept.kept <= 10
    assert copy.read == ["1234", "abcd", "wxyz", "abcd"]


def test_an_opening_larger_than_the_bound_is_read_each_time(kept: Openings) -> None:
    copy = Copy(kept.files.folder)
    for _ in range(2):
        kept.begin(copy, call("longer than the bound"))
    assert len(copy.read) == 2
    assert kept.kept == 0


def test_a_state_that_cannot_be_written_or_taken_up_is_read_again(kept: Openings) -> None:
    copy = Copy(kept.files.folder)
    copy.keep = lambda name: False
    kept.begin(copy, call("1234"))
    del copy.keep
    kept.begin(copy, call("1234"))
    copy.resume = lambda name: False
    kept.begin(copy, call("1234"))
    assert copy.read == ["1234"] * 3


def test_an_opening_that_is_too_long_for_the_copy_is_refused(kept: Openings) -> None:
    copy = Copy(kept.files.folder)
    copy.ask = lambda body: {"error": {"n_prompt_tokens": 9000}}
    assert not kept.begin(copy, call("1234"))


def test_a_file_that_was_cut_short_is_not_taken_up(kept: Openings) -> None:
    copy = Copy(kept.files.folder)
    kept.begin(copy, call("1234"))
    (state,) = kept._states.values()
    os.truncate(kept.files.folder + state.name, 2)
    before = copy.resumed
    kept.begin(copy, call("1234"))
    assert copy.read == ["1234", "1234"]
    assert copy.resumed == before + 1


def test_however_small_openings_are_few_are_kept(kept: Openings) -> None:
    copy = Copy(kept.files.folder)
    copy.keep = lambda name: Path(kept.files.folder + name).write_text("") == 0
    for number in range(3 * MOST_FILES):
        kept.begin(copy, call(str(number)))
    assert len(kept._states) == MOST_FILES


def test_two_copies_that_need_an_opening_at_once_read_it_once(kept: Openings) -> None:
    begun, both = threading.Event(), [Copy(kept.files.folder), Copy(kept.files.folder)]
    read = both[0].ask
    both[0].ask = lambda body: (begun.set(), threading.Event().wait(0.1), read(body))[2]
    threads = [threading.Thread(target=kept.begin, args=(copy, call("1234"))) for copy in both]
    threads[0].start()
    begun.wait(timeout=10)
    threads[1].start()
    for thread in threads:
        thread.join(timeout=10)
    assert (both[0].read, both[1].read) == (["1234"], [])


def test_closing_lets_go_of_every_file(kept: Openings) -> None:
    before = len(os.listdir("/proc/self/fd"))
    copy = Copy(kept.files.folder)
    kept.begin(copy, call("1234"))
    kept.close()
    assert kept.kept == 0
    assert len(os.listdir("/proc/self/fd")) == before
    kept.begin(copy, call("1234"))
    assert kept.kept == 0


def test_files_on_disk_are_private_and_go_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    kept = Openings()
    kept.begin(Copy(kept.files.folder), call("1234"))
    folder = Path(kept.files.folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [file.stat().st_size for file in folder.iterdir()] == [4]
    kept.close()
    assert list(folder.iterdir()) == []
    del kept
    gc.collect()
    assert not folder.exists()


ASKED = {"seed": 0, "temperature": 1.0}


@pytest.mark.parametrize("place", [openings._InMemory, openings._OnDisk])
def test_answers_are_the_same_in_any_order_and_however_many_copies_there_are(
    copies_of: Callable[..., Copies], monkeypatch: pytest.MonkeyPatch, place: type
) -> None:
    monkeypatch.setattr(openings, "_files", place)
    calls = [call("Rhyme. " * 20, "a"), call("Rhyme. " * 20, "bc"), call("Be brief. " * 20, "a")]
    seen: dict[int, set[str]] = {number: set() for number in range(len(calls))}
    read_before = set()
    for size in (1, 2):
        model = copies_of(size)
        for order in permutations(seen):
            for number in order:
                reply = model.ask({**calls[number], **ASKED})
                seen[number].add(reply["choices"][0]["message"]["content"])
                read_before.add(reply["usage"]["prompt_tokens_details"]["cached_tokens"])
    assert [len(answers) for answers in seen.values()] == [1, 1, 1]
    assert min(read_before) > 120


def test_a_sliding_window_does_not_make_answers_depend_on_what_ran_before(tmp_path: Path) -> None:
    file = write_sliding(tmp_path / "sliding.gguf")
    weights = Weights(file, str(file), 4096, read_header(file).per_token, 259)
    asked = {**call("Rhyme. " * 20, "abc"), **ASKED, "logprobs": True}
    with closing(Copies("Model gguf/x", weights, None, size=1)) as model:
        replies = [model.ask(asked) for _ in range(3)]
    numbers = [[token["logprob"] for token in each["choices"][0]["logprobs"]["content"]] for each in replies]
    assert numbers[0] == numbers[1] == numbers[2]
    assert {each["usage"]["prompt_tokens_details"]["cached_tokens"] for each in replies} == {203}


@pytest.mark.parametrize("allowed", ["true", "messages[-1]['content']"])
def test_a_template_without_empty_messages_is_asked_without_an_opening(tmp_path: Path, allowed: str) -> None:
    refusing = "{% if not (" + allowed + ") %}{{ raise_exception('Messages may not be empty') }}{% endif %}" + CHATML
    file = write_tiny(tmp_path / "refusing.gguf", template=refusing)
    with closing(Copies("Model gguf/x", Weights(file, str(file), 4096, 128, 259), None, size=1)) as model:
        usage = [model.ask({**call("Rhyme. " * 20), **ASKED})["usage"] for _ in range(2)]
    cached = [each["prompt_tokens_details"]["cached_tokens"] for each in usage]
    assert cached == ([0, 0] if "messages" in allowed else [203, 203])


def test_a_model_and_the_same_with_an_adapter_do_not_share_openings(
    copies_of: Callable[..., Copies], tmp_path: Path
) -> None:
    def answers(lora: Path | None) -> list[str]:
        model = copies_of(lora=lora)
        return [model.ask({**call("Rhyme. " * 20, text), **ASKED})["choices"][0]["message"]["content"] for text in "ab"]

    adapter = write_lora(tmp_path / "lora.gguf")
    assert answers(None) == answers(None) != answers(adapter) == answers(adapter)
