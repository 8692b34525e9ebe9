"""Listening sockets for the configured addresses."""

import errno
import os
import socket

from exporter.errors import ListenError

BACKLOG = 128

# What a host without (this kind of) IPv6 says to an address that is otherwise good.
_UNAVAILABLE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def listen(host: str, port: int) -> list[socket.socket]:
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
        port = port or name_of(made)[1]
    if missing is not None and not bound:
        raise missing
    return bound


def name_of(bound: socket.socket) -> tuple[str, int]:
    """Host and port of a socket, with the real port."""
    host, port = bound.getsockname()[:2]
    return str(host), int(port)
