"""Fencing under any order of claims, saves, loads and rollbacks, on real servers.

A model says what each operation must do; the store may do nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from state_stores import SHARED, Dump, SharedDatabase, ready

from exporter.errors import StateError, StateFenced, StateRolledBack
from exporter.state.coordination import Claim
from exporter.state.store import Batch, State, ValueKey

SHARE = "eu#0/2"
KEYS = [ValueKey(name, ("shop",)) for name in ("a_total", "b_total")]
REPLICAS = ("a", "b", "c")

OPERATIONS = st.one_of(
    st.tuples(st.just("claim"), st.sampled_from(REPLICAS), st.booleans()),
    st.tuples(st.just("save"), st.sampled_from(REPLICAS), st.sampled_from(KEYS)),
    st.tuples(st.just("load"), st.sampled_from(REPLICAS), st.none()),
    st.tuples(st.just("release"), st.sampled_from(REPLICAS), st.none()),
    st.tuples(st.just("reassert"), st.sampled_from(REPLICAS), st.none()),
    st.tuples(st.just("dump"), st.none(), st.none()),
    st.tuples(st.just("go back"), st.none(), st.none()),
)


@dataclass
class Recorded:
    """What the database holds of the namespace."""

    claim: Claim | None = None
    batch: int = 0
    values: dict[ValueKey, float] = field(default_factory=dict)

    def copy(self) -> "Recorded":
        return Recorded(self.claim, self.batch, dict(self.values))


@dataclass
class Replica:
    """What a replica holds: its claim, the state that it opened, and the batch that it expects."""

    held: Claim | None = None
    state: State | None = None
    batch: int = 0


class Model:
    """Runs each operation on the store and on what the definition says of it."""

    def __init__(self, database: SharedDatabase) -> None:
        database.clear()
        self._database = database
        self._store = database.open()
        self._shares = self._store.coordinate(10.0)
        self._recorded = Recorded()
        self._dump: tuple[Dump, Recorded] = database.dump(), Recorded()
        self._replicas = {name: Replica() for name in REPLICAS}
        self._number = 0.0

    def close(self) -> None:
        self._shares.close()
        self._store.close()

    def run(self, operation: str, name: str | None, detail: object) -> None:
        if operation == "dump":
            self._dump = self._database.dump(), self._recorded.copy()
        elif operation == "go back":
            self._database.go_back(self._dump[0])
            self._recorded = self._dump[1].copy()
        elif operation == "claim":
            self._claim(name or "", bool(detail))
        else:
            replica = self._replicas[name or ""]
            if replica.held is not None:
                getattr(self, f"_{operation}")(replica, detail)
        assert self._shares.read().shares.get(SHARE) == self._recorded.claim

    def _claim(self, name: str, informed: bool) -> None:
        replica = self._replicas[name]
        expected = self._recorded.claim if informed else replica.held
        claim = self._shares.claim(SHARE, expected, name)
        if expected != self._recorded.claim:
            assert claim is None
            return
        assert claim == Claim(name, 1 if expected is None else expected.epoch + 1)
        self._recorded.claim = claim
        state = self._store.open_fenced(SHARE, claim)
        self._replicas[name] = Replica(claim, state)

    def _verdict(self, replica: Replica) -> type[StateError] | None:
        """What a save has to raise."""
        claim, held = self._recorded.claim, replica.held
        assert held is not None
        if claim is not None and claim != held and claim.epoch >= held.epoch:
            return StateFenced
        if claim != held or self._recorded.batch < replica.batch:
            return StateRolledBack
        return None

    def _save(self, replica: Replica, key: object) -> None:
        assert replica.state is not None
        assert isinstance(key, ValueKey)
        self._number += 1
        batch = Batch(values={key: self._number})
        verdict = self._verdict(replica)
        if verdict is None:
            replica.state.save(batch)
            self._recorded.batch += 1
            self._recorded.values[key] = self._number
            replica.batch = self._recorded.batch
            return
        with pytest.raises(verdict):
            replica.state.save(batch)
        if verdict is StateRolledBack:
            self._recorded.claim = replica.held

    def _load(self, replica: Replica, _: object) -> None:
        assert replica.state is not None
        if self._verdict(replica) is StateFenced:
            with pytest.raises(StateFenced):
                replica.state.load()
            return
        assert replica.state.load().values == self._recorded.values
        self._recorded.claim = replica.held
        replica.batch = self._recorded.batch

    def _release(self, replica: Replica, _: object) -> None:
        assert replica.held is not None
        held = self._recorded.claim == replica.held
        assert self._shares.release(SHARE, replica.held) is held
        if held:
            self._recorded.claim = Claim(None, replica.held.epoch)

    def _reassert(self, replica: Replica, _: object) -> None:
        assert replica.held is not None
        possible = self._verdict(replica) is not StateFenced
        assert self._shares.reassert(SHARE, replica.held) is possible
        if possible:
            self._recorded.claim = replica.held


@pytest.fixture(scope="module", params=SHARED)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedDatabase]:
    with ready(request.param, tmp_path_factory.mktemp("fencing")) as database:
        yield database


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(
    operations=[
        ("claim", "a", True),
        ("dump", None, None),
        ("save", "a", KEYS[0]),
        ("go back", None, None),
        ("save", "a", KEYS[1]),
        ("load", "a", None),
        ("save", "a", KEYS[1]),
    ]
)
@given(operations=st.lists(OPERATIONS, min_size=5, max_size=25))
def test_only_the_owner_of_a_share_saves_whatever_happens(
    server: SharedDatabase, operations: list[tuple[str, str | None, object]]
):
    """Nobody else's batch is kept, and each is told why: fenced, or the database went back."""
    model = Model(server)
    try:
        for operation in operations:
            model.run(*operation)
    finally:
        model.close()
