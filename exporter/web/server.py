"""The server of the pages: the sockets, and the thread that answers on them.

``cli`` starts it before the reading, so that a port in use ends the program at once.
"""

import errno
import os
import socket
import threading
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

from exporter.errors import ListenError

BACKLOG = 128
KEEP_ALIVE = 75
"""Seconds an idle connection is kept: above the usual scrape interval, so one serves them all."""

# What a host without (this kind of) IPv6 says to an address that is otherwise good.
_UNAVAILABLE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class WebServer:
    """Serves one application on any number of addresses, from a thread of its own.

    Args:
        app: the application.
        addresses: host and port each. An empty host means every interface, IPv6 and IPv4, a
            name every address that it resolves to; port 0 means any free port.
    """

    def __init__(self, app: ASGIApp, addresses: Sequence[tuple[str, int]]) -> None:
        self._wanted = tuple(addresses)
        self._sockets: list[socket.socket] = []
        self._bound: tuple[tuple[str, int], ...] = ()
        self._server = uvicorn.Server(_configuration(app))
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
                self._sockets.extend(_listen(host, port))
        except ListenError:
            for bound in self._sockets:
                bound.close()
            self._sockets.clear()
            raise
        self._bound = tuple(_name(bound) for bound in self._sockets)
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


def _configuration(app: ASGIApp) -> uvicorn.Config:
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
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
    )


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for one configured address.

    Raises:
        ListenError: none could be made, or one is in use.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if not host:
            return [_listen_everywhere(port)]
        return _listen_on_each(host, port)
    except socket.gaierror as error:
        raise ListenError(address, error.strerror or str(error)) from error
    except OSError as error:
        # `create_server` adds the address to the text; the number keeps the system's own words.
        reason = str(error) if error.errno is None else os.strerror(error.errno)
        raise ListenError(address, reason) from error
    except UnicodeError as error:
        raise ListenError(address, "not a host name") from error


def _listen_everywhere(port: int) -> socket.socket:
    """One socket on every interface: IPv6 and IPv4 together, or IPv4 where that is all."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
            )
        except OSError as error:
            if error.errno not in _UNAVAILABLE:
                raise
    return socket.create_server(("0.0.0.0", port), backlog=BACKLOG)


def _listen_on_each(host: str, port: int) -> list[socket.socket]:
    """A socket on every address of a host, all with the same port.

    ``localhost`` often names an IPv6 address that the machine lacks: such a one is left out as
    long as another is there.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    missing: OSError | None = None
    for family, _, _, _, (ip, _, *scope) in dict.fromkeys(found):
        try:
            made = socket.create_server((ip, port, *scope), family=family, backlog=BACKLOG)
        except OSError as error:
            if error.errno not in _UNAVAILABLE:
                for other in bound:
                    other.close()
                raise
            missing = error
            continue
        bound.append(made)
        port = port or _name(made)[1]
    if missing is not None and not bound:
        raise missing
    return bound


def _name(bound: socket.socket) -> tuple[str, int]:
    host, port = bound.getsockname()[:2]
    return str(host), int(port)
