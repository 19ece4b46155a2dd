"""How an item asks for its result: one JSON object each way, the same with and without workers.

Without xdist a question goes straight to the run. Under xdist the run lives in the controller; it listens on
a socket in a private folder, and each worker writes one line and reads one line for every question.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from papillon.errors import InfrastructureError, PapillonError

__all__ = ["Ask", "Listener", "WorkerLine"]

STOPPED = "The run was stopped before this item had its result; run again to go on."

Ask = Callable[[dict[str, Any]], dict[str, Any]]


class Listener:
    """The controller's end: answers each worker's questions in a thread of its own."""

    def __init__(self, answer: Ask) -> None:
        self._answer = answer
        # Mode 0700: nobody else may ask. A socket's path holds some hundred bytes, which a long TMPDIR would fill.
        short = len(os.fsencode(tempfile.gettempdir())) < 70
        self._folder = tempfile.mkdtemp(prefix="papillon-", dir=None if short else "/tmp")  # noqa: S108
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
        # A worker may leave while its answer is being written, and again while the stream is closed.
        with contextlib.suppress(OSError), line, line.makefile("rwb") as stream:
            for question in stream:
                stream.write(json.dumps(self._reply(json.loads(question))).encode() + b"\n")
                stream.flush()
        with self._lock:
            self._open.discard(line)

    def _reply(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"answer": self._answer(question)}
        except PapillonError as error:
            return {"error": str(error)}
        except Exception as error:
            return {"error": f"The run could not answer {question}: {type(error).__name__}: {error}"}

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
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise InfrastructureError(STOPPED) from None
        self._stream = self._socket.makefile("rwb")

    def __call__(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            self._stream.write(json.dumps(question).encode() + b"\n")
            self._stream.flush()
            answer = self._stream.readline()
        except OSError:
            answer = b""
        if not answer:
            raise InfrastructureError(STOPPED)
        reply = json.loads(answer)
        if "error" in reply:
            raise InfrastructureError(reply["error"])
        data: dict[str, Any] = reply["answer"]
        return data

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()
        self._socket.close()
