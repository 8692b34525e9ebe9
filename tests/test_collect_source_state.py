"""What is known of one source: which deployments are to be read, and how it stands."""

import pytest
from collect_fixtures import NS, RUN, START, WEB, deployment

from exporter.reading.source_state import DeploymentToRead, SourceState
from exporter.reading.tail import TailLines


@pytest.fixture
def state() -> SourceState:
    return SourceState(RUN, WEB, DeploymentToRead("d1"), TailLines(1000))


def past(state: SourceState) -> list[tuple[str, bool]]:
    return [(deployment.id, deployment.from_first_line) for deployment in state.past]


def test_same_deployment_changes_nothing(state: SourceState):
    """Every discovery names the active deployment; only another one is news."""
    active = state.active
    state.redeploy(deployment("d1"), ())
    assert state.active is active
    assert state.past == []


def test_deployments_queue_up_in_their_order(state: SourceState):
    """The former active one, then what came and went; all but the first from their first line."""
    state.redeploy(deployment("d3"), [deployment("d1"), deployment("d2"), deployment("d3")])
    assert past(state) == [("d1", False), ("d2", True)]
    assert (state.active.id, state.active.from_first_line) == ("d3", True)
    state.redeploy(deployment("d4"), ())
    assert past(state) == [("d1", False), ("d2", True), ("d3", True)]


def test_rollback_takes_the_deployment_from_the_past(state: SourceState):
    """What is active is not drained."""
    state.redeploy(deployment("d2"), ())
    state.redeploy(deployment("d1"), ())
    assert past(state) == [("d2", True)]
    assert state.active.id == "d1"


@pytest.mark.parametrize(("up", "shown"), [(None, "waiting"), (True, "up"), (False, "down")])
def test_status_says_how_it_stands(state: SourceState, up: bool | None, shown: str):
    """Times in seconds; what never happened is None."""
    state.up = up
    status = state.status(60)
    assert (status.state, status.last_line, status.last_read) == (shown, None, None)
    state.newest = int(START) * NS + NS // 2
    assert state.status(60).last_line == START + 0.5
    assert (status.app, status.component, status.interval) == ("shop", "web", 60)
