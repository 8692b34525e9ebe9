"""One random life of an account whose threads take turns by a seed.

All of an account runs as in production, on real threads: polls, streams, saves to an SQLite file,
reloads, shut-down, and scrapes beside them. At each lock, queue, wait and commit the seed decides
which thread continues; ``preempted`` lives are held up at any line besides. Time is virtual.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from email.utils import formatdate
from functools import cache, lru_cache, partial
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from life_records import PlainTable
from state_files import make_file
from turn_lines import turns_at_lines
from turn_parts import patched
from turn_scheduler import TurnPool, TurnScheduler
from turns import Stuck, Turns
from virtual_platform import VirtualPlatform
from virtual_stream import VirtualStream

from exporter.config.credentials import TokenSource
from exporter.config.schema import Config
from exporter.digitalocean.log_content import WebSockets
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.logs.dedup.snapshot import Snapshot
from exporter.logs.dedup.window import line_key
from exporter.matching.engine import Engine
from exporter.model import Endpoint, GapReason, LogChunk
from exporter.reading.following.followed_source import PROOF_SECONDS
from exporter.reading.following.follower import Follower
from exporter.service.account import Account, Namespace
from exporter.service.connections import Connections
from exporter.simulator import state as simulated
from exporter.simulator.log_reading import LogReader
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Layout
from exporter.state.sqlite import SqliteStore
from exporter.state.store import Batch, CursorKey, State, ValueKey
from exporter.telemetry.declarations import PREFIX
from exporter.web.exposition import Exposition

APP, WEB = "shop", "web"
START = 1_800_000_000.0
MOVES = 10
SETTLE_SECONDS = 300.0  # longer than the wait after three failures in a row
LONG_SECONDS = 90.0  # in some lives
CALM_SECONDS = 12.0  # several reads of each log, and a list of apps
STUCK_SECONDS = 20.0
FIRST_SECONDS = 3.0
BRIEF_SECONDS = PROOF_SECONDS + 5.0  # the end of a stream may be noticed late
EVERY = {"name": "every", "regex": ".", "level": "info"}
PANICS = {"name": "panics", "regex": "panic", "level": "info"}
REPEATED = f"{PREFIX}log_repeated_lines_total"
LINES = tuple(sorted((APP, WEB, "RUN")))
MATCHES = tuple(sorted((APP, WEB, "RUN", "every", "info")))
PREEMPTED = (
    "exporter.counting",
    "exporter.reading",
    "exporter.scheduling",
    "exporter.service.account",
    "exporter.telemetry.table",
    "exporter.telemetry.api_metrics",
    "exporter.watching",
    "exporter.web.exposition",
)
"""Modules in which a thread can be held up at any line."""
PREEMPTING = {"threads": 0.0, "preempted": 0.003}
KINDS = tuple(PREEMPTING)
Shown = tuple[str, tuple[str, ...]]
"""A series: its name, and the values of its labels in order."""

JUDGED = tuple(
    f"{PREFIX}{name}{{"
    for name in ("log_lines_total", "log_gaps_total", "restarts_total", "source_up")
)
INTERNAL_ERRORS = f"{PREFIX}exporter_internal_errors_total"


class ThreadsPlatform(VirtualPlatform):
    """Each request takes a while, in which other threads continue."""

    turns: Turns
    tell_time: Callable[[float], None]
    """Takes the platform's time from an answer, and when the request was sent."""

    def _maybe_fail(self, endpoint: Endpoint) -> None:
        sent = self.turns.now
        self.turns.sleep(self._rng.choice((0.0, 0.01, 0.1, 0.1, 1.0)))
        self.tell_time(sent)
        super()._maybe_fail(endpoint)

    def _chunks(self, *arguments: Any) -> Iterator[LogChunk]:
        for chunk in super()._chunks(*arguments):
            self.turns.turn()
            yield chunk

    def websockets(self) -> WebSockets:
        """One host, which accepts them."""
        return WebSockets(1, 0)


class ThreadsStream(VirtualStream):
    """A stream that learns from other threads that there is more."""

    loop: asyncio.AbstractEventLoop | None = None

    def _wake(self, app: str | None = None) -> None:
        if self.loop is not None:
            with suppress(RuntimeError):  # it is closed
                self.loop.call_soon_threadsafe(super()._wake)


class WatchedState:
    """A state whose commits are turns, and which knows what was saved."""

    def __init__(self, state: State, life: "Life") -> None:
        self._state = state
        self._life = life
        self.durable = state.durable
        self.rollbacks = state.rollbacks

    def load(self) -> Any:
        """Read it."""
        return self._state.load()

    def save(self, batch: Batch) -> None:
        """Save a batch; others continue before it, and between it and what follows."""
        self._life.turns.turn()
        self._state.save(batch)
        self._life.note_saved(batch.values, batch.cursors)
        self._life.turns.turn()

    def close(self) -> None:
        """Do nothing."""
        self._state.close()


class Life:
    """Platform, account and what happens to both, told by a seed."""

    def __init__(self, kind: str, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        switching = self.rng.choice((0.02, 0.2, 0.7, 1.0))
        self.turns = Turns(random.Random(seed), switching)
        self.preempting = PREEMPTING[kind]
        self.path = make_file(folder / f"{kind}-{seed}.db")
        self.mode = self.rng.choice(("poll", "follow", "auto"))
        self.interval = self.rng.choice((1, 2, 5))
        self.rules = [EVERY]
        self.types = ("RUN", "RUN_RESTARTED")
        self.run_alone = False  # at some time
        self.unseen = 0  # lines of containers that ended before anything of them was kept
        self.crashed = -1  # the instance that crashed last, and the lines of its next container
        self.young = self.brief = 0  # and of such that a deployment replaced soon
        self.instances = self.rng.choice((1, 1, 2))
        self.lasts = self.rng.random() < 0.5
        self.faults: list[str] = []
        self.story: list[str] = []
        self.highest: dict[int, dict[Shown, float]] = {}  # by who scrapes
        self.latest: dict[int, tuple[frozenset[str], dict[Shown, float]]] = {}
        self.saved: dict[Shown, float] = {}
        self.cursors: dict[str, bytes] = {}  # by deployment
        self.lines = self.hand_overs = self.scrapes = self.generation = 0
        self.scrapers = self.rng.choice((1, 1, 2))
        self.deploying = False
        self.crashed_at = -1e9
        self.stepped = self.rng.choice((0.0, 0.0, -600.0, 600.0))

    def clock(self) -> float:
        """The platform's clock, Unix seconds."""
        return START + self.turns.now

    def wall_clock(self) -> float:
        """The exporter's own, as somebody has set it."""
        return self.clock() + self.stepped

    def tell_time(self, sent: float) -> None:
        """An answer has the platform's time in its headers."""
        headers = {"Date": date(int(self.clock()))}
        self.platform_clock.note(headers, sent)

    # --- the exporter

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Everything that the account makes, on threads that take turns."""
        account, follower = "exporter.service.account", "exporter.reading.following.follower"
        replaced: dict[str, Any] = {
            f"{account}.connect": self.connections,
            f"{account}.build_scheduler": lambda workers, steady: self.scheduler(steady),
            f"{account}.random": SimpleNamespace(Random=lambda: random.Random(self.rng.random())),
            f"{follower}.ThreadPoolExecutor": partial(TurnPool, self.turns),
            "exporter.service.reading_parts.Follower": self.follower,
            # They take longer to make than to live.
            "exporter.service.counting_parts.Engine": engine,
            "exporter.service.account.MetricTable": PlainTable,
            "exporter.telemetry.api_metrics.Endpoint": (),  # no request is sent
            "exporter.service.supervisor.FLUSH_SECONDS": self.rng.choice((0.25, 1.0)),
        }
        with ExitStack() as stack:
            stack.enter_context(patched(self.turns))
            if self.preempting:
                stack.enter_context(turns_at_lines(PREEMPTED, self.turns.at_line))
            for name, value in replaced.items():
                stack.enter_context(patch(name, value))
            yield

    def connections(self, *arguments: Any) -> Connections:
        """The ways to the platform, whose time they learn."""
        [self.platform_clock] = [each for each in arguments if isinstance(each, PlatformClock)]
        virtual: Any = self.virtual
        return Connections(virtual, virtual, self, Event(), ())  # type: ignore[arg-type]

    async def open(self, live_url: str, *, target: object) -> VirtualStream:
        """A stream of the log at ``live_url``."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.rng.choice((0.0, 0.05, 0.5)))
        stream = ThreadsStream(
            self.platform, self.reader, self.virtual.granted(live_url), self.rng, lasts=self.lasts
        )
        stream.loop = loop
        self.streams.append(stream)
        return stream

    def scheduler(self, steady: Callable[[], float]) -> TurnScheduler:
        """The schedule of an account, with the pools that production gives it."""
        start = steady() - self.turns.now
        workers = {"sources": 3, "soon": 2, "platform": 1, "heartbeat": 1, "ledger": 1}
        return TurnScheduler(self.turns, start, workers, self.job_failed)

    def follower(self, *arguments: Any, **options: Any) -> Follower:
        """A follower in virtual time."""
        follower = Follower(*arguments, **options)
        follower._around = replace(follower._around, monotonic=self.turns.time)
        return follower

    def job_failed(self, error: BaseException) -> None:
        """An exception that no part has translated."""
        self.faults.append(f"a job ended with {error!r}")

    def config(self) -> Config:
        """The configuration of now."""
        return configuration(self.mode, self.interval, len(self.rules), self.types)

    def start(self) -> None:
        """A process begins: its state is read, and it is scraped."""
        turns = self.turns
        self.generation += 1
        turns.main.group = self.generation
        self.store = SqliteStore(self.path, self.wall_clock)
        state = self.store.open("")
        there = state.load()
        self.note_saved(there.values, there.cursors)
        self.account = Account(
            self.config(),
            TokenSource("a test", token="none"),
            Namespace(WatchedState(state, self), {}),
            clock=self.wall_clock,
            monotonic=turns.time,
            notify=lambda event: turns.turn(),
        )
        self.exposition = Exposition(lambda: self.account.tables)
        self.account.start()
        for number in range(self.scrapers):
            turns.spawn(partial(self.scrape_again_and_again, number), f"scrape-{number}")
        turns.spawn(self.look_again_and_again, "page")

    def note_saved(
        self, values: Mapping[ValueKey, float], cursors: Mapping[CursorKey, bytes]
    ) -> None:
        """Remember what is saved by now."""
        self.cursors.update((key.deployment_id, data) for key, data in cursors.items())
        for key, value in values.items():
            series = (key.metric, tuple(sorted(key.labels)))
            if value < self.saved.get(series, 0.0):
                self.latest.clear()  # what was not ahead of it can be now
            self.saved[series] = value

    def scrape_again_and_again(self, scraper: int) -> None:
        """Scrape as a server of Prometheus does, only more often while much happens."""
        while True:
            pauses = (10.0, 20.0) if self.quiet else (0.05, 0.3, 1.0, 3.0)
            self.turns.sleep(self.rng.choice(pauses))
            self.scrape(scraper)

    def look_again_and_again(self) -> None:
        """Look at what the pages show."""
        while True:
            self.turns.sleep(self.rng.choice((10.0, 20.0) if self.quiet else (1.0, 4.0)))
            status = self.account.status
            status.healthy(), status.ready(), status.components(), status.budget()

    def scrape(self, scraper: int) -> None:
        """Hold one scrape against those before it, against itself and against what is saved.

        A metric that is as the scrape before had it says nothing new.
        """
        metrics = frozenset(self.exposition.answer("", "").body.decode().split("# HELP "))
        self.scrapes += 1
        before, seen = self.latest.get(scraper, (frozenset(), {}))
        for series in samples(before - metrics):
            del seen[series]
        changed = samples(metrics - before)
        seen.update(changed)
        self.latest[scraper] = (metrics, seen)
        highest = self.highest.setdefault(scraper, {})
        for series, value in changed.items():
            if value < highest.get(series, 0.0):
                self.fault(f"{series} fell from {highest[series]} to {value}")
            if value > self.saved.get(series, 0.0) and series[0] != INTERNAL_ERRORS:
                self.fault(f"{series} shows {value}, {self.saved.get(series)} is saved")
            highest[series] = value
        lines = seen.get((f"{PREFIX}log_lines_total", LINES), 0.0)
        matches = seen.get((f"{PREFIX}log_matches_total", MATCHES), 0.0)
        if lines != matches:
            self.fault(f"one scrape shows {lines} lines and {matches} matches of each line")
        for errors, value in changed.items():
            if errors[0] == INTERNAL_ERRORS and value:
                self.fault(f"{value} internal errors in {errors[1]}")

    def fault(self, what: str) -> None:
        """Remember what is wrong, once."""
        if what not in self.faults:
            self.faults.append(what)
            self.tell(what)

    # --- what happens

    def tell(self, what: str) -> None:
        """Continue the story."""
        self.story.append(f"{self.turns.now:9.3f} {what}")

    def write(self, instance: int, words: str, deployment_id: str | None = None) -> None:
        """One line, unlike any other."""
        self.lines += 1
        self.young += deployment_id is None and instance == self.crashed
        self.platform.write(
            APP, WEB, instance, f"{words} {self.lines}", deployment_id=deployment_id
        )

    def write_on(self) -> None:
        """Lines at random times, now and then many."""
        while not self.quiet:
            self.turns.sleep(self.rng.choice((0.05, 0.3, 1.0, 2.0)))
            for _ in range(self.rng.choice((1, 1, 2, 5, 30))):
                self.write(self.rng.randrange(self.instances), "line")

    def deploy(self) -> None:
        """A deployment from its build to the end of the containers before it.

        In the first seconds the platform says nothing of that end, as of a crash.
        """
        sleep, choice = self.turns.sleep, self.rng.choice
        new = self.platform.begin_deployment(APP)
        self.tell("deployment begins")
        sleep(choice((0.5, 5.0)))
        while self.platform.advance_deployment(APP) != "DEPLOYING":
            sleep(choice((0.0, 1.0)))
        sleep(choice((0.2, 2.0)))
        for instance in range(self.instances):
            self.write(instance, "starting", new)
        sleep(choice((0.2, 2.0)))
        self.lines += self.instances
        code = choice((None, 143))
        if self.turns.now < self.first:
            code = None
        if self.turns.now - self.crashed_at < BRIEF_SECONDS:
            self.brief += self.young + 1 + (code is not None)
        self.platform.advance_deployment(APP, {WEB: [f"SIGTERM {self.lines}"]}, exit_code=code)
        self.hand_overs += 1
        self.deploying = False
        self.tell("it took over")

    def hand_over(self) -> None:
        """Begin a deployment, unless one is under way."""
        if not self.deploying:
            self.deploying = True
            self.turns.spawn(self.deploy, "deployment", "world")

    def crash(self) -> None:
        """A container ends, unless one has lately, or another deployment begins.

        Not in the first seconds: what the platform says of it may have a time before the start.
        """
        early = self.turns.now < self.first
        if early or self.deploying or self.turns.now - self.crashed_at < 2 * self.interval + 15:
            return
        self.crashed_at = self.turns.now
        instance, code = self.rng.randrange(self.instances), self.rng.choice((None, 2))
        self.write(instance, "working")
        self.lines += 1 + (code is not None)
        self.platform.crash(APP, WEB, instance, [f"panic {self.lines}"], exit_code=code)
        self.unseen += self.lines_unseen(instance)
        self.crashed, self.young = instance, int(code is not None)
        self.write(instance, "listening")
        self.tell(f"instance {instance} crashed, {self.unseen} lines unseen")

    def lines_unseen(self, instance: int) -> int:
        """How many lines a container had that has just ended, if none of them is kept as counted.

        RUN alone never shows that there was such a container.
        """
        deployment = self.platform.active_deployment_id(APP)
        lines = self.platform.view(partial(previous_lines, deployment, instance))
        kept = self.cursors.get(deployment)
        known = Snapshot.from_bytes(kept) if kept is not None else None
        return 0 if known and any(knows(known, line) for line in lines) else len(lines)

    def cut(self) -> None:
        """Every stream breaks off."""
        streams, self.streams = self.streams, []
        for stream in streams:
            stream.cut()
        self.tell("streams cut")

    def reload(self) -> None:
        """Another configuration, by a thread of its own, beside what goes on."""
        self.mode = self.rng.choice(("poll", "follow", "auto"))
        self.interval = self.rng.choice((1, 2, 5))
        self.rules = self.rng.choice(([EVERY], [EVERY, PANICS]))
        self.types = self.rng.choice((("RUN",), *(("RUN", "RUN_RESTARTED"),) * 2))
        self.run_alone = self.run_alone or len(self.types) == 1
        logs = f"{self.mode}, every {self.interval} s, {self.types}"
        self.tell(f"reload: {logs}, {len(self.rules)} rules")
        account, config, source = self.account, self.config(), TokenSource("a test", token="none")
        self.turns.spawn(lambda: account.change(config, source), "reload")

    def stop(self) -> None:
        """SIGTERM, and a new process; scrapes continue until the old one has ended."""
        self.tell("stop")
        self.virtual.shifting = False  # a process that has seen no list yet cannot tell
        self.end()
        self.start()

    def end(self) -> None:
        """Stop the account; every thread of it has to end by itself, but those that scrape."""
        self.account.stop()
        self.turns.sleep(0.5)
        own = {"scrape-0", "scrape-1", "page"}
        for _ in range(60):
            left = set(self.turns.alive(self.generation)) - own
            if not left:
                break
            self.turns.sleep(1.0)
        else:
            self.fault(f"after the stop these threads went on: {sorted(left)}")
        self.turns.kill(self.generation)
        self.store.close()

    def kill(self) -> None:
        """SIGKILL: what was not saved is gone with the process."""
        self.tell("killed")
        self.virtual.shifting = False
        self.turns.kill(self.generation)
        self.store.close()
        self.start()

    def trouble(self) -> None:
        """Requests fail now and then from here on, or work again."""
        self.virtual.faults = self.rng.choice((0.0, 0.0, 0.2))
        self.tell(f"faults at {self.virtual.faults}")

    def shift_pages(self) -> None:
        """The pages of the next list of apps shift, so that this one stands on none of them."""
        self.virtual.shifting = True
        self.tell("the next list of apps lacks this one")

    def step_clock(self) -> None:
        """Somebody sets the wall clock of the exporter's host."""
        self.stepped = self.rng.choice((-600.0, 0.0, 600.0))
        self.tell(f"the wall clock is {self.stepped:+.0f} s off")

    # --- a life

    def live(self) -> list[str]:
        """Live; return what went wrong."""
        try:
            with self.patched():
                self.turns.preempting = self.preempting
                self.turns.holding = self.rng.choice((0.0, 0.001, 0.005))
                self._live()
        except Stuck as stuck:
            self.faults.append(str(stuck))
        self.faults += self.turns.errors
        return self.faults

    def _live(self) -> None:
        self.quiet = False
        self.streams: list[ThreadsStream] = []
        self.platform = Platform(self.clock, seed=self.rng.randrange(1 << 30))
        self.reader = LogReader(self.platform, tail_in_total=self.rng.random() < 0.5)
        self.virtual = ThreadsPlatform(self.platform, self.reader, self.rng)
        self.virtual.turns, self.virtual.tell_time = self.turns, self.tell_time
        layout = self.rng.choice(tuple(Layout))
        self.platform.create_app(APP, [ComponentSpec(WEB, instances=self.instances)], layout=layout)
        self.start()
        self.first = self.turns.now + FIRST_SECONDS
        if self.stepped:  # until the platform has answered, lines may be from before the start
            self.turns.sleep(5.0)
        self.turns.spawn(self.write_on, "traffic", "world")
        self.wait_for_lines()
        moves: dict[Callable[[], None], int] = {
            self.hand_over: 3,
            self.crash: 3,
            self.cut: 1,
            self.reload: 4,
            self.stop: 1,
            self.kill: 1,
            self.trouble: 1,
            self.shift_pages: 1,
            self.step_clock: 3,
        }
        for _ in range(MOVES):
            [move] = self.rng.choices([*moves], [*moves.values()])
            move()
            self.turns.sleep(self.rng.choice((0.0, 0.05, 0.5, 3.0)))
        self.quiet = True
        self.virtual.faults = self.turns.holding = 0.0
        self.settle()
        for name in self.turns.stuck(STUCK_SECONDS):
            self.fault(f"{name} waits for a lock without an end:\n{self.turns.stacks()}")
        self.scrape(-1)
        for fault in self.verdict():
            self.fault(fault)
        self.end()
        self.turns.kill("world")

    def wait_for_lines(self) -> None:
        """Wait until a deployment is known: nobody can tell of one that ended before."""
        while not self.saved.get((f"{PREFIX}log_lines_total", LINES)):
            self.turns.sleep(1.0)

    def settle(self) -> None:
        """Wait until all is read that can be, or in some lives and failures as long as need be."""
        end = self.turns.now + SETTLE_SECONDS
        self.turns.sleep(self.rng.choice((CALM_SECONDS,) * 15 + (LONG_SECONDS,)))
        before: dict[Shown, float] = {}
        while self.turns.now < end and (before != (now := self.counted()) or self.verdict()):
            before = now
            self.turns.sleep(CALM_SECONDS)

    def counted(self) -> dict[Shown, float]:
        """What is saved by now, but for lines that each read repeats."""
        return {key: value for key, value in self.saved.items() if key[0] != REPEATED}

    def verdict(self) -> list[str]:
        """Hold what was counted against the truth.

        A container whose end no read has shown is a gap, whether or not it wrote more than was
        counted: nobody can tell. Where RUN alone is read, each container that ends is one. It is
        none if nothing of the container was counted before: RUN shows the next one from its first
        line then, as it does where there was no other. Of several instances it is none if RUN has
        as many new lines as left it: its log may have moved on by those.

        A container that began as another ended, seconds before a deployment replaced it, can be
        missed: the end of a stream in good order counts as the end of the log for as long, and
        nothing shows the log after that.
        """
        truth = self.platform.truth().of(APP, WEB)
        body = self.exposition.answer("", "").body.decode()
        shown = [line for line in body.splitlines() if line.startswith(JUDGED)]

        def values(name: str, *labels: str) -> list[float]:
            return [
                float(line.rpartition(" ")[2])
                for line in shown
                if line.startswith(f"{PREFIX}{name}{{")
                and all(f'"{label}"' in line for label in labels)
            ]

        components = self.account.status.components()
        # Those of the reload that came last, whichever began last.
        sources = [source for component in components for source in component.sources]
        counted = sum(values("log_lines_total", "RUN"))
        gaps = {reason: sum(values("log_gaps_total", reason)) for reason in GapReason}
        restarts = sum(values("restarts_total"))
        hidden = (self.reader.tail_in_total or self.lasts) and self.instances > 1
        untold = hidden or (self.run_alone and self.instances > 1)
        others = sum(gaps.values()) - gaps[GapReason.DEPLOYMENT]
        unread = truth.container_ends if self.run_alone else truth.container_ends - restarts
        unseen = self.unseen if self.run_alone else 0
        found = {
            "lines counted twice": counted > truth.lines,
            "lines are missing, and no gap says so": counted < truth.lines - unseen - self.brief
            and not sum(gaps.values())
            and not untold,
            "more gaps of deployments than deployments": gaps[GapReason.DEPLOYMENT]
            > self.hand_overs,
            "a gap was invented": others > unread and counted == truth.lines and not hidden,
            "a crash counted twice": restarts > truth.container_ends,
            "the component is not watched": len(components) != 1,
            "a log is down": sum(values("source_up")) < len(sources),
            "a log is shown that is not read": len(values("source_up")) > len(sources),
            "nobody scraped": not self.scrapes,
        }
        return [
            f"{fault}: {counted:.0f} of {truth.lines} lines, gaps "
            f"{ {reason.value: n for reason, n in gaps.items() if n} }, {restarts:.0f} "
            f"restarts of {truth.container_ends}, {self.hand_overs} hand-overs; "
            f"{[source.problem for source in sources]}"
            for fault, is_so in found.items()
            if is_so
        ]


@cache
def configuration(mode: str, interval: int, rules: int, types: tuple[str, ...]) -> Config:
    """A configuration of the life."""
    return Config.model_validate(
        {
            "discovery": {"interval": "10s"},
            "logs": {
                "mode": mode,
                "types": list(types),
                "interval": f"{interval}s",
                "unwrap": False,
            },
            "patterns": {"packs": [], "rules": [EVERY, PANICS][:rules]},
            "collectors": {"health": False, "jobs": False},
        }
    )


@lru_cache(1 << 10)
def date(seconds: int) -> str:
    """Unix seconds as a header has them."""
    return formatdate(seconds, usegmt=True)


@cache
def engine(rules: Any, unwrap: object = None) -> Engine:
    """An engine for rules, made once."""
    return Engine(rules, unwrap=None)


def previous_lines(
    deployment: str, instance: int, apps: Mapping[str, simulated.App]
) -> tuple[bytes, ...]:
    """The lines of the container of an instance that ended last."""
    [app] = apps.values()
    [active] = [each for each in app.deployments if each.id == deployment]
    previous = active.instances[WEB][instance].previous
    return tuple(line.text.rstrip(b"\n") for line in previous.lines) if previous else ()


def knows(kept: Snapshot, line: bytes) -> bool:
    """Whether a line is kept as counted."""
    key = line_key(line)
    return key in kept.counted or kept.older.time(key) is not None


def samples(metrics: Iterable[str]) -> dict[Shown, float]:
    """What the texts of metrics say of durable counters and of internal errors."""
    lines = [line for metric in metrics for line in metric.splitlines()[2:]]
    return dict(filter(None, map(sample, lines)))


@lru_cache(1 << 16)
def sample(line: str) -> tuple[Shown, float] | None:
    """What a line of a scrape says of a durable counter or of internal errors; else nothing."""
    series, _, value = line.rpartition(" ")
    name, _, inside = series.partition("{")
    if name != INTERNAL_ERRORS and (
        name[0] == "#" or not name.endswith("_total") or "_api_" in name or "_exporter_" in name
    ):
        return None
    labels = tuple(sorted(part.split('"')[1] for part in inside[:-1].split(",") if part))
    return (name, labels), float(value)


def faults_of(kind: str, seed: int, folder: Path) -> list[str]:
    """Live one life; what went wrong in it, with its story."""
    life = Life(kind, seed, folder)
    faults = life.live()
    about = f"{life.instances} instances, {life.mode}, {life.turns.switches} switches of threads"
    return [about, *faults, *life.story] if faults else []
