"""One random life of platform and exporter, told by a seed: writes, reads, crashes, kills.

The exporter is the real one from configuration to counters, on a real SQLite file; only sockets
and time are virtual. What the platform gave out is known line by line, so what was counted can be
held against it, and what was never to be had against the gaps that were announced.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

from life_records import PlainTable, records_of
from state_files import file_state, make_file
from virtual_platform import VirtualPlatform

from exporter.config.schema import Config
from exporter.digitalocean.budget import Budget
from exporter.logs.restarts.restart_tally import LATE_SECONDS
from exporter.matching.engine import Engine
from exporter.model import ComponentKey, GapReason, Source, SourceStatus
from exporter.service.assembly import AccountParts, build_account
from exporter.service.environment import Environment
from exporter.service.ruleset import load_rules
from exporter.simulator.log_reading import LogReader
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Layout

APP = "shop"
START = 1_800_000_000.0
STEPS = 48
ROUNDS = 12


class NoSchedule:
    """Keeps no jobs: the simulation itself says who reads when; a discovery asked for is due."""

    running = True
    discovery_due = False

    def add_job(self, *arguments: Any, **options: Any) -> None:
        """Ignore a job but the discovery."""
        self.discovery_due = self.discovery_due or options.get("id") == "discovery"

    def remove_job(self, job: str) -> None:
        """Ignore a job."""

    def get_job(self, job: str) -> None:
        """Know of no job."""

    def add_listener(self, *arguments: Any) -> None:
        """Ignore who listens to jobs."""


@dataclass
class Outcome:
    """What a life came to, of one component."""

    instances: int
    interleaved: bool
    written: int
    delivered: int
    counted: float
    delivered_bytes: int
    counted_bytes: float
    gaps: float
    gaps_of_deployments: float
    hand_overs: int
    ends_shown: int
    restarts: float


@dataclass
class World:
    """Platform and exporter under one virtual clock; everything else follows from the seed.

    Args:
        wide: windows are wide enough for all that is written between two reads.
    """

    seed: int
    folder: Path
    wide: bool = False
    story: list[str] = field(default_factory=list)

    clock_off = 0.0  # by how many seconds the exporter's clock is ahead of the platform's
    scope = "component"

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.now = START
        self.tail_lines = 1000 if self.wide else self.rng.choice((8, 20, 60))
        self.layout = self.rng.choice(tuple(Layout))
        retention = 10_000 if self.wide else self.tail_lines * self.rng.choice((1, 2, 100))
        self.platform = Platform(
            lambda: self.now,
            seed=self.seed,
            retention_lines=retention,
            record_lines=True,
            run_archives=self.seed % 3 == 0,
        )
        self.components = [
            ComponentSpec(name, instances=self.rng.randint(1, 3))
            for name in ("web", "jobs")[: self.rng.randint(1, 2)]
        ]
        reader = LogReader(self.platform, archives_per_log=self.rng.randint(1, 3))
        self.virtual = VirtualPlatform(self.platform, reader, self.rng)
        self.platform.create_app(APP, self.components, layout=self.layout)
        self.lag = self.rng.choice((0.0, 0.0, 5.0, 90.0))
        self.platform.set_restart_count_lag(APP, self.lag)
        self.now += self.lag  # so that the first counts are there when the exporter starts
        self.lines = 0
        self.hand_overs = 0
        self.crashes: Counter[str] = Counter()
        self.wrote: Counter[str] = Counter()
        self.silent_stop = False  # containers that a deployment replaces write no last words
        self.may_be_silent = True  # containers that end without having written a line
        self.start()

    # An engine takes longer to make than a life takes.
    @patch("exporter.service.counting_parts.Engine", cache(Engine))
    def start(self) -> None:
        """Start the exporter on its file."""
        config = _configuration(self.tail_lines, self.scope)
        self.registry = PlainTable()
        clock = lambda: self.now + self.clock_off  # noqa: E731
        self.state = file_state(make_file(self.folder / f"{self.seed}.db"), clock)
        records = records_of(self.registry, self.state, clock)
        self.ledger = records.ledger
        virtual: Any = self.virtual
        self.schedule = NoSchedule()
        schedule: Any = self.schedule
        budget = Budget(10**9, 10**9, 1.0, clock=clock, stop=Event())
        rng = random.Random(self.seed)
        environment = Environment(clock, rng, schedule, virtual, virtual, None, budget, records)
        self.parts: AccountParts = build_account(config, load_rules(config), environment)

    def container(self, component: str, instance: int) -> str:
        """A name for the container of an instance that runs now."""
        deployment = self.platform.active_deployment_id(APP)
        number = 0
        while self.crashes[name := f"{deployment}/{component}-{instance}/{number}"]:
            number += 1
        return name

    def live_wildly(self) -> list[Outcome]:
        """Anything at any time: long silence, reads that fail for minutes, crash after crash."""
        return self.live_by({self.deploy: 2, self.rollback: 1, self.kill: 2, self.stop: 1})

    def live_roughly(self) -> list[Outcome]:
        """The same of one deployment, whose containers all write, and with a rest at the end."""
        self.may_be_silent = False
        return self.live_by({self.kill: 2, self.stop: 1})

    def live_by(self, rare: Mapping[Callable[[], None], int]) -> list[Outcome]:
        """Moves by chance, these rare ones among them, each with its weight."""
        self.discover()
        self.flush()
        moves = {
            self.write: 30,
            self.poll: 30,
            self.crash: 6,
            self.discover: 5,
            self.count_restarts: 10,
            self.flush: 8,
            self.trouble: 3,
            **rare,
        }
        for _ in range(STEPS):
            [move] = self.rng.choices([*moves], [*moves.values()])
            self.now += self.rng.choice((0.001, 0.1, 1.0, 20.0))
            move()
            if self.schedule.discovery_due:
                self.discover()
        return self.settle()

    def live_steadily(self) -> list[Outcome]:
        """Rounds in which this and that happens, too much of it at times, then all is read."""
        self.may_be_silent = False
        self.discover()
        self.flush()  # what ended before the first counts were kept is not told
        for _ in range(ROUNDS):
            crashes = self.crashes.total()
            for move, chance in (
                (self.write, 0.9),
                (self.write, 0.5),
                (self.crash, 0.2),
                (self.write, 0.5),
                (self.count_restarts, 0.2),
                (self.crash, 0.1),
                (self.kill, 0.1),
            ):
                self.now += self.rng.choice((0.001, 0.1, 1.0))
                if self.rng.random() < chance:
                    move()
            self.read_all()
            if self.crashes.total() > crashes:
                self.rest()
            if self.rng.random() < 0.05:
                self.deploy()
                self.discover()
                self.rest()
            self.flush()
        return self.settle()

    def live_calmly(self) -> list[Outcome]:
        """What a reader with wide windows and a short interval meets: nothing may be missing."""
        self.silent_stop = True
        self.may_be_silent = not self.lag
        self.discover()
        for _ in range(ROUNDS):
            for _ in range(3):
                self.now += self.rng.choice((0.001, 0.1, 1.0))
                self.write()
            if self.rng.random() < 0.2:
                self.crash()
                self.write()
            self.count_restarts()
            self.read_all()
            self.rng.choice((self.flush, self.flush, self.kill, self.stop))()
            self.read_all()
            if self.rng.random() < 0.05:
                self.deploy()
                self.discover()
                self.read_all()
            self.flush()
        return self.settle()

    def rest(self) -> None:
        """So long that the platform has counted all that ended, and is known to have."""
        self.now += self.lag
        for pause in (0.0, LATE_SECONDS, 0.0):
            self.count_restarts()
            self.read_all()
            self.now += pause

    def count_restarts(self) -> None:
        """Read the platform's own restart counts."""
        for app in self.parts.watching.discovery.inventory.apps:
            self.parts.watching.platform_metrics.read_restart_counts(app)
        self.tell("read restart counts")

    def write(self) -> None:
        """Some lines of one instance, or of all."""
        each = self.rng.choice(self.components)
        containers = [self.container(each.name, number) for number in range(each.instances)]
        for _ in range(self.rng.choice((1, 1, 1, 3, 3, 10, 10, 30, 30, 200 if self.wide else 30))):
            self.now += 0.001
            self.lines += 1
            instance = self.rng.randrange(each.instances)
            self.wrote[containers[instance]] += 1
            words = f"line {self.lines} {containers[instance]}"
            self.platform.write(APP, each.name, instance, words)
        self.tell(f"wrote up to line {self.lines} of {each.name}")

    def poll(self) -> None:
        """One read of one log."""
        sources = self.parts.reading.poller.sources()
        if sources:
            source = self.rng.choice(sources)
            self.read(source)

    def read(self, source: Source) -> None:
        """Read one log; only what the platform did may go wrong."""
        self.parts.reading.poller.poll(source)
        state = self.parts.reading.poller.state(source)
        assert state is not None
        assert "internal" not in state.problem, self.story
        self.tell(f"read {source} {state.problem}")

    def crash(self) -> None:
        """An instance of a component ends, with last words or without."""
        each = self.rng.choice(self.components)
        self.lines += 1
        instance = self.rng.randrange(each.instances)
        container = self.container(each.name, instance)
        silent = self.may_be_silent or self.wrote[container]
        words = [] if silent and self.rng.random() < 0.2 else [f"panic {self.lines} {container}"]
        self.crashes[container] += 1
        self.platform.crash(APP, each.name, instance, words)
        self.tell(f"crashed {each.name} {instance} with {words}")

    def discover(self) -> None:
        """One discovery, and the first read of what it found, which is due at once."""
        self.schedule.discovery_due = False
        self.parts.watching.discovery.run()
        self.tell("discovered")
        self.count_restarts()
        for status in self.parts.reading.poller.statuses():
            if status.state == "waiting":
                self.read(self.source(status))

    def flush(self) -> None:
        """Keep and show what was counted; only that is safe from a kill."""
        self.ledger.flush()
        self.virtual.secure()
        self.tell("flushed")

    def deploy(self) -> None:
        """Another deployment becomes active."""
        self.hand_overs += 1
        if not self.silent_stop and self.rng.random() < 0.5:
            self.write()
        deployment = self.platform.deploy(APP)
        self.tell(f"deployed {deployment}")

    def rollback(self) -> None:
        """An earlier deployment becomes active again, which the exporter has seen go."""
        self.discover()
        earlier = [d.id for d in self.virtual.deployments_of(APP) if d.phase == "SUPERSEDED"]
        if earlier:
            deployment = self.platform.rollback(
                APP, self.rng.choice(earlier), new_deployment=self.rng.random() < 0.5
            )
            self.tell(f"rolled back to {deployment}")

    def kill(self) -> None:
        """SIGKILL: what was not flushed is gone with the process."""
        self.state.close()
        self.virtual.take_back()
        self.start()
        self.tell("killed and started")
        self.discover()

    def stop(self) -> None:
        """SIGTERM: what was counted is kept."""
        self.ledger.end()
        self.virtual.secure()
        self.start()
        self.tell("stopped and started")
        self.discover()

    def trouble(self) -> None:
        """The platform fails now and then from here on, or works again."""
        self.virtual.faults = self.rng.choice((0.0, 0.0, 0.2, 0.6))
        self.tell(f"faults at {self.virtual.faults}")

    def source(self, status: SourceStatus) -> Source:
        """The source that a status is about."""
        key = ComponentKey(status.app, status.component)
        return Source(self.platform.app_id(APP), key, status.log_type)

    def read_all(self) -> None:
        """One read of every log, in any order."""
        sources = self.parts.reading.poller.sources()
        for source in self.rng.sample(sources, len(sources)):
            self.read(source)

    def settle(self) -> list[Outcome]:
        """Read in peace everything that is still to be had; what it all came to."""
        self.virtual.faults = 0.0
        for _ in range(3):
            self.now += 60.0 + self.lag
            self.discover()
            self.read_all()
        self.flush()
        self.state.close()
        return [self.outcome(ComponentKey(APP, each.name)) for each in self.components]

    def outcome(self, key: ComponentKey) -> Outcome:
        """What was counted of a component, and what was to be counted."""
        delivered = self.virtual.delivered.get(key, set())
        [instances] = [each.instances for each in self.components if each.name == key.component]
        shown = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.registry.collect()
            for sample in family.samples
        }

        def value(name: str, **labels: str) -> float:
            labels = {"app": key.app, "component": key.component, "log_type": "RUN", **labels}
            return shown[f"digitalocean_app_{name}", tuple(sorted(labels.items()))]

        return Outcome(
            instances,
            self.layout is not Layout.SEQUENTIAL,
            written=self.platform.truth().of(*key.parts).lines,
            delivered=len(delivered),
            counted=value("log_lines_total"),
            delivered_bytes=sum(len(line) + 1 for line in delivered),
            counted_bytes=value("log_bytes_total"),
            gaps=sum(value("log_gaps_total", reason=reason) for reason in GapReason),
            gaps_of_deployments=value("log_gaps_total", reason=GapReason.DEPLOYMENT),
            hand_overs=0 if self.platform.run_archives else self.hand_overs,
            ends_shown=len(self.virtual.ends.get(key, set())),
            restarts=sum(
                restarts
                for (name, labels), restarts in shown.items()
                if name == "digitalocean_app_restarts_total"
                and ("component", key.component) in labels
            ),
        )

    def tell(self, what: str) -> None:
        """Remember what happened, for whoever looks into a failing seed."""
        self.story.append(f"{self.now - START:9.3f} {what}")


@cache
def _configuration(tail_lines: int, scope: str) -> Config:
    return Config.model_validate(
        {
            "logs": {
                "tail_lines": tail_lines,
                "scope": scope,
                "unwrap": False,  # engines are equal then, and made once
            },
            "patterns": {"packs": []},
        }
    )


def faults_of_wild_life(outcome: Outcome) -> list[str]:
    """What no life excuses: a line counted twice, or given out and not counted without a word."""
    faults = []
    if outcome.counted > outcome.delivered:
        faults.append("lines were counted more than once")
    if outcome.counted < outcome.delivered and not outcome.gaps:
        faults.append("lines were given out and not counted, and no gap says so")
    if outcome.counted == outcome.delivered and outcome.counted_bytes != outcome.delivered_bytes:
        faults.append("as many lines, but others")
    return faults


def faults_of_rough_life(outcome: Outcome) -> list[str]:
    """What is wrong with one deployment: of a single instance, a loss without a gap besides.

    Of several instances, one that ended twice between two reads can hide behind another that
    ended within the time that the platform may take to count.
    """
    return (
        faults_of_steady_life(outcome) if outcome.instances == 1 else faults_of_wild_life(outcome)
    )


def faults_of_steady_life(outcome: Outcome) -> list[str]:
    """What is wrong where the platform had the time to count: any loss without a gap besides."""
    faults = faults_of_wild_life(outcome)
    if outcome.counted < outcome.written and not outcome.gaps:
        faults.append("lines are missing, and no gap says so")
    return faults


def faults_of_calm_life(outcome: Outcome) -> list[str]:
    """What is wrong where all could be seen: any number that is not the truth, any gap.

    Of interleaved containers, one whose last line is older than another's end can hide behind it.
    """
    faults = faults_of_steady_life(outcome)
    if outcome.gaps_of_deployments > outcome.hand_overs:
        faults.append("more gaps of deployments than there were hand-overs")
    if outcome.counted != outcome.written or outcome.gaps > outcome.gaps_of_deployments:
        faults.append("the lines are not the truth, or a gap was invented")
    exact = outcome.instances == 1 or not outcome.interleaved
    if outcome.restarts > outcome.ends_shown or (exact and outcome.restarts < outcome.ends_shown):
        faults.append("the restarts are not the truth")
    return faults


LIVES: dict[str, tuple[Callable[[World], list[Outcome]], Callable[[Outcome], list[str]]]] = {
    "wild": (World.live_wildly, faults_of_wild_life),
    "rough": (World.live_roughly, faults_of_rough_life),
    "steady": (World.live_steadily, faults_of_steady_life),
    "calm": (World.live_calmly, faults_of_calm_life),
}


def faults_of(kind: str, seed: int, folder: Path) -> list[str]:
    """Live one life; what went wrong in it, with its story."""
    world = World(seed, folder, wide=kind == "calm" or seed % 2 == 1)
    live, judge = LIVES[kind]
    outcomes = live(world)
    faults = [f"{fault}: {outcome}" for outcome in outcomes for fault in judge(outcome)]
    return [*faults, *world.story] if faults else []
