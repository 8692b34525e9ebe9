"""Deployments: each that was seen to reach a final phase counts once."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from collect_fixtures import LOG, START, Clock, Site, app, deployment, server_error
from state_files import file_state

from exporter.errors import ServerError
from exporter.model import Deployment
from exporter.watching.came_and_went import came_between


@pytest.fixture
def site() -> Site:
    site = Site()
    site.series.open_app(app())
    return site


def look(site: Site, *deployments: Deployment, active: str | None = "d1") -> None:
    site.platform.deployed["app-1"] = deployments
    site.deployments.read(app(active=active))


def counted(site: Site) -> dict[str, float]:
    found: Counter[str] = Counter()
    for (phase, _), count in by_cause(site).items():
        found[phase] += count
    return dict(found)


def by_cause(site: Site) -> dict[tuple[str, str], float]:
    """The deployments by phase and cause, without the zeros."""
    (family,) = site.metrics.deployments.collect()
    return {
        (sample.labels["phase"], sample.labels["cause"]): sample.value
        for sample in family.samples
        if sample.value and sample.name.endswith("_total")
    }


def shown(site: Site) -> set[tuple[str, str]]:
    (family,) = site.metrics.deployment_info.collect()
    assert all(sample.value == 1 for sample in family.samples)
    return {(s.labels["deployment_id"], s.labels["phase"]) for s in family.samples}


def test_what_was_over_at_the_start_is_not_counted(site: Site):
    """Deployments that came to rest before the exporter started, however often they are seen."""
    for _ in range(3):
        look(site, deployment("d1", "ACTIVE", -5), deployment("d0", "SUPERSEDED", -5))
    assert counted(site) == {}


def test_each_transition_counts_once(site: Site):
    """A deployment goes through its phases; only final ones count, each when it is reached."""
    old = deployment("d1", "ACTIVE", -5)
    for phase in ("PENDING_BUILD", "BUILDING", "DEPLOYING"):
        look(site, deployment("d2", phase, 10), old)
    assert counted(site) == {}
    replaced = deployment("d1", "SUPERSEDED", 20)
    for _ in range(3):
        look(site, deployment("d2", "ACTIVE", 20), replaced, active="d2")
    assert counted(site) == {"ACTIVE": 1, "SUPERSEDED": 1}
    look(site, deployment("d3", "ERROR", 30), deployment("d2", "ACTIVE", 20), replaced)
    assert counted(site) == {"ACTIVE": 1, "SUPERSEDED": 1, "ERROR": 1}


@pytest.mark.parametrize(
    ("seen", "count"),
    [
        (deployment("d1", "CANCELED", 1), 1),
        (deployment("d1", "CANCELED", 0), 0),
        (Deployment("d1", "CANCELED", created_at=2e9), 1),
        (Deployment("d1", "CANCELED"), 0),
        (deployment("d1", "BUILDING", 1), 0),
    ],
)
def test_first_sight_in_a_final_phase_counts_if_it_is_news(
    site: Site, seen: Deployment, count: int
):
    """A deployment that began and ended between two looks counts if it ended after the start."""
    look(site, seen)
    look(site, seen)
    assert sum(counted(site).values()) == count


def test_deployment_that_is_newer_than_all_known_is_news_whatever_its_time(site: Site):
    """It came and went between two looks, in the second in which the exporter started."""
    old = deployment("d1", "ACTIVE", -5)
    look(site, old)
    for _ in range(2):
        look(site, deployment("d2", "ERROR", 0), old)
    assert counted(site) == {"ERROR": 1}


def test_active_and_newest_are_described(site: Site):
    """The active deployment and the newest; one series where they are the same."""
    look(site, deployment("d2", "BUILDING", 9), deployment("d1", "ACTIVE", 3))
    assert shown(site) == {("d2", "BUILDING"), ("d1", "ACTIVE")}
    look(site, deployment("d2", "ACTIVE", 20), deployment("d1", "SUPERSEDED", 20), active="d2")
    assert shown(site) == {("d2", "ACTIVE")}
    assert site.value("deployment_timestamp_seconds", app="shop") == 1_793_491_220


def test_app_without_active_deployment_has_no_time_of_one(site: Site):
    """What is not active any more has no moment at which it became active."""
    look(site, deployment("d1", "ACTIVE", 3))
    assert site.value("deployment_timestamp_seconds", app="shop") is not None
    look(site, deployment("d1", "SUPERSEDED", 9), active=None)
    assert site.value("deployment_timestamp_seconds", app="shop") is None
    assert shown(site) == {("d1", "SUPERSEDED")}
    look(site, active=None)
    assert shown(site) == set()


def test_failed_look_counts_nothing_and_forgets_nothing(site: Site):
    """After a failure the next look still knows what was seen before."""
    look(site, deployment("d2", "DEPLOYING", 1))
    site.platform.deployed["app-1"] = server_error()
    with pytest.raises(ServerError):
        site.deployments.read(app())
    look(site, deployment("d2", "ACTIVE", 2))
    look(site, deployment("d2", "ACTIVE", 2))
    assert counted(site) == {"ACTIVE": 1}


def test_forgotten_app_is_new_again(site: Site):
    """An app that went leaves nothing behind."""
    look(site, deployment("d1", "ACTIVE", -5))
    site.deployments.forget(app())
    site.deployments.forget(app())
    assert site.deployments._phases == {}


def test_restart_counts_what_was_not_read_before_it_and_nothing_twice(tmp_path: Path):
    """What ended between the last look and a crash counts, though other counts were kept since."""
    read = (deployment("d2", "ERROR", 10), deployment("d1", "ACTIVE", 5))
    unread = deployment("d3", "CANCELED", 20)
    counts: dict[str, float] = {}
    for start, listed, expected in (
        (0, (), {}),
        (60, read, {"ACTIVE": 1, "ERROR": 1}),
        (120, (unread, *read), {"ACTIVE": 1, "ERROR": 1, "CANCELED": 1}),
        (180, (unread, *read), {"ACTIVE": 1, "ERROR": 1, "CANCELED": 1}),
    ):
        clock = Clock(START + start)
        state = file_state(tmp_path / "state.db", clock)
        site = Site(state=state, clock=clock)
        site.series.open_app(app())
        assert counted(site) == counts
        look(site, *listed)
        clock.now += 50
        site.ledger.add(site.metrics.log_lines, LOG.values(), 1)
        assert site.ledger.flush()
        state.close()
        counts = counted(site)
        assert counts == expected


NEWEST_FIRST = (
    deployment("d5"),
    deployment("d4", "SUPERSEDED"),
    deployment("d3", "ERROR"),
    deployment("d2", "SUPERSEDED"),
    deployment("d1", "SUPERSEDED"),
)


@pytest.mark.parametrize(
    ("before", "now", "between"),
    [
        ("d1", "d5", ["d2", "d4"]),
        ("d2", "d5", ["d4"]),
        ("d4", "d5", []),
        ("d5", "d5", []),
        ("d5", "d2", []),
        ("gone", "d5", []),
        ("d1", "unknown", ["d2", "d4"]),
        ("d1", "d2", ["d4"]),
        ("d1", "d1", ["d2", "d4"]),
        ("d2", "d1", ["d4"]),
    ],
)
def test_came_between_is_what_was_active_in_the_meantime(before: str, now: str, between: list[str]):
    """Oldest first, without those that failed; after a rollback too, to whichever it is."""
    assert [found.id for found in came_between(NEWEST_FIRST, before, now)] == between


def test_deployments_count_by_cause_within_a_bound(site: Site):
    """Documented causes are series from the start; of others the first few, the rest is one."""
    look(site)
    assert site.value("deployments_total", app="shop", phase="ERROR", cause="deploy_on_push") == 0
    causes = ["manual", "", "nightly", "Ünknown", *(f"more_{n}" for n in range(20))]
    for number, cause in enumerate(causes):
        ended = deployment(f"d{number + 2}", "ERROR", changed=100 + number)
        look(site, replace(ended, cause=cause))
    found = by_cause(site)
    assert found["ERROR", "manual"] == found["ERROR", "nightly"] == 1
    assert len(found) == 2 + 10
    assert found["ERROR", "other"] == len(causes) - 1 - 10
