"""The server of the pages: the sockets, and the thread that answers on them.

``cli`` starts it before the reading, so that a port in use ends the program at once.
"""

import socket
import threading
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

from exporter.errors import ListenError
from exporter.web.http.connections import Acceptor, Limits
from exporter.web.http.listening import listen, name_of
from exporter.web.http.security import SecurityFile

CUT_OFF_SECONDS = 0.3
"""How long before the end of a shutdown what is still open is cut off."""


class WebServer:
    """Serves one application on any number of addresses, from a thread of its own.

    Args:
        app: the application.
        addresses: host and port each. An empty host means every interface, IPv6 and IPv4, a
            name every address that it resolves to; port 0 means any free port.
        security: TLS, and whose certificates are let in.
        limits: what clients may take up.
    """

    def __init__(
        self,
        app: ASGIApp,
        addresses: Sequence[tuple[str, int]],
        security: SecurityFile,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
    ) -> None:
        self._wanted = tuple(addresses)
        self._sockets: list[socket.socket] = []
        self._bound: tuple[tuple[str, int], ...] = ()
        self._server = _Server(_configuration(app, limits), security, limits)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": self._sockets}, name="web"
        )

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of every socket, with the real port; empty before ``start``."""
        return self._bound

    def start(self) -> None:
        """Bind every address, then serve; connections are accepted once this returns.

        Raises:
            ListenError: an address cannot be listened on; then none is.
        """
        try:
            for host, port in self._wanted:
                self._sockets.extend(listen(host, port))
        except ListenError:
            for bound in self._sockets:
                bound.close()
            self._sockets.clear()
            raise
        self._bound = tuple(name_of(bound) for bound in self._sockets)
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Accept no more, let requests under way finish, then end the thread.

        Args:
            timeout: seconds to wait in all; requests still under way a second earlier are cut off.

        Returns:
            Whether the thread ended; a render that hangs can keep it.
        """
        if not self._thread.is_alive():
            return True
        # uvicorn takes whole seconds only; one of them is kept for cutting off what is left.
        self._server.config.timeout_graceful_shutdown = max(1, int(timeout) - 1)
        self._server.should_exit = True
        self._thread.join(timeout)
        return not self._thread.is_alive()


class _Server(uvicorn.Server):
    """uvicorn with its own way to take in connections replaced by the ``Acceptor``."""

    def __init__(self, config: uvicorn.Config, security: SecurityFile, limits: Limits) -> None:
        super().__init__(config)
        self._acceptor = Acceptor(config, self.server_state, security, limits)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.servers = []
        self._acceptor.start(sockets or [])
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn waits for what is open; a client that takes no answer must not use up its time.
        self._acceptor.stop((self.config.timeout_graceful_shutdown or 1) - CUT_OFF_SECONDS)
        await super().shutdown(sockets)


def _configuration(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        # The program's own logging stands; uvicorn speaks up on errors only.
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=limits.idle,  # type: ignore[arg-type]  # it goes to `call_later`
    )
