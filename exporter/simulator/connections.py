"""The open connections of a simulated server, so that an application can drop one.

ASGI has no word for a connection that breaks; uvicorn's protocols know their transports.
"""

import asyncio
import logging
from collections.abc import MutableMapping
from weakref import WeakValueDictionary

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

Address = tuple[str, int]


class QuietWebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket protocol for uvicorn that does not log URLs, whose queries are credentials."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.logger = logging.getLogger("uvicorn.error.simulator")
        self.logger.setLevel(logging.WARNING)
        super().connection_made(transport)


class Connections:
    """The connections of one server, by the client's address."""

    def __init__(self) -> None:
        self._transports: MutableMapping[Address, asyncio.Transport] = WeakValueDictionary()

    def protocol(self) -> type[H11Protocol]:
        """A protocol for uvicorn's ``http`` option that reports its connections here."""
        transports = self._transports

        class TrackedProtocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                if self.client is not None:
                    transports[self.client] = transport

        return TrackedProtocol

    async def drop(self, scope: Scope) -> None:
        """Drop the connection that a request or WebSocket came on, without a word."""
        transport = self._transports.get(tuple(scope["client"]))
        if transport is not None:
            transport.abort()
        await _settle()

    async def drop_all(self) -> None:
        """Drop every connection that is still there."""
        for transport in list(self._transports.values()):
            transport.abort()
        await _settle()


async def _settle() -> None:
    # The loss of a connection reaches the server through one callback, over TLS through two.
    for _ in range(3):
        await asyncio.sleep(0)
