"""``python -m tests.gpu [--device cuda|cpu] [--out FOLDER] [--only PART …]``: the check, its table, and ``gpu.json``.

Exit status 0 where all that was run holds; 1 where something does not, or ran into an error. A part whose packages are
not installed is skipped, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from papillon.models.served.server_log import cause_in
from tests.gpu.shapes import BUNDLE
from tests.gpu.table import table

#: Seconds after which a part is ended; two cores that others use can be slow.
_PATIENCE = {"cuda": 240, "cpu": 900}

_SHAPES = ("smollm2-135m", "qwen2.5-1.5b")
_PACKAGES = ("torch", "transformers", "peft", "trl", "arbor-ai", "dspy")

#: Which of the bundle's packages a part takes beside those of the machine.
_CARRIED = {"trl": "with-trl", "arbor": "with-arbor"}


def parts(*, tiny: bool) -> list[str]:
    """What is run, in order: ``WHAT:SHAPE``."""
    if tiny:
        return [f"{what}:tiny" for what in ("speed", "trl", "arbor", "numbers", "learning")]
    each = [f"{what}:{shape}" for shape in _SHAPES for what in ("speed", "trl", "numbers")]
    return [*each, f"arbor:{_SHAPES[0]}", f"learning:{_SHAPES[0]}"]


def run(part: str, device: str, *, tiny: bool) -> dict[str, Any]:
    """One part in this process: its ``checks`` and ``figures``."""
    import torch

    from tests.gpu.batch import Size

    if tiny:
        torch.set_num_threads(1)  # faster than two, and beside other work much faster
    what, _, shape = part.partition(":")
    size = Size.of(tiny=tiny)
    checks: list[Any] = []
    figures: dict[str, Any] = {}
    match what:
        case "numbers":
            from tests.gpu.numbers import numbers

            checks = numbers(shape, device, size)
        case "learning":
            from tests.gpu.learning import learning

            checks, figures = learning(shape, device, size, rounds=24 if tiny else 16)
        case "speed":
            from tests.gpu.speed import speed

            figures = speed(shape, device, size)
        case "trl":
            from tests.gpu.beside_trl import beside_trl

            figures = beside_trl(shape, device, size)
        case "arbor":
            from tests.gpu.through_arbor import through_arbor

            checks, figures = through_arbor(shape, device, replace(size, examples=2, each=4) if tiny else size)
    return {
        "checks": [{**asdict(check), "holds": check.holds} for check in checks],
        "figures": figures,
        "versions": dict(_versions()),
    }


def apart(part: str, device: str, out: Path, *, tiny: bool) -> dict[str, Any]:
    """One part in a process of its own, so that its memory is its own and its failure ends nothing else."""
    carried = _CARRIED.get(part.partition(":")[0], "")
    paths = [str(BUNDLE), *([str(BUNDLE / carried)] if carried and (BUNDLE / carried).is_dir() else [])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*reversed(paths), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "HF_HUB_OFFLINE": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "true",
        "TOKENIZERS_PARALLELISM": "false",
    }
    file, log = out / f"{part.replace(':', '-')}.json", out / f"{part.replace(':', '-')}.log"
    command = [sys.executable, "-m", "tests.gpu", "--part", part, "--device", device, "--out", str(file)]
    began = time.perf_counter()
    with log.open("w", encoding="utf-8") as lines:
        try:
            status = subprocess.run(
                [*command, *(["--tiny"] if tiny else [])],
                env=environment,
                stdout=lines,
                stderr=subprocess.STDOUT,
                timeout=_PATIENCE[device],
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return {"error": f"did not end within {_PATIENCE[device]} s", "seconds": _PATIENCE[device]}
    seconds = round(time.perf_counter() - began, 1)
    if status == 0:
        return {**json.loads(file.read_text(encoding="utf-8")), "seconds": seconds}
    cause = _cause(log.read_text(encoding="utf-8"))
    missing = cause.startswith(("ImportError", "ModuleNotFoundError")) and bool(carried)
    return {"skipped" if missing else "error": cause, "seconds": seconds}


def _cause(log: str) -> str:
    """The line that names the last error; CUDA's errors have advice below it."""
    return cause_in(log) or log.strip().rpartition("\n")[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], help="a GPU where there is one")
    parser.add_argument("--tiny", action="store_true", help="a tiny model, as on the CPU")
    parser.add_argument("--out", type=Path, default=Path(".papillon/gpu"), help="folder for gpu.json and the logs")
    parser.add_argument("--only", nargs="+", metavar="PART", help="these parts alone, as numbers or speed:tiny")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        asked.out.write_text(json.dumps(run(asked.part, asked.device, tiny=asked.tiny)), encoding="utf-8")
        return 0
    try:
        import torch
    except ImportError:
        parser.error("expected torch, and this Python has none: install it, or name another with PYTHON")
    if asked.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: expected a CUDA GPU, got none; leave it out for the tiny form on the CPU")
    device = asked.device or ("cuda" if torch.cuda.is_available() else "cpu")
    tiny = asked.tiny or device == "cpu"
    if device == "cpu" and not asked.device:
        print("No CUDA GPU: the check runs in its tiny form on the CPU, and its figures say nothing of a GPU.")
    known = {name for part in parts(tiny=tiny) for name in (part, part.partition(":")[0])}
    if unknown := sorted({*(asked.only or ())} - known):
        parser.error(f"--only: expected parts out of {', '.join(sorted(known))}, got {unknown[0]}")
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: expected a folder that can be written, got {asked.out} ({error.strerror}); name another")
    found: dict[str, Any] = {"machine": dict(_machine(device)), "parts": {}}
    for part in parts(tiny=tiny):
        if asked.only and not {part, part.partition(":")[0]} & set(asked.only):
            continue
        found["parts"][part] = apart(part, device, asked.out, tiny=tiny)
        # After each part: what is known stays where the machine goes.
        (asked.out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"{part}: {found['parts'][part]['seconds']} s", file=sys.stderr, flush=True)
    lines = "\n".join(table(found))
    (asked.out / "gpu.txt").write_text(lines + "\n", encoding="utf-8")
    print(lines)
    # TRL's part is there to be compared with: what TRL cannot do on this machine is shown, and fails nothing.
    own = {part: result for part, result in found["parts"].items() if not part.startswith("trl:")}
    bad = [part for part, result in own.items() if "error" in result or not _all_hold(result)]
    return 1 if bad or not found["parts"] else 0


def _all_hold(result: dict[str, Any]) -> bool:
    return all(check["holds"] for check in result.get("checks", ()))


def _machine(device: str) -> Iterator[tuple[str, str]]:
    import torch

    yield "device", torch.cuda.get_device_name() if device == "cuda" else f"CPU, {os.cpu_count()} cores"
    yield "python", platform.python_version()
    if device == "cuda":
        yield "cuda", str(torch.version.cuda)
    yield from _versions()


def _versions() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


if __name__ == "__main__":
    sys.exit(main())
