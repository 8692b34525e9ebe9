"""A token's hour, under a virtual clock: no request is refused, and everything has its turn."""

from typing import Any

import pytest
from virtual_hour import VirtualHour
from web_fixtures import Status, get, serving

from exporter.config.schema import Config
from exporter.model import BudgetStatus, LogType
from exporter.scheduling.pacing import plan
from exporter.service.estimate import available_requests_per_hour, demand_of

QUARTER = {"api_budget": {"per_hour": 1250, "per_minute": 62}}
"""A fourth of what the platform grants: a fleet of 125 is as stretched as one of 500 is by all."""


def quarter_hour(**options: Any) -> VirtualHour:
    """A fleet on a fourth of a token, which the platform grants and the configuration knows."""
    hour = VirtualHour(QUARTER, **options)
    hour.limit.per_hour, hour.limit.per_minute = 1250, 62
    return hour


def test_an_hour_of_a_fleet_that_is_stretched():
    """All are read, none is refused, and then the intervals are those that were predicted."""
    hour = quarter_hour(apps=25, components_per_app=5)
    hour.run(10 * 60)
    assert hour.parts.supervisor.ready() == (True, "")
    hour.run(80 * 60)
    assert hour.refused == {}
    sources = hour.parts.reading.poller.sources()
    assert len(sources) == 250
    assert len(hour.reads) == 250
    assert hour.busiest(60) <= 50
    assert hour.busiest(3600) <= 1000

    config = Config.model_validate(QUARTER)
    predicted = plan(demand_of(config, 25, 125), available_requests_per_hour(config))
    [run] = hour.intervals(LogType.RUN)
    [restarted] = hour.intervals(LogType.RUN_RESTARTED)
    # What the first hour began with is still felt.
    assert run == pytest.approx(60 * predicted.stretch, rel=0.2)
    assert restarted == pytest.approx(60 * predicted.stretch * predicted.sweep, rel=0.2)

    before = hour.reads.copy()
    sent = len(hour.sent)
    hour.run(3600)
    assert len(hour.sent) - sent == pytest.approx(available_requests_per_hour(config), rel=0.15)
    for source in sources:
        expected = 3600 / (run if source.log_type is LogType.RUN else restarted)
        assert hour.reads[source] - before[source] == pytest.approx(expected, abs=2, rel=0.25)
    assert hour.refused == {}


def test_an_hour_of_which_another_user_takes_half():
    """The other's requests all pass, and so do ours: they become fewer as the other's grow."""
    hour = quarter_hour(apps=5, components_per_app=5, others=625, others_from=1800)
    hour.run(2 * 3600)
    assert hour.refused == {}
    sent = len(hour.sent)
    hour.run(3600)
    assert hour.refused == {}
    assert len(hour.sent) - sent == pytest.approx(0.95 * 0.8 * 625, rel=0.1)


def test_a_small_fleet_is_not_stretched():
    """Where the intervals fit they are as configured, and all first reads are at once."""
    hour = VirtualHour({}, apps=1, components_per_app=10)
    hour.run(5)
    assert hour.parts.supervisor.ready() == (True, "")
    assert len(hour.reads) == 20
    hour.run(3600)
    assert hour.intervals(LogType.RUN) == {60}
    assert hour.intervals(LogType.RUN_RESTARTED) == {60}


def test_a_short_interval_is_paced_not_gated():
    """Ten components read every second: each is read evenly, never after most of a minute."""
    hour = VirtualHour({"logs": {"interval": "1s"}}, apps=1, components_per_app=10)
    hour.run(600)
    gaps = [after - before for before, after in zip(hour.sent, hour.sent[1:], strict=False)]
    assert max(gaps[len(gaps) // 2 :]) < 10
    hour.run(3600)
    assert hour.refused == {}


def test_the_budget_of_the_configuration_is_kept():
    """Tiny limits, all of them ours: never more in a minute, nor in an hour, than they are."""
    hour = VirtualHour(
        {
            "logs": {"interval": "10s"},
            "api_budget": {"per_hour": 300, "per_minute": 12, "share": 1},
        },
        apps=1,
        components_per_app=4,
    )
    hour.limit.per_hour, hour.limit.per_minute = 300, 12
    hour.run(2 * 3600)
    assert hour.refused == {}
    assert hour.busiest(60) <= 12
    assert hour.busiest(3600) <= 300
    assert len(hour.reads) == 8


def test_the_page_says_how_the_budget_stands():
    """What was sent of what may be, and by how much intervals are stretched."""
    told = BudgetStatus(4000, 123, 200, 7, 4567, 9.0, 1.44, 30.2)
    with serving(status=Status(requests=told)) as url:
        page = get(f"{url}/").text
    assert (
        "Requests: 123 of 4000 in the last hour, 7 of 200 in the last minute; the token has 4567 "
        "left; intervals are stretched 1.4 times; the API asked for a pause of 30 s." in page
    )
