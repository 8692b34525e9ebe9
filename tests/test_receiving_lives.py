"""Random lives of pushed chunks: each line that was acknowledged counts once, come what may.

Chunks come late, out of order, again, compressed; requests and answers get lost; the exporter dies
before or after its state has a batch, and starts again on that state.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path

import pytest
from collect_fixtures import KEY, app
from redis_server import redis_server
from test_collect_receiver import ReceivingSite

from exporter.errors import RequestRefused
from exporter.receiving.body import BodyLimits, decompressed
from exporter.receiving.intake import Intake
from exporter.receiving.open_search import parse_bulk
from exporter.receiving.records import DIGEST_BYTES, Batch, Format
from exporter.simulator.forwarding import Forwarder, Habits
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec
from exporter.state.memory import MemoryStore
from exporter.state.redis import RedisStore
from exporter.state.sqlite import SqliteStore
from exporter.state.store import Batch as Saving
from exporter.state.store import Saved, State, Store

Opened = Callable[[], State]
LIMITS = BodyLimits(1_000_000)


class Killed(BaseException):
    """The process dies here."""


class DyingState:
    """A state whose process may die before or after what is saved is kept."""

    def __init__(self, state: State, rng: random.Random, deaths: float) -> None:
        self._state = state
        self._rng = rng
        self._deaths = deaths
        self.durable = state.durable

    @property
    def rollbacks(self) -> int:
        return self._state.rollbacks

    def load(self) -> Saved:
        return self._state.load()

    def save(self, batch: Saving) -> None:
        self._die_perhaps()
        self._state.save(batch)
        self._die_perhaps()

    def close(self) -> None:
        self._state.close()

    def _die_perhaps(self) -> None:
        if self._rng.random() < self._deaths:
            raise Killed


class Metrics:
    """Takes what the intake tells of requests."""

    def lines(self, format: Format, counted: int, repeated: int, unknown: int) -> None:
        assert unknown == 0

    def refused(self, format: Format, kind: str) -> None:
        raise AssertionError


class Life:
    """One exporter after another on one state, and the agents that push to it."""

    def __init__(self, seed: int, open_state: Opened, deaths: float) -> None:
        self.rng = random.Random(seed)
        self._open_state = open_state
        self._deaths = deaths
        self.now = 0.0
        self.starts = 0
        self.state: State | None = None
        self._start()
        self.platform = Platform(lambda: self.site.clock.now)
        self.platform.create_app(KEY.app, [ComponentSpec(KEY.component)])
        habits = Habits(self.rng.randint(1, 40), late=0.2, gzip=0.3, again=0.2)
        self.forwarder = Forwarder(self._send, self.rng, habits)
        self.platform.forward(self.forwarder.written)
        self.written = 0

    def _start(self) -> None:
        if self.state is not None:
            self.state.close()
        self.state = self._open_state()
        self.site = ReceivingSite(state=DyingState(self.state, self.rng, self._deaths))
        self.site.clock.now += self.now
        self.site.platform.listing = (app(),)
        assert self.site.discovery.run()
        inbox = self.site.parts.inbox
        assert inbox is not None
        self._intake = Intake(lambda: {"": inbox}, Metrics(), "mark", lambda: self.site.clock.now)
        self.starts += 1

    def _send(self, body: bytes, headers: dict[str, str]) -> int:
        """Deliver a body as the network does: not at all, or without the answer coming back."""
        if self.rng.random() < 0.1:
            return 0
        status = self._answer(decompressed(body, headers.get("Content-Encoding", ""), LIMITS))
        return 0 if self.rng.random() < 0.1 else status

    def _answer(self, body: bytes) -> int:
        digest = blake2b(body, digest_size=DIGEST_BYTES).digest()
        try:
            records = parse_bulk(body, "").records
            self._intake.take(Batch(Format.OPEN_SEARCH, records, digest), "")
        except RequestRefused as error:
            return error.status
        except Killed:
            self._start()
            return 0
        return 200

    def step(self) -> None:
        """Some lines are written, and each chunk is tried once."""
        passed = self.rng.uniform(0, 20)
        self.now += passed
        self.site.clock.now += passed
        for _ in range(self.rng.randint(0, 30)):
            # Equal lines at one time are lines of their own, too.
            self.platform.write(KEY.app, KEY.component, 0, self.rng.choice(("tick", "ERROR no")))
            self.written += 1
        self.forwarder.step()

    def end(self) -> None:
        """Send until everything was acknowledged."""
        for _ in range(200):
            if self.forwarder.done:
                return
            self.forwarder.step()
        raise AssertionError("chunks are never acknowledged")


@contextmanager
def memory(_: Path) -> Iterator[Store]:
    yield MemoryStore(lambda: 0.0)


@contextmanager
def sqlite(folder: Path) -> Iterator[Store]:
    with closing(SqliteStore(folder / "state.db", lambda: 0.0)) as store:
        yield store


@contextmanager
def redis(_: Path) -> Iterator[Store]:
    with redis_server() as url, closing(RedisStore(url, lambda: 0.0)) as store:
        yield store


LIVES = {"memory": (memory, 0.0, 20), "sqlite": (sqlite, 0.02, 12), "redis": (redis, 0.02, 8)}


@pytest.mark.parametrize("kind", LIVES)
def test_every_acknowledged_line_counts_once(kind: str, tmp_path: Path) -> None:
    """Over lost requests and answers, repeats, disorder, and kills around each save."""
    stores, deaths, lives = LIVES[kind]
    starts = 0
    with stores(tmp_path) as store:
        for seed in range(lives):
            life = Life(seed, partial(store.open, f"life-{seed}"), deaths)
            for _ in range(20):
                life.step()
            life.end()
            assert (seed, life.site.lines()) == (seed, life.written)
            assert (seed, life.site.gaps()) == (seed, 0)
            starts += life.starts
    assert (starts > lives) == (deaths > 0)
