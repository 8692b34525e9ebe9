"""The life of one followed log: a stream, its end, what to do about that, the next stream.

Runs on the follower's event loop; requests to the API block, and run in the follower's threads.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Protocol

from exporter.collect.backoff import Backoff
from exporter.collect.internal_errors import InternalErrors, Part
from exporter.collect.pipeline import Pipeline
from exporter.collect.poller import EARLY_DISCOVERIES, Poller
from exporter.collect.source_state import SourceState
from exporter.collect.stream_reading import StreamReading
from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.live_stream import HandshakeError
from exporter.digitalocean.log_streams import StreamEndedError
from exporter.errors import (
    ApiError,
    InternalError,
    InvalidResponse,
    NotFound,
    Stopping,
    TooManyRequests,
)
from exporter.logs.lines import NANOSECONDS
from exporter.model import LogLocations, LogType, Source

LOG = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""A pause of so long ends the text that a stream begins with, or part of a trace."""

CATCH_UP_SECONDS = 2.0
"""At the latest that text is over so long after its first byte."""

SEVERAL = 3
"""Of several instances the texts may come one after another: both may take so many times longer."""

CLOCK_SECONDS = 0.05
"""So much the platform's clock may be ahead of ours, for what it writes to be told by its time."""

GOOD_SECONDS = 10.0
"""A stream that lived so long was no failure: the next one is opened without much waiting."""

LONGEST_WAIT = 60.0
FALLBACK_WAITS = (30.0, 600.0)
"""Seconds, the shortest and the longest, before a stream is tried again that could not be had."""

END_LOOKS = (2.0, 3.0, 5.0)
"""Seconds between the looks at RUN_RESTARTED after a stream has ended: the platform may be late."""


CONNECTED = "connected"
"""How a stream stands, for people, while it lives."""


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


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """What to ask for: the most lines, and how long the platform may take to reach a container."""

    tail_lines: int
    pod_connection_timeout: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every followed log makes use of.

    Args:
        block: runs what blocks in a thread.
        on_deployment_gone: called when a deployment that is followed turns out to be past.
        clock: Unix seconds.
    """

    platform: AppPlatform
    streams: Streams
    pipeline: Pipeline
    poller: Poller
    settings: FollowSettings
    block: Callable[[Callable[[], Any]], Awaitable[Any]]
    on_deployment_gone: Callable[[], None]
    clock: Callable[[], float]
    rng: Random
    internal_errors: InternalErrors


class FollowedSource:
    """One RUN log; ``run`` follows it until it is cancelled."""

    def __init__(self, state: SourceState, around: Surroundings) -> None:
        self.state = state
        self.deployment = state.active
        self._around = around
        self._source = state.source
        self._restarted = Source(state.source.app_id, state.source.key, LogType.RUN_RESTARTED)
        self._widest = around.settings.tail_lines
        self._backoff = Backoff(around.rng, LONGEST_WAIT)
        self._fallback = Backoff(around.rng, FALLBACK_WAITS[1], FALLBACK_WAITS[0])
        self._reading: StreamReading | None = None
        self._stream: Stream | None = None
        self._opened = False  # ever
        self._look: asyncio.Task[None] | None = None
        self._reopening = False
        self._alive = False  # the stream after an end showed the same container
        self.tried = False
        self.heard_at = 0.0  # when the stream last brought text, or began
        self._lines_before = state.lines
        self._opened_at = 0.0  # when the stream was
        self._end_known = 0.0  # the newest container end when the stream began

    @property
    def connected(self) -> bool:
        """Whether its stream lives."""
        return self._stream is not None

    async def run(self) -> None:
        """Follow the log, whatever happens, until cancelled or the program shuts down."""
        errors = self._around.internal_errors
        try:
            while True:
                try:
                    with errors.translated(Part.FOLLOWER, ApiError, source=self._source):
                        delay = await self._once()
                except Stopping:
                    return
                except InternalError as error:
                    self._note(str(error), error.kind)
                    delay = LONGEST_WAIT
                self._try_done()
                await asyncio.sleep(delay)
        finally:
            if self._look is not None:
                self._look.cancel()

    async def _once(self) -> float:
        """Ask for a stream and read it to its end; how long to wait before the next, in seconds."""
        began = asyncio.get_running_loop().time()
        try:
            ended = await self._follow()
        except HandshakeError as error:
            return self._fall_back(error.error)
        except ApiError as error:
            self._note(str(error), error.kind)
            if isinstance(error, NotFound):
                self._say_gone()
            asked = error.retry_after if isinstance(error, TooManyRequests) else None
            return max(self._backoff.next(), asked or 0.0)
        if isinstance(ended, InvalidResponse):
            return self._fall_back(ended)  # it would only bring more of that
        if asyncio.get_running_loop().time() - began >= GOOD_SECONDS:
            self._backoff.reset()
        return self._backoff.next()

    async def _follow(self) -> ApiError | None:
        """One stream from its request to its end; what it broke off with, if not in good order."""
        state, around = self.state, self._around
        # Where as many lines are asked for as can be, a stream that begins with nothing known
        # cannot tell what was there from what came meanwhile: a read that ends can.
        judged = self._opened and state.suspended and state.tail.busy
        same = await self._read_whole() if judged else None
        reading = StreamReading(
            around.pipeline,
            self._source,
            state.component,
            self.deployment.id,
            tail_lines=state.tail.ask(),
            from_first_line=self.deployment.from_first_line,
        )
        try:
            locations = await self._locate(reading.tail_lines)
            if locations.live_url is None:
                self._no_stream(locations)
                return None
            stream = await around.streams.open(locations.live_url, target=self._source)
            return await self._read(stream, reading, same)
        finally:
            reading.close()

    async def _read_whole(self) -> bool:
        """Read the log whole; whether it showed a line that was known."""
        read = partial(self._around.poller.read_whole, self.state, self.deployment)
        known: bool = await self._around.block(read)
        return known

    async def _locate(self, tail_lines: int) -> LogLocations:
        request = partial(
            self._around.platform.log_locations,
            self._source,
            self.deployment.id,
            tail_lines=tail_lines,
            pod_connection_timeout=self._around.settings.pod_connection_timeout,
            follow=True,
        )
        locations: LogLocations = await self._around.block(request)
        return locations

    def _no_stream(self, locations: LogLocations) -> None:
        """There is no live log: the deployment is past, or nothing runs; neither is a failure."""
        self._note()
        if locations.archive_urls:
            self._say_gone()

    def _say_gone(self) -> None:
        self.deployment.found_past += 1
        if self.deployment.found_past <= EARLY_DISCOVERIES:
            self._around.on_deployment_gone()

    async def _read(
        self, stream: Stream, reading: StreamReading, same: bool | None
    ) -> ApiError | None:
        """Read a stream to its end.

        ``same``: whether a whole read just now showed a known line; None if there was none.
        """
        ended = False
        self._begin(stream, reading)
        try:
            await self._catch_up(stream, reading)
            await self._judge(reading, same)
            while True:
                text = await stream.read(PAUSE_SECONDS if reading.waiting else None)
                self._take(reading, text) if text else reading.pause()
                await asyncio.sleep(0)  # a turn for every other stream
        except StreamEndedError as end:
            ended = True
            if end.error is None and reading.began and not reading.caught_up:
                await self._judge(reading, same)
            return end.error
        finally:
            self._end(looks=ended)
            stream.abort()

    async def _catch_up(self, stream: Stream, reading: StreamReading) -> None:
        """Read what there was when the stream began.

        A first byte has to come before that can be over: the platform may take minutes to reach
        a container.
        """
        several = 1 if self.state.component.instance_count == 1 else SEVERAL
        self._take(reading, await stream.read())
        ends = asyncio.get_running_loop().time() + CATCH_UP_SECONDS * several
        while not reading.full:
            left = ends - asyncio.get_running_loop().time()
            if left <= 0:
                return
            text = await stream.read(min(left, PAUSE_SECONDS * several))
            if not text:
                return
            self._take(reading, text)
            await asyncio.sleep(0)

    async def _judge(self, reading: StreamReading, same: bool | None) -> None:
        """What there was has come: see whether it reaches back to what was counted."""
        known = reading.knows_a_line
        judged = (same is not None and known) or self._began_live(reading)
        if same is None:
            same = known
        if not judged and reading.may_miss_lines and reading.tail_lines < self._widest:
            with suppress(ApiError):  # then lines may be missing, as far as can be told
                same = await self._read_whole()
                judged = True
        self._alive = same and self.state.component.instance_count == 1
        self._fallback.reset()
        before = reading.lines
        reading.catch_up(judge=not judged)
        self.state.lines += reading.lines - before
        looked = self._look is not None and self._look.done()
        if reading.in_doubt or (looked and not self._alive):
            # Containers have ended of which RUN_RESTARTED did not show all, or since it was read.
            self._around.poller.read_soon(self._restarted)

    def _began_live(self, reading: StreamReading) -> bool:
        """Whether all that came was written after the stream was open: nothing was there."""
        return reading.first_time / NANOSECONDS > self._opened_at + CLOCK_SECONDS

    def _try_done(self) -> None:
        """There is a first stream, or none to be had: now RUN_RESTARTED has what came before."""
        if not self.tried:
            self.tried = True
            self._around.poller.resume(self._restarted)
            self._around.poller.read_soon(self._restarted)

    def _take(self, reading: StreamReading, text: bytes) -> None:
        before = reading.lines
        reading.take(text)
        self.state.lines += reading.lines - before
        self.state.newest = max(self.state.newest, reading.newest)
        self.heard_at = self._around.clock()

    def _begin(self, stream: Stream, reading: StreamReading) -> None:
        """A stream is open: nobody else reads the log."""
        if not self.state.suspended and self.tried:
            LOG.info("log is followed again", extra={"fields": {"source": self._source}})
        self.state.stream = CONNECTED
        self._around.poller.suspend(self._source)
        self._stream, self._reading = stream, reading
        self._end_known = self.newest_end()
        self._opened_at = self.heard_at = self._around.clock()
        self._try_done()
        pipeline = self._around.pipeline
        with pipeline.lock:
            if pipeline.series.is_open(self._source.key):
                parts = self._source.key.parts
                if self._opened:
                    pipeline.ledger.add(pipeline.metrics.stream_reconnects, parts, 1)
                pipeline.metrics.stream_connected.labels(*parts).set(1)
        self._opened = True
        self._note()

    def _end(self, *, looks: bool) -> None:
        """The stream is over; ``looks``: perhaps since a container has ended."""
        self._stream = self._reading = None
        self.state.stream = "ended, to be opened again"
        pipeline = self._around.pipeline
        with pipeline.lock:
            if pipeline.series.is_open(self._source.key):
                pipeline.metrics.stream_connected.labels(*self._source.key.parts).set(0)
        reopening, self._reopening = self._reopening, False
        if reopening or not looks:
            return
        self._alive = False
        if self._look is not None:
            self._look.cancel()
        self._look = asyncio.create_task(self._look_for_an_end(self.newest_end()))
        self._around.internal_errors.watch(Part.FOLLOWER, self._look, source=self._source)

    def beat(self, minute: bool) -> None:
        """Its stream lives, as far as pings tell; ``minute``: another one is over."""
        reading = self._reading
        if reading is None:
            return
        self._note()
        reading.settle(self._around.clock())
        if minute:
            self.state.tail.learn(self.state.lines - self._lines_before)
            self._lines_before = self.state.lines
            reading.keep(self.state.tail.ask())

    def outlived(self, silence: float) -> bool:
        """Whether its stream should be opened anew, though it has not ended.

        A container ended and the stream did not, so it may not show the next one; or nothing came
        for ``silence`` seconds, and pings tell nothing of what is behind the proxy.
        """
        if not self.connected:
            return False
        quiet = self._around.clock() - self.heard_at
        return quiet > silence or (self.newest_end() > self._end_known and quiet > PAUSE_SECONDS)

    async def reopen(self) -> None:
        """End the stream, so that another is opened."""
        if self._stream is not None:
            self._reopening = True
            await self._stream.close()

    async def _look_for_an_end(self, known: float) -> None:
        """Have RUN_RESTARTED read until it shows an end, or a stream the same container."""
        # Of several instances no stream can tell that none has ended: no use to wait for one.
        alone = self.state.component.instance_count == 1
        for wait in (END_LOOKS[0] * alone, *END_LOOKS[1:]):
            await asyncio.sleep(wait)
            if self._alive or self.newest_end() > known:
                return
            self._around.poller.read_soon(self._restarted)

    def newest_end(self) -> float:
        """When the newest container end that is known of happened, in Unix seconds."""
        pipeline = self._around.pipeline
        with pipeline.lock:
            newest = pipeline.metrics.last_restart_timestamp
            return pipeline.ledger.value(newest, self._source.key.parts)

    def _fall_back(self, error: ApiError) -> float:
        """No stream can be had: let the log be polled, and try again later."""
        if self.state.suspended:
            LOG.warning(
                "log can not be followed, polling it until it can",
                extra={"fields": {"source": self._source, "problem": error}},
            )
        self.state.stream = f"not to be had, polled: {error}"
        self._around.poller.resume(self._source)
        return self._fallback.next()

    def _note(self, problem: str = "", kind: str = "") -> None:
        self._around.poller.note(self.state, self._around.clock(), problem, kind)
