"""The benchmark beside llama.cpp's own server: what counts as memory."""

from __future__ import annotations

from tests.benchmarks.own_server import held

SMAPS = """\
7f00-7f10 r--s 005ac000 fe:00 12                         /models/a b.gguf
Rss:                 900 kB
Pss:                 900 kB
Pss_Dirty:             0 kB
7f10-7f20 rw-p 00000000 00:00 0
Pss:                  40 kB
7f20-7f30 r-xp 00000000 fe:00 13                         /usr/lib/libc.so.6
Pss:                   2 kB
"""


def test_the_models_files_do_not_count_as_memory_and_everything_else_does() -> None:
    assert held(SMAPS, {"/models/a b.gguf"}) == 42 * 1024
    assert held(SMAPS, {"/models/a"}) == 942 * 1024
