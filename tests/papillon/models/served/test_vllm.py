"""A served model lives as long as its run: started once, waited for, logged, ended; a stand-in takes vLLM's place."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dspy.lm15 import Message, Request

from papillon.errors import EndpointError, RunStopped
from papillon.models.failures import RefusesAll
from papillon.models.served import vllm
from papillon.models.served.vllm import VllmServer, missing_server, served_name
from papillon.models.stop import Stop
from papillon.profile import ModelSettings
from tests.papillon.store.samples import python
from tests.vllm.groups import runs, until

#: Serves as `vllm serve MODEL --host … --port …` does: health after a while, then chat completions.
STAND_IN = """\
import http.server, json, os, subprocess, sys, time

open(sys.argv[0] + ".asked", "a").write(json.dumps(sys.argv[1:]) + "\\n")
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[0] + ".pids", "w").write(f"{os.getpid()} {worker.pid}")
print("loading weights", flush=True)
ready = time.monotonic() + 0.2

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() > ready else 503)
        self.end_headers()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = f"{asked['model']} says yes"
        body = json.dumps({"choices": [{"finish_reason": "stop", "message": {"content": text}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Answers).serve_forever()
"""

FAILS = "import sys\nfor n in range(30): print('line', n)\nprint('no more'); sys.exit(3)\n"

#: As vLLM's processes say it one after the other: the cause, and two that only pass it on.
FAILS_BELOW = """\
print("(Worker pid=8) ERROR 11-27 03:29:56 [multiproc_executor.py:953]     raise RuntimeError(")
print("(Worker pid=8) ERROR 11-27 03:29:56 [multiproc_executor.py:953] RuntimeError: Cannot find any weights in /x")
print("(EngineCore pid=7) ERROR 11-27 03:29:58 [core.py:1510] Exception: one failed. See stack trace for root cause.")
for n in range(30): print(f"(APIServer pid=6)   File '/vllm/{n}.py', line {n}, in launch")
print("(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above. Failed: {}")
raise SystemExit(1)
"""

REQUEST = Request(model="vllm/org/model", messages=(Message.user("Do you answer?"),))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The script that stands in; what it started is ended, whatever the test found."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    monkeypatch.setattr(vllm, "_command", lambda: [sys.executable, str(script)])
    monkeypatch.setattr(vllm, "_has_device", lambda: True)
    monkeypatch.setattr(vllm, "PAUSE", 0.02)
    yield script
    for pid in _pids(script):
        if runs(pid):
            os.kill(pid, 9)


def _pids(script: Path) -> list[int]:
    file = Path(f"{script}.pids")
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def settings(**changed: Any) -> ModelSettings:
    return ModelSettings(model="vllm/org/model", **changed)


def adapter(folder: Path, rank: int = 8) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return folder


async def answers(server: VllmServer, count: int) -> list[str]:
    try:
        return [said.message.text for said in await asyncio.gather(*(server.acomplete(REQUEST) for _ in range(count)))]
    finally:
        await server.aclose()


def test_it_is_started_once_waited_for_logged_and_ended_with_all_that_it_started(tmp_path: Path, command: Path) -> None:
    server = VllmServer(settings(), tmp_path / "logs", {})
    assert asyncio.run(answers(server, 3)) == ["org/model says yes"] * 3
    asked = [json.loads(line) for line in Path(f"{command}.asked").read_text().splitlines()]
    assert [arguments[:4] for arguments in asked] == [["serve", "org/model", "--host", "127.0.0.1"]]
    assert server.log.read_text() == "loading weights\n"
    assert not running_in_a_while(command)


def test_an_adapter_is_served_with_its_rank_and_asked_for_by_name(tmp_path: Path, command: Path) -> None:
    lora = adapter(tmp_path / "adapter", rank=24)
    server = VllmServer(settings(lora=lora), tmp_path / "logs", {})
    assert asyncio.run(answers(server, 1)) == ["adapter says yes"]
    (asked,) = [json.loads(line) for line in Path(f"{command}.asked").read_text().splitlines()]
    assert asked[-5:-1] == ["--enable-lora", "--max-lora-rank", "32", "--lora-modules"]
    assert json.loads(asked[-1]) == {"name": "adapter", "path": str(lora)}


def test_a_proxy_in_the_environment_is_not_asked(
    tmp_path: Path, command: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert asyncio.run(answers(VllmServer(settings(), tmp_path, {}), 1)) == ["org/model says yes"]


def test_a_start_that_fails_shows_the_end_of_its_log(tmp_path: Path, command: Path) -> None:
    command.write_text(FAILS)
    server = VllmServer(settings(), tmp_path / "logs", {})
    with pytest.raises(RefusesAll) as refused:
        asyncio.run(answers(server, 1))
    said = str(refused.value)
    assert said.startswith(f"vllm serve for vllm/org/model ended with status 3; the end of {server.log} says:\n")
    assert said.splitlines()[1:] == [f"line {n}" for n in range(19, 30)] + ["no more"]


def test_a_start_that_fails_says_of_what_however_far_up_in_its_log_that_is(tmp_path: Path, command: Path) -> None:
    command.write_text(FAILS_BELOW)
    server = VllmServer(settings(), tmp_path / "logs", {})
    with pytest.raises(RefusesAll) as refused:
        asyncio.run(answers(server, 1))
    assert str(refused.value) == (
        "vllm serve for vllm/org/model ended with status 1: RuntimeError: Cannot find any weights in /x; "
        f"all that it said is in {server.log}."
    )


def test_a_start_that_is_killed_says_by_what(tmp_path: Path, command: Path) -> None:
    command.write_text("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(RefusesAll, match=r"^vllm serve for vllm/org/model was killed by signal 9; "):
        asyncio.run(answers(VllmServer(settings(), tmp_path / "logs", {}), 1))


def test_its_log_is_private_and_holds_no_prompt(tmp_path: Path, command: Path) -> None:
    server = VllmServer(settings(), tmp_path / "logs", {})
    server.folder.mkdir()
    server.log.write_text("of an earlier run")
    server.log.chmod(0o644)
    asyncio.run(answers(server, 1))
    assert server.log.read_text() == "loading weights\n"
    assert server.log.stat().st_mode & 0o777 == 0o600
    (asked,) = [json.loads(line) for line in Path(f"{command}.asked").read_text().splitlines()]
    assert asked[asked.index("--max-log-len") + 1] == "0"


def test_models_of_one_run_have_a_log_each(tmp_path: Path) -> None:
    lora = settings(lora=adapter(tmp_path / "adapter"))
    other = ModelSettings(model="vllm/org/other")
    assert len({VllmServer(given, tmp_path, {}).log for given in (settings(), lora, other)}) == 3


def test_what_stands_in_the_place_of_its_log_is_left_alone(tmp_path: Path, command: Path) -> None:
    server = VllmServer(settings(), tmp_path / "logs", {})
    server.folder.mkdir()
    (tmp_path / "precious").write_text("kept")
    server.log.symlink_to(tmp_path / "precious")
    with pytest.raises(RefusesAll) as refused:
        asyncio.run(answers(server, 1))
    assert str(refused.value) == (
        f"Expected to write what vLLM says into {server.log}, and that failed: that is a link; clear the way for it."
    )
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_start_that_takes_too_long_is_ended(tmp_path: Path, command: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command.write_text(STAND_IN.replace("time.monotonic() + 0.2", "time.monotonic() + 600"))
    monkeypatch.setattr(vllm, "START_LIMIT", 0.3)
    with pytest.raises(RefusesAll, match="did not come up within 0 s"):
        asyncio.run(answers(VllmServer(settings(), tmp_path, {}), 1))
    assert not running_in_a_while(command)


def running_in_a_while(command: Path) -> list[int]:
    """What the stand-in started and still runs: what was killed is gone only when the system says so."""
    until(lambda: not any(map(runs, _pids(command))), 10)
    return [pid for pid in _pids(command) if runs(pid)]


def ended(command: Path) -> bool:
    """Whether it started what it starts, and nothing of that runs any more, or soon does not."""
    return not running_in_a_while(command) and len(_pids(command)) == 2


def test_a_stop_while_it_starts_ends_the_wait_at_once_and_asks_it_nothing(tmp_path: Path, command: Path) -> None:
    command.write_text(STAND_IN.replace("+ 0.2", "+ 60"))

    async def main() -> float:
        stop = Stop()
        server = VllmServer(settings(), tmp_path / "logs", {}, stop)
        waits = [asyncio.ensure_future(stop.wait(server.load())) for _ in range(3)]
        while not _pids(command):
            await asyncio.sleep(0.02)
        stopped = time.monotonic()
        stop.ask()
        assert [type(error) for error in await asyncio.gather(*waits, return_exceptions=True)] == [RunStopped] * 3
        seconds = time.monotonic() - stopped
        await server.aclose()
        return seconds

    assert asyncio.run(main()) < 1
    assert ended(command)


def test_a_start_that_failed_is_not_made_again_for_each_call_that_waited_for_it(tmp_path: Path, command: Path) -> None:
    command.write_text("import sys; open(sys.argv[0] + '.asked', 'a').write('x'); sys.exit(3)")

    async def main() -> list[Any]:
        server = VllmServer(settings(), tmp_path / "logs", {})
        failed = await asyncio.gather(*(server.acomplete(REQUEST) for _ in range(5)), return_exceptions=True)
        await server.aclose()
        return failed

    assert [type(error) for error in asyncio.run(main())] == [RefusesAll] * 5
    assert Path(f"{command}.asked").read_text() == "x"


def test_who_no_longer_waits_for_a_start_leaves_it_to_the_others(tmp_path: Path, command: Path) -> None:
    async def main() -> list[Any]:
        server = VllmServer(settings(), tmp_path / "logs", {})
        first, second = (asyncio.ensure_future(server.acomplete(REQUEST)) for _ in range(2))
        while not _pids(command):
            await asyncio.sleep(0.02)
        first.cancel()
        said = await asyncio.gather(first, second, server.acomplete(REQUEST), return_exceptions=True)
        await server.aclose()
        return said

    cancelled, *answered = asyncio.run(main())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert [said.message.text for said in answered] == ["org/model says yes"] * 2
    assert len(Path(f"{command}.asked").read_text().splitlines()) == 1
    assert ended(command)


@pytest.mark.parametrize("said", ["", "RuntimeError: about a row's text"])
def test_a_server_that_is_killed_while_it_serves_is_named_and_what_it_started_ends(
    tmp_path: Path, command: Path, said: str
) -> None:
    async def main() -> str:
        server = VllmServer(settings(), tmp_path / "logs", {})
        await server.acomplete(REQUEST)
        with server.log.open("a") as log:
            log.write(said)
        os.kill(_pids(command)[0], 9)
        assert not await asyncio.to_thread(running_in_a_while, command)
        while server._ended() is None:
            await asyncio.sleep(0.05)
        with pytest.raises(RefusesAll) as refused:
            await server.acomplete(REQUEST)
        await server.aclose()
        return str(refused.value)

    assert asyncio.run(main()) == (
        f"vllm serve for vllm/org/model was killed by signal 9 while it served{' (RuntimeError)' if said else ''}; see "
        f"{tmp_path}/logs/vllm-model.log, and run the same command again to go on."
    )


def test_it_ends_with_a_run_that_is_killed(tmp_path: Path, command: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from papillon.models.served import vllm
from papillon.profile import ModelSettings
vllm._command, vllm._has_device = lambda: [sys.executable, sys.argv[1]], lambda: True
asyncio.run(vllm.VllmServer(ModelSettings(model="vllm/org/model"), Path(sys.argv[2]), {}).load())
print("serves", flush=True)
sys.stdin.readline()
"""
    run = python(code, command, tmp_path, stdin=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == "serves\n"
    assert all(map(runs, _pids(command)))
    run.kill()
    run.communicate()
    assert ended(command)


class TestMissing:
    def test_without_vllm_one_sentence_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vllm, "_command", lambda: None)
        assert missing_server(settings()) == (
            "Model vllm/org/model is served by vLLM, which is not installed; install the extra 'gpu', "
            "or give api_base, the address of a server that has the model."
        )

    @pytest.mark.parametrize("device", ["", "cuda"])
    def test_without_a_gpu_one_sentence_says_so(
        self, device: str, command: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.undo()
        monkeypatch.setenv("VLLM_TARGET_DEVICE", device)
        monkeypatch.setattr(vllm, "_command", lambda: ["vllm"])
        monkeypatch.setattr(vllm.glob, "glob", lambda pattern: [])
        monkeypatch.setattr(vllm.shutil, "which", lambda name: None)
        said = (
            "Model vllm/org/model is served by vLLM, which needs a GPU, and none is here; use one, set "
            "VLLM_TARGET_DEVICE=cpu where vLLM is built for the CPU, or give api_base, the address of a server that "
            "has the model."
        )
        assert missing_server(settings()) == said
        with pytest.raises(EndpointError) as refused:  # whoever calls it all the same, as papillon ask does
            asyncio.run(answers(VllmServer(settings(), tmp_path / "logs", {}), 1))
        assert str(refused.value) == said

    @pytest.mark.parametrize("device", ["cpu", "CPU", "tpu"])
    def test_a_build_for_another_device_needs_no_gpu(self, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vllm, "_command", lambda: ["vllm"])
        monkeypatch.setattr(vllm.glob, "glob", lambda pattern: [])
        monkeypatch.setattr(vllm.shutil, "which", lambda name: None)
        monkeypatch.setenv("VLLM_TARGET_DEVICE", device)
        assert missing_server(settings()) is None

    def test_a_folder_that_is_not_there_is_named_before_anything_is_started(
        self, command: Path, tmp_path: Path
    ) -> None:
        assert missing_server(ModelSettings(model=f"vllm/{tmp_path}")) is None
        assert missing_server(ModelSettings(model=f"vllm/{tmp_path}/none")) == (
            f"Model vllm/{tmp_path}/none is a folder, and there is none at {tmp_path}/none; correct its path."
        )

    @pytest.mark.parametrize("config", ["{", "[]", "{}", '{"r": "8"}'])
    def test_an_adapter_without_a_rank_is_named(self, tmp_path: Path, command: Path, config: str) -> None:
        lora = adapter(tmp_path / "adapter")
        (lora / "adapter_config.json").write_text(config)
        with pytest.raises(
            RefusesAll, match=rf'^Expected the rank of an adapter, {{"r": NUMBER}}, in {lora}/adapter_c'
        ):
            asyncio.run(answers(VllmServer(settings(lora=lora), tmp_path / "logs", {}), 1))

    def test_an_adapter_that_is_none_is_named(
        self, tmp_path: Path, command: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(vllm.glob, "glob", lambda pattern: ["/dev/nvidia0"])
        said = missing_server(settings(lora=tmp_path))
        assert said is not None
        assert said.startswith(f"Model vllm/org/model asks for the adapter in {tmp_path}, and there is no adapter_con")


def test_an_adapter_is_part_of_what_a_call_is_known_by(tmp_path: Path) -> None:
    first, again = (adapter(tmp_path / name) for name in ("a", "b"))
    assert served_name(settings()) == "vllm org/model"
    assert served_name(settings(lora=first)) == served_name(settings(lora=again)) != served_name(settings())
    (again / "adapter_model.safetensors").write_bytes(b"others")
    assert served_name(settings(lora=first)) != served_name(settings(lora=again))
