"""Runs ASGI applications on sockets of their own, in one thread with one event loop."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from exporter.simulator.connections import Connections, QuietWebSocketProtocol

START_SECONDS = 10.0
"""How long a start may take before it counts as failed."""

GRACE_SECONDS = 2
"""How long requests under way may take to end when the servers stop."""


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate chain and its key, both PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Site:
    """One application, the socket that it answers on, and who keeps track of connections."""

    app: Starlette
    listener: socket.socket
    connections: Connections


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


class ServingThread:
    """Serves from ``start`` to ``stop``; can be used once."""

    def __init__(self, sites: Sequence[Site], tls: Tls | None) -> None:
        self._sites = sites
        self._started = threading.Semaphore(0)
        self._servers = [_Server(_config(site, tls), self._started.release) for site in sites]
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    def start(self) -> None:
        """Return when every site answers.

        Raises:
            RuntimeError: they did not come up.
        """
        self._thread.start()
        for _ in self._servers:
            if not self._started.acquire(timeout=START_SECONDS):
                self.stop()
                raise RuntimeError("the simulated platform did not start")

    def stop(self) -> None:
        """Return when the thread has ended and the sockets are closed."""
        for server in self._servers:
            server.should_exit = True
        self._thread.join()
        for site in self._sites:
            site.listener.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        await asyncio.gather(
            *(
                server.serve([site.listener])
                for server, site in zip(self._servers, self._sites, strict=True)
            )
        )
        # A TLS connection waits for its peer's goodbye longer than the server does.
        for site in self._sites:
            await site.connections.drop_all()


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host`` and ``port``; 0 takes a free port."""
    return socket.create_server((host, port), backlog=128)


def _config(site: Site, tls: Tls | None) -> uvicorn.Config:
    return uvicorn.Config(
        site.app,
        http=site.connections.protocol(),
        ws=QuietWebSocketProtocol,
        ws_per_message_deflate=False,
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=None if tls is None else str(tls.certificate),
        ssl_keyfile=None if tls is None else str(tls.key),
    )
