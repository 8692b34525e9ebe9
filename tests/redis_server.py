"""A real Redis or Valkey on loopback."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from waiting import LIMIT_SECONDS, wait_for

from exporter.commands.children import free_port

START_SECONDS = LIMIT_SECONDS


class RedisServer:
    """A server that can be stopped and started again.

    Args:
        arguments: flags of the server.
        password: what it requires; empty for none.
        program: ``redis-server`` or ``valkey-server``.
        folder: where it keeps dumps; None to keep none.
    """

    def __init__(
        self,
        *arguments: str,
        password: str = "",
        program: str = "redis-server",
        folder: Path | None = None,
    ) -> None:
        port = free_port()
        self._command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        self._command += ["--requirepass", password] if password else []
        self._command += ["--dir", str(folder)] if folder else []
        self._command += arguments
        self._dump = None if folder is None else folder / "dump.rdb"
        self._server: subprocess.Popen[bytes] | None = None
        user = f":{password}@" if password else ""
        self.url = f"redis://{user}127.0.0.1:{port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        server = self._server = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        with redis.Redis.from_url(self.url) as client:

            def answers() -> bool:
                try:
                    return bool(client.ping())
                except redis.ConnectionError:
                    assert server.poll() is None, f"{self._command} has ended"
                    return False

            wait_for(answers, START_SECONDS)

    def stop(self) -> None:
        """Kill it: what it has not dumped is lost."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(START_SECONDS)
            self._server = None

    def copy(self, to: Path) -> None:
        """Dump what it holds, and copy the dump."""
        assert self._dump is not None
        with redis.Redis.from_url(self.url) as client:
            client.save()
        shutil.copy(self._dump, to)

    def go_back(self, copy: Path) -> None:
        """Restart it with a copy of an earlier dump."""
        assert self._dump is not None
        self.stop()
        shutil.copy(copy, self._dump)
        self.start()


@contextmanager
def redis_server(
    *arguments: str, password: str = "", program: str = "redis-server"
) -> Iterator[str]:
    """Run a server with nothing on disk; yields its URL, with the password where there is one."""
    server = RedisServer(*arguments, password=password, program=program)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()
