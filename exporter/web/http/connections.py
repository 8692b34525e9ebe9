"""Connections: how many there may be, and how long a client may keep one waiting.

uvicorn knows neither a time for a handshake nor one for a request nor one for a reader; here is
what it lacks, around its own protocol.
"""

import asyncio
import logging
import resource
import socket
import ssl
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporter.config.web_file.load import WebSecurity
from exporter.web.http.client_names import certificate_allowed
from exporter.web.http.guard import SECURITY_HEADERS
from exporter.web.http.security import SecurityFile

LOG = logging.getLogger(__name__)

FAREWELL_SECONDS = 0.5
"""How long a client may take to answer the end of TLS."""

ACCEPT_PAUSE = 0.5
"""Seconds until the next try where the system has no more descriptors."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take up; all times in seconds.

    Args:
        connections: how many there may be, those that still greet each other included. One more
            takes the place of the one that has kept us waiting longest.
        handshake: for TLS, from the first packet to the last.
        request: from the connection, or the first byte of a later request, to the last byte.
        answer: from there until all of the answer is taken off our hands.
        lagging: how many clients may lag behind their answer, each with a text of its own moment
            kept for it; of more, those that began first are ended.
        idle: between an answer and the next request: above the usual scrape interval, so that
            one connection serves them all.
    """

    connections: int = 512
    handshake: float = 10.0
    request: float = 10.0
    answer: float = 60.0
    lagging: int = 64
    idle: float = 75.0

    @property
    def sweep(self) -> float:
        """How often connections are looked at."""
        return min(1.0, self.request / 2, self.answer / 2)

    @property
    def affordable_connections(self) -> int:
        """``connections``, or half the descriptors that the process may have: logs need some."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.connections if soft < 0 else min(self.connections, max(1, soft // 2))


class _Phase(Enum):
    """Whom a connection waits for."""

    IDLE = "the client, which owes nothing"
    RECEIVING = "the client's request"
    ANSWERING = "us, or the client to take the answer"


class Connection(H11Protocol):
    """uvicorn's connection with an eye on the time."""

    def __init__(self, security: WebSecurity, **arguments: Any) -> None:  # noqa: ANN401
        super().__init__(**arguments)
        self._security = security
        self._seen: tuple[_Phase, object] = (_Phase.RECEIVING, None)
        self.since = self.loop.time()
        """When it began to wait for what it waits for, as far as ``overdue`` has seen."""
        self.heard = self.since
        """When the client last sent something."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless the client's certificate is not among those allowed."""
        super().connection_made(transport)
        if not certificate_allowed(transport, self._security.allowed_sans):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what the client sends, as long as there is a connection."""
        self.heard = self.loop.time()
        if not self.transport.is_closing():
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; where an answer has begun, only the end can be told."""
        if self.cycle is not None:
            # The application may still be about to answer the beginning of this request.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        headers = {**SECURITY_HEADERS, "Content-Type": "text/plain", "Connection": "close"}
        start = h11.Response(status_code=400, reason=b"Bad Request", headers=list(headers.items()))
        for event in (start, h11.Data(data=f"{msg}\n".encode()), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @property
    def waits_for_client(self) -> bool:
        """Whether there is no answer under way."""
        return self._phase() is not _Phase.ANSWERING

    @property
    def lags(self) -> bool:
        """Whether the client has not taken all that was sent."""
        return self.transport.get_write_buffer_size() > 0

    def overdue(self, limits: Limits) -> bool:
        """Whether the client has had its time; to be asked again and again."""
        now, phase = self.loop.time(), self._phase()
        if self._seen != (phase, self.cycle):
            self._seen, self.since = (phase, self.cycle), now
        waited = now - self.since
        if phase is _Phase.IDLE:
            return False  # uvicorn itself ends these.
        return waited > (limits.answer if phase is _Phase.ANSWERING else limits.request)

    def _phase(self) -> _Phase:
        # A connection that closes still has to get rid of what it wrote.
        if self.transport.is_closing() or self.lags:
            return _Phase.ANSWERING
        if self.conn.their_state is h11.SEND_BODY:
            return _Phase.RECEIVING
        if self.cycle is not None and not self.cycle.response_complete:
            return _Phase.ANSWERING
        if self.cycle is None or self.conn.trailing_data[0]:
            return _Phase.RECEIVING
        return _Phase.IDLE


class Acceptor:
    """Takes in connections, under the security in force, and ends those that are overdue.

    Args:
        config: uvicorn's.
        state: uvicorn's, which lists the connections that are past their handshake.
    """

    def __init__(
        self, config: uvicorn.Config, state: ServerState, security: SecurityFile, limits: Limits
    ) -> None:
        self._config = config
        self._state = state
        self._security = security
        self._limits = limits
        self._most = limits.affordable_connections
        self._greeting: dict[asyncio.Task[None], float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._exhausted = False

    def start(self, listeners: list[socket.socket]) -> None:
        """Accept on these sockets; to be called on the loop."""
        loop = asyncio.get_running_loop()
        for listener in listeners:
            listener.setblocking(False)
        self._tasks = [loop.create_task(self._accept(listener)) for listener in listeners]
        self._tasks.append(loop.create_task(self._sweep()))
        for task in self._tasks:
            task.add_done_callback(_say_failure)

    def stop(self, timeout: float) -> None:
        """Accept no more, end what is still in its handshake, and ``timeout`` later everything."""
        for task in (*self._tasks, *self._greeting):
            task.cancel()
        asyncio.get_running_loop().call_later(timeout, self._abort_all)

    def _abort_all(self) -> None:
        for connection in list(self._state.connections):
            connection.transport.abort()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except ConnectionError:
                continue  # It went before it was let in.
            except OSError as error:
                await self._wait_for_descriptors(error)
                continue
            self._exhausted = False
            if self._make_room():
                greeting = loop.create_task(self._greet(client))
                self._greeting[greeting] = loop.time()
                greeting.add_done_callback(lambda done: self._greeting.pop(done, None))
            else:
                client.close()
            # However many wait to be accepted: those that are in have their turn.
            await asyncio.sleep(0)

    async def _greet(self, client: socket.socket) -> None:
        security = self._security.current()
        times = {
            "ssl_handshake_timeout": self._limits.handshake,
            "ssl_shutdown_timeout": FAREWELL_SECONDS,
        }
        protocol = partial(
            Connection,
            security,
            config=self._config,
            server_state=self._state,
            app_state={},
        )
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                protocol, client, ssl=security.tls, **(times if security.tls else {})
            )
        except (OSError, ssl.SSLError) as error:
            # Whoever can connect can cause these, so they are no news at any other level.
            LOG.debug("no connection came about", extra={"fields": {"problem": error}})

    def _make_room(self) -> bool:
        """Have room for one more connection; False where all are in the middle of an answer."""
        if len(self._greeting) + len(self._state.connections) < self._most:
            return True
        waiting = [c for c in self._state.connections if isinstance(c, Connection)]
        waiting = [connection for connection in waiting if connection.waits_for_client]
        oldest = min(waiting, key=lambda connection: connection.since, default=None)
        greeting = min(self._greeting, key=self._greeting.__getitem__, default=None)
        if greeting and (oldest is None or self._greeting[greeting] < oldest.since):
            del self._greeting[greeting]
            greeting.cancel()
            return True
        if oldest is None:
            return False
        self._state.connections.discard(oldest)
        oldest.transport.abort()
        return True

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._limits.sweep)
            open_ = [c for c in self._state.connections if isinstance(c, Connection)]
            ended = [connection for connection in open_ if connection.overdue(self._limits)]
            lagging = [connection for connection in open_ if connection.lags]
            lagging.sort(key=lambda connection: connection.heard, reverse=True)
            for connection in {*ended, *lagging[self._limits.lagging :]}:
                connection.transport.abort()

    async def _wait_for_descriptors(self, error: OSError) -> None:
        if not self._exhausted:
            self._exhausted = True
            LOG.warning(
                "cannot accept a connection; trying again",
                extra={"fields": {"problem": error, "remedy": "raise the limit of open files"}},
            )
        await asyncio.sleep(ACCEPT_PAUSE)


def _say_failure(task: asyncio.Task[None]) -> None:
    """These tasks end by being cancelled alone; anything else is a mistake in this program."""
    if not task.cancelled():
        LOG.error("the web server stands still: restart it", exc_info=task.exception())
