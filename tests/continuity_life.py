"""A component's logs and a reader of them, as rules: what the stateful tests of continuity share.

The platform's side writes lines, ends containers and shows windows; the reader's side holds them
against a ``Continuity``. No sockets and no clock: all of it follows from the rules' arguments.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exporter.logs.dedup.continuity import Continuity
from exporter.logs.dedup.snapshot import Snapshot
from exporter.logs.dedup.window import Window
from exporter.model import LIVE_PART, LogType

NS = 1_000_000_000
MS = 1_000_000
START = 1_793_491_200 * NS  # 2026-11-01T00:00:00Z
WIDE = 1000
RUN, RESTARTED = LogType.RUN, LogType.RUN_RESTARTED

INSTANCE = st.integers(0, 2)
LOG = st.sampled_from((RUN, RESTARTED))
STEPS = st.lists(st.sampled_from((1, MS, NS, 30 * NS)), min_size=1, max_size=6)


@dataclass(eq=False)
class Line:
    """A line as a container wrote it; equal ones are still other lines."""

    at: int
    raw: bytes
    shown: bool = False


@dataclass
class Instance:
    """One instance: the log of its container, that of the one before, how far its clock is off."""

    off: int = 0
    running: list[Line] = field(default_factory=list)
    previous: list[Line] = field(default_factory=list)
    unread: set[LogType] = field(default_factory=set)


@dataclass
class Reading:
    """A read under way: what is still to come of its text."""

    window: Window
    rest: list[Line]


@dataclass(frozen=True)
class Options:
    """What a memory is made with."""

    remember: int
    instances: int | None

    def begin(self) -> Continuity:
        """A memory that knows nothing."""
        return Continuity(START - 1, remember=self.remember, instances=self.instances)


def prefixed(at: int, message: str) -> bytes:
    """A line as the platform serves it; ``at`` in Unix nanoseconds."""
    time = datetime.fromtimestamp(at // NS, UTC)
    return f"web {time:%Y-%m-%dT%H:%M:%S}.{at % NS:09}Z {message}".encode()


class Life(RuleBasedStateMachine):
    """One component, its logs, and a reader of them."""

    tail_lines = WIDE
    clocks_off: tuple[int, ...] = (0,)

    @initialize(
        data=st.data(),
        instances=st.integers(1, 3),
        interleaved=st.booleans(),
        remember=st.sampled_from((1, 4, 100)),
        instances_known=st.booleans(),
    )
    def begin(
        self,
        data: st.DataObject,
        instances: int,
        interleaved: bool,
        remember: int,
        instances_known: bool,
    ) -> None:
        """A component of one to three instances, and a memory that knows nothing."""
        clocks = st.sampled_from(self.clocks_off)
        self.instances = [Instance(data.draw(clocks)) for _ in range(instances)]
        self.interleaved = interleaved
        self.options = Options(remember, instances if instances_known else None)
        self.memory = self.options.begin()
        self.now = START
        self.past = False
        self.written: list[Line] = []
        self.counted: Counter[bytes] = Counter()
        self.open: dict[LogType, Reading] = {}
        self.gaps = self.restarts = self.crashes = 0

    def append(self, instance: Instance, at: int, raw: bytes) -> None:
        """A container writes a line."""
        line = Line(at, raw)
        instance.running.append(line)
        self.written.append(line)

    @rule(number=INSTANCE, steps=STEPS)
    def write(self, number: int, steps: list[int]) -> None:
        """Lines of one instance, each later than any before by its clock."""
        instance = self.instances[number % len(self.instances)]
        for step in steps:
            self.now += step
            at = self.now + instance.off
            self.append(instance, at, prefixed(at, f"line {len(self.written)}"))

    @rule(number=INSTANCE, twin=st.booleans())
    def write_at_the_same_time(self, number: int, twin: bool) -> None:
        """In the nanosecond of an instance's last line: the same text once more, or another."""
        instance = self.instances[number % len(self.instances)]
        if instance.running:
            last = instance.running[-1]
            other = prefixed(last.at, f"line {len(self.written)}")
            self.append(instance, last.at, last.raw if twin else other)

    @rule(number=INSTANCE, words=st.integers(0, 2))
    def crash(self, number: int, words: int) -> None:
        """A container ends, with last words or without, and takes its log to RUN_RESTARTED."""
        instance = self.instances[number % len(self.instances)]
        if not self.may_crash(instance):
            return
        self.write(number, [MS] * words)
        self.crashes += 1
        instance.previous, instance.running = instance.running, []
        instance.unread = {RUN, RESTARTED}
        self.now += NS

    def may_crash(self, instance: Instance) -> bool:
        """Whether the container of an instance may end now."""
        return True

    def text(self, log_type: LogType) -> list[Line]:
        """A log as the platform shows it now, the latest ``tail_lines`` of each container."""
        logs = [each.running if log_type is RUN else each.previous for each in self.instances]
        lines = [line for log in logs for line in log[-self.tail_lines :]]
        return sorted(lines, key=lambda line: line.at) if self.interleaved else lines

    @rule(log_type=LOG, lines=st.integers(0, 10))
    def open_read(self, log_type: LogType, lines: int) -> None:
        """A read begins, and gets as far as some lines for now."""
        if log_type not in self.open:
            window = self.memory.window(log_type, self.tail_lines)
            self.open[log_type] = Reading(window, self.text(log_type))
            self.feed(log_type, lines, 0)

    @rule(log_type=LOG)
    def end_read(self, log_type: LogType) -> None:
        """A read comes to its end."""
        if log_type not in self.open:
            return
        self.feed(log_type, WIDE, 1)
        window = self.open.pop(log_type).window
        self.counted.update(line.raw for line in window.rest())
        end = self.memory.finish(window)
        self.gaps += end.gaps
        self.restarts += len(end.restarts)

    @rule(log_type=LOG)
    def read(self, log_type: LogType) -> None:
        """One whole read with nothing in between."""
        self.end_read(log_type)
        self.open_read(log_type, 3)
        self.end_read(log_type)
        for instance in self.instances:
            instance.unread.discard(log_type)

    @rule()
    def read_both(self) -> None:
        """Both logs are read, RUN first."""
        self.read(RUN)
        self.read(RESTARTED)

    @rule(log_type=LOG)
    def break_off(self, log_type: LogType) -> None:
        """A read ends in the middle."""
        if log_type in self.open:
            self.memory.give_up(self.open.pop(log_type).window)

    @rule()
    def restart(self) -> None:
        """The process is replaced: what it knows goes through bytes, reads under way are gone."""
        self.open.clear()
        data = self.memory.snapshot().to_bytes()
        self.memory = self.options.begin()
        self.memory.restore(Snapshot.from_bytes(data))

    def feed(self, log_type: LogType, count: int, archive: int) -> None:
        """A read goes on by some lines, which are an archive's if the deployment is past."""
        reading = self.open[log_type]
        lines, reading.rest = reading.rest[:count], reading.rest[count:]
        for line in lines:
            line.shown = True
        part = archive if self.past else LIVE_PART
        fresh = reading.window.feed([line.raw for line in lines], part)
        self.counted.update(line.raw for line in fresh)

    @invariant()
    def no_line_counts_twice(self) -> None:
        """Each line that was shown counts once at the most, also among equal ones."""
        assert not self.counted - self.shown()

    def shown(self) -> Counter[bytes]:
        """Every line that any read has shown whole."""
        return Counter(line.raw for line in self.written if line.shown)

    def teardown(self) -> None:
        """All is read, then another deployment leaves the logs as archives of two parts."""
        if not hasattr(self, "counted"):
            return
        for log_type in tuple(self.open):
            self.end_read(log_type)
        self.read_both()
        self.tail_lines, self.past = WIDE, True
        self.read_both()
        self.no_line_counts_twice()
        self.judge()

    def judge(self) -> None:
        """What else must hold at the end."""
