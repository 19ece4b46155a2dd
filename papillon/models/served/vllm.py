"""A model that vLLM serves for the run: started when first asked, waited for, logged to a file, ended with the run.

Where the profile gives an ``api_base``, somebody else serves the model and nothing here is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papillon.errors import EndpointError
from papillon.files import open_in_place
from papillon.models.failures import RefusesAll
from papillon.models.local.lora import missing_adapter, with_adapter
from papillon.models.stop import Stop
from papillon.profile import ModelSettings

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

    from papillon.models.served.endpoint import Endpoint


__all__ = ["VllmServer", "missing_server", "served_name"]

#: Seconds that loading a model may take; the first start downloads it.
START_LIMIT = 1800.0
LOG_LINES = 12

#: Ends the server's group once this process is gone, however it went: the pipe that it reads from is closed then.
WATCH = "import os, signal, sys; sys.stdin.read(); os.killpg(int(sys.argv[1]), signal.SIGKILL)"

#: What vLLM takes as the largest rank of an adapter.
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)

#: The environment may name a proxy, which the loopback is not behind.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def missing_server(settings: ModelSettings) -> str | None:
    """One sentence on what is missing to serve this model here, None where nothing is."""
    advice = "or give api_base, the address of a server that has the model"
    if _command() is None:
        return f"Model {settings.model} is served by vLLM, which is not installed; install the extra 'gpu', {advice}."
    if not _has_gpu():
        return f"Model {settings.model} is served by vLLM, which needs a GPU, and none is here; use one, {advice}."
    return missing_adapter(settings)


def served_name(settings: ModelSettings) -> str:
    """What the run's own server serves, for a call's key: its port changes, the model and adapter do not."""
    return with_adapter(f"vllm {settings.model.partition('/')[2]}", settings.lora)


def _command() -> list[str] | None:
    beside = Path(sys.executable).with_name("vllm")
    if beside.exists():
        return [str(beside)]
    found = shutil.which("vllm")
    if found is not None:
        return [found]
    return [sys.executable, "-m", "vllm.entrypoints.cli.main"] if find_spec("vllm") is not None else None


def _healthy(port: int) -> bool:
    with contextlib.suppress(OSError, urllib.error.URLError):
        _direct.open(f"http://127.0.0.1:{port}/health", timeout=2).close()
        return True
    return False


def _has_gpu() -> bool:
    return bool(glob.glob("/dev/nvidia[0-9]*")) or shutil.which("nvidia-smi") is not None


class VllmServer:
    """``vllm serve`` in a process of its own, as an engine; ``folder`` takes its log.

    Raises EndpointError, with the log's last lines, where it does not come up.
    """

    def __init__(
        self, settings: ModelSettings, folder: Path, sampling: dict[str, Any], stop: Stop | None = None
    ) -> None:
        self.settings, self.folder, self._sampling, self._stop = settings, folder, sampling, stop
        self._starting = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._endpoint: Endpoint | None = None
        self._failed: RefusesAll | None = None

    async def load(self) -> None:
        """Start the server, once; one that is cancelled meanwhile leaves it to :meth:`aclose`."""
        async with self._starting:
            if self._failed is not None:
                # Starting it again for the next call would fail as it did for the first.
                raise self._failed.with_traceback(None)
            if self._endpoint is None:
                # Here alone: it imports DSPy, and the way of a model's name leads through this module.
                from papillon.models.served.endpoint import Endpoint

                base = await self._start()
                name = "adapter" if self.settings.lora is not None else self.settings.model.partition("/")[2]
                self._endpoint = Endpoint(
                    name, base=base, key=None, sampling=self._sampling, timeout=self.settings.timeout, stop=self._stop
                )

    async def acomplete(self, request: Request) -> Response:
        await self.load()
        assert self._endpoint is not None
        return await self._endpoint.acomplete(request)

    @property
    def log(self) -> Path:
        return self.folder / "vllm.log"

    async def _start(self) -> str:
        if (missing := missing_server(self.settings)) is not None:
            raise EndpointError(missing)
        command = _command() or []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command += ["serve", self.settings.model.partition("/")[2], "--host", "127.0.0.1", "--port", str(port)]
        if self.settings.lora is not None:
            rank = json.loads((self.settings.lora / "adapter_config.json").read_text(encoding="utf-8"))["r"]
            most = next(size for size in RANKS if size >= rank or size == RANKS[-1])
            command += ["--enable-lora", "--max-lora-rank", str(most)]
            command += ["--lora-modules", json.dumps({"name": "adapter", "path": str(self.settings.lora)})]
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(open_in_place(self.log, os.O_WRONLY | os.O_TRUNC), "wb") as log:
            # A group of its own: vLLM starts workers, and all of them must end with the run.
            self._process = subprocess.Popen(  # noqa: S603
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        watch = [sys.executable, "-c", WATCH, str(self._process.pid)]
        self._watch = subprocess.Popen(  # noqa: S603
            watch, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise self._failure(f"ended with status {self._process.returncode}")
            if await asyncio.to_thread(_healthy, port):
                return f"http://127.0.0.1:{port}/v1"
            await asyncio.sleep(0.5)
        await asyncio.to_thread(self._end)
        raise self._failure(f"did not come up within {START_LIMIT:.0f} s")

    def _failure(self, how: str) -> RefusesAll:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        said = "\n".join(lines)
        self._failed = RefusesAll(f"vllm serve for {self.settings.model} {how}; the end of {self.log} says:\n{said}")
        return self._failed

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, sent)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(20)
                    break
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()

    async def aclose(self) -> None:
        """End the server and all that it started."""
        if self._endpoint is not None:
            await self._endpoint.aclose()
        await asyncio.to_thread(self._end)
