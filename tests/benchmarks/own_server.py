"""Models of files beside llama.cpp's own server: processor time and memory of the same calls, in one run.

``python -m tests.benchmarks.own_server LOCAL.gguf UNTRUSTED.gguf [EXAMPLES]`` evaluates the first examples of ``mini``
with the settings of profile ``demo``, makes the same calls of llama.cpp's server as it sets itself up, prompt cache and
all, and prints both. The server is asked for one call at a time, and writes as many tokens to each as the evaluation
got.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from papillon.project import ROOT
from tests.benchmarks.latency import environment, ratio

#: Seconds between two looks at a process's memory; one takes 30 ms.
PERIOD = 0.5


def main(local: Path, untrusted: Path, examples: int = 8) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "demo.toml").write_text(profile(local, untrusted))
        evaluation = [
            *(sys.executable, "-m", "pytest", "evals", "-m", "dev", "-q", "-p", "no:cacheprovider"),
            *("--eval-profile", f"{folder}/demo.toml", "--eval-limit", str(examples), "--eval-runs", f"{folder}/runs"),
            *("--eval-cache", f"{folder}/cache", "--eval-export", f"{folder}/calls.jsonl"),
        ]
        own, peak, said = measured(evaluation, beside=(local, untrusted))
        print(next(line for line in said.splitlines() if "calls made" in line and "tokens in" in line))
        (folder / "ordered.json").write_text(json.dumps(ordered(folder)))
        serve = [sys.executable, "-m", "tests.benchmarks.own_server", "--ask", f"{folder}/ordered.json"]
        beside, _, said = measured([*serve, str(local), str(untrusted)])
        print(said.strip())
    files = sum(file.stat().st_size for file in {local.resolve(), untrusted.resolve()})
    print(f"evaluation {own:.1f} s of processor time, llama.cpp's own server {beside:.1f} s")
    print(ratio("processor time over the server's", own, beside, 1.15))
    print(f"memory beside the files' {files / 1e6:,.0f} MB: {peak / 1e6:,.0f} MB at most (bar 600)")


def profile(local: Path, untrusted: Path) -> str:
    """Profile ``demo`` with its models at these paths, without controls and gates, as TOML."""
    demo = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["papillon"]["profiles"]["demo"]
    lines = [f'{name} = "{demo[name]}"' for name in ("dataset", "split")]
    lines.append(f"concurrency = {demo['concurrency']}")
    for role, file in (("local", local), ("untrusted", untrusted)):
        values = {name: value for name, value in demo[role].items() if name not in ("revision", "sha256")}
        values["model"] = f"gguf/{file.resolve()}"
        lines += [f"{role}.{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join([*lines, 'judge = { kind = "lexical" }', "gates.dev.errors = { max = 1.0 }"])


def measured(command: list[str], beside: Collection[Path] = ()) -> tuple[float, int, str]:
    """A command's processor time in seconds, its most memory in bytes beside these files, and what it printed.

    What another process holds too, such as a library's pages, counts in part; what nobody has touched does not.
    """
    peak, names = 0, {str(file.resolve()) for file in beside}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, env=environment())
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            with suppress(OSError):
                peak = max(peak, held(Path(f"/proc/{process.pid}/smaps").read_text(), names))
            time.sleep(PERIOD)
        output.seek(0)
        said = output.read()
    assert os.waitstatus_to_exitcode(status) == 0, said[-3000:]
    return usage.ru_utime + usage.ru_stime, peak, said


def held(smaps: str, beside: Collection[str]) -> int:
    """The bytes that a process holds in memory, by its ``smaps``, without the mappings of the files ``beside``."""
    total, counts = 0, True
    for line in smaps.splitlines():
        name, _, value = line.partition(":")
        if name == "Pss":
            total += counts * 1024 * int(value.split()[0])
        elif "-" in name:
            counts = " ".join(line.split()[5:]) not in beside
    return total


def ordered(folder: Path) -> list[dict[str, Any]]:
    """The evaluation's calls, row by row, each with its role."""
    calls = {line["key"]: line["record"] for line in map(json.loads, (folder / "calls.jsonl").open())}
    (run,) = (folder / "runs").iterdir()
    rows = map(json.loads, (run / "traces.jsonl").open())
    return [{"role": call["role"], **calls[call["key"]]} for row in rows for call in row["calls"]]


def literal(text: str) -> str:
    """A grammar that allows this text and no other."""
    return f"%llguidance {{}}\nstart: {json.dumps(text, ensure_ascii=False)}\n"


def ask(calls: list[dict[str, Any]], files: dict[str, str]) -> None:
    """Makes the calls, one after the other, of a server for each role."""
    import xllamacpp

    servers, tokens = {}, [0, 0, 0]
    for role, file in files.items():
        params = xllamacpp.CommonParams()
        params.model.path, params.n_ctx, params.verbosity = file, 8192, -1
        # Threads that wait for each other would burn time that no call needs.
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        servers[role] = xllamacpp.Server(params)
    for call in calls:
        sampling = call["call"]["sampling"]
        body = {
            **{name: sampling[name] for name in ("temperature", "top_p", "top_k", "seed") if name in sampling},
            "messages": call["call"]["messages"],
            "max_tokens": call["usage"]["output"],
            # As many tokens as there: another draw of the same call would end earlier or later. So an answer that had a
            # grammar has one of its own text alone, and no other ends before its last token.
            **({"grammar": literal(call["answer"]["text"])} if call["call"]["schema"] else {"ignore_eos": True}),
        }
        usage = servers[call["role"]].handle_chat_completions(body)["usage"]
        for place, count in enumerate((usage["prompt_tokens"], usage["completion_tokens"])):
            tokens[place] += count
        tokens[2] += usage["prompt_tokens_details"]["cached_tokens"]
    share, written = tokens[2] / tokens[0], sum(call["usage"]["output"] for call in calls)
    print(f"llama.cpp's own server: {tokens[0]} tokens in ({share:.0%} kept), {tokens[1]} of {written} out", flush=True)
    # llama.cpp's threads need not be waited for.
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(json.loads(Path(sys.argv[2]).read_text()), dict(zip(("local", "untrusted"), sys.argv[3:], strict=True)))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
