"""One state, several accounts: each has its own, and none sees another's."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from state_batches import BATCHES

from exporter.model import ComponentKey
from exporter.state.accounts import AccountState
from exporter.state.sqlite import SqliteState
from exporter.state.store import Batch, CursorKey, DocumentKey, ValueKey

WEB = ComponentKey("shop", "web")
LINES = ValueKey("lines_total", ("shop", "web", "RUN"))
CURSOR = CursorKey(WEB, "d1")
NOTE = DocumentKey("note", WEB.parts)


def clock() -> float:
    return 1000.0


def test_apps_of_one_name_are_apart(tmp_path: Path):
    """Two accounts with an app of the same name count, remember and drop each for itself."""
    state = SqliteState(tmp_path / "state.db", clock)
    first, second = AccountState(state, "one"), AccountState(state, "two")
    first.save(Batch(values={LINES: 1.0}, cursors={CURSOR: b"1"}, documents={NOTE: b"1"}))
    second.save(Batch(values={LINES: 2.0}, cursors={CURSOR: b"2"}))
    assert (first.load().values, second.load().values) == ({LINES: 1.0}, {LINES: 2.0})
    assert (first.load().documents, second.load().documents) == ({NOTE: b"1"}, {})
    first.save(Batch(dropped_values=frozenset({LINES}), dropped_components=frozenset({WEB})))
    assert (first.load().values, first.load().cursors) == ({}, {})
    assert (second.load().values, second.load().cursors) == ({LINES: 2.0}, {CURSOR: b"2"})
    state.close()


def test_what_no_account_has_is_nobodys(tmp_path: Path):
    """What was counted before there were accounts, or of an account that is gone, stays apart."""
    state = SqliteState(tmp_path / "state.db", clock)
    state.save(Batch(values={LINES: 5.0}))
    AccountState(state, "on").save(Batch(values={LINES: 6.0}))
    assert AccountState(state, "one").load().values == {}
    assert AccountState(state, "one").load().first_start == 1000.0
    state.close()


@given(first=st.lists(BATCHES, max_size=4), second=st.lists(BATCHES, max_size=4))
def test_an_account_is_a_state_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, first: list[Batch], second: list[Batch]
):
    """After any batches of two accounts each holds what a state of its own would."""
    folder = tmp_path_factory.mktemp("state")
    shared = SqliteState(folder / "shared.db", clock)
    for account, batches in (("one", first), ("two", second)):
        for batch in batches:
            AccountState(shared, account).save(batch)
    for account, batches in (("one", first), ("two", second)):
        alone = SqliteState(folder / f"{account}.db", clock)
        for batch in batches:
            alone.save(batch)
        expected, found = alone.load(), AccountState(shared, account).load()
        assert found.values == expected.values
        assert found.cursors == expected.cursors
        assert found.released == expected.released
        assert found.documents == expected.documents
        alone.close()
    shared.close()
