"""A stand-in for the hub on loopback: repositories of models, as far as its own client asks for a file of one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

__all__ = ["COMMIT", "REPOSITORY", "Hub", "hub"]

REPOSITORY, COMMIT = "people/models", "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """``files`` are those of every repository, by name; ``requests`` is what was asked.

    ``repositories`` have one commit each, which main stands at. Each of the next ``cuts`` answers with a file's content
    breaks off after ``whole`` bytes.
    """

    def __init__(self, files: dict[str, bytes], repositories: Mapping[str, str]) -> None:
        self.repositories = repositories
        self.files, self.requests, self.cuts, self.whole = files, list[str](), 0, 50_000
        self.address = ""


class _Handler(BaseHTTPRequestHandler):
    # No connection outlives its answer: the next hub may stand at the same port.
    protocol_version = "HTTP/1.0"
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.hub.requests.append(f"{self.command} {self.path}{f' {wanted}' if wanted else ''}")
        parts = unquote(self.path).lstrip("/").split("/", 4)
        commit = self.hub.repositories.get("/".join(parts[:2]))
        if commit is None or parts[2] != "resolve":
            return self._refuse("RepoNotFound", 401)
        if parts[3] not in ("main", commit):
            return self._refuse("RevisionNotFound", 404)
        if (content := self.hub.files.get(parts[4])) is None:
            return self._refuse("EntryNotFound", 404)
        begin = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        if self.command == "HEAD":
            return None
        if self.hub.cuts:
            self.hub.cuts -= 1
            self.wfile.write(content[begin : begin + self.hub.whole])
            return None
        self.wfile.write(content[begin:])
        return None

    do_HEAD = do_GET  # noqa: N815

    def _refuse(self, code: str, status: int) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def hub(files: dict[str, bytes], repositories: Mapping[str, str] | None = None) -> Iterator[Hub]:
    """A hub that serves ``files`` of REPOSITORY, or of others, at ``hub.address`` inside the block."""
    held = Hub(files, {REPOSITORY: COMMIT} if repositories is None else repositories)
    handler = type("Handler", (_Handler,), {"hub": held})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        held.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield held
        finally:
            server.shutdown()
            thread.join()
