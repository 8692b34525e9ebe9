"""Follows the RUN log of every component over live streams, on one event loop in its own thread.

Stands in front of the poller, which reads everything else: the other logs, past deployments, and
a log whose stream cannot be had.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from exporter.counting.pipeline import Pipeline
from exporter.digitalocean.apps import AppPlatform
from exporter.errors import InternalError, Stopping
from exporter.model import Component, Deployment, LogType, Source, SourceStatus
from exporter.reading.following.followed_source import FollowedSource, Surroundings
from exporter.reading.following.open_stream import Streams
from exporter.reading.following.restart_probe import RestartProbe
from exporter.reading.poller import Poller
from exporter.reading.source_reads import SourceReads
from exporter.reading.source_state import FOLLOWED_INTERVAL
from exporter.telemetry.internal_errors import InternalErrors, Part

LOG = logging.getLogger(__name__)

BEAT_SECONDS = FOLLOWED_INTERVAL
"""How often a stream that lives is shown as read."""

SILENCE_SECONDS = 2 * 3600.0
"""A stream that brought nothing for so long is opened again."""

STOP_SECONDS = 4.0

_WORKERS = 4
_BEATS_A_MINUTE = 6

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Followed:
    """Logs that are followed.

    Args:
        total: all of them.
        refused: those that no stream can be opened for.
        short: those whose latest stream ended early.
    """

    total: int
    refused: int
    short: int


class Follower:
    """Follows RUN and lets the poller read what is not followed."""

    def __init__(
        self,
        poller: Poller,
        reads: SourceReads,
        platform: AppPlatform,
        streams: Streams,
        pipeline: Pipeline,
        *,
        rng: Random,
        internal_errors: InternalErrors,
    ) -> None:
        self._poller = poller
        self._around = Surroundings(
            platform,
            streams,
            pipeline,
            poller,
            reads,
            self._block,
            pipeline.clock,
            rng,
            internal_errors,
            first_tried=self._first_tried,
        )
        self._rng = rng
        self._internal_errors = internal_errors
        self._workers = ThreadPoolExecutor(_WORKERS, "follower-requests")
        self._followed: dict[Source, FollowedSource] = {}
        self._held: list[RestartProbe] = []  # RUN_RESTARTED logs that wait for all streams
        self._tasks: dict[Source, asyncio.Task[None]] = {}
        self._leaving: dict[FollowedSource, asyncio.Task[None]] = {}  # past deployments' streams
        self._beats: asyncio.Task[None] | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._requests: set[asyncio.Future[Any]] = set()  # in the workers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to follow what is watched, and what will be."""
        self._loop = loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run_loop, args=(loop,), name="follower")
        self._thread.start()
        self._call(self._begin_beats())

    def stop(self) -> None:
        """End every stream; returns within a few seconds, what was read is counted."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._end_all(), loop).result(STOP_SECONDS)
        except TimeoutError:
            LOG.warning("streams did not end in time, giving them up")
        self._workers.shutdown(wait=False, cancel_futures=True)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(STOP_SECONDS)

    def watch(
        self,
        source: Source,
        component: Component,
        active: Deployment,
        *,
        between: Sequence[Deployment] = (),
        from_first_line: bool = False,
    ) -> None:
        """Read a source from now on, or continue with it under another deployment."""
        # Before a stream is open, a container may end that RUN_RESTARTED has shown running.
        follows = source.log_type is LogType.RUN
        waits = source.log_type is LogType.RUN_RESTARTED
        with self._lock:
            followed = self._followed.get(source)
        if followed is not None and followed.deployment.id != active.id:
            followed.leave()  # before the poller learns that there is something past to read
        self._poller.watch(
            source,
            component,
            active,
            between=between,
            from_first_line=from_first_line,
            suspended=follows or waits,
        )
        if follows:
            self._call(self._follow(source))
        elif waits:
            self._call(self._release_late(source))

    def unwatch(self, source: Source) -> None:
        """Read a source no more."""
        self._poller.unwatch(source)
        self._call(self._end(source))

    def hand_over_nears(self, app_id: str) -> None:
        """Read the RUN logs of an app now that are not followed, and see to those that are."""
        self._poller.hand_over_nears(app_id)
        self._call(self._see_to(app_id))

    async def _see_to(self, app_id: str) -> None:
        for source, followed in list(self._followed.items()):
            if source.app_id == app_id:
                followed.hand_over_nears()

    def sources(self) -> list[Source]:
        """Every source that is watched."""
        return self._poller.sources()

    def waiting(self) -> int:
        """How many sources have not been read, or tried to be followed, for the first time."""
        with self._lock:
            followed = sum(not each.tried for each in self._followed.values())
        return self._poller.waiting() + followed

    def polled(self) -> Counter[LogType]:
        """How many requests read the logs of each type, each interval."""
        return self._poller.polled()

    def repace(self, factor: float, stretch: float) -> None:
        """Intervals became longer by ``factor``, or shorter; they are ``stretch`` times as long."""
        self._poller.repace(factor, stretch)

    def statuses(self) -> list[SourceStatus]:
        """How each source stands."""
        return self._poller.statuses()

    def followed(self) -> Followed:
        """How many logs are followed, and how that goes."""
        with self._lock:
            logs = list(self._followed.values())
        return Followed(
            len(logs), sum(log.fallen_back for log in logs), sum(log.short_lived for log in logs)
        )

    async def _follow(self, source: Source) -> None:
        """Follow the active deployment of a source, unless that is done already."""
        before, state = self._followed.get(source), self._poller.state(source)
        if state is None or (before is not None and before.deployment is state.active):
            return
        followed = FollowedSource(state, self._around)
        with self._lock:
            self._followed[source] = followed
        former = self._tasks.get(source)
        if before is not None and former is not None:
            self._let_leave(before, former)
        same = [task for old, task in self._leaving.items() if old.reads(state)]
        self._tasks[source] = task = asyncio.create_task(self._run_after(same, followed))
        self._internal_errors.watch(Part.FOLLOWER, task, source=source)

    def _let_leave(self, followed: FollowedSource, task: asyncio.Task[None]) -> None:
        """Let the stream of a past deployment come to its end, beside that of the new one."""

        def ended(task: asyncio.Task[None]) -> None:
            self._leaving.pop(followed, None)
            self._poller.read_soon(followed.state.source)

        followed.leave()
        followed.wake()
        self._leaving[followed] = task
        task.add_done_callback(ended)

    async def _run_after(
        self, before: Sequence[asyncio.Task[None]], followed: FollowedSource
    ) -> None:
        await _cancel(before)
        await followed.run()

    async def _end(self, source: Source) -> None:
        with self._lock:
            self._followed.pop(source, None)
        self._release_held()
        task = self._tasks.pop(source, None)
        leaving = [task for old, task in self._leaving.items() if old.state.source == source]
        await _cancel([*leaving, task] if task is not None else leaving)
        # A request that goes on fails if its app is gone: that must not outlast the app.
        if self._requests:
            await asyncio.wait(self._requests)
        self._poller.forget(source)

    def _first_tried(self, ends: RestartProbe) -> None:
        """Hold a component's RUN_RESTARTED back until every stream was tried.

        So the first requests that the budget allows open streams: each log that is not followed
        yet loses lines sooner than RUN_RESTARTED does.
        """
        self._held.append(ends)
        self._release_held()

    def _release_held(self) -> None:
        if all(followed.tried for followed in self._followed.values()):
            held, self._held = self._held, []
            for ends in held:
                ends.first_stream()

    async def _release_late(self, restarted: Source) -> None:
        """Read RUN_RESTARTED that is watched only after its component's stream was tried."""
        run = self._followed.get(replace(restarted, log_type=LogType.RUN))
        held = any(ends.restarted == restarted for ends in self._held)
        if run is not None and run.tried and not held:
            self._poller.resume(restarted)

    async def _begin_beats(self) -> None:
        self._beats = asyncio.create_task(self._beat())
        self._internal_errors.watch(Part.FOLLOWER, self._beats)

    async def _beat(self) -> None:
        beats = 0
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            beats += 1
            for source, followed in list(self._followed.items()):
                with (
                    suppress(InternalError),
                    self._internal_errors.translated(Part.FOLLOWER, source=source),
                ):
                    self._beat_one(followed, minute=beats % _BEATS_A_MINUTE == 0)
            for followed in [each for each in self._leaving if each.stays_too_long()]:
                self._say_goodbye(followed)

    def _beat_one(self, followed: FollowedSource, *, minute: bool) -> None:
        followed.beat(minute=minute)
        if followed.outlived(SILENCE_SECONDS * self._rng.uniform(1.0, 1.2)):
            self._say_goodbye(followed)

    def _say_goodbye(self, followed: FollowedSource) -> None:
        self._goodbyes.add(goodbye := asyncio.create_task(followed.reopen()))
        goodbye.add_done_callback(self._goodbyes.discard)
        self._internal_errors.watch(Part.FOLLOWER, goodbye)

    async def _end_all(self) -> None:
        ours = asyncio.current_task()
        await _cancel([task for task in asyncio.all_tasks() if task is not ours])

    async def _block(self, function: Callable[[], T]) -> T:
        try:
            request = asyncio.get_running_loop().run_in_executor(self._workers, function)
        except RuntimeError:  # they are shut down, since this has not ended in time
            raise Stopping from None
        self._requests.add(request)
        request.add_done_callback(self._request_ended)
        return await asyncio.shield(request)

    def _request_ended(self, request: asyncio.Future[Any]) -> None:
        self._requests.discard(request)
        if not request.cancelled():
            request.exception()  # whoever waited for it may be gone

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Let a coroutine run on the loop; nothing once it is stopped."""
        with self._lock:
            if self._loop is None:
                coroutine.close()
            else:
                task = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
                self._internal_errors.watch(Part.FOLLOWER, task)


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks) if tasks else None
