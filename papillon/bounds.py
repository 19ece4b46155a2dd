"""Bounds: how much is read of what comes from outside, so that no file and no server fills the memory or the disk.

Each stands with its reason, and all of them in docs/bounds.md. What this project writes stays within them, so that
what it exports it can import.
"""

__all__ = [
    "LONGEST_CALL",
    "LONGEST_LINE",
    "LONGEST_RECORD",
    "LONGEST_REPLY",
    "MOST_FILE",
    "MOST_PROFILE",
    "MOST_ROWS",
    "MOST_SAMPLES",
    "MOST_TEXT",
    "MOST_TRIALS",
    "MOST_UNPACKED",
]

#: Bytes of a model server's reply, unpacked: a million tokens, eight times what any model writes at once.
LONGEST_REPLY = 2**22
#: Bytes of a call's identity, its messages above all: two million tokens, as many as the largest contexts hold.
LONGEST_CALL = 2**23
#: Bytes of one recorded call as text: a call and a reply fit in, and what its JSON becomes in memory is some 400 MB.
LONGEST_RECORD = 2**24
#: Bytes that a packed import may unpack to: a hundred thousand calls of ordinary length take a tenth of it.
MOST_UNPACKED = 2**32
#: Characters of a line or a cell of a data set: more than any call can hold.
LONGEST_LINE = 2**24
#: Characters of a data set's cells together: two hundred times PUPA's, some hundred thousand long conversations.
MOST_TEXT = 2**28
#: Rows of a data set, each of which takes half a kilobyte of memory however little it holds.
MOST_ROWS = 1_000_000
#: Independent samples of one example: the mean of a thousand is known to 0.03 at worst.
MOST_TRIALS = 1000
#: Bytes of a results file, a baseline, people's labels or another file of JSON, and of one row's texts: two kilobytes
#: for each of MOST_SAMPLES.
MOST_FILE = 2**29
#: Bytes of a profile: as long as a long book.
MOST_PROFILE = 2**20
#: Samples of all examples of one run, each of which has a row in its results.
MOST_SAMPLES = 250_000
