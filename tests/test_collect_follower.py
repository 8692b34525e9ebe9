"""Following, step by step under a virtual clock: streams, their ends, what is asked for when."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from collect_fixtures import (
    IDENTITY,
    KEY,
    RESTARTED,
    RUN,
    START,
    WEB,
    Site,
    deployment,
    line,
    not_found,
    server_error,
)
from virtual_time import VirtualTimeLoop
from waiting import LIMIT_SECONDS, wait_for

from exporter.digitalocean.live_stream import HandshakeError
from exporter.digitalocean.log_streams import StreamEndedError
from exporter.errors import (
    ApiError,
    ConnectionFailed,
    DeploymentEnded,
    Forbidden,
    InvalidResponse,
    ServerError,
    TooManyRequests,
    UnexpectedStatus,
)
from exporter.model import Component, Endpoint, GapReason, LogType
from exporter.reading.following import follower as following
from exporter.reading.following.followed_source import (
    LONGEST_WAIT,
    FollowedSource,
    Surroundings,
)
from exporter.reading.following.follower import Follower


@dataclass
class FakeStream:
    """A stream that says what the test lets it say."""

    texts: "asyncio.Queue[bytes | StreamEndedError]" = field(default_factory=asyncio.Queue)
    closed: bool = False

    def say(self, *lines: bytes) -> None:
        self.texts.put_nowait(b"".join(lines))

    def end(self, error: ApiError | None = None) -> None:
        self.texts.put_nowait(StreamEndedError(error))

    async def read(self, wait: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(wait):
                item = await self.texts.get()
        except TimeoutError:
            return b""
        if isinstance(item, StreamEndedError):
            raise item
        return item

    async def close(self) -> None:
        self.end()

    def abort(self) -> None:
        self.closed = True


@dataclass
class FakeStreams:
    """Opens fake streams, each beginning with ``shows``, or refuses with ``refusal``."""

    shows: list[bytes] = field(default_factory=list)
    refusal: ApiError | None = None
    opened: list[FakeStream] = field(default_factory=list)
    tried: int = 0

    async def open(self, live_url: str, *, target: object) -> FakeStream:
        self.tried += 1
        if self.refusal is not None:
            raise HandshakeError(self.refusal, refused=True)
        stream = FakeStream()
        if self.shows:
            stream.say(*self.shows)
        self.opened.append(stream)
        return stream


@dataclass
class Scene:
    """One followed component, its clock and what reaches the platform."""

    component: Component = WEB
    tail_lines: int = 100
    log_types: tuple[LogType, ...] = (LogType.RUN, LogType.RUN_RESTARTED)
    loop: VirtualTimeLoop = field(default_factory=VirtualTimeLoop)
    streams: FakeStreams = field(default_factory=FakeStreams)
    soon: list[tuple[float, LogType]] = field(default_factory=list)
    asked: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.site = Site(tail_lines=self.tail_lines, log_types=self.log_types, followed=True)
        self.site.clock = self.site.poller._clock = self.time  # type: ignore[assignment]
        self.site.scheduler.start()
        self.site.series.open_component(KEY, self.component)
        poller = self.site.poller
        for source in (RUN, RESTARTED):
            if source.log_type in self.log_types:
                poller.watch(source, self.component, deployment("d1"), suspended=True)
        self.site.scheduler.remove_all_jobs()
        read_soon = poller.read_soon

        def note_soon(source: Any) -> None:
            self.soon.append((round(self.loop.now, 1), source.log_type))
            read_soon(source)

        poller.read_soon = note_soon  # type: ignore[method-assign]
        locate = self.site.platform.log_locations

        def note_asked(source: Any, deployment_id: str, **options: Any) -> Any:
            if options.get("follow"):
                self.asked.append((round(self.loop.now, 1), options["tail_lines"]))
            return locate(source, deployment_id, **options)

        self.site.platform.log_locations = note_asked
        state = poller.state(RUN)
        assert state is not None
        self.around = Surroundings(
            self.site.platform,
            self.streams,
            self.site.pipeline,
            poller,
            self.site.reads,
            self.block,
            self.time,
            Random(1),
            self.site.internal_errors,
            self.loop.time,
        )
        self.followed = FollowedSource(state, self.around)

    def time(self) -> float:
        return START + 1000 + self.loop.now

    async def block(self, function: Callable[[], Any]) -> Any:
        return function()

    @property
    def stream(self) -> FakeStream:
        return self.streams.opened[-1]

    @property
    def status(self) -> Any:
        [status] = [s for s in self.site.poller.statuses() if s.log_type is LogType.RUN]
        return status

    def connected(self) -> float | None:
        return self.site.value("stream_connected", app="shop", component="web")

    def reconnects(self) -> float | None:
        return self.site.value("stream_reconnects_total", app="shop", component="web")

    def lines(self) -> float | None:
        return self.site.lines()

    def refuse_the_old_deployment(self) -> None:
        """Its logs cannot be read any more."""
        for log_type in (LogType.RUN, LogType.RUN_RESTARTED):
            self.site.platform.log("d1", log_type).error = DeploymentEnded("it has")

    def hand_over(self) -> None:
        """Another deployment is active; what can be read of both is read."""
        self.followed.leave()
        for source in (RUN, RESTARTED):
            self.site.poller.watch(source, WEB, deployment("d2"))
        self.followed.wake()
        self.loop.advance(5)
        for source in (RUN, RESTARTED):
            self.site.poller.poll(source)

    def gaps(self) -> float | None:
        return self.site.gaps()


@pytest.fixture(name="begin")
def _begin() -> Iterator[Callable[..., Scene]]:
    scenes: list[tuple[Scene, asyncio.Task[None]]] = []

    def begin(**options: Any) -> Scene:
        streams = {name: options.pop(name) for name in ("shows", "refusal") if name in options}
        scene = Scene(**options)
        for name, value in streams.items():
            setattr(scene.streams, name, value)
        scenes.append((scene, scene.loop.create_task(scene.followed.run())))
        return scene

    yield begin
    for scene, task in scenes:
        task.cancel()
        scene.loop.advance(1)
        assert task.done()
        scene.loop.close()


def test_a_stream_that_lives_costs_one_request(begin):
    """A day of lines: one request, one stream, source up, and RUN_RESTARTED read once."""
    scene = begin(shows=[line(1)])
    for minute in range(60 * 24):
        scene.loop.advance(60)
        scene.stream.say(line(2 + minute))
        scene.followed.beat(minute=True)
        assert not scene.followed.outlived(7200)
    scene.loop.advance(1)
    assert (scene.lines(), scene.gaps(), scene.connected()) == (1441, 0, 1)
    assert scene.streams.tried == len(scene.asked) == 1
    assert scene.soon == [(0.0, LogType.RUN_RESTARTED)]
    assert (scene.status.state, scene.status.stream) == ("up", "connected")
    assert scene.site.value("source_last_success_timestamp_seconds") > scene.time() - 62


def test_an_end_is_followed_by_another_stream_and_by_looks_at_run_restarted(begin):
    """Where nothing known is shown, RUN_RESTARTED is read then, and 2, 5 and 10 s after the end."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(100)
    scene.streams.shows = [line(50)]
    scene.stream.end()
    scene.loop.advance(30)
    assert scene.streams.tried == 2
    assert 100 < scene.asked[1][0] <= 100.5
    assert [(round(at - 100), kind) for at, kind in scene.soon[1:]] == [
        (1, LogType.RUN_RESTARTED),
        (2, LogType.RUN_RESTARTED),
        (5, LogType.RUN_RESTARTED),
        (10, LogType.RUN_RESTARTED),
    ]
    assert (scene.reconnects(), scene.lines()) == (1, 2)


def test_run_restarted_is_looked_at_no_more_once_it_shows_the_end(begin):
    """The first look finds the container's end: no other is needed."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(100)
    scene.streams.shows = [line(50)]
    scene.stream.end()
    scene.loop.advance(2.5)
    scene.site.platform.log("d1", LogType.RUN_RESTARTED).live = line(1) + line(2, "panic: no")
    scene.site.poller.poll(RESTARTED)
    scene.loop.advance(30)
    assert len(scene.soon) == 3
    assert scene.site.value("restarts_total", app="shop", component="web", reason="panic") == 1
    assert (scene.lines(), scene.gaps()) == (3, 0)


@pytest.mark.found(
    "Followed with RUN alone in `logs.types`, a container whose log a stream had brought to its "
    "end was a gap with the reason `restart`.",
    how="random lives beyond those of each run",
)
@pytest.mark.parametrize(
    ("log_types", "instances", "error", "away", "gaps"),
    [
        ((LogType.RUN,), 1, None, 0, 0),
        ((LogType.RUN,), 1, ConnectionFailed(Endpoint.LOG_CONTENT, "broke"), 0, 1),
        ((LogType.RUN,), 1, None, 40, 1),
        ((LogType.RUN,), 2, None, 0, 1),
        ((LogType.RUN, LogType.RUN_RESTARTED), 1, None, 0, 1),
    ],
)
def test_without_run_restarted_a_container_that_was_followed_to_its_end_is_no_gap(
    begin, log_types, instances: int, error: ApiError | None, away: float, gaps: int
):
    """It is one if the stream broke off, or nobody knows what ran until the next was open.

    Of several instances another may have ended. Where RUN_RESTARTED is read, it has to show it.
    """
    component = replace(WEB, instance_count=instances)
    scene = begin(shows=[line(1), line(2)], log_types=log_types, component=component)
    scene.loop.advance(100)
    if away:
        scene.streams.refusal = ConnectionFailed(Endpoint.LOG_CONTENT, "refused")
        scene.site.platform.log("d1").error = server_error()
    scene.streams.shows = [line(50)]
    scene.stream.end(error)
    scene.loop.advance(away)
    scene.streams.refusal = scene.site.platform.log("d1").error = None
    scene.loop.advance(120)
    if LogType.RUN_RESTARTED in log_types:
        scene.site.poller.poll(RESTARTED)
    assert (scene.lines(), scene.gaps(), len(scene.streams.opened)) == (3, gaps, 2)


def test_without_run_restarted_a_stream_that_breaks_off_takes_no_proof_back(begin):
    """It was open in time; the one after it shows what it had begun with."""
    scene = begin(shows=[line(1), line(2)], log_types=(LogType.RUN,))
    scene.loop.advance(100)
    scene.streams.shows = [line(50)]
    scene.stream.end()
    scene.loop.advance(0.7)
    scene.streams.shows = [line(50), line(51)]
    scene.stream.end(ConnectionFailed(Endpoint.LOG_CONTENT, "broke"))
    scene.loop.advance(30)
    assert (scene.lines(), scene.gaps(), len(scene.streams.opened)) == (4, 0, 3)


def test_without_run_restarted_a_busy_log_that_was_followed_to_its_end_is_no_gap(begin):
    """The next container is read whole before it is followed on."""
    log = [line(n / 100) for n in range(5000)]
    scene = begin(tail_lines=100, shows=log[:50], log_types=(LogType.RUN,))
    scene.loop.advance(10)
    scene.stream.say(*log[50:])
    scene.loop.advance(1)
    scene.followed.beat(minute=True)
    scene.streams.shows = [line(60)]
    scene.site.platform.log("d1").live = line(60)
    asked = len(scene.site.platform.asked)
    scene.stream.end()
    scene.loop.advance(30)
    assert (scene.lines(), scene.gaps()) == (5001, 0)
    assert len(scene.site.platform.asked) == asked + 2


@pytest.mark.found(
    "Followed, a container that ended after its stream had broken off was no gap where the next "
    "one wrote its first line long after the next stream was open.",
    how="a review of what each way of reading says of a container that ended",
)
@pytest.mark.parametrize("log_types", [(LogType.RUN,), (LogType.RUN, LogType.RUN_RESTARTED)])
@pytest.mark.parametrize("instances", [1, 2])
@pytest.mark.parametrize("broke", [False, True])
def test_a_container_behind_a_silent_stream_is_missed(begin, log_types, instances, broke: bool):
    """Nothing of it was there when the stream was opened; a good end before that tells all."""
    component = replace(WEB, instance_count=instances)
    scene = begin(shows=[line(1), line(2)], log_types=log_types, component=component)
    scene.loop.advance(100)
    scene.streams.shows = []
    scene.stream.end(ConnectionFailed(Endpoint.LOG_CONTENT, "broke") if broke else None)
    scene.loop.advance(60)
    scene.stream.say(line(1150))
    scene.loop.advance(60)
    if LogType.RUN_RESTARTED in log_types:
        scene.site.poller.poll(RESTARTED)
    assert (scene.lines(), scene.gaps(), len(scene.streams.opened)) == (3, broke, 2)


def test_the_same_container_behind_a_cut_needs_no_look_at_run_restarted(begin):
    """A stream that was cut and shows what is known again: one request, nothing else."""
    scene = begin(shows=[line(1)])
    for number in range(20):
        scene.loop.advance(60)
        scene.streams.shows = [line(n) for n in range(1, number + 3)]
        scene.stream.end(ConnectionFailed(Endpoint.LOG_CONTENT, "cut"))
    scene.loop.advance(60)
    assert len(scene.asked) == 21
    assert len(scene.soon) == 1
    assert (scene.lines(), scene.gaps(), scene.reconnects()) == (21, 0, 20)


@pytest.mark.found(
    "A container that ended while no stream could be opened was not counted.",
    how="random lives of a followed component",
)
def test_a_container_that_ended_while_no_stream_could_be_had_is_looked_for(begin):
    """The looks after the end are over when a stream shows another container: one more."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(100)
    scene.streams.refusal = ConnectionFailed(Endpoint.LOG_CONTENT, "refused")
    scene.stream.end()
    scene.loop.advance(11)
    looks = len(scene.soon)
    scene.streams.refusal, scene.streams.shows = None, [line(50)]
    scene.loop.advance(60)
    assert scene.connected() == 1
    assert len(scene.soon) == looks + 1


def test_of_several_instances_an_end_is_looked_for_at_once(begin):
    """No stream can tell that none of them has ended."""
    scene = begin(component=replace(WEB, instance_count=2), shows=[line(1)])
    scene.loop.advance(100)
    scene.stream.end()
    scene.loop.advance(60)
    assert [round(at - 100) for at, _ in scene.soon[1:]] == [0, 3, 8]


def test_streams_that_do_not_last_are_opened_less_and_less_often(begin):
    """Waits double up to a minute; a stream that lasted begins anew."""
    scene = begin(shows=[line(1)])
    waits = []
    for _ in range(12):
        scene.loop.advance(0.1)
        ended, tried = scene.loop.now, scene.streams.tried
        scene.stream.end()
        while scene.streams.tried == tried:
            scene.loop.advance(0.1)
        waits.append(scene.loop.now - ended)
    for number, wait in enumerate(waits):
        longest = min(60.0, 0.5 * 2**number)
        assert longest / 2 <= wait <= longest + 0.3
    scene.loop.advance(100)
    ended, tried = scene.loop.now, scene.streams.tried
    scene.stream.end()
    scene.loop.advance(0.6)
    assert scene.streams.tried == tried + 1


def test_a_refused_stream_is_polled_until_it_can_be_had(begin, caplog):
    """The poller takes over at once, the status says why, and a stream takes it back."""
    caplog.set_level(logging.INFO)
    refusal = Forbidden(Endpoint.LOG_CONTENT, "status 403")
    scene = begin(refusal=refusal)
    scene.loop.advance(1)
    assert scene.site.scheduler.due(RUN) is not None
    assert "403" in scene.status.stream
    assert (scene.connected(), scene.site.value("source_interval_seconds")) == (0, 60)
    scene.site.platform.log("d1").live = line(1)
    scene.site.poller.poll(RUN)
    assert (scene.lines(), scene.status.state) == (1, "up")
    scene.loop.advance(3600)
    assert 12 <= scene.streams.tried <= 22
    scene.streams.refusal, scene.streams.shows = None, [line(1), line(2)]
    scene.loop.advance(700)
    assert (scene.lines(), scene.gaps(), scene.connected()) == (2, 0, 1)
    assert scene.site.value("source_interval_seconds") == 10
    scene.site.poller.poll(RUN)
    assert scene.site.platform.asked.count(("d1", "web", LogType.RUN)) == scene.streams.tried + 1
    texts = [record.message for record in caplog.records]
    assert texts.count("log cannot be followed, polling it until it can") == 1
    assert texts.count("log is followed again") == 1


def test_a_failed_handshake_is_tried_again_after_a_second_and_then_doubled(begin):
    """After 1, 2, 4 … s, shortened by up to half: one bad gateway costs no half minute."""
    refusal = UnexpectedStatus(Endpoint.LOG_CONTENT, "status 502", 502)
    scene = begin(refusal=refusal)
    waits, since = [], 0.0
    for tried in range(1, 8):
        while scene.streams.tried <= tried:
            scene.loop.advance(0.1)
        waits.append(scene.loop.now - since)
        since = scene.loop.now
    for number, wait in enumerate(waits):
        assert 2**number / 2 <= wait <= 2**number + 0.3
    scene.streams.refusal, scene.streams.shows = None, [line(1)]
    scene.loop.advance(128)
    assert scene.connected() == 1


def test_frames_that_mean_nothing_are_a_stream_that_cannot_be_had(begin):
    """A platform that speaks otherwise is polled, not asked again every second."""
    scene = begin()
    scene.loop.advance(1)
    scene.stream.end(InvalidResponse(Endpoint.LOG_CONTENT, "a frame that is not JSON"))
    scene.loop.advance(10)
    assert scene.streams.tried == 1
    assert "not JSON" in scene.status.stream


def test_requests_that_fail_are_noted_and_tried_again(begin):
    """The source is down while the API fails, whose pauses are kept; then it is up again."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(0.1)
    scene.site.platform.log("d1").error = ServerError(Endpoint.LOGS, "status 500")
    scene.stream.end()
    scene.loop.advance(20)
    assert (scene.status.state, "500" in scene.status.problem) == ("down", True)
    assert scene.site.value("source_up") == 0
    scene.site.platform.log("d1").error = TooManyRequests(
        Endpoint.LOGS, "status 429", retry_after=300.0
    )
    scene.loop.advance(60)
    count = len(scene.asked)
    scene.loop.advance(230)
    assert len(scene.asked) == count
    scene.site.platform.log("d1").error = None
    scene.loop.advance(400)
    assert (scene.status.state, scene.connected()) == ("up", 1)


def test_a_deployment_that_is_past_is_said_a_few_times(begin):
    """Archives or 404 in place of a stream ask for a discovery, but not for ever."""
    for past in ("archives", "gone"):
        scene = begin()
        log = scene.site.platform.log("d1")
        if past == "archives":
            log.live, log.archives = None, (line(1),)
        else:
            log.error = not_found()
        scene.loop.advance(600)
        assert len(scene.site.early_discoveries) == 3
        assert scene.connected() == 0


@pytest.mark.parametrize("order", ["ends first", "replaced first"])
@pytest.mark.parametrize("ending", ["in good order", "broken off"])
def test_the_old_stream_is_read_to_its_end_after_a_hand_over(begin, ending, order):
    """Its last words count; only where it broke off are there any that may be missing."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(100)
    error = None if ending == "in good order" else ConnectionFailed(Endpoint.LOG_CONTENT, "broke")

    def end() -> None:
        for log_type in (LogType.RUN, LogType.RUN_RESTARTED):
            scene.site.platform.log("d1", log_type).error = DeploymentEnded("it has")
        scene.stream.say(line(3, "last words"))
        scene.stream.end(error)
        scene.loop.advance(5)

    def replace_it() -> None:
        scene.followed.leave()
        for source in (RUN, RESTARTED):
            scene.site.poller.watch(source, WEB, deployment("d2"))
        scene.followed.wake()
        scene.loop.advance(5)

    steps = (end, replace_it) if order == "ends first" else (replace_it, end)
    steps[0]()
    if order == "replaced first":
        scene.site.poller.poll(RUN)
        assert scene.site.ledger.cursors.deployments(KEY) == ["d1"], "its stream is still read"
    steps[1]()
    for source in (RUN, RESTARTED):
        scene.site.poller.poll(source)
    assert scene.lines() == 2
    assert scene.gaps() == (ending == "broken off")
    assert scene.site.gaps(GapReason.DEPLOYMENT) == scene.gaps()
    assert scene.site.value("source_up") == 1
    assert scene.streams.tried == 1


@pytest.mark.found(
    "RUN_RESTARTED of a followed component failed until a deployment took over: the last lines of "
    "a container that had ended before its stream began were missing, and no gap said so.",
    how="Threads in every order, by a seed",
)
@pytest.mark.parametrize(
    ("reads", "gaps"), [("", 0), ("works", 0), ("fails", 1), ("works fails", 1), ("fails works", 0)]
)
def test_a_hand_over_is_a_gap_if_ended_containers_could_not_be_read_before(begin, reads, gaps):
    """Nobody can tell then whether there was one; its log is refused from then on."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(100)
    restarted = scene.site.platform.log("d1", LogType.RUN_RESTARTED)
    for read in reads.split():
        restarted.error = server_error() if read == "fails" else None
        scene.site.poller.poll(RESTARTED)
    scene.refuse_the_old_deployment()
    scene.stream.say(line(3, "last words"))
    scene.stream.end()
    scene.loop.advance(5)
    scene.hand_over()
    assert (scene.lines(), scene.gaps()) == (2, gaps)
    assert scene.site.gaps(GapReason.DEPLOYMENT) == gaps


def test_a_stream_of_a_past_deployment_that_never_ends_is_left(begin):
    """A minute of silence after the hand-over is enough; what may come later is a gap."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(100)
    scene.followed.leave()
    for source in (RUN, RESTARTED):
        scene.site.poller.watch(source, WEB, deployment("d2"))
        scene.site.platform.log("d1", source.log_type).error = DeploymentEnded("it has")
    scene.followed.wake()
    scene.loop.advance(50)
    assert not scene.followed.stays_too_long()
    scene.loop.advance(20)
    assert scene.followed.stays_too_long()
    scene.loop.create_task(scene.followed.reopen())
    scene.loop.advance(5)
    for source in (RUN, RESTARTED):
        scene.site.poller.poll(source)
    assert (scene.gaps(), scene.streams.tried) == (1, 1)


def test_an_end_of_long_ago_proves_nothing(begin):
    """A container may have begun and ended between that end and the refusal."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(100)
    scene.site.platform.log("d1").error = server_error()
    scene.stream.end()
    scene.loop.advance(40)
    scene.refuse_the_old_deployment()
    scene.hand_over()
    assert scene.gaps() == 1


@pytest.mark.found(
    "A container ended that no stream had followed to its end, and a deployment took over before "
    "RUN_RESTARTED was read: its last lines were missing, and no gap said so.",
    how="threads that are interrupted at any line, by a seed",
)
@pytest.mark.parametrize("shown", [False, True])
def test_a_stream_does_not_prove_what_the_container_before_it_wrote(begin, shown: bool):
    """Its own end in good order is no end of the other one's log; RUN_RESTARTED's read is."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(100)
    scene.streams.shows = [line(5, "listening")]
    scene.stream.end(ConnectionFailed(Endpoint.LOG_CONTENT, "broke"))
    scene.loop.advance(40)
    if shown:
        scene.site.platform.log("d1", LogType.RUN_RESTARTED).live = line(1) + line(2, "panic")
        scene.site.poller.poll(RESTARTED)
    scene.refuse_the_old_deployment()
    scene.stream.say(line(6, "last words"))
    scene.stream.end()
    scene.hand_over()
    assert scene.lines() == 3 + shown
    assert scene.gaps() == scene.site.gaps(GapReason.DEPLOYMENT) == (not shown)


def test_as_many_unknown_lines_as_were_asked_for_are_read_whole_once(begin):
    """After a while away: one whole read, and no gap where that reaches back."""
    log = [line(n) for n in range(400)]
    scene = begin(tail_lines=1000, shows=log[:10])
    scene.loop.advance(10)
    for _ in range(12):
        scene.followed.beat(minute=True)
    scene.stream.end()
    scene.site.platform.log("d1").live = b"".join(log[:300])
    scene.streams.shows = log[200:300]
    scene.loop.advance(10)
    assert scene.asked[-1][1] == 100
    assert (scene.lines(), scene.gaps()) == (300, 0)
    assert scene.site.platform.asked.count(("d1", "web", LogType.RUN)) == 3
    scene.stream.say(*log[300:])
    scene.loop.advance(1)
    assert (scene.lines(), scene.gaps()) == (400, 0)


def test_what_no_read_can_reach_is_a_gap(begin):
    """The log moved on further than tail_lines while nobody could read it."""
    log = [line(n / 10) for n in range(3000)]
    scene = begin(tail_lines=1000, shows=log[:10])
    scene.loop.advance(10)
    for _ in range(12):
        scene.followed.beat(minute=True)
    scene.stream.end()
    scene.site.platform.log("d1").live = b"".join(log[2000:])
    scene.streams.shows = log[2900:]
    scene.loop.advance(10)
    assert (scene.lines(), scene.gaps()) == (1010, 1)


def test_a_busy_log_is_read_whole_before_it_is_followed_on(begin):
    """Then lines that come as fast as they can behind the first ones are no gap."""
    log = [line(n / 100) for n in range(9000)]
    scene = begin(tail_lines=100, shows=log[:50])
    scene.loop.advance(10)
    scene.stream.say(*log[50:5000])
    scene.loop.advance(1)
    scene.followed.beat(minute=True)
    scene.stream.end()
    scene.site.platform.log("d1").live = b"".join(log[4960:5060])
    scene.streams.shows = log[5000:7000]
    scene.loop.advance(30)
    assert (scene.lines(), scene.gaps()) == (7000, 0)


def test_a_flood_as_the_first_text_of_a_silent_stream_is_no_gap(begin):
    """What was written long after the stream was open cannot have been missed, clocks or not."""
    scene = begin(tail_lines=100)
    scene.loop.advance(20)
    scene.stream.say(*(line(1020 + n / 1000) for n in range(5000)))
    scene.loop.advance(5)
    assert (scene.lines(), scene.gaps()) == (5000, 0)


def test_a_stream_that_says_nothing_proves_nothing(begin):
    """What the platform takes minutes to reach is not taken for a container that is gone."""
    scene = begin(shows=[line(1), line(2)])
    scene.loop.advance(10)
    scene.streams.shows = []
    scene.stream.end()
    scene.loop.advance(60)
    scene.site.poller.poll(RESTARTED)
    assert scene.gaps() == 0
    scene.stream.say(line(1), line(2), line(3))
    scene.loop.advance(10)
    assert (scene.lines(), scene.gaps()) == (3, 0)


def test_a_stream_is_opened_anew_when_it_outlived_its_use(begin):
    """After hours of silence, and when a container ended that the stream did not end with."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(7000)
    assert not scene.followed.outlived(7200)
    scene.loop.advance(300)
    assert scene.followed.outlived(7200)
    scene.loop.run_until_complete(scene.followed.reopen())
    scene.loop.advance(20)
    assert (scene.streams.tried, len(scene.soon), scene.connected()) == (2, 1, 1)
    scene.site.platform.log("d1", LogType.RUN_RESTARTED).live = line(1) + line(2, "bye")
    scene.site.poller.poll(RESTARTED)
    assert scene.followed.outlived(7200)


@pytest.mark.found(
    "A stream whose first line came in two parts, seconds apart, was judged without a line: that "
    "its container is another one was not noticed.",
    how="threads in every order, by a seed",
)
def test_a_stream_is_judged_once_a_line_of_it_is_whole(begin):
    """Until then nothing tells which container it shows."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(100)
    scene.streams.shows = []
    scene.stream.end(ConnectionFailed(Endpoint.LOG_CONTENT, "broke"))
    scene.loop.advance(40)
    scene.stream.say(line(5)[:9])
    scene.loop.advance(10)
    scene.stream.say(line(5)[9:])
    scene.loop.advance(10)
    scene.site.poller.poll(RESTARTED)
    assert (scene.lines(), scene.gaps()) == (2, 1)


def test_a_trace_without_prefix_counts_after_a_pause(begin):
    """Its last lines wait a second for the line behind them, not for ever."""
    scene = begin(shows=[line(1)])
    scene.loop.advance(10)
    scene.stream.say(b"Traceback:\n", b"  oops\n")
    scene.loop.advance(0.5)
    assert scene.lines() == 1
    scene.loop.advance(1)
    assert scene.lines() == 3


def test_an_error_that_nobody_foresaw_is_counted_and_the_log_is_followed_on(begin):
    """The source is down with the reason; after the longest wait there is another stream."""
    scene = begin(shows=[line(1)])
    log = scene.site.platform.log("d1")
    log.error = RuntimeError("a bug")
    scene.loop.advance(1)
    assert scene.site.value("exporter_internal_errors_total", subsystem="follower") == 1
    assert (scene.status.state, scene.status.problem) == ("down", "internal error, see the log")
    log.error = None
    scene.loop.advance(LONGEST_WAIT)
    scene.loop.advance(5)
    assert (scene.status.state, scene.lines()) == ("up", 1)
    assert scene.site.value("exporter_internal_errors_total", subsystem="follower") == 1


def test_a_beat_that_fails_is_counted_and_ends_no_other(monkeypatch: pytest.MonkeyPatch):
    """The beats of all followed logs are one task, and what one log does must not end it."""
    site = Site(followed=True)
    site.scheduler.start()
    site.series.open_component(KEY, WEB)
    streams = FakeStreams(shows=[line(1)])
    follower = Follower(
        site.poller,
        site.reads,
        site.platform,
        streams,
        site.pipeline,
        rng=Random(1),
        internal_errors=site.internal_errors,
    )
    beats = threading.Semaphore(0)

    def beat(followed: FollowedSource, minute: bool) -> None:
        beats.release()
        raise RuntimeError("a bug")

    monkeypatch.setattr(FollowedSource, "beat", beat)
    monkeypatch.setattr(following, "BEAT_SECONDS", 0.01)
    follower.start()
    try:
        follower.watch(RUN, WEB, deployment("d1"))
        for _ in range(3):
            assert beats.acquire(timeout=LIMIT_SECONDS)
    finally:
        follower.stop()
    assert site.value("exporter_internal_errors_total", subsystem="follower") >= 2


@pytest.mark.found(
    "A reload right after another left a thread that ended in an exception, and waited 4 s for it.",
    how="Threads in every order, by a seed",
)
def test_a_follower_that_is_stopped_before_its_thread_began_ends_in_good_order(
    monkeypatch: pytest.MonkeyPatch,
):
    """The thread begins only when ``stop`` waits for it already."""
    site = Site(followed=True)
    follower = Follower(
        site.poller,
        site.reads,
        site.platform,
        FakeStreams(shows=[]),
        site.pipeline,
        rng=Random(1),
        internal_errors=site.internal_errors,
    )
    thread = threading.Thread
    began: list[threading.Thread] = []
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)

    class Late(thread):  # type: ignore[valid-type, misc]
        def start(self) -> None:
            began.append(self)

    monkeypatch.setattr(threading, "Thread", Late)
    follower.start()
    monkeypatch.setattr(threading, "Thread", thread)
    late = threading.Timer(0.2, lambda: thread.start(began[0]))
    late.start()
    follower.stop()
    late.join()
    began[0].join(60)
    assert not began[0].is_alive()
    assert not raised


@pytest.mark.found(
    "A stream that did not end within the 4 s of a stop or a reload counted as an internal error.",
    how="Threads in every order, by a seed",
)
def test_a_log_that_is_followed_behind_a_stop_gives_up():
    """Its threads are gone by then: it is over, and nothing is wrong."""
    site = Site(followed=True)
    site.scheduler.start()
    site.series.open_component(KEY, WEB)
    follower = Follower(
        site.poller,
        site.reads,
        site.platform,
        FakeStreams(shows=[line(1)]),
        site.pipeline,
        rng=Random(1),
        internal_errors=site.internal_errors,
    )
    follower._workers.shutdown()
    follower.start()
    follower.watch(RUN, WEB, deployment("d1"))
    asyncio.run_coroutine_threadsafe(ended(follower), follower._loop).result(60)
    follower.stop()
    assert site.value("exporter_internal_errors_total", subsystem="follower") == 0


@pytest.mark.found(
    "If the stream of a component was open before its RUN_RESTARTED was known, that log was not "
    "read until another deployment came, and stood as waiting.",
    how="threads in every order, by a seed",
)
def test_run_restarted_that_is_watched_after_the_stream_is_open_is_read():
    """Discovery was held up between the two logs of the component."""
    site = Site(followed=True)
    site.scheduler.start()
    site.series.open_component(KEY, WEB)
    follower = Follower(
        site.poller,
        site.reads,
        site.platform,
        FakeStreams(shows=[line(1)]),
        site.pipeline,
        rng=Random(1),
        internal_errors=site.internal_errors,
    )
    follower.start()
    try:
        follower.watch(RUN, WEB, deployment("d1"))
        wait_for(lambda: site.value("stream_connected", **IDENTITY))
        follower.watch(RESTARTED, WEB, deployment("d1"))
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), follower._loop).result(LIMIT_SECONDS)
        site.scheduler.step(RESTARTED)
    finally:
        follower.stop()
    assert [status.state for status in site.poller.statuses()] == ["up", "up"]


async def ended(follower: Follower) -> None:
    """Wait until no log is followed any more."""
    await asyncio.wait(follower._tasks.values())
