"""A Redis that a test restarts or takes back to a dump, and a way to it that a test cuts."""

import contextlib
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import redis
from waiting import LIMIT_SECONDS, wait_for

from exporter.commands.children import free_port

START_SECONDS = LIMIT_SECONDS


class RestartableRedis:
    """A server whose data is on disk only as of its latest dump; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._client = redis.Redis(port=self._port)

    def dump(self) -> None:
        """Write a dump, which the next start loads."""
        self._client.save()

    def restart(self) -> None:
        """Stop without a dump, and start from the latest one."""
        self._stop()
        self._start()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        self._client.close()

    def _start(self) -> None:
        flags = ["--bind", "127.0.0.1", "--port", str(self._port), "--save", ""]
        self._server = subprocess.Popen(
            ["redis-server", *flags, "--dir", str(self._folder)], stdout=subprocess.DEVNULL
        )
        wait_for(self._answers, START_SECONDS)

    def _stop(self) -> None:
        self._server.kill()
        self._server.wait(START_SECONDS)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self._client.ping())
        return False


class Proxy:
    """Passes connections on to a server, until it is cut; a context manager."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = parts._replace(netloc=f"127.0.0.1:{self._server.getsockname()[1]}").geturl()
        self._cut = False
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def cut(self) -> None:
        """End every connection and take no more, as a broken network does."""
        with self._lock:
            self._cut = True
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
            self._open.clear()

    def heal(self) -> None:
        """Take connections again."""
        self._cut = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                with self._lock:
                    if self._cut:
                        client.close()
                        continue
                    server = socket.create_connection(self._target)
                    self._open += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
