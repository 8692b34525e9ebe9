"""Invariants that stay on: a breach is counted, and logged once without the text of a log."""

import logging

import pytest
from collect_fixtures import IDENTITY, KEY, LOG, RUN, Site, line
from test_collect_ledger import RecordingState

from exporter.counting.cursors import Cursors
from exporter.counting.ledger import Ledger
from exporter.state.store import CursorKey, ValueKey

SECRET = "card 4242"
LINES = ValueKey("digitalocean_app_log_lines_total", tuple(LOG.values()))


@pytest.fixture
def site() -> Site:
    site = Site(state=RecordingState())
    site.watch("d1", RUN)
    site.platform.log("d1").live = line(1, SECRET) + line(2, SECRET + " again")
    return site


def breaches(site: Site) -> float | None:
    return site.value("exporter_internal_errors_total", subsystem="invariants")


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """The fields of the invariants that were logged as broken."""
    fields = [getattr(record, "fields", {}) for record in caplog.records]
    return [each for each in fields if "invariant" in each]


def test_what_is_well_breaks_none(site: Site, caplog: pytest.LogCaptureFixture):
    """Reads, saves and a component that goes and comes back."""
    site.poller.poll(RUN)
    assert site.ledger.flush()
    site.platform.log("d1").live += line(3, SECRET)
    site.poller.poll(RUN)
    site.series.close_component(KEY)
    assert site.ledger.flush()
    assert breaches(site) == 0
    assert told(caplog) == []


def test_a_count_without_its_cursor_is_a_breach(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """A crash would count these lines again; it is counted each time, and logged once."""
    caplog.set_level(logging.ERROR)
    monkeypatch.setattr(Cursors, "touch", lambda cursors, key: None)
    for more in range(2):
        site.platform.log("d1").live += line(10 + more, SECRET)
        site.poller.poll(RUN)
        assert site.ledger.flush()
    assert breaches(site) == 2
    (fields,) = told(caplog)
    assert fields == {
        "part": "invariants",
        "invariant": "a cursor stands behind its counts",
        "series": LINES,
        "cursors": 0,
    }
    assert SECRET not in caplog.text


def test_a_line_that_is_counted_twice_is_a_breach(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The count grows by more than what was new."""
    caplog.set_level(logging.ERROR)
    add = Ledger.add

    def twice(ledger: Ledger, *arguments: object) -> None:
        add(ledger, *arguments)
        add(ledger, *arguments)

    monkeypatch.setattr(Ledger, "add", twice)
    site.poller.poll(RUN)
    assert breaches(site) == 1
    (fields,) = told(caplog)
    assert (fields["invariant"], fields["new"], fields["after"]) == (
        "what was counted is not what was new",
        2,
        4,
    )
    assert SECRET not in caplog.text


def test_a_counter_that_would_fall_stays_where_it_is(site: Site, caplog: pytest.LogCaptureFixture):
    """Prometheus would take a fall for a restart, and count all of it once more."""
    caplog.set_level(logging.ERROR)
    site.poller.poll(RUN)
    assert site.ledger.flush()
    with site.ledger.transaction():
        site.ledger.add(site.metrics.log_lines, tuple(LOG.values()), -1)
        site.ledger.cursors.touch(CursorKey(KEY, "d1"))
    assert site.ledger.flush()
    assert site.lines() == 2
    assert breaches(site) == 1
    (fields,) = told(caplog)
    assert (fields["invariant"], fields["shown"], fields["value"]) == ("a counter would fall", 2, 1)
    assert IDENTITY["component"] in caplog.text or fields["series"] == LINES
