"""One random life of several replicas on one store, told by a seed.

Everything from the decision to the counters is the real code; the platform is the simulator's,
read without sockets. Virtual are time and the store: messages to it are late, lost, or done with
the answer lost; hosts are paused, cut off, killed, stopped and started, and have clocks with
offsets and rates of their own. After each step of the life all hosts are looked at at once, so a
counter that falls, or stands on two hosts, is seen wherever it happens.
"""

import random
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Any
from unittest.mock import patch

from greenlet_loop import Host, Loop
from life_records import PlainTable, records_of
from simulation import NoSchedule
from virtual_platform import VirtualPlatform

from exporter.config.schema import Config
from exporter.digitalocean.budget import Budget
from exporter.errors import StateError, StateFenced, StateRolledBack
from exporter.matching.engine import Engine
from exporter.replicas.holdings import Happened, Report
from exporter.replicas.layout import Member, Share, layout_of, shares_of
from exporter.replicas.lease import call_timeout
from exporter.replicas.replica import Replica, ReplicaClocks, ReplicaCounts
from exporter.service.assembly import AccountParts, build_account
from exporter.service.environment import Environment, Records
from exporter.simulator.log_reading import LogReader
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Layout
from exporter.state.coordination import Claim, View
from exporter.state.store import Batch, Saved
from exporter.telemetry.table import Counter

START = 1_800_000_000.0
TAKEOVERS = (10.0, 10.0, 10.0, 30.0)
"""Most replicas are configured alike."""

SECONDS = (20.0, 100.0)
SETTLE_SECONDS = 100.0
"""In the end all has to be right by then, and right again ``CALM_SECONDS`` later."""

LOOK_SECONDS, CALM_SECONDS = 2.0, 12.0
POLL_SECONDS = (0.3, 6.0)
CALM_POLL_SECONDS = (3.0, 6.0)
SAVE_TIMEOUT = 5.0
CLAIM_SEEN_SECONDS = 5.0
DISCOVERED_AGAIN = 0.1
LINES = "digitalocean_app_log_lines_total"


@dataclass
class Namespace:
    """What the store holds of one share."""

    batch: int = 0
    saved_at: float | None = None
    parts: dict[str, dict[Any, Any]] = field(
        default_factory=lambda: {
            name: {} for name in ("values", "cursors", "released", "documents")
        }
    )


@dataclass
class Held:
    """All that the store holds; a dump is a copy of it."""

    members: dict[str, int] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    namespaces: dict[str, Namespace] = field(default_factory=dict)


class Network:
    """Carries calls of a host to the store: in time, late, not at all, or without an answer."""

    def __init__(self, life: "Life", host: Host) -> None:
        self._life = life
        self._host = host
        self.cut_until = 0.0

    def call(self, operation: Callable[[], Any], timeout: float) -> Any:
        """What an operation on the store returns or raises; StateError if no answer comes."""
        life, rng = self._life, self._life.rng
        there, back = life.delay(), life.delay()
        lost = life.now < self.cut_until or life.now < life.down_until
        answer: list[tuple[bool, Any]] = []

        def arrive() -> None:
            try:
                answer.append((True, operation()))
            except StateError as error:
                answer.append((False, error))

        if not lost and (life.calm or rng.random() > 0.01):
            life.loop.at(life.now + there, arrive)  # whatever happens to the host meanwhile
        lost = lost or (not life.calm and rng.random() < 0.01)
        if lost or there + back >= timeout:
            life.loop.sleep(timeout)
            raise StateError("no answer")
        life.loop.sleep(there + back)
        if not answer:
            raise StateError("no answer")
        good, value = answer[0]
        if good:
            return value
        raise value


class VirtualCoordination:
    """The store's members and claims, as one host reaches them."""

    def __init__(self, life: "Life", network: Network, takeover_after: float) -> None:
        self._life = life
        self._call = partial(network.call, timeout=call_timeout(takeover_after))

    @property
    def _held(self) -> Held:
        return self._life.store

    def read(self) -> View:
        return self._call(lambda: View(dict(self._held.members), dict(self._held.claims)))

    def beat(self, member: str, counter: int) -> View:
        def operation() -> View:
            self._held.members[member] = counter
            return View(dict(self._held.members), dict(self._held.claims))

        return self._call(operation)

    def claim(self, share: str, expected: Claim | None, owner: str) -> Claim | None:
        wanted = Claim(owner, 1 if expected is None else expected.epoch + 1)
        changed = self._change(share, lambda recorded: recorded == expected, wanted)
        return wanted if changed else None

    def release(self, share: str, held: Claim) -> bool:
        return self._change(share, lambda recorded: recorded == held, Claim(None, held.epoch))

    def reassert(self, share: str, held: Claim) -> bool:
        return self._change(
            share,
            lambda recorded: recorded is None or recorded == held or recorded.epoch < held.epoch,
            held,
        )

    def forget(self, member: str, counter: int) -> bool:
        def operation() -> bool:
            return self._held.members.get(member) == counter and bool(
                self._held.members.pop(member)
            )

        return self._call(operation)

    def close(self) -> None:
        """Nothing is open."""

    def _change(self, share: str, fits: Callable[[Claim | None], bool], claim: Claim) -> bool:
        def operation() -> bool:
            if not fits(self._held.claims.get(share)):
                return False
            self._held.claims[share] = claim
            self._life.claimed_at = self._life.now
            return True

        return self._call(operation)


class VirtualState:
    """One share's state, fenced by its claim and batch number in the same step."""

    durable = True

    def __init__(self, life: "Life", network: Network, namespace: str, claim: Claim) -> None:
        self._life = life
        self._call = partial(network.call, timeout=SAVE_TIMEOUT)
        self._namespace = namespace
        self._claim = claim
        self._batch = 0
        self._lost = False
        self.rollbacks = 0

    def load(self) -> Saved:
        def operation() -> Saved:
            self._check()
            kept = self._kept()
            self._batch, self._lost = kept.batch, False
            copies = {name: dict(part) for name, part in kept.parts.items()}
            return Saved(START, kept.saved_at, **copies)

        return self._call(operation)

    def save(self, batch: Batch) -> None:
        """Look, then change what is still as it was seen: as WATCH, MULTI and EXEC do."""

        def look() -> int:
            self._check()
            seen = self._kept().batch
            if seen < self._batch:
                self._went_back()
            return seen

        seen = self._call(look)
        if seen != self._batch and not self._lost:
            raise StateError("somebody else saved")

        def change() -> None:
            self._check()
            kept = self._kept()
            if kept.batch != seen:
                raise StateError("a message that came too late")
            for name, part in kept.parts.items():
                for key in getattr(batch, f"dropped_{name}", ()):
                    part.pop(key, None)
                part.update(getattr(batch, name))
            kept.batch += 1
            kept.saved_at = self._life.now

        self._batch, self._lost = seen, True
        self._call(change)
        self._batch, self._lost = seen + 1, False

    def close(self) -> None:
        """Nothing is open."""

    def _kept(self) -> Namespace:
        return self._life.store.namespaces.setdefault(self._namespace, Namespace())

    def _check(self) -> None:
        claims = self._life.store.claims
        recorded = claims.get(self._namespace)
        if recorded == self._claim:
            return
        if recorded is not None and recorded.epoch >= self._claim.epoch:
            raise StateFenced("another one owns it")
        claims[self._namespace] = self._claim
        self._went_back()

    def _went_back(self) -> None:
        self.rollbacks += 1
        raise StateRolledBack("the store went back")


@dataclass(eq=False)
class Running:
    """A share on a host."""

    share: Share
    claim: Claim
    lines: Counter | None = None
    ending: bool = False
    save: bool = False


class Machine(Host):
    """A host with one replica; its holdings too."""

    def __init__(self, life: "Life", name: str) -> None:
        super().__init__()
        self.life = life
        self.name = name
        self.network = Network(life, self)
        self.running: dict[Share, Running] = {}
        self.suspended = 0.0
        offset, rate = life.rng.uniform(0, 1e6), life.rng.uniform(0.97, 1.03)
        token = f"{life.rng.getrandbits(48):x}"
        takeover_after = life.rng.choice(TAKEOVERS)
        self.replica = Replica(
            Member(name, token, layout_of(life.shares), takeover_after),
            life.shares,
            VirtualCoordination(life, self.network, takeover_after),
            self,
            SimpleQueue(),
            ReplicaClocks(
                clock=lambda: offset + rate * life.now,
                monotonic=lambda: offset + rate * (life.now - self.suspended),
            ),
            ReplicaCounts(taken=lambda: None, fenced=lambda: None),
        )
        self.stopping = False
        life.loop.spawn(self._rounds, self)

    def shown(self) -> dict[str, float]:
        """The lines of each component that a scrape would show now, by the series' text."""
        if not self.running:
            return {}
        owned = self.replica.owned()
        return {
            series.prefix: series.value
            for share, running in self.running.items()
            if share in owned and running.lines is not None
            for series in running.lines.series()
        }

    def start(self, share: Share, claim: Claim) -> None:
        self.running[share] = running = Running(share, claim)
        self.life.loop.spawn(partial(self._run, running), self)

    def withdraw(self, share: Share, claim: Claim, *, save: bool) -> None:
        running = self.running.get(share)
        if running is not None and running.claim == claim:
            del self.running[share]
            running.ending, running.save = True, save

    def stop(self) -> None:
        """Hand over, as SIGTERM does."""
        self.stopping = True

    def _rounds(self) -> None:
        while not self.stopping:
            self.life.loop.sleep(self.replica.round())
        self.replica.leave()
        for _ in range(40):
            self.replica.release_ended(0.0)
            self.life.loop.sleep(0.05)
        self.dead = True

    def _run(self, running: Running) -> None:
        life = self.life
        report = lambda what: self.replica.reports.put(  # noqa: E731
            Report(running.share, running.claim, what)
        )

        def fenced() -> None:
            self.withdraw(running.share, running.claim, save=False)
            report(Happened.FENCED)

        try:
            state = VirtualState(life, self.network, running.share.namespace, running.claim)
            records = records_of(PlainTable(), state, life.wall, fenced)
        except StateError:
            report(Happened.FAILED)
            return
        parts = life.build(records, running.share)
        running.lines = records.metrics.log_lines
        parts.watching.discovery.run()
        while not running.ending:
            if life.rng.random() < DISCOVERED_AGAIN:
                parts.watching.discovery.run()
            for source in parts.reading.poller.sources():
                parts.reading.poller.poll(source)
            records.ledger.flush()
            if not running.ending:
                seconds = CALM_POLL_SECONDS if life.calm else POLL_SECONDS
                life.loop.sleep(life.rng.uniform(*seconds))
        if running.save:
            records.ledger.end()
            report(Happened.ENDED)
        else:
            records.ledger.abandon()


class Life:
    """The world of one seed."""

    def __init__(self, seed: int, *, rollbacks: bool) -> None:
        self.rng = random.Random(seed)
        self.loop = Loop(self.rng)
        self.calm = False
        self.down_until = 0.0
        self.claimed_at = 0.0
        self.store = Held()
        self.faults: list[str] = []
        self.story: list[str] = []
        self._rollbacks = rollbacks
        self._dump = deepcopy(self.store)
        self._highest: dict[str, float] = {}
        self._looked_at = 0.0
        self.platform = Platform(
            self.wall, seed=seed, retention_lines=10_000, record_lines=True, run_archives=False
        )
        self.virtual: Any = VirtualPlatform(
            self.platform, LogReader(self.platform, archives_per_log=1), self.rng
        )
        self.apps = [f"shop-{number}" for number in range(self.rng.randint(2, 4))]
        for app in self.apps:
            self.platform.create_app(app, [ComponentSpec("web")], layout=Layout.SEQUENTIAL)
        self.shares = shares_of([""], self.rng.randint(1, 4))
        self.machines: list[Machine] = []
        self._names = 0

    @property
    def now(self) -> float:
        return self.loop.now

    def wall(self) -> float:
        """Unix seconds."""
        return START + self.loop.now

    def delay(self) -> float:
        """How long a message takes."""
        if self.calm or self.rng.random() < 0.9:
            return self.rng.uniform(0.0005, 0.02)
        return self.rng.choice((0.3, 1.0, 3.0, 12.0, 30.0)) * self.rng.random()

    def build(self, records: Records, share: Share) -> AccountParts:
        """The account of a share, on the virtual platform."""
        schedule: Any = NoSchedule()
        budget = Budget(10**9, 10**9, 1.0, clock=self.wall, stop=Event())
        ways = (self.virtual, self.virtual, None)
        environment = Environment(
            self.wall, self.rng, schedule, *ways, budget, records, share=share
        )
        return build_account(_config(), (), environment)

    @patch("exporter.service.counting_parts.Engine", cache(Engine))
    def live(self) -> list[str]:
        """Live it; returns what went wrong."""
        self.loop.after_each = self._look
        for _ in range(self.rng.randint(1, 3)):
            self.add()
        moves: Mapping[Callable[[], None], int] = {
            self.write: 40,
            self.pause: 5,
            self.suspend: 2,
            self.cut: 4,
            self.kill: 2,
            self.stop: 2,
            self.add: 3,
            self.store_down: 1,
            **({self.dump: 6, self.restore: 2} if self._rollbacks else {}),
        }
        end = self.rng.uniform(*SECONDS)
        while self.now < end:
            self.loop.run(self.now + self.rng.choice((0.1, 0.5, 2.0, 8.0)))
            [move] = self.rng.choices([*moves], [*moves.values()])
            move()
        self.calm = True
        if not self.living():
            self.add()
        troubles = [
            time
            for machine in self.living()
            for time in (machine.paused_until, machine.network.cut_until)
        ]
        self.loop.run(max(self.now, self.down_until, *troubles))
        until = self.now + SETTLE_SECONDS
        wrong = self._wrong_at_the_end()
        seconds = LOOK_SECONDS
        while self.now < until and (wrong or seconds < CALM_SECONDS):
            seconds = LOOK_SECONDS if wrong else CALM_SECONDS
            self.loop.run(self.now + seconds)
            wrong = self._wrong_at_the_end()
        self.faults += wrong
        return self.faults

    def living(self) -> list[Machine]:
        return [machine for machine in self.machines if not machine.dead and not machine.stopping]

    def write(self) -> None:
        for _ in range(self.rng.choice((1, 1, 5, 20))):
            self.platform.write(self.rng.choice(self.apps), "web", 0, "a line")

    def add(self) -> None:
        if len(self.living()) < 4:
            self._names += 1
            self.machines.append(Machine(self, f"m{self._names}"))
            self._tell(f"started m{self._names}")

    def pause(self, *, suspended: bool = False) -> None:
        if machine := self._one():
            seconds = self.rng.choice((0.5, 3.0, 6.0, 10.0, 40.0)) * self.rng.uniform(0.5, 1.5)
            if self.now < machine.paused_until:
                return
            machine.paused_until = self.now + seconds
            if suspended:  # its monotonic clock stands still
                at = machine.paused_until
                self.loop.at(at, lambda: setattr(machine, "suspended", machine.suspended + seconds))
            self._tell(f"paused {machine.name} for {seconds:.1f} s")

    def suspend(self) -> None:
        self.pause(suspended=True)

    def cut(self) -> None:
        if machine := self._one():
            machine.network.cut_until = self.now + self.rng.choice((1.0, 8.0, 30.0))
            self._tell(f"cut off {machine.name} until {machine.network.cut_until:.1f}")

    def kill(self) -> None:
        if machine := self._one():
            machine.dead = True
            self._tell(f"killed {machine.name}")

    def stop(self) -> None:
        if machine := self._one():
            machine.stop()
            self._tell(f"stopped {machine.name}")

    def store_down(self) -> None:
        self.down_until = self.now + self.rng.choice((2.0, 10.0, 30.0))
        self._tell(f"the store is down until {self.down_until:.1f}")

    def dump(self) -> None:
        self._dump = deepcopy(self.store)

    def restore(self) -> None:
        """Take the store back, but not at once after a claim.

        A replica that has not seen a claim yet cannot know that it was lost: both may then show
        the share until the next heartbeat of its owner. Saves are fenced all the same.
        """
        if self.now - self.claimed_at < CLAIM_SEEN_SECONDS:
            return
        self.store = deepcopy(self._dump)
        self._tell("the store went back")

    def _one(self) -> Machine | None:
        living = self.living()
        return self.rng.choice(living) if living else None

    def _tell(self, what: str) -> None:
        self.story.append(f"{self.now:7.2f} {what}")

    def _look(self, host: Host | None) -> None:
        """Look at all hosts at once, after something happened on one of them.

        What happens elsewhere changes nothing there, but that a pause may have ended meanwhile.
        """
        if host is None and not any(
            self._looked_at < machine.paused_until <= self.now for machine in self.machines
        ):
            return
        self._looked_at = self.now
        found: dict[str, str] = {}
        for machine in self.machines:
            if machine.dead or self.now < machine.paused_until:
                continue
            for key, value in machine.shown().items():
                if key in found:
                    self._fault(f"{key} stands on {found[key]} and {machine.name}")
                found[key] = machine.name
                # What nobody is left to know after the store went back is read and counted anew.
                if value < self._highest.get(key, 0.0) and not self._rollbacks:
                    self._fault(f"{key} fell from {self._highest[key]} to {value}")
                self._highest[key] = max(value, self._highest.get(key, 0.0))

    def _fault(self, what: str) -> None:
        if not any(fault.endswith(what) for fault in self.faults):
            self.faults.append(f"{self.now:7.2f} {what}")

    def _wrong_at_the_end(self) -> list[str]:
        """What of the counts, shown or saved, is not what was written."""
        faults = []
        shown = {k: v for m in self.living() for k, v in m.shown().items()}
        written = {
            key.app: float(each.lines)
            for (key, log_type), each in self.platform.truth().logs.items()
            if log_type == "RUN"
        }
        truth = {(app, "web"): written.get(app, 0.0) for app in self.apps}
        if shown != {series_of(*key): lines for key, lines in truth.items()}:
            faults.append(f"shown at the end: {shown}, written: {truth}")
        saved = {
            key.labels[:2]: value
            for namespace in self.store.namespaces.values()
            for key, value in namespace.parts["values"].items()
            if key.metric == LINES
        }
        if saved != {key: lines for key, lines in truth.items() if lines}:
            faults.append(f"saved at the end: {saved}, written: {truth}")
        return faults


def series_of(app: str, component: str) -> str:
    """The text of the series of a component's lines."""
    return f'{LINES}{{app="{app}",component="{component}",log_type="RUN"}}'


@cache
def _config() -> Config:
    return Config.model_validate(
        {
            "logs": {"types": ["RUN"], "unwrap": False, "lookback": "1s"},
            "patterns": {"packs": []},
            "collectors": {"health": False, "restart_count": False, "jobs": False},
        }
    )


LIVES: Mapping[str, bool] = {"replicas": False, "replicas_rollback": True}
"""The kinds, and whether the store goes back now and then."""


def faults_of(kind: str, seed: int, folder: Path) -> list[str]:
    """Live one life; what went wrong in it, with its story."""
    life = Life(seed, rollbacks=LIVES[kind])
    faults = life.live()
    return [*faults, *life.story] if faults else []
