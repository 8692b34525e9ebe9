"""Random lives of one component with many instances: rates, clocks, layouts, meanings of a tail.

A few instances write most lines, others are silent for most of the life; their clocks may be off;
the platform serves them one after another, merged by time or in order of arrival, and counts
``tail_lines`` for each instance, for the whole text, or not at all.
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from simulation import APP, Outcome, World, faults_of_wild_life
from virtual_platform import VirtualPlatform

from exporter.model import ComponentKey, LogType
from exporter.simulator.log_reading import LogReader, LogRequest
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Layout

KEY = ComponentKey(APP, "web")
NS = 1_000_000_000
MAX_OFF = 10.0
"""Seconds: how far a clock may be off."""

POLLS = 12


class Tail(StrEnum):
    """What the platform makes of ``tail_lines``."""

    EACH = "for each instance"
    TOTAL = "for the whole text"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Setting:
    """What a crowd is like; None: the seed decides."""

    instances: int | None = None
    tail_lines: int | None = None
    layout: Layout | None = None
    tail: Tail | None = None
    skewed: bool = False
    scaled: bool = False
    scope: str = "component"


class Crowd(World):
    """A platform with one component of many instances, and an exporter that polls it."""

    setting = Setting()

    def __init__(self, seed: int, folder: Path, setting: Setting) -> None:
        self.setting = setting
        super().__init__(seed, folder)

    def __post_init__(self) -> None:
        wanted, rng = self.setting, random.Random(self.seed)
        self.rng = rng
        self.now = 1_800_000_000.0
        self.scope = wanted.scope
        self.tail_lines = wanted.tail_lines or rng.choice((20, 100, 300))
        self.count = wanted.instances or rng.choice((1, 2, 3, 5, 10, 50))
        self.layout = wanted.layout or rng.choice(tuple(Layout))
        self.tail = wanted.tail or rng.choice(tuple(Tail))
        self.lag = 0.0
        self.lines = 0
        self.skew = MAX_OFF / 2 if wanted.skewed else 0.0
        self.clock_off = rng.uniform(-2 * self.skew, 2 * self.skew)
        self.offs: dict[int, float] = {}
        self.rates: dict[int, float] = {}
        self.platform = Platform(
            lambda: self.now, seed=self.seed, retention_lines=100_000, record_lines=True
        )
        self.reader = LogReader(
            self.platform,
            tail_in_total=self.tail is Tail.TOTAL,
            tail_ignored=self.tail is Tail.IGNORED,
        )
        self.components = [ComponentSpec("web", instances=self.count)]
        self.virtual = VirtualPlatform(self.platform, self.reader, rng, varying=wanted.scaled)
        self.platform.create_app(APP, self.components, layout=self.layout)
        self.hand_overs = 0
        self.unread = 0  # lines written since the latest read of RUN
        self.doubtful = False  # so many that no reader can tell that none is missing
        self.limit_shown = False  # a read showed more than a limit for the whole text allows
        self.crashes_happened = False
        self.start()

    def counted(self) -> tuple[float, float]:
        """How many lines were counted, and how many gaps."""
        outcome = self.outcome(KEY)
        return outcome.counted, outcome.gaps

    def off(self, instance: int) -> float:
        """How far the clock of an instance is off, in seconds."""
        if instance not in self.offs:
            self.offs[instance] = self.rng.uniform(-self.skew, self.skew)
        return self.offs[instance]

    def rate(self, instance: int) -> float:
        """Lines between two polls, over four orders of magnitude."""
        if instance not in self.rates:
            self.rates[instance] = self.tail_lines * 10 ** self.rng.uniform(-4.5, -0.5)
        return self.rates[instance]

    def write_line(self, instance: int, words: str = "line") -> None:
        """One line of an instance, by its own clock."""
        self.now += 1e-4
        self.lines += 1
        self.unread += 1
        at = int((self.now + self.off(instance)) * NS)
        self.platform.write(
            APP, "web", instance, f"{words} {self.lines} of {instance}", timestamp_ns=at
        )

    def write_by_rates(self) -> None:
        """What all instances write until the next poll."""
        turns: list[int] = []
        for instance in range(self.count):
            rate = self.rate(instance)
            lines = int(rate) + (self.rng.random() < rate % 1)
            turns += [instance] * lines
        self.rng.shuffle(turns)
        for instance in turns:
            self.write_line(instance)

    def burst(self) -> None:
        """Many lines of one instance."""
        instance = self.rng.randrange(self.count)
        low, high = (0.3, 0.9) if self.rng.random() < 0.8 else (0.9, 3.0)
        for _ in range(int(self.tail_lines * self.rng.uniform(low, high))):
            self.write_line(instance)

    def crash_one(self) -> None:
        """A container ends; what it wrote is read before the next one of its instance ends."""
        instance = self.rng.randrange(self.count)
        for _ in range(self.rng.choice((1, 3))):
            self.write_line(instance, "working")
        self.write_line(instance, "panic")
        self.platform.crash(APP, "web", instance)
        self.write_line(instance, "listening")
        self.tell(f"crashed {instance}")

    def scale(self) -> None:
        """Autoscaling: instances are added, or the last ones go when all was read."""
        self.poll_all()
        count = max(1, self.count + self.rng.choice((-3, -1, 1, 3)))
        # An instance that goes takes what it wrote since the last read, as far as can be told.
        self.doubtful = self.doubtful or count < self.count
        for instance in range(min(count, self.count), max(count, self.count)):
            self.offs.pop(instance, None)
            self.rates.pop(instance, None)
        self.platform.scale(APP, "web", count)
        self.count = count
        self.tell(f"scaled to {count}")

    def poll_all(self) -> None:
        """One poll of both logs."""
        if self.unread >= self.tail_lines:
            self.doubtful = True
        self.unread = 0
        self.look_at_limit()
        self.tell(f"read with {self.lines} lines written")
        self.read_all()

    def look_at_limit(self) -> None:
        """A text of exactly ``tail_lines`` lines looks as if the rest of it was cut off.

        So it is until a read has shown more lines than that.
        """
        request = LogRequest(
            self.platform.app_id(APP),
            self.platform.active_deployment_id(APP),
            KEY.component,
            LogType.RUN,
            self.tail_lines,
        )
        shown = self.reader.text(request).count(b"\n")
        self.limit_shown = self.limit_shown or shown > 1.25 * self.tail_lines
        older_may_be_hidden = (
            self.crashes_happened or self.layout is Layout.SEQUENTIAL or self.skew > 0
        )
        if shown == self.tail_lines and older_may_be_hidden and not self.limit_shown:
            self.doubtful = True

    def live(self) -> list[Outcome]:
        """Polls at intervals, and now and then something beside the writing."""
        self.discover()
        self.poll_all()
        self.flush()
        for _ in range(POLLS):
            self.now += self.rng.choice((1.0, 1.0, 60.0))
            self.write_by_rates()
            chance = self.rng.random()
            if chance < 0.3:
                self.burst()
            elif chance < 0.4:
                self.crash_one()
                self.crashes_happened = True
            elif chance < 0.5 and self.setting.scaled:
                self.scale()
                self.crashes_happened = True
            self.poll_all()
            if self.rng.random() < 0.2:
                self.flush()
                self.rng.choice((self.kill, self.stop))()
        return self.settle()


def faults_of_crowd(world: Crowd, outcome: Outcome) -> list[str]:
    """What is wrong: a line twice, one lost without a gap, a gap where nothing can be lost."""
    faults = faults_of_wild_life(outcome)
    hidden = world.tail is Tail.TOTAL and (
        world.layout is Layout.SEQUENTIAL
        or (world.skew and world.layout is Layout.INTERLEAVED)
        or world.crashes_happened
    )
    if outcome.delivered < outcome.written and not outcome.gaps and not hidden:
        faults.append("lines are missing, and no gap says so")
    if outcome.gaps and outcome.counted == outcome.written and not world.doubtful and not hidden:
        faults.append("a gap was invented")
    return faults


SETTINGS = {
    "crowd": Setting(),
    "skewed": Setting(skewed=True),
    "scaled": Setting(skewed=True, scaled=True),
}


def faults_of(kind: str, seed: int, folder: Path) -> list[str]:
    """Live one life; what went wrong in it, with its story."""
    world = Crowd(seed, folder, SETTINGS[kind])
    outcomes = world.live()
    faults = [f"{fault}: {each}" for each in outcomes for fault in faults_of_crowd(world, each)]
    if faults:
        about = f"{world.count} instances, {world.layout}, tail {world.tail_lines} {world.tail}"
        faults = [f"{kind} {seed} {about}", *faults, *world.story]
    return faults
