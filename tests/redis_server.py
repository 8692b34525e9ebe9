"""A real Redis or Valkey on loopback, with nothing of it on disk."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from waiting import wait_for

from exporter.commands.children import free_port

START_SECONDS = 20.0


@contextmanager
def redis_server(
    *arguments: str, password: str = "", program: str = "redis-server"
) -> Iterator[str]:
    """Run a server; yields its URL, with the password where there is one."""
    port = free_port()
    flags = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", *arguments]
    if password:
        flags += ["--requirepass", password]
    user = f":{password}@" if password else ""
    url = f"redis://{user}127.0.0.1:{port}/0"
    server = subprocess.Popen([program, *flags], stdout=subprocess.DEVNULL)
    try:
        _wait(url)
        yield url
    finally:
        server.terminate()
        server.wait(START_SECONDS)


def _wait(url: str) -> None:
    with redis.Redis.from_url(url) as client:

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

        wait_for(answers, START_SECONDS)
