"""The life of one followed log: a stream, its end, what to do about that, the next stream.

Runs on the follower's event loop; requests to the API block, and run in the follower's threads.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from exporter.counting.pipeline import Pipeline
from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.live_stream import HandshakeError
from exporter.digitalocean.log_streams import StreamEndedError
from exporter.errors import (
    ApiError,
    DeploymentEnded,
    InternalError,
    InvalidResponse,
    NotFound,
    Stopping,
    TooManyRequests,
)
from exporter.model import LogLocations
from exporter.reading.following.open_stream import OpenStream, Streams
from exporter.reading.following.restart_probe import RestartProbe
from exporter.reading.following.stream_reading import StreamReading
from exporter.reading.poller import Poller
from exporter.reading.source_reads import SourceReads
from exporter.reading.source_state import SourceState
from exporter.scheduling.backoff import Backoff
from exporter.telemetry.internal_errors import InternalErrors, Part

LOG = logging.getLogger(__name__)

GOOD_SECONDS = 10.0
"""A stream that lived so long was no failure: the next one is opened without much waiting."""

LONGEST_WAIT = 60.0
REFUSED_WAIT, GARBLED_WAIT = 1.0, 30.0
"""Seconds before a stream is tried again whose handshake failed, or that brought no log; each
further failure doubles them."""

LONGEST_FALLBACK = 600.0
"""Seconds; the longest of these waits."""

PROOF_SECONDS = 5.0
"""A stream that ended in good order proves that a log is complete if asking for it again shows so
soon that its deployment has ended, or the next container: later, another one may have begun and
ended meanwhile."""

SHORT_SECONDS = 60.0
"""A stream that ended sooner costs more requests than reading the log once in that time."""

FIRST_TIMES = 5
"""How many times ``tail_lines`` are asked for where the first stream of a new deployment begins
with as many lines as were asked for: what its containers wrote before is lost otherwise."""

QUIET_SECONDS, LONGEST_STAY = 60.0, 600.0
"""A stream of a past deployment that does not end is left when it was silent for so long; at the
latest after the longest time that the platform gives a container to end."""

CONNECTED = "connected"
"""How a stream stands, for people, while it lives."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every followed log makes use of.

    Args:
        block: runs what blocks in a thread.
        clock: Unix seconds, as the times of lines are.
        monotonic: seconds, for whatever waits.
    """

    platform: AppPlatform
    streams: Streams
    pipeline: Pipeline
    poller: Poller
    reads: SourceReads
    block: Callable[[Callable[[], Any]], Awaitable[Any]]
    clock: Callable[[], float]
    rng: Random
    internal_errors: InternalErrors
    monotonic: Callable[[], float] = time.monotonic
    first_tried: Callable[[RestartProbe], None] = RestartProbe.first_stream
    """Called once for each log, when its first stream was opened or could not be had."""


class FollowedSource:
    """One RUN log; ``run`` follows it until it is cancelled, or until ``leave`` was called."""

    def __init__(self, state: SourceState, around: Surroundings) -> None:
        self.state = state
        self.deployment = state.active
        self._around = around
        self._source = state.source
        self._widest = around.reads.settings.tail_lines
        self._backoff = Backoff(around.rng, LONGEST_WAIT)
        self._fallback = Backoff(around.rng, LONGEST_FALLBACK, REFUSED_WAIT)
        self._garbled = Backoff(around.rng, LONGEST_FALLBACK, GARBLED_WAIT)
        self._probe = RestartProbe(state, around.pipeline, around.poller, around.internal_errors)
        self._stream: OpenStream | None = None
        self._opened = False  # ever
        self._reopening = False
        self._refused = False  # the latest request for it, since its deployment has ended
        self._polled = False
        self._left_at: float | None = None  # Unix seconds
        self._ended_at = 0.0  # Unix seconds: when its latest stream ended in good order
        self._began_at = 0.0  # when its latest stream was opened
        self._short = False  # its latest stream that ended did so early
        self._wake = asyncio.Event()
        self.tried = False
        self._lines_before = state.lines

    @property
    def fallen_back(self) -> bool:
        """Whether no stream could be opened, so that the log is polled."""
        return self._polled and not self._left

    @property
    def short_lived(self) -> bool:
        """Whether its streams end early, as far as the latest ones show."""
        lasts = self._stream is not None and self._age() >= SHORT_SECONDS
        return self._short and not lasts

    def _age(self) -> float:
        return self._around.monotonic() - self._began_at

    @property
    def connected(self) -> bool:
        """Whether its stream lives."""
        return self._stream is not None

    async def run(self) -> None:
        """Follow the log, whatever happens, until cancelled or the program shuts down."""
        errors = self._around.internal_errors
        self._show_connected(False)
        try:
            while True:
                try:
                    with errors.translated(Part.FOLLOWER, source=self._source):
                        delay = await self._once()
                except Stopping:
                    return
                except InternalError as error:
                    self._note(str(error), error.kind)
                    delay = LONGEST_WAIT
                self._try_done()
                if self._over():
                    return
                await self._sleep(delay)
                if self._over():
                    return
        finally:
            self._probe.cancel()
            self.deployment.streamed = False

    def reads(self, state: SourceState) -> bool:
        """Whether it reads the deployment that is active now by this state."""
        return self._source == state.source and self.deployment.id == state.active.id

    def leave(self) -> None:
        """Read the log to its end and follow it no more: another deployment is active.

        Until then nobody else reads it. Called from any thread; ``wake`` has to follow on the loop.
        """
        if self._left_at is None:
            self.deployment.streamed = True
            self._left_at = self._around.monotonic()
            if not self._refused:
                self._doubt()

    def wake(self) -> None:
        """Wait no longer for what comes next; called on the loop."""
        self._wake.set()

    def stays_too_long(self) -> bool:
        """Whether the stream of a past deployment should be left, though it has not ended."""
        if self._left_at is None or self._stream is None:
            return False
        stayed = self._around.monotonic() - self._left_at
        return stayed > LONGEST_STAY or min(stayed, self._stream.quiet) > QUIET_SECONDS

    @property
    def _left(self) -> bool:
        return self._left_at is not None

    def _over(self) -> bool:
        """Whether there is nothing more to follow of a deployment that is past."""
        if self._left_at is None:
            return False
        stayed = self._around.monotonic() - self._left_at
        return self._refused or self._polled or stayed > QUIET_SECONDS

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _doubt(self) -> None:
        """An end of long ago proves nothing: another container may have begun and ended since."""
        if not self._ended_lately():
            self.deployment.complete = False

    def _ended_lately(self) -> bool:
        return self._around.monotonic() - self._ended_at <= PROOF_SECONDS

    async def _once(self) -> float:
        """Ask for a stream and read it to its end; how long to wait before the next, in seconds."""
        began = asyncio.get_running_loop().time()
        try:
            ended = await self._follow()
        except HandshakeError as error:
            return self._fall_back(error.error, self._fallback)
        except DeploymentEnded:
            if not (self._refused or self._left):
                self._doubt()
            self._refused = True
            if not self._left:
                self._around.reads.found_past(self.deployment)
            return self._backoff.next()
        except ApiError as error:
            if self._left:
                self._polled = True  # to be tried again as every past deployment is
                return 0.0
            self._note(str(error), error.kind)
            if isinstance(error, NotFound):
                self._around.reads.found_past(self.deployment)
            asked = error.retry_after if isinstance(error, TooManyRequests) else None
            return max(self._backoff.next(), asked or 0.0)
        if isinstance(ended, InvalidResponse):
            return self._fall_back(ended, self._garbled)  # it would only bring more of that
        if asyncio.get_running_loop().time() - began >= GOOD_SECONDS:
            self._backoff.reset()
        return self._backoff.next()

    async def _follow(self) -> ApiError | None:
        """One stream from its request to its end; what it broke off with, if not in good order."""
        state, around = self.state, self._around
        # Where as many lines are asked for as can be, a stream that begins with nothing known
        # cannot tell what was there from what came meanwhile: a read that ends can.
        judged = self._opened and state.suspended and state.tail.busy
        proven = self.deployment.complete and self._ended_lately()
        alone = state.component.instance_count == 1
        same = await self._read_whole(proven=proven and alone) if judged else None
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
            self._refused = self._polled = False
            if locations.live_url is None:
                self._no_stream(locations, reading)
                return None
            stream = await around.streams.open(locations.live_url, target=self._source)
            newest_end = self._probe.newest()
            clocks = around.clock, around.monotonic
            opened = OpenStream(stream, reading, state, newest_end, *clocks)
            return await self._read(opened, same)
        finally:
            reading.close()

    async def _read_whole(self, times: int = 1, *, proven: bool = False) -> bool:
        """Read the log whole; whether it showed a line that was known."""
        read = partial(
            self._around.reads.read_whole,
            self.state,
            self.deployment,
            times=times,
            follows_whole=proven,
        )
        known: bool = await self._around.block(read)
        return known

    async def _locate(self, tail_lines: int) -> LogLocations:
        request = partial(
            self._around.platform.log_locations,
            self._source,
            self.deployment.id,
            tail_lines=tail_lines,
            pod_connection_timeout=self._around.reads.settings.pod_connection_timeout,
            follow=True,
            urgent=not self.tried,
        )
        locations: LogLocations = await self._around.block(request)
        return locations

    def _no_stream(self, locations: LogLocations, reading: StreamReading) -> None:
        """There is no live log: the deployment is past, or nothing runs; neither is a failure."""
        self._note()
        self._refused = True
        if locations.archive_urls:
            if not self._left:
                self._around.reads.found_past(self.deployment)
        elif self.deployment.complete and self._ended_lately():
            reading.nothing_runs()

    async def _read(self, stream: OpenStream, same: bool | None) -> ApiError | None:
        """Read a stream to its end.

        ``same``: whether a whole read just now showed a known line; None if there was none.
        """
        ended, reading, owes = False, stream.reading, False
        complete, self.deployment.complete = self.deployment.complete, False
        first = self.deployment.from_first_line and not self._opened
        # The stream before this one has just brought all of the containers that it showed.
        proven = complete and self._ended_lately()
        if proven and self.state.component.instance_count == 1:
            reading.follow_whole()
        self._begin(stream)
        try:
            await stream.catch_up()
            await self._judge(stream, same, first=first, proven=proven)
            owes = reading.in_doubt and not complete
            await stream.read_on()
        except StreamEndedError as end:
            ended = True
            if end.error is None and reading.began and not reading.caught_up:
                await self._judge(stream, same, first=first, proven=proven)
                owes = reading.in_doubt and not complete
            if end.error is None and not self._reopening:
                # One without a line proves no more than the one before it. One of several
                # instances may have gone on without the container after one that ended. And if
                # containers had ended before it, RUN_RESTARTED has to show what they wrote.
                several = self.state.component.instance_count != 1
                lacks = several and stream.is_behind(self._probe.newest())
                lacks = lacks or (owes and reading.in_doubt)
                self.deployment.complete = (reading.began or complete) and not lacks
                if reading.began:
                    self._ended_at = self._around.monotonic()
            return end.error
        finally:
            self._end(probe=ended)
            stream.abort()

    async def _judge(
        self, stream: OpenStream, same: bool | None, *, first: bool, proven: bool
    ) -> None:
        """What there was has come: see whether it reaches back to what was counted.

        Args:
            first: whether it is the first stream of a deployment of which all lines are new.
            proven: whether the stream before it has just brought the log to its end.
        """
        reading = stream.reading
        known = reading.knows_a_line
        judged = same is not None and known
        if same is None:
            same = known
        if stream.began_live:
            reading.note_nothing_before()
            if proven:
                reading.nothing_runs()
        wider = reading.tail_lines < self._widest or first
        if not judged and reading.may_miss_lines and wider:
            # Then lines may be missing, as far as can be told.
            with suppress(ApiError, DeploymentEnded):
                same = await self._read_whole(FIRST_TIMES if first else 1)
                judged = True
        self._fallback.reset()
        self._garbled.reset()
        before = reading.lines
        reading.catch_up(judge=not judged)
        self.state.lines += reading.lines - before
        self._probe.stream_began(same=same, in_doubt=reading.in_doubt)

    def _try_done(self) -> None:
        if not self.tried:
            self.tried = True
            self._around.first_tried(self._probe)

    def _begin(self, stream: OpenStream) -> None:
        """A stream is open: nobody else reads the log."""
        self._stream = stream
        self._began_at = self._around.monotonic()
        if self._left:
            return
        if not self.state.suspended and self.tried:
            LOG.info("log is followed again", extra={"fields": {"source": self._source}})
        self.state.stream = CONNECTED
        self._around.poller.suspend(self._source)
        self._try_done()
        if self._opened:
            self._around.pipeline.count_reconnect(self._source.key)
        self._show_connected(True)
        self._opened = True
        self._note()

    def _show_connected(self, connected: bool) -> None:
        pipeline = self._around.pipeline
        pipeline.show(pipeline.metrics.stream_connected, self._source.key, connected)

    def _end(self, *, probe: bool) -> None:
        """The stream is over; ``probe``: perhaps since a container has ended."""
        self._stream = None
        self._short = probe and not self._reopening and self._age() < SHORT_SECONDS
        if self._left:
            return
        self.state.stream = "ended, to be opened again"
        self._show_connected(False)
        reopening, self._reopening = self._reopening, False
        if probe and not reopening:
            self._probe.stream_ended()

    def hand_over_nears(self) -> None:
        """Look for containers that ended while a stream of others continues; called on the loop."""
        if self._stream is not None and self.state.component.instance_count != 1:
            self._probe.probe()

    def beat(self, minute: bool) -> None:
        """Its stream lives, as far as pings tell; ``minute``: another one is over."""
        if self._stream is None:
            return
        self._note()
        reading = self._stream.reading
        reading.settle(self._around.clock())
        if reading.exits_wait:
            self._probe.probe()
        if minute:
            self.state.tail.learn(self.state.lines - self._lines_before)
            self._lines_before = self.state.lines
            reading.keep(self.state.tail.ask())

    def outlived(self, silence: float) -> bool:
        """Whether another stream should be opened: see ``OpenStream.outlived``."""
        return self._stream is not None and self._stream.outlived(silence, self._probe.newest())

    async def reopen(self) -> None:
        """End the stream, so that another is opened."""
        if self._stream is not None:
            self._reopening = True
            await self._stream.close()

    def _fall_back(self, error: ApiError, waits: Backoff) -> float:
        """No stream can be had: let the log be polled, and try again later."""
        self._polled = True
        if self._left:
            return 0.0
        if self.state.suspended:
            LOG.warning(
                "log cannot be followed, polling it until it can",
                extra={"fields": {"source": self._source, "problem": error}},
            )
        self.state.stream = f"unavailable, polled: {error}"
        self._around.poller.resume(self._source)
        return waits.next()

    def _note(self, problem: str = "", kind: str = "") -> None:
        if self._left:
            return
        self._around.poller.note(self.state, self._around.clock(), problem, kind)
