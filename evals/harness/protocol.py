"""How an item asks for its result: one JSON object each way, the same with and without workers.

Without xdist a question goes straight to the run. Under xdist the run lives in the controller; it listens on
a socket in a private folder, and each worker writes one line and reads one line for every question.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from papillon.errors import InfrastructureError

__all__ = ["Ask", "Listener", "WorkerLine"]

Ask = Callable[[dict[str, Any]], dict[str, Any]]


class Listener:
    """The controller's end: answers each worker's questions in a thread of its own."""

    def __init__(self, answer: Ask) -> None:
        self._answer = answer
        self._folder = tempfile.mkdtemp(prefix="papillon-")  # mode 0700: nobody else may ask
        self.path = str(Path(self._folder) / "run.sock")
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(self.path)
        self._server.listen(64)
        threading.Thread(target=self._accept, name="papillon-listener", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(line)
            threading.Thread(target=self._serve, args=(line,), name="papillon-worker-line", daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line, line.makefile("rwb") as stream, contextlib.suppress(OSError, ValueError):
            for question in stream:
                stream.write(json.dumps(self._answer(json.loads(question))).encode() + b"\n")
                stream.flush()
        with self._lock:
            self._open.discard(line)

    def close(self) -> None:
        """End every conversation; workers that still wait learn of it at once."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        with self._lock:
            for line in self._open:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
        shutil.rmtree(self._folder, ignore_errors=True)


class WorkerLine:
    """A worker's end."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._stream = self._socket.makefile("rwb")

    def __call__(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            self._stream.write(json.dumps(question).encode() + b"\n")
            self._stream.flush()
            answer = self._stream.readline()
        except OSError:
            answer = b""
        if not answer:
            raise InfrastructureError("The run was stopped before this item had its result; run again to go on.")
        data: dict[str, Any] = json.loads(answer)
        return data

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()
        self._socket.close()
