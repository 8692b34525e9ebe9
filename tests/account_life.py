"""One random life of an account under virtual time: deployments, crashes, cuts, reloads, kills.

Everything runs as in production, on the account's own schedule: discovery, polls, streams, saves.
Only sockets, threads and time are virtual, so hours pass in a second and a seed repeats them.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

from state_files import file_state, make_file
from virtual_platform import VirtualPlatform
from virtual_stream import VirtualStream
from virtual_time import VirtualTimeLoop

from exporter.config.schema import Config
from exporter.digitalocean.budget import Budget
from exporter.matching.engine import Engine
from exporter.model import GapReason
from exporter.service.assembly import AccountParts, build_account, rebuild_account
from exporter.service.environment import Environment, Records
from exporter.service.ruleset import load_rules
from exporter.simulator.log_reading import LogReader
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Layout
from exporter.telemetry.table import MetricTable

APP, WEB = "shop", "web"
START = 1_800_000_000.0
MOVES = 30
TAIL_LINES = 1000


class LoopScheduler:
    """Runs the jobs of an account on an event loop, one at a time, at the times of its clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: dict[str, asyncio.TimerHandle] = {}
        self._unnamed = 0
        self.running = False
        self._waiting: list[Callable[[], None]] = []

    def add_job(
        self,
        function: Callable[..., object],
        trigger: str,
        *,
        run_date: datetime | None = None,
        seconds: float = 0.0,
        args: tuple[Any, ...] = (),
        id: str = "",
        **options: object,
    ) -> None:
        """Run a function at a time of the steady clock, or every so many seconds."""
        self._unnamed += 1
        name = id or f"job {self._unnamed}"

        def put(at: float) -> None:
            if (former := self._jobs.pop(name, None)) is not None:
                former.cancel()
            self._jobs[name] = self._loop.call_at(at, run)

        def run() -> None:
            self._jobs.pop(name, None)
            if trigger == "interval":
                put(self._loop.time() + seconds)
            function(*args)

        first = self._loop.time() + seconds if run_date is None else run_date.timestamp() - START
        if self.running:
            put(first)
        else:
            self._waiting.append(lambda: put(first))

    def start(self) -> None:
        """Run what was added, and what will be."""
        self.running = True
        for put in self._waiting:
            put()

    def remove_job(self, name: str) -> None:
        """Run a job no more."""
        if (job := self._jobs.pop(name, None)) is not None:
            job.cancel()

    def pause(self) -> None:
        """Nothing runs between two steps of the loop."""

    def remove_all_jobs(self) -> None:
        """Run nothing any more."""
        for name in list(self._jobs):
            self.remove_job(name)

    def shutdown(self, **options: object) -> None:
        """Stop."""
        self.running = False

    def add_listener(self, *arguments: object) -> None:
        """Ignore who listens: an exception of a job ends the life."""


@dataclass(frozen=True)
class Kind:
    """What happens in a life beside traffic and deployments."""

    mode: str
    crashes: bool = False
    cuts: bool = False
    restarts: bool = False
    reloads: bool = False
    steps: bool = False
    failures: bool = False


KINDS = {
    "followed": Kind("follow", crashes=True),
    "cut": Kind("follow", crashes=True, cuts=True, restarts=True),
    "polled": Kind("poll", crashes=True, restarts=True),
    "changed": Kind("either", crashes=True, reloads=True, steps=True),
}


class Streams:
    """Opens the live streams of a life."""

    def __init__(self, life: "Life") -> None:
        self._life = life

    async def open(self, live_url: str, *, target: object) -> VirtualStream:
        """A stream of the log at ``live_url``."""
        life = self._life
        stream = VirtualStream(
            life.platform, life.reader, life.virtual.granted(live_url), life.rng, lasts=life.lasts
        )
        life.streams.append(stream)
        return stream


class Life:
    """Platform and exporter, and all that happens to both, told by a seed."""

    def __init__(
        self, kind: Kind, seed: int, folder: Path, *, instances: int | None = None
    ) -> None:
        self.kind = kind
        self.rng = random.Random(seed)
        self.loop = VirtualTimeLoop()
        self.faults: list[str] = []
        self.loop.set_exception_handler(self._failed)
        self.story: list[str] = []
        self.path = folder / f"life-{seed}.db"
        self.mode = kind.mode if kind.mode != "either" else self.rng.choice(("poll", "follow"))
        self.types = ["RUN", "RUN_RESTARTED"]
        self.interval = self.rng.choice((5, 30, 60))
        self.stepped = 0.0
        self.instances = instances or self.rng.choice((1, 1, 2, 3))
        self.lasts = self.rng.random() < 0.5  # a stream goes on when one of its containers ends
        self.platform = Platform(self.true_time, seed=seed, record_lines=True)
        self.reader = LogReader(self.platform, tail_in_total=self.rng.random() < 0.5)
        self.virtual = VirtualPlatform(self.platform, self.reader, self.rng)
        self.platform.create_app(
            APP,
            [ComponentSpec(WEB, instances=self.instances)],
            layout=self.rng.choice(tuple(Layout)),
        )
        self.lines = self.hand_overs = self.crashes = 0
        self.untold = 0  # ends of one of several instances while RUN alone is read
        self.unread = 0  # ends while RUN alone is read, of which nothing was asked for before
        self.streams: list[VirtualStream] = []
        self.traffic: asyncio.Task[None] | None = None
        self.open()
        self.launch()

    def true_time(self) -> float:
        """The platform's clock, Unix seconds."""
        return START + self.loop.time()

    def wall_clock(self) -> float:
        """The exporter's own, as somebody has set it."""
        return self.true_time() + self.stepped

    def _failed(self, loop: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.faults.append(f"{context['message']}: {error!r}")

    # --- the exporter

    def open(self) -> None:
        """A process begins: its state is read."""
        self.registry = MetricTable()
        self.state = file_state(make_file(self.path), self.wall_clock)
        self.records = Records.open(self.registry, self.state, self.wall_clock)
        self.parts = self.build()
        self.parts.counting.pipeline.series.rule_metrics.publish()

    @patch("exporter.service.counting_parts.Engine", cache(Engine))  # it takes long to make
    def build(self, before: AccountParts | None = None) -> AccountParts:
        """The account as it is configured now; ``before``: what was built for it until now."""
        config = Config.model_validate(
            {
                "logs": {
                    "mode": self.mode,
                    "types": self.types,
                    "interval": f"{self.interval}s",
                    "tail_lines": TAIL_LINES,
                    "unwrap": False,  # engines are equal then, and made once
                },
                "patterns": {"packs": []},
                "collectors": {"health": False, "jobs": False},
            }
        )
        budget = Budget(10**9, 10**9, 1.0, clock=self.loop.time, stop=Event())
        virtual: Any = self.virtual
        streams: Any = Streams(self)
        scheduler: Any = LoopScheduler(self.loop)
        environment = Environment(
            self.wall_clock,
            self.rng,
            scheduler,
            virtual,
            virtual,
            streams,
            budget,
            self.records,
            self.loop.time,
            steady=self.true_time,
            platform_clock=self.true_time,
        )
        if before is None:
            parts = build_account(config, load_rules(config), environment)
        else:
            parts = rebuild_account(config, load_rules(config), environment, before)
        follower = parts.reading.follower
        if follower is not None:
            follower._around = replace(follower._around, block=self.block, monotonic=self.loop.time)
        return parts

    def launch(self) -> None:
        """Let the account read."""
        follower = self.parts.reading.follower
        if follower is not None:
            follower._loop = self.loop
            follower._call(follower._begin_beats())
        self.parts.supervisor.start()

    def end_tasks(self) -> None:
        """End the streams and the schedule of the account."""
        follower = self.parts.reading.follower
        if follower is not None:
            tasks = [*follower._tasks.values(), *follower._leaving.values()]
            tasks += [follower._beats] if follower._beats is not None else []
            follower._loop = None
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(tasks)) if tasks else None
        self.parts.supervisor.stop()

    async def block(self, function: Callable[[], Any]) -> Any:
        """A request takes a while."""
        await asyncio.sleep(self.rng.uniform(0.01, 0.3))
        return function()

    # --- what happens

    def tell(self, what: str) -> None:
        """Go on with the story."""
        self.story.append(f"{self.loop.time():9.3f} {what}")

    def write(self, instance: int, words: str, deployment_id: str | None = None) -> None:
        """One line, unlike any other."""
        self.lines += 1
        self.platform.write(
            APP, WEB, instance, f"{words} {self.lines}", deployment_id=deployment_id
        )

    async def write_on(self) -> None:
        """Lines at random times, now and then many."""
        while True:
            await asyncio.sleep(self.rng.choice((0.05, 0.3, 1.0, 4.0)))
            for _ in range(self.rng.choice((1, 1, 2, 5, 60))):
                self.write(self.rng.randrange(self.instances), "line")

    async def deploy(self) -> None:
        """A deployment from its build to the end of the containers before it."""
        began = self.loop.time()
        new = self.platform.begin_deployment(APP)
        self.tell(f"deployment {new[:8]} begins")
        await asyncio.sleep(self.rng.choice((1.0, 20.0, 90.0)))
        while self.platform.advance_deployment(APP) != "DEPLOYING":
            await asyncio.sleep(self.rng.choice((0.0, 3.0)))
        for _ in range(self.rng.choice((1, 4))):
            await asyncio.sleep(self.rng.choice((0.2, 3.0)))
            for instance in range(self.instances):
                self.write(instance, "starting", new)
        if self.kind.failures and self.rng.random() < 0.3:
            self.platform.end_deployment(APP)
            self.tell("it fails")
            return
        self.lines += self.instances
        self.platform.advance_deployment(
            APP, {WEB: [f"SIGTERM {self.lines}"]}, exit_code=self.rng.choice((None, 143))
        )
        self.hand_overs += 1
        self.tell(f"it took over after {self.loop.time() - began:.1f} s")

    def crash(self) -> None:
        """A container ends, with words or none of its own, and the platform says so or not."""
        instance = self.rng.randrange(self.instances)
        self.write(instance, "working")
        self.lines += 1
        word = self.rng.choice(("panic: no", "GET / 200"))
        code = self.rng.choice((None, 2, 137))
        self.lines += code is not None
        self.platform.crash(APP, WEB, instance, [f"{word} {self.lines}"], exit_code=code)
        self.write(instance, "listening")
        self.crashes += 1
        if self.types == ["RUN"]:
            self.untold += self.instances > 1
            self.unread += not self.virtual.asked_for(self.platform.active_deployment_id(APP))
        self.tell(f"instance {instance} crashed: {word!r} {code}")

    def cut(self) -> None:
        """Every stream breaks off."""
        for stream in self.streams:
            stream.cut()
        self.streams.clear()
        self.tell("streams cut")

    def kill(self) -> None:
        """SIGKILL: what was not saved is gone with the process."""
        self.tell("killed")
        self.virtual.shifting = False  # a process that has seen no list yet cannot tell
        self.records.ledger.abandon()
        self.end_tasks()
        self.open()
        self.launch()

    def stop(self) -> None:
        """SIGTERM, and a new process."""
        self.tell("stopped")
        self.virtual.shifting = False
        self.end_tasks()
        self.records.ledger.end()
        self.open()
        self.launch()

    def step_clock(self) -> None:
        """Somebody sets the wall clock."""
        self.stepped = self.rng.choice((-600.0, 0.0, 600.0, -3.0, 7200.0))
        self.tell(f"the wall clock is {self.stepped:+.0f} s off")

    def shift_pages(self) -> None:
        """The pages of the next list of apps shift, so that this one stands on none of them."""
        self.virtual.shifting = True
        self.tell("the next list of apps lacks this one")

    def reload(self) -> None:
        """Another configuration, as ``Account.change`` brings it in."""
        key = self.rng.choice(("mode", "interval", "types", "nothing"))
        if key == "mode":
            self.mode = "poll" if self.mode == "follow" else "follow"
        elif key == "interval":
            self.interval = self.rng.choice((5, 30, 60))
        elif key == "types":
            self.types = ["RUN"] if len(self.types) > 1 else ["RUN", "RUN_RESTARTED"]
        self.tell(f"reloaded: {key} (now {self.mode}, {self.interval} s, {self.types})")
        before = self.parts
        self.end_tasks()
        self.parts = self.build(before)
        self.launch()

    # --- a life

    def live(self) -> list[str]:
        """Live; returns what went wrong."""
        self.loop.advance(5)
        self.traffic = self.loop.create_task(self.write_on())
        moves: dict[Callable[[], None], float] = {lambda: None: 4}
        moves |= {self.crash: 2} if self.kind.crashes else {}
        moves |= {self.cut: 2} if self.kind.cuts else {}
        moves |= {self.kill: 1, self.stop: 1} if self.kind.restarts else {}
        moves |= {self.reload: 2} if self.kind.reloads else {}
        moves |= {self.step_clock: 2, self.shift_pages: 1} if self.kind.steps else {}
        deploying: asyncio.Task[None] | None = None
        crashed_at = -1e9
        for _ in range(MOVES):
            if (deploying is None or deploying.done()) and self.rng.random() < 0.3:
                deploying = self.loop.create_task(self.deploy())
            [move] = self.rng.choices([*moves], [*moves.values()])
            if move == self.crash:
                calm = self.loop.time() - crashed_at > 2 * self.interval + 30
                if not calm or not (deploying is None or deploying.done()):
                    continue
                crashed_at = self.loop.time()
            move()
            self.loop.advance(self.rng.choice((0.5, 5.0, 30.0, 100.0)))
        if deploying is not None and not deploying.done():
            self.loop.run_until_complete(deploying)
        self.traffic.cancel()
        self.loop.advance(300)
        self.faults += self.judge()
        self.end()
        return self.faults

    def end(self) -> None:
        """End the exporter for the last time."""
        self.end_tasks()
        self.records.ledger.end()
        self.loop.close()

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of a metric that carry these labels."""
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"digitalocean_app_{name}" and labels.items() <= sample.labels.items()
        )

    def judge(self) -> list[str]:
        """Hold what was counted against the truth."""
        truth = self.platform.truth().of(APP, WEB)
        counted = self.value("log_lines_total", log_type="RUN")
        gaps = {reason: self.value("log_gaps_total", reason=reason) for reason in GapReason}
        restarts = self.value("restarts_total")
        faults = []
        about = (
            f"{counted:.0f} of {truth.lines} lines counted, {truth.lost_lines} never served, "
            f"gaps { {k: v for k, v in gaps.items() if v} }, {restarts:.0f} restarts of "
            f"{truth.container_ends}, {self.hand_overs} hand-overs"
        )
        if counted > truth.lines:
            faults.append("lines counted twice")
        # What a limit for the whole text hides behind the text of another instance is not seen.
        # Of several instances, a stream that goes on may lack the container after one that ended.
        hidden = (self.reader.tail_in_total or self.lasts) and self.instances > 1
        unseen = hidden or self.unread
        if counted < truth.lines and not sum(gaps.values()) and not unseen:
            faults.append("lines are missing, and no gap says so")
        exact = self.kind == KINDS["followed"] and not hidden
        if sum(gaps.values()) and counted == truth.lines and exact:
            faults.append("a gap was invented")
        # A stream of several instances may not show the container after one that ended.
        if counted < truth.lines and self.kind == KINDS["followed"] and self.instances == 1:
            faults.append("a line is missing that a stream brought")
        if gaps[GapReason.DEPLOYMENT] > self.hand_overs:
            faults.append("more gaps of deployments than deployments")
        others = sum(gaps.values()) - gaps[GapReason.DEPLOYMENT]
        # Of several instances, the end of a stream does not tell which of them has ended, nor what
        # ended before: without RUN_RESTARTED nobody can know that nothing is missing.
        if others > self.untold and counted == truth.lines and not hidden:
            faults.append("a gap of another reason was invented")
        if restarts > truth.container_ends:
            faults.append("a crash counted twice")
        if restarts < truth.container_ends and self.kind.mode == "follow" and not hidden:
            faults.append("a crash is missing")
        for name in ("api_request_errors_total", "api_errors"):
            if self.value(name):
                faults.append(f"{name} is {self.value(name)}")
        for log_type in self.types:
            if not self.value("source_up", log_type=log_type):
                faults.append(f"source_up of {log_type} is 0")
        return [*faults, about] if faults else []


def faults_of(kind: str, seed: int, folder: Path) -> list[str]:
    """Live one life; what went wrong in it, with its story."""
    life = Life(KINDS[kind], seed, folder)
    faults = life.live()
    about = f"{life.instances} instances, {life.mode}, every {life.interval} s"
    return [about, *faults, *life.story] if faults else []
