"""Serves Arbor's application from this process, on a free port of the loopback interface."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from papillon.errors import EndpointError

__all__ = ["served"]


@contextmanager
def served(grpo_manager: Any, inference_manager: Any, *, timeout: float = 30.0) -> Iterator[str]:
    """Arbor's application with these two managers; gives its address, ending in ``/v1/``, while inside.

    Raises EndpointError when it does not answer within ``timeout`` seconds.
    """
    import uvicorn
    from arbor.server.main import app

    app.state.grpo_manager, app.state.inference_manager = grpo_manager, inference_manager
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    # Its own configuration would show a traceback for each failed reply; without one its log goes where others go.
    quietly: dict[str, Any] = {"log_config": None, "log_level": "warning", "access_log": False}
    # A client may use a connection again in the moment in which an idle one is hung up on: none is.
    settings = uvicorn.Config(
        app, lifespan="off", timeout_keep_alive=24 * 3600, timeout_graceful_shutdown=10, **quietly
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="arbor", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + timeout
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise EndpointError(
                    f"Expected the training's server on 127.0.0.1:{port} to start within {timeout:g} s, "
                    "got no answer; try again."
                )
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/v1/"
    finally:
        inference_manager.cleanup()  # first, or the server would wait for answers that nobody needs
        server.should_exit = True
        thread.join(timeout=timeout)
        listener.close()
        del app.state.grpo_manager, app.state.inference_manager
