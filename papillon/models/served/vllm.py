"""A model that vLLM serves for the run: started when first asked, waited for, logged to a file, ended with the run.

Between the run and the server stands a small process (watch). Where the profile gives an ``api_base``, somebody else
serves the model and nothing here is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import json
import os
import shutil
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
from papillon.json_files import read_json
from papillon.models.failures import RefusesAll, TransientFailure
from papillon.models.local.lora import missing_adapter, with_adapter
from papillon.models.served import watch
from papillon.models.served.server_log import cause_in, end_of, kind_in, last_lines
from papillon.models.stop import Stop
from papillon.profile import ModelSettings

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

    from papillon.models.served.endpoint import Endpoint


__all__ = ["VllmServer", "missing_server", "served_name"]

#: Seconds that loading a model may take; the first start downloads it.
START_LIMIT = 1800.0

#: Seconds between two looks at a server that starts.
PAUSE = 0.5

#: Seconds that a server has to end by itself while it starts, and has nothing in hand.
STARTING = 1.0

#: What vLLM takes as the largest rank of an adapter.
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)

#: The environment may name a proxy, which the loopback is not behind.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def missing_server(settings: ModelSettings) -> str | None:
    """One sentence on what is missing to serve this model here, None where nothing is."""
    advice = "or give api_base, the address of a server that has the model"
    if _command() is None:
        return f"Model {settings.model} is served by vLLM, which is not installed; install the extra 'gpu', {advice}."
    if not _has_device():
        return (
            f"Model {settings.model} is served by vLLM, which needs a GPU, and none is here; use one, "
            f"set VLLM_TARGET_DEVICE=cpu where vLLM is built for the CPU, {advice}."
        )
    name = settings.model.partition("/")[2]
    if name.startswith(("/", "./", "../")) and not Path(name).exists():
        return f"Model {settings.model} is a folder, and there is none at {Path(name).absolute()}; correct its path."
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


def _has_device() -> bool:
    # Its name for a build; where it is another than for NVIDIA's GPUs, vLLM itself knows what to look for.
    if (os.environ.get("VLLM_TARGET_DEVICE") or "cuda").lower() != "cuda":
        return True
    return bool(glob.glob("/dev/nvidia[0-9]*")) or shutil.which("nvidia-smi") is not None


class VllmServer:
    """``vllm serve`` in a process of its own, as an engine; ``folder`` takes its log.

    Raises RefusesAll where it does not come up, and where it has ended since, with what its log says of the cause.
    """

    def __init__(
        self, settings: ModelSettings, folder: Path, sampling: dict[str, Any], stop: Stop | None = None
    ) -> None:
        self.settings, self.folder, self._sampling, self._stop = settings, folder, sampling, stop
        self._process: subprocess.Popen[bytes] | None = None
        #: The one start, for all who wait for it and whatever comes of it.
        self._start: asyncio.Task[Endpoint] | None = None

    async def load(self) -> None:
        """Wait for the server, which is started once; who is cancelled meanwhile leaves the start to the others."""
        if self._start is None:
            self._start = asyncio.ensure_future(self._started())
        try:
            await asyncio.shield(self._start)
        except EndpointError as failure:
            raise failure.with_traceback(None) from None

    async def acomplete(self, request: Request) -> Response:
        await self.load()
        assert self._start is not None
        try:
            return await self._start.result().acomplete(request)
        except TransientFailure as failure:
            if not failure.unreachable or (ended := self._ended()) is None:
                raise
            # An error's kind alone: what it says may be of a prompt.
            kind = kind_in(end_of(self.log))
            raise RefusesAll(
                f"vllm serve for {self.settings.model} {ended} while it served{f' ({kind})' if kind else ''}; see "
                f"{self.log}, and run the same command again to go on."
            ) from None

    @property
    def log(self) -> Path:
        lora = "-adapter" if self.settings.lora is not None else ""
        return self.folder / f"vllm-{Path(self.settings.model).name}{lora}.log"

    async def _started(self) -> Endpoint:
        # Here alone: it imports DSPy, and the way of a model's name leads through this module.
        from papillon.models.served.endpoint import Endpoint

        base = await self._address()
        name = "adapter" if self.settings.lora is not None else self.settings.model.partition("/")[2]
        return Endpoint(
            name, base=base, key=None, sampling=self._sampling, timeout=self.settings.timeout, stop=self._stop
        )

    async def _address(self) -> str:
        """Start the server and wait until it answers; gives its base address."""
        if (missing := missing_server(self.settings)) is not None:
            raise RefusesAll(missing)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-I", watch.__file__, *(_command() or []), *self._arguments(port)]
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(open_in_place(self.log, os.O_WRONLY | os.O_TRUNC), "wb") as log:
                os.fchmod(log.fileno(), 0o600)  # it may be there from before, for all to read
                self._process = subprocess.Popen(  # noqa: S603
                    command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
                )
        except OSError as error:
            raise RefusesAll(
                f"Expected to write what vLLM says into {self.log}, and that failed: {error.strerror}; "
                "clear the way for it."
            ) from None
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if (ended := self._ended()) is not None:
                raise self._not_started(ended)
            if await asyncio.to_thread(_healthy, port):
                return f"http://127.0.0.1:{port}/v1"
            await asyncio.sleep(PAUSE)
        await asyncio.to_thread(self._end, STARTING)
        raise self._not_started(f"did not come up within {START_LIMIT:.0f} s")

    def _arguments(self, port: int) -> list[str]:
        arguments = ["serve", self.settings.model.partition("/")[2], "--host", "127.0.0.1", "--port", str(port)]
        # Prompts are private, and before 0.10.1 each is logged.
        arguments += ["--max-log-len", "0"]
        if self.settings.lora is not None:
            rank = _rank_of(self.settings.lora / "adapter_config.json")
            most = next(size for size in RANKS if size >= rank or size == RANKS[-1])
            arguments += ["--enable-lora", "--max-lora-rank", str(most)]
            arguments += ["--lora-modules", json.dumps({"name": "adapter", "path": str(self.settings.lora)})]
        return arguments

    def _ended(self) -> str | None:
        """How the server ended, in words; None while it runs."""
        status = self._process.poll() if self._process is not None else None
        if status is None:
            return None
        return f"was killed by signal {status - 128}" if status > 128 else f"ended with status {status}"

    def _not_started(self, how: str) -> RefusesAll:
        text, said = end_of(self.log), f"vllm serve for {self.settings.model} {how}"
        if (cause := cause_in(text)) is not None:
            return RefusesAll(f"{said}: {cause}; all that it said is in {self.log}.")
        return RefusesAll(f"{said}; the end of {self.log} says:\n{last_lines(text)}")

    def _end(self, seconds: float) -> None:
        """Have the server end, within so many seconds if it likes, and wait for that."""
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.closed:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(str(seconds).encode(), timeout=seconds + 10)

    async def aclose(self) -> None:
        """End the server and all that it started."""
        seconds = STARTING
        if self._start is not None:
            self._start.cancel()
            (ended,) = await asyncio.gather(self._start, return_exceptions=True)
            if not isinstance(ended, BaseException):
                seconds = watch.PATIENCE
                await ended.aclose()
        await asyncio.to_thread(self._end, seconds)


def _rank_of(config: Path) -> int:
    try:
        rank = read_json(config)["r"]
        if not isinstance(rank, int):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError):
        raise RefusesAll(
            f'Expected the rank of an adapter, {{"r": NUMBER}}, in {config}, and it is not there; name the folder of a '
            "trained adapter."
        ) from None
    return rank
