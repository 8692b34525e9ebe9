"""A way to Redis on loopback on which one message meets a fault: a command, or an answer.

Messages are counted by the protocol: one command and its answer at a time, whatever the client
sends together and however TCP cuts it. The client is a child of this process. It is stopped while
the fault happens, so that it finds all of it at once. A stall takes no time: see ``PatientSocket``.
"""

import os
import select
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

_PIECE = 1 << 16
_BULK, _LINES, _MANY = b"$=!", b"+-:_#,(", b"*~%"
_RESET = struct.pack("ii", 1, 0)


class Way(StrEnum):
    """Which way a message goes."""

    COMMAND = "command"
    ANSWER = "answer"


class What(StrEnum):
    """What happens at a message."""

    RESET = "a reset instead of"
    CLOSE = "an end in good order instead of"
    HALF = "a reset in the middle of"
    STALL = "no more in time from"
    KILL = "SIGKILL before"
    RESET_AFTER = "a reset behind"
    CLOSE_AFTER = "an end in good order behind"


KINDS = {
    Way.COMMAND: (What.RESET, What.CLOSE, What.HALF, What.STALL, What.KILL),
    Way.ANSWER: tuple(What),
}
"""A connection that ends behind a command that was done is one that ends instead of its answer."""


@dataclass(frozen=True)
class MessageFault:
    """What happens at one message.

    Args:
        number: of a command, from 1.
        command: its name.
    """

    way: Way
    number: int
    what: What
    command: str

    def __str__(self) -> str:
        return f"{self.what} {self.way} number {self.number}, {self.command}"


def message_end(data: bytes) -> int:
    """How long the message of RESP is that ``data`` begins with; 0 if more of it is to come."""
    wanted, position = 1, 0
    while wanted:
        end = data.find(b"\r\n", position)
        if end < 0:
            return 0
        kind, head = data[position : position + 1], data[position + 1 : end]
        wanted, position = wanted - 1, end + 2
        if kind in _MANY:
            wanted += max(0, int(head)) * (1 + (kind == b"%"))
        elif kind in _BULK:
            position += int(head) + 2 if int(head) >= 0 else 0
        elif kind not in _LINES:
            raise ValueError(f"neither a command nor an answer: {data[:40]!r}")
    return position if position <= len(data) else 0


class PatientSocket(socket.socket):
    """A socket that waits for data until the proxy says that it has waited for too long."""

    stalls: int
    """A descriptor with one byte to read for each stall."""

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive what there is; raises TimeoutError at a stall."""
        if self.gettimeout() != 0:
            ready = select.select([self, self.stalls], [], [])[0]
            if self not in ready:
                os.read(self.stalls, 1)
                raise TimeoutError("timed out")
        return super().recv(size, flags)


@dataclass(eq=False)
class _Connection:
    client: socket.socket
    database: socket.socket
    unread: bytes = b""
    """Commands that are not passed on yet."""

    def fileno(self) -> int:
        return self.client.fileno()

    def receive(self) -> bool:
        """Take what the client has sent; returns False once it has ended the connection."""
        with suppress(ConnectionResetError):
            data = self.client.recv(_PIECE)
            self.unread += data
            return bool(data)
        return False

    def ask(self, command: bytes) -> bytes:
        """Have a command done; returns the answer."""
        self.database.sendall(command)
        answer = b""
        while not message_end(answer):
            piece = self.database.recv(_PIECE)
            assert piece, f"no answer to {command[:40]!r}"
            answer += piece
        assert message_end(answer) == len(answer), "an answer that nobody has asked for"
        return answer

    def reset(self) -> None:
        """Reset both sides."""
        for side in (self.client, self.database):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        """Let both sides go."""
        self.client.close()
        self.database.close()


class RedisProxy:
    """Passes messages on between one client and a database, but for one fault.

    Args:
        url: of the database.
        fault: None for none.

    Attributes:
        url: of the way to it.
        commands: the names of those that have come.
    """

    def __init__(self, url: str, fault: MessageFault | None = None) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 0)
        self._fault = fault
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = parts._replace(netloc=f"127.0.0.1:{self._listener.getsockname()[1]}").geturl()
        self._stalls, self._stall = os.pipe()
        self._open: list[_Connection] = []
        self._ended: list[_Connection] = []  # in good order, and what still comes is ignored
        self._silent: list[_Connection] = []
        self.commands: list[str] = []

    def make_patient(self) -> None:
        """Let the time-outs of this process, the client, come when a message stalls."""
        PatientSocket.stalls = self._stalls
        patch("socket.socket", PatientSocket).start()

    def serve(self, client: int, until: int) -> None:
        """Pass on what a child of this process sends, until a descriptor can be read."""
        while True:
            waiting: list[Any] = [until, self._listener, *self._open, *self._ended]
            for each in select.select(waiting, [], [])[0]:
                if each is until:
                    return
                if each is self._listener:
                    database = socket.create_connection(self._address)
                    self._open.append(_Connection(self._listener.accept()[0], database))
                else:
                    self._take(each, client)

    def deliver_late(self) -> int:
        """Pass on the commands that came behind a stall; returns how many there were."""
        delivered = 0
        for connection in self._silent:
            while connection.receive():
                pass
            while end := message_end(connection.unread):
                connection.ask(connection.unread[:end])
                connection.unread = connection.unread[end:]
                delivered += 1
        return delivered

    def close(self) -> None:
        """End all connections, and take no more."""
        for connection in (*self._open, *self._ended, *self._silent):
            connection.close()
        self._listener.close()
        os.close(self._stalls)
        os.close(self._stall)

    def _take(self, connection: _Connection, client: int) -> None:
        if not connection.receive():
            connection.close()
            self._open = [each for each in self._open if each is not connection]
            self._ended = [each for each in self._ended if each is not connection]
            return
        while connection in self._open and (end := message_end(connection.unread)):
            command = connection.unread[:end]
            self.commands.append(command.split(b"\r\n", 3)[2].decode())
            if not self._meets_no_fault(Way.COMMAND, command, connection, client):
                return
            connection.unread = connection.unread[end:]
            answer = connection.ask(command)
            if not self._meets_no_fault(Way.ANSWER, answer, connection, client):
                return
            connection.client.sendall(answer)

    def _meets_no_fault(
        self, way: Way, message: bytes, connection: _Connection, client: int
    ) -> bool:
        """Let the fault happen that a message meets; returns False then."""
        fault = self._fault
        if fault is None or (fault.way, fault.number) != (way, len(self.commands)):
            return True
        self._open.remove(connection)
        with _stopped(client):
            self._happen(fault.what, message, connection, client, way)
        return False

    def _happen(
        self, what: What, message: bytes, connection: _Connection, client: int, way: Way
    ) -> None:
        if what in (What.RESET_AFTER, What.CLOSE_AFTER):
            connection.client.sendall(message)
        if what is What.HALF:
            to = connection.database if way is Way.COMMAND else connection.client
            to.sendall(message[: len(message) // 2])
        if what is What.STALL:
            self._silent.append(connection)
            os.write(self._stall, b"x")
        elif what is What.KILL:
            os.kill(client, signal.SIGKILL)
            connection.close()
        elif what in (What.CLOSE, What.CLOSE_AFTER):
            self._ended.append(connection)
            connection.client.shutdown(socket.SHUT_WR)
            connection.database.close()
        else:
            connection.reset()


@contextmanager
def _stopped(child: int) -> Iterator[None]:
    """Let a process find all at once what happens meanwhile."""
    os.kill(child, signal.SIGSTOP)
    os.waitpid(child, os.WUNTRACED)
    yield
    os.kill(child, signal.SIGCONT)
