"""One stream of a log while it is open: its text goes into its reading, as it comes."""

import asyncio
from collections.abc import Callable
from typing import NoReturn, Protocol

from exporter.logs.dedup.window import CLOCK_NS
from exporter.logs.lines import NANOSECONDS
from exporter.model import Source
from exporter.reading.following.stream_reading import StreamReading
from exporter.reading.source_state import SourceState

PAUSE_SECONDS = 1.0
"""A pause of so long ends the text that a stream begins with, or part of a trace."""

CATCH_UP_SECONDS = 2.0
"""At the latest that text is over so long after its first byte."""

SEVERAL = 3
"""Of several instances the texts may come one after another: both may take so many times longer."""


class Stream(Protocol):
    """A live log that is followed, as ``digitalocean.log_streams`` has it."""

    async def read(self, wait: float | None = None) -> bytes:
        """The text that comes next; empty after ``wait`` seconds without any."""
        ...

    async def close(self) -> None:
        """Say goodbye and let the connection go."""
        ...

    def abort(self) -> None:
        """Let the connection go at once."""
        ...


class Streams(Protocol):
    """Opens live logs."""

    async def open(self, live_url: str, *, target: Source) -> Stream:
        """A stream of the log at ``live_url``."""
        ...


class OpenStream:
    """Reads a stream that was opened now.

    Args:
        end_known: when the newest container end that is known of happened, in Unix seconds.
        platform_clock: Unix seconds, as the times of lines are.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        stream: Stream,
        reading: StreamReading,
        state: SourceState,
        end_known: float,
        platform_clock: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._stream = stream
        self.reading = reading
        self._state = state
        self._end_known = end_known
        self._clock = clock
        self._heard_at = clock()
        self._opened_at = platform_clock() * NANOSECONDS
        reading.note_opened(int(self._opened_at))

    async def catch_up(self) -> None:
        """Read what there was when the stream began.

        A first line has to come before that can be over: the platform may take minutes to reach
        a container, and without a line nothing can be told.

        Raises:
            StreamEndedError: that was all.
        """
        several = 1 if self._state.component.instance_count == 1 else SEVERAL
        self._take(await self._stream.read())
        ends = asyncio.get_running_loop().time() + CATCH_UP_SECONDS * several
        while not self.reading.full:
            left = ends - asyncio.get_running_loop().time()
            if left <= 0 and self.reading.began:
                return
            pause = min(left, PAUSE_SECONDS * several) if self.reading.began else None
            text = await self._stream.read(pause)
            if not text:
                return
            self._take(text)
            await asyncio.sleep(0)

    async def read_on(self) -> NoReturn:
        """Read what is written from now on.

        Raises:
            StreamEndedError: the stream has ended.
        """
        while True:
            text = await self._stream.read(PAUSE_SECONDS if self.reading.waiting else None)
            self._take(text) if text else self.reading.pause()
            await asyncio.sleep(0)  # a turn for every other stream

    @property
    def began_live(self) -> bool:
        """Whether all that came was surely written after the stream was open: nothing was there.

        As surely as the platform's clocks and this one differ by no more than clocks do.
        """
        return self.reading.first_time > self._opened_at + CLOCK_NS

    def outlived(self, silence: float, newest_end: float) -> bool:
        """Whether another should be opened, though this one has not ended.

        A container ended and the stream did not, so it may not show the next one; or nothing came
        for ``silence`` seconds, and pings tell nothing of what is behind the proxy.
        """
        # Text that comes is that of the next container if there is one instance, else of any.
        may_lack = self.quiet > PAUSE_SECONDS or self._state.component.instance_count != 1
        return self.quiet > silence or (self.is_behind(newest_end) and may_lack)

    def is_behind(self, newest_end: float) -> bool:
        """Whether a container has ended (Unix seconds) since it was opened."""
        return newest_end > self._end_known

    @property
    def quiet(self) -> float:
        """For how many seconds nothing has come."""
        return self._clock() - self._heard_at

    async def close(self) -> None:
        """Say goodbye; whoever reads then learns that the stream has ended."""
        await self._stream.close()

    def abort(self) -> None:
        """Let the connection go at once."""
        self._stream.abort()

    def _take(self, text: bytes) -> None:
        before = self.reading.lines
        self.reading.take(text)
        self._state.lines += self.reading.lines - before
        self._state.newest = max(self._state.newest, self.reading.newest)
        self._heard_at = self._clock()
