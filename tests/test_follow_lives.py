"""Random lives of a followed component under a virtual clock: writes, crashes, cuts, kills."""

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from collect_fixtures import START, Site, deployment
from virtual_platform import VirtualPlatform
from virtual_stream import VirtualStream
from virtual_time import VirtualTimeLoop

from exporter.model import Component, ComponentKey, ComponentKind, LogType, Source
from exporter.reading.following.followed_source import FollowedSource, Surroundings
from exporter.simulator.log_reading import LogReader
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Layout

KEY = ComponentKey("shop", "web")
LIVES = 40


class World:
    """The platform, the follower of its one component, and what happens to both."""

    def __init__(self, seed: int, *, busy: bool = False) -> None:
        self.rng = Random(seed)
        self.loop = VirtualTimeLoop()
        self.busy = busy
        self.instances = self.rng.choice((1, 2, 3) if busy else (1, 1, 2))
        self.offs = [self.rng.uniform(-5, 5) * busy for _ in range(self.instances)]
        self.clock_off = self.rng.choice((0.0, -3.0, self.rng.uniform(-10, 10))) * busy
        self.most_unread = 0  # lines that were written while no stream was open
        self.platform = Platform(self.time, seed=seed, record_lines=True)
        in_total = busy and self.rng.random() < 0.5
        self.reader = LogReader(self.platform, tail_in_total=in_total)
        self.virtual = VirtualPlatform(self.platform, self.reader, self.rng)
        layout = self.rng.choice(tuple(Layout))
        self.platform.create_app(
            "shop", [ComponentSpec("web", instances=self.instances)], layout=layout
        )
        self.component = Component("web", ComponentKind.SERVICE, "small", self.instances)
        self.app_id = self.platform.app_id("shop")
        self.active = self.platform.active_deployment_id("shop") or ""
        self.run, self.restarted = (
            Source(self.app_id, KEY, log_type) for log_type in (LogType.RUN, LogType.RUN_RESTARTED)
        )
        self.site = Site(followed=True, tail_lines=100 if busy else 1000)
        self.site.clock = self.site.poller._clock = self.clock  # type: ignore[assignment]
        self.site.reads._platform = self.site.reads._content = self.virtual  # type: ignore[assignment]
        self.site.series.open_component(KEY, self.component)
        self.streams: list[VirtualStream] = []
        self.lines = 0
        self.read_soon, self.site.poller.read_soon = self.site.poller.read_soon, self.read_now  # type: ignore[method-assign]
        self.site.scheduler.start()
        for source in (self.run, self.restarted):
            self.site.poller.watch(
                source,
                self.component,
                deployment(self.active),
                from_first_line=True,
                suspended=True,
            )
        self.follow()

    def time(self) -> float:
        return START + 1 + self.loop.time()

    def clock(self) -> float:
        """The exporter's own."""
        return self.time() + self.clock_off

    def read_now(self, source: Source) -> None:
        """What is to be read soon is read at once."""
        self.loop.call_later(0.1, self.site.poller.poll, source)

    def follow(self) -> None:
        state = self.site.poller.state(self.run)
        assert state is not None
        around = Surroundings(
            self.virtual,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            self.site.pipeline,
            self.site.poller,
            self.site.reads,
            self.block,
            self.clock,
            self.rng,
            self.site.internal_errors,
            self.loop.time,
        )
        self.task = self.loop.create_task(FollowedSource(state, around).run())

    async def block(self, function: Callable[[], Any]) -> Any:
        await asyncio.sleep(self.rng.uniform(0.01, 0.3))
        return function()

    async def open(self, live_url: str, *, target: object) -> VirtualStream:
        request = self.virtual.granted(live_url)
        self.streams.append(VirtualStream(self.platform, self.reader, request, self.rng))
        return self.streams[-1]

    def live(self) -> None:
        crashed_at = 0.0
        for _ in range(60):
            move = self.rng.choices(("write", "cut", "crash", "kill"), (10, 4, 2, 1))[0]
            if move == "write":
                self.write_some(self.rng.choice((1, 3, 20)))
            elif move == "cut" and self.streams:
                self.streams[-1].cut()
                if self.busy:
                    self.write_some(self.rng.choice((3, 60, 280)))
            elif move == "crash" and self.loop.now > crashed_at + 20:
                self.crash()
                crashed_at = self.loop.now
            elif move == "kill":
                self.kill()
            self.loop.advance(self.rng.choice((0.01, 0.3, 3.0, 10.0)))
        self.loop.advance(60)
        self.task.cancel()
        self.loop.advance(1)
        self.loop.close()

    def write_some(self, lines: int) -> None:
        """Lines of all instances, or a burst of one."""
        one = self.rng.randrange(self.instances) if self.rng.random() < 0.5 else None
        if self.streams and self.streams[-1].is_cut:
            self.most_unread = max(self.most_unread, lines)
        for _ in range(lines):
            self.write(self.rng.randrange(self.instances) if one is None else one, "hello")

    def write(self, instance: int, words: str) -> None:
        """No two lines are equal: those of two instances in one nanosecond can be taken for one."""
        self.lines += 1
        at = int((self.time() + self.offs[instance]) * 1e9) + self.lines if self.busy else None
        words = f"{words} {self.lines}"
        self.platform.write("shop", "web", instance, words, timestamp_ns=at)

    def crash(self) -> None:
        instance = self.rng.randrange(self.instances)
        self.write(instance, "working")
        self.lines += 1
        self.platform.crash("shop", "web", instance, [f"panic: no {self.lines}"])
        self.write(instance, "listening")

    def kill(self) -> None:
        """The exporter dies with its streams; what it knew goes through its snapshot."""
        self.task.cancel()
        self.loop.advance(0.01)
        with self.site.ledger.transaction():
            for continuity in self.site.ledger.cursors._cursors.values():
                continuity.restore(continuity.snapshot())
        self.follow()

    def value(self, name: str) -> float:
        return sum(
            sample.value
            for family in self.site.registry.collect()
            for sample in family.samples
            if sample.name == f"digitalocean_app_{name}"
        )


@pytest.mark.parametrize("seed", range(LIVES))
def test_every_line_and_every_end_counts_once(seed: int, caplog: pytest.LogCaptureFixture):
    """Whatever is cut or crashes, twenty seconds apart: the counters are the truth, no gap."""
    caplog.set_level(logging.CRITICAL)
    world = World(seed)
    world.live()
    truth = world.platform.truth().of("shop", "web")
    counted = (
        world.value("log_lines_total"),
        world.value("log_bytes_total"),
        world.value("log_gaps_total"),
        world.value("restarts_total"),
    )
    assert counted == (truth.lines, truth.bytes, 0, truth.container_ends)


@pytest.mark.parametrize("seed", range(LIVES))
def test_bursts_between_streams_count_or_are_a_gap(seed: int, caplog: pytest.LogCaptureFixture):
    """Up to three instances, all clocks off: what was not counted is announced, and nothing else.

    As many lines as are asked for, of all instances together, may hide others.
    """
    caplog.set_level(logging.CRITICAL)
    world = World(seed, busy=True)
    world.live()
    counted, gaps = world.value("log_lines_total"), world.value("log_gaps_total")
    lines = world.platform.truth().of("shop", "web").lines
    assert counted <= lines
    assert gaps or counted == lines
    assert not gaps or counted < lines or world.most_unread > 50
