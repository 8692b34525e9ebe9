"""State in memory: a cursor for each deployment, until it is let go."""

from collect_fixtures import KEY

from exporter.model import ComponentKey
from exporter.state.memory import MemoryState

OTHER = ComponentKey("shop", "jobs")


def begin(newest: int) -> list[int]:
    return [newest]


def test_cursor_is_made_once():
    """Each deployment of each component has a cursor of its own, the same at every use."""
    state: MemoryState[list[int]] = MemoryState()
    cursor = state.cursor(KEY, "d1", begin)
    assert cursor == [0]
    assert state.cursor(KEY, "d1", begin) is cursor
    assert state.cursor(KEY, "d2", begin) is not cursor
    assert state.cursor(OTHER, "d1", begin) is not cursor


def test_released_deployment_begins_where_it_was_left():
    """After a rollback its cursor begins with the newest time that it held; others do not."""
    state: MemoryState[list[int]] = MemoryState()
    state.cursor(KEY, "d1", begin)
    state.release(KEY, "d1", 42)
    state.release(KEY, "never-read", 7)
    assert state.cursor(KEY, "d1", begin) == [42]
    assert state.cursor(OTHER, "d1", begin) == [0]


def test_only_the_latest_releases_are_remembered():
    """An app that is deployed for years does not fill the memory."""
    state: MemoryState[list[int]] = MemoryState()
    for number in range(1000):
        state.cursor(KEY, f"d{number}", begin)
        state.release(KEY, f"d{number}", number + 1)
    assert len(state._released[KEY]) == 20
    assert state._cursors[KEY] == {}
    assert state.cursor(KEY, "d999", begin) == [1000]
    assert state.cursor(KEY, "d0", begin) == [0]


def test_forgotten_component_leaves_nothing():
    """Its cursors and releases go, those of others stay."""
    state: MemoryState[list[int]] = MemoryState()
    kept = state.cursor(OTHER, "d1", begin)
    state.cursor(KEY, "d1", begin)
    state.release(KEY, "d0", 5)
    state.forget(KEY)
    state.forget(KEY)
    assert state.cursor(KEY, "d0", begin) == [0]
    assert state.cursor(OTHER, "d1", begin) is kept


def test_release_without_a_line_keeps_what_an_earlier_one_held():
    """A deployment that came back and went again unread is still known up to where it was."""
    state: MemoryState[list[int]] = MemoryState()
    state.release(KEY, "d1", 42)
    state.cursor(KEY, "d1", begin)
    state.release(KEY, "d1", 0)
    assert state.cursor(KEY, "d1", begin) == [42]


def test_deployment_released_again_is_among_the_latest():
    """The releases that are forgotten first are the oldest, not those of the oldest deployment."""
    state: MemoryState[list[int]] = MemoryState()
    for number in range(20):
        state.release(KEY, f"d{number}", number + 1)
    state.release(KEY, "d0", 99)
    state.release(KEY, "new", 100)
    assert state.cursor(KEY, "d0", begin) == [99]
    assert state.cursor(KEY, "d1", begin) == [0]
