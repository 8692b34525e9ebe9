"""A Redis on a host of its own: a network namespace with a link to each of those that use it.

A link that is cut lets nothing through and refuses nothing, as a network that is gone.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from waiting import LIMIT_SECONDS, wait_for

PORT = 6379
_NETWORK = "198.18.73"  # of those that are for trials between hosts


class Link:
    """The way of one client to the server.

    Args:
        namespace: the server's.
        number: of the link, from 0.
    """

    def __init__(self, namespace: str, number: int) -> None:
        self._namespace = namespace
        near, self._far = f"near{number}-{os.getpid()}", f"far{number}-{os.getpid()}"
        ours, self.address = (f"{_NETWORK}.{4 * number + last}" for last in (1, 2))
        _ip("link", "add", near, "type", "veth", "peer", "name", self._far, "netns", namespace)
        _ip("address", "add", f"{ours}/30", "dev", near)
        _ip("-n", namespace, "address", "add", f"{self.address}/30", "dev", self._far)
        _ip("link", "set", near, "up")
        self.heal()
        self.url = f"redis://{self.address}:{PORT}/0"

    def cut(self) -> None:
        """Let nothing through."""
        _ip("-n", self._namespace, "link", "set", self._far, "down")

    def heal(self) -> None:
        """Let everything through."""
        _ip("-n", self._namespace, "link", "set", self._far, "up")


@contextmanager
def linked_redis(links: int) -> Iterator[list[Link]]:
    """Run the server; skips the test where no namespace may be made or its addresses are taken."""
    namespace = f"do-app-exporter-{os.getpid()}"
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    if f"{_NETWORK}." in routes:
        pytest.skip(f"addresses of {_NETWORK}.0/24 are in use here")
    made = subprocess.run(
        ["ip", "netns", "add", namespace], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no network namespace may be made here: {made.stderr.strip()}")
    try:
        try:
            every = [Link(namespace, number) for number in range(links)]
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no link between network namespaces may be made here: {error.cmd}")
        command = ["ip", "netns", "exec", namespace, "redis-server", "--port", str(PORT)]
        command += ["--bind", *(link.address for link in every), "--protected-mode", "no"]
        server = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
        try:
            for link in every:
                wait_for(lambda url=link.url: _answers(url))
            yield every
        finally:
            server.kill()
            server.wait(LIMIT_SECONDS)
    finally:
        _ip("netns", "delete", namespace)


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url, socket_timeout=5.0) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
