"""A live stream of the simulated platform under virtual time."""

import asyncio
from contextlib import suppress
from random import Random

from exporter.digitalocean.log_streams import StreamEndedError
from exporter.errors import ConnectionFailed
from exporter.model import Endpoint
from exporter.simulator.log_reading import LogReader, LogRequest
from exporter.simulator.platform import Platform

LATE_SECONDS = 0.01
"""How long a line takes to arrive."""


class VirtualStream:
    """A stream of the simulated platform.

    Args:
        lasts: whether it ends with the last of its containers, or else with any of them.
    """

    def __init__(
        self,
        platform: Platform,
        reader: LogReader,
        request: LogRequest,
        rng: Random,
        *,
        lasts: bool = False,
    ) -> None:
        self._platform = platform
        self._reader = reader
        self._rng = rng
        self._live, self._pending = reader.open(request)
        self._news = asyncio.Event()
        self._cut = False
        self._lasts = lasts
        platform.add_listener(self._wake)

    async def read(self, wait: float | None = None) -> bytes:
        """The text that comes next, as ``Stream.read`` has it."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + (float("inf") if wait is None else wait)
        while not self._cut:
            more = self._reader.more(self._live)
            self._pending += more.data
            if self._pending:
                size = self._rng.randint(1, len(self._pending))  # frames cut lines anywhere
                text, self._pending = self._pending[:size], self._pending[size:]
                return text
            if more.ended and not (self._lasts and more.ended < more.containers):
                raise StreamEndedError(None)
            if loop.time() >= ends:
                return b""
            await self._wait(None if wait is None else ends - loop.time())
        raise StreamEndedError(ConnectionFailed(Endpoint.LOG_CONTENT, "cut"))

    async def close(self) -> None:
        """Say goodbye."""
        self.cut()

    def abort(self) -> None:
        """Let the connection go."""
        self.cut()

    def cut(self) -> None:
        """Break the connection."""
        if self._cut:
            return
        self._cut = True
        self._platform.remove_listener(self._wake)
        self._wake()

    @property
    def is_cut(self) -> bool:
        """Whether the connection is broken."""
        return self._cut

    def _wake(self, app: str | None = None) -> None:
        self._news.set()

    async def _wait(self, seconds: float | None) -> None:
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        await asyncio.sleep(LATE_SECONDS)
