"""Series: there from the discovery on, at 0, and gone with what they are about."""

from dataclasses import replace

import pytest
from collect_fixtures import IDENTITY, KEY, LOG, WEB, Site, app

from exporter.counting.ledger import GRACE_SECONDS
from exporter.counting.series import enabled_rules
from exporter.model import ComponentKey, RestartReason, Rule


@pytest.fixture
def site() -> Site:
    return Site()


def test_open_component_stands_at_zero(site: Site):
    """Counters by rule and reason, and a condition for each log that is read."""
    site.series.open_component(KEY, WEB)
    assert site.series.is_open(KEY)
    assert site.value("log_lines_total") == 0
    assert site.value("log_matches_total", **LOG, pattern="oops", level="error") == 0
    for reason in RestartReason:
        assert site.value("restarts_total", **IDENTITY, reason=reason) == 0
    for log_type in ("RUN", "RUN_RESTARTED"):
        assert site.value("source_up", **LOG | {"log_type": log_type}) == 0
    assert site.value("log_lines_total", **LOG | {"log_type": "RUN_RESTARTED"}) is None
    assert site.value("component_healthy", **IDENTITY) is None


def test_opening_again_keeps_the_counts(site: Site):
    """Every discovery opens what is open already."""
    site.series.open_component(KEY, WEB)
    site.metrics.log_lines.labels(*LOG.values()).inc(3)
    site.series.open_component(KEY, WEB)
    assert site.lines() == 3


def test_close_removes_one_component_alone(site: Site):
    """Nothing of it stays; a component of the same name in another app does."""
    other = ComponentKey("site", "web")
    site.series.open_component(KEY, WEB)
    site.series.open_component(other, WEB)
    site.series.close_component(KEY)
    site.series.close_component(KEY)
    assert not site.series.is_open(KEY)
    assert site.samples(app="shop") == set()
    assert site.samples(app="site") != set()


def test_app_is_described_once(site: Site):
    """A new id or tier replaces the description; closing leaves nothing."""
    site.series.open_app(app())
    site.series.open_app(app(app_id="app-2"))
    (family,) = site.metrics.spec_info.collect()
    assert [sample.labels["app_id"] for sample in family.samples] == ["app-2"]
    site.series.close_app("shop")
    assert site.samples(app="shop") == set()


def test_time_never_goes_back(site: Site):
    """The newest time of a component stays the newest, also where it went and came back."""
    gauge = site.metrics.last_restart_timestamp
    shown = []
    site.series.open_component(KEY, WEB)
    for seconds in (5.0, 3.0, 7.0):
        site.series.advance(gauge, KEY, seconds)
        shown.append(site.value("last_restart_timestamp_seconds", **IDENTITY))
    site.series.close_component(KEY)
    assert site.value("last_restart_timestamp_seconds", **IDENTITY) is None
    site.series.open_component(KEY, WEB)
    site.series.advance(gauge, KEY, 2.0)
    shown.append(site.value("last_restart_timestamp_seconds", **IDENTITY))
    assert shown == [5, 5, 7, 7]


def test_component_that_comes_back_after_the_grace_period_begins_at_zero(site: Site):
    """Within it counters go on where they stood, those of the app as well; after it, at 0."""
    lines, ended = site.metrics.log_lines, site.metrics.deployments
    for passed, expected in ((0.0, 0), (GRACE_SECONDS, 3), (GRACE_SECONDS + 1, 0)):
        site.series.close_component(KEY)
        site.series.close_app("shop")
        site.clock.now += passed
        site.ledger.expire()
        site.series.open_component(KEY, WEB)
        site.series.open_app(app())
        assert site.lines() == expected
        assert site.value("deployments_total", app="shop", phase="ERROR", cause="other") == expected
        if not expected:
            site.ledger.add(lines, LOG.values(), 3)
            site.ledger.add(ended, ("shop", "ERROR", "other"), 3)


def test_change_of_a_component_leaves_its_counts(site: Site):
    """Described anew, a component's counters stand where they stood."""
    site.series.open_component(KEY, WEB)
    site.ledger.add(site.metrics.log_lines, LOG.values(), 3)
    site.series.open_component(KEY, replace(WEB, instance_size="large"))
    assert site.lines() == 3
    size = {"component_kind": "service", "instance_size": "large"}
    assert site.value("component_info", **IDENTITY, **size) == 1


def test_enabled_rules_are_those_whose_globs_name_the_component():
    """Positions, as the engine wants them."""
    rules = (Rule("all", "x"), Rule("no", "x", components=("site",)), Rule("app", "x"))
    assert enabled_rules(rules, KEY) == {0, 2}
    assert enabled_rules(rules, ComponentKey("site", "web")) == {0, 1, 2}
