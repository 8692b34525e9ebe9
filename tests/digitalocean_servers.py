"""Small servers on loopback that stand for the hosts of log URLs, and note what reaches them."""

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from waiting import LIMIT_SECONDS
from websockets.sync.server import ServerConnection, serve

Respond = Callable[[socket.socket, "LogHost"], None]
"""Writes the answer to one request, byte by byte as the test wants it."""


class LogHost:
    """What a server saw: the heads of its requests; ``released`` lets its hanging answers end."""

    def __init__(self, port: int, scheme: str) -> None:
        self.url = f"{scheme}://127.0.0.1:{port}"
        self.host = f"127.0.0.1:{port}"
        self.heads: list[str] = []
        self.released = threading.Event()

    @property
    def websocket_tries(self) -> int:
        return sum("upgrade: websocket" in head.lower() for head in self.heads)


def answer(
    body: bytes = b"", status: str = "200 OK", length: int | None = None, **headers: str
) -> Respond:
    """An HTTP answer; ``length`` claims another Content-Length than the body has."""
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    def respond(connection: socket.socket, _: LogHost) -> None:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    return respond


def dribble(connection: socket.socket, host: LogHost) -> None:
    """Headers, then a byte now and then, without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    with suppress(OSError):
        while not host.released.wait(0.02):
            connection.sendall(b"x")


def hang_in_body(connection: socket.socket, host: LogHost) -> None:
    """Headers, some text after 0.4 s, then nothing more."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    # So late that a time-out of the socket, which starts anew there, would end too late.
    host.released.wait(0.4)
    with suppress(OSError):
        connection.sendall(b"web some text\n")
    host.released.wait(LIMIT_SECONDS)


def hang(_: socket.socket, host: LogHost) -> None:
    """No answer at all."""
    host.released.wait(LIMIT_SECONDS)


@contextmanager
def http_host(**answers: Respond) -> Iterator[LogHost]:
    """An HTTP server: ``answers`` by the first word of the path, ``/name…``; any other is 404."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data = b""
            while b"\r\n\r\n" not in data:
                piece = self.request.recv(65536)
                if not piece:
                    return
                data += piece
            head = data.decode("latin-1")
            host.heads.append(head)
            name = head.split(" ")[1].lstrip("/").partition("?")[0]
            answers.get(name, answer(status="404 Not Found"))(self.request, host)

    with _Server(("127.0.0.1", 0), Handler) as server:
        host = LogHost(server.server_address[1], "http")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield host
        finally:
            host.released.set()
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    allow_reuse_address = True


@contextmanager
def websocket_host(
    handler: Callable[[ServerConnection, LogHost], None], **options: Any
) -> Iterator[LogHost]:
    """A WebSocket server; the connection is closed with 1000 when ``handler`` returns."""

    def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        fields = (f"{name}: {value}" for name, value in connection.request.headers.raw_items())
        host.heads.append("\n".join([connection.request.path, *fields]))
        handler(connection, host)

    with serve(handle, "127.0.0.1", 0, **options) as server:
        scheme = "https" if "ssl" in options else "http"
        host = LogHost(server.socket.getsockname()[1], scheme)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield host
        finally:
            host.released.set()
            server.shutdown()
            thread.join()


def frame(text: str) -> str:
    """A frame as the platform sends it."""
    return json.dumps({"data": text})
