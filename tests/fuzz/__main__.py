"""``python -m tests.fuzz [--seconds N] [TARGET …]``: each reader is given what atheris makes up, N seconds long.

What a reader neither reads nor refuses is left in ``.papillon/fuzz`` and said; then the exit code is 1. Each runs in
a process of its own, since libFuzzer ends the one that it runs in.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from papillon.profile import ROOT
from tests.fuzz.targets import FOUND, TARGETS

#: Where what is learned and found is left, a folder for each target.
PLACE = ROOT / ".papillon" / "fuzz"
#: The longest input that is made up, in bytes, and the most memory that a reader may take, in MiB.
LONGEST, MEMORY = 20_000, 2_000
#: How many targets are looked at at once: one more than CI's cores, since each begins with seconds of imports.
AT_A_TIME = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--seconds", type=int, default=10, help="how long each is looked for (default: 10)")
    parser.add_argument("--here", action="store_true", help="in this process, one target")
    given = parser.parse_args()
    names = given.targets or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"expected targets out of {', '.join(TARGETS)}, got {unknown[0]}")
    if given.here:
        look(names[0], given.seconds)
        return 0
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = list(pool.map(lambda name: _looked(name, given.seconds), names))
    return 1 if any(found) else 0


def look(name: str, seconds: int) -> None:
    """Give a target inputs for so many seconds; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["papillon", "judges", "evals"]):
        read = TARGETS[name].made()
    learned = PLACE / name
    learned.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (learned / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-rss_limit_mb={MEMORY}", "-timeout=20", "-seed=1"]
    folders = [str(learned), *([str(FOUND / name)] if (FOUND / name).is_dir() else [])]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={PLACE}/{name}-", *folders], read)
    atheris.Fuzz()


def _looked(name: str, seconds: int) -> bool:
    """Whether something was found, said with how much was tried."""
    command = [sys.executable, "-m", "tests.fuzz", "--here", "--seconds", str(seconds), name]
    with tempfile.TemporaryDirectory() as folder:  # libFuzzer ends the process with what it has there
        environment = {**os.environ, "TMPDIR": folder}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
    tried = re.findall(r"Done (\d+) runs", done.stderr) or re.findall(r"^#(\d+)", done.stderr, re.MULTILINE)
    print(f"{name}: {tried[-1] if tried else 'no'} inputs", flush=True)
    if done.returncode == 0:
        return False
    print(f"{name}: one was neither read nor refused; it is in {PLACE}/{name}-*:", flush=True)
    print("\n".join((done.stdout + done.stderr).splitlines()[-40:]), flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
