"""What the platform says of components: as it says it, absent when it says nothing."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from collect_fixtures import IDENTITY, JOBS, KEY, WEB, Site, app, deployment, server_error

from exporter.errors import BadRequest
from exporter.model import (
    ComponentHealth,
    Endpoint,
    Instance,
    InstanceRestarts,
    LogType,
    Quiet,
    Source,
)
from exporter.watching.platform_metrics import RESTART_COUNT_WINDOW, PlatformMetrics

GAUGES = (
    "component_replicas_desired",
    "component_replicas_ready",
    "component_healthy",
    "component_cpu_usage_ratio",
    "component_memory_usage_ratio",
)
HEALTH = ComponentHealth("web", True, 3, 2, 0.25, 0.5)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def read(site: Site) -> PlatformMetrics:
    return reader(site)[0]


def reader(site: Site) -> tuple[PlatformMetrics, list[str]]:
    """What reads, and the components whose RUN_RESTARTED it asks for."""
    hints: list[str] = []

    def soon(source: Source) -> None:
        assert source.log_type is LogType.RUN_RESTARTED
        hints.append(source.key.component)

    site.schedule.soon = soon
    site.series.open_component(KEY, WEB)
    return site.parts.watching.platform_metrics, hints


def health(site: Site, component: str = "web") -> tuple[float | None, ...]:
    labels = {"app": "shop", "component": component}
    return tuple(site.value(name, **labels) for name in GAUGES)


def restarts(site: Site) -> dict[str, float]:
    (family,) = site.metrics.instance_restarts.collect()
    return {s.labels["component_instance"]: s.value for s in family.samples}


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().split()[-1] for record in caplog.records]


def test_health_is_shown_as_ratios_and_counts(site: Site, read: PlatformMetrics):
    """Every number of a watched component; one that is not watched has none."""
    site.platform.healths = (HEALTH, ComponentHealth("excluded", True, 1, 1, 0.1, 0.1))
    read.read_health(app())
    assert health(site) == (3, 2, 1, 0.25, 0.5)
    assert health(site, "excluded") == (None,) * 5


def test_what_health_does_not_say_is_absent(site: Site, read: PlatformMetrics):
    """Unknown health is neither 0 nor 1, and a number that was known does not stay."""
    site.platform.healths = (HEALTH,)
    read.read_health(app())
    site.platform.healths = (ComponentHealth("web", None, 3, None, 0.0, None),)
    read.read_health(app())
    assert health(site) == (3, None, None, 0.0, None)
    site.platform.healths = (ComponentHealth("web", False, 3, 0, None, None),)
    read.read_health(app())
    assert health(site) == (3, 0, 0, None, None)


def test_component_that_health_does_not_name_is_absent(site: Site, read: PlatformMetrics):
    """A component missing from a later answer keeps no number of the one before."""
    site.platform.healths = (HEALTH, ComponentHealth("jobs", True, 1, 1, 0.1, 0.2))
    read.read_health(app("shop", WEB, JOBS))
    site.platform.healths = (ComponentHealth("jobs", True, 1, 1, 0.1, 0.2),)
    read.read_health(app("shop", WEB, JOBS))
    assert health(site) == (None,) * 5
    assert health(site, "jobs") == (1, 1, 1, 0.1, 0.2)


def test_failure_removes_gauges_and_is_said_once(
    site: Site, read: PlatformMetrics, caplog: pytest.LogCaptureFixture
):
    """What cannot be known is absent; the log has one line for the failure, one for its end."""
    caplog.set_level(logging.INFO)
    site.platform.healths = (HEALTH,)
    read.read_health(app())
    site.platform.healths = server_error()
    for _ in range(3):
        read.read_health(app())
    assert health(site) == (None,) * 5
    assert said(caplog) == ["again"]
    site.platform.healths = (HEALTH,)
    for _ in range(2):
        read.read_health(app())
    assert health(site) == (3, 2, 1, 0.25, 0.5)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_failure_of_one_app_leaves_the_other(site: Site, read: PlatformMetrics):
    """Gauges are removed for the app that could not be read."""
    site.platform.healths = (HEALTH,)
    read.read_health(app())
    read.read_health(app("site", app_id="app-2"))
    site.platform.healths = server_error()
    read.read_health(app())
    assert health(site) == (None,) * 5
    assert site.value("component_replicas_desired", app="site", component="web") == 3


def test_instances_are_counted_by_component(site: Site, read: PlatformMetrics):
    """So many as run, 0 where none does; absent after a failure."""
    site.platform.running = tuple(Instance("web", f"web-x{n}", f"web-{n}") for n in range(2))
    read.read_instances(app("shop", WEB, JOBS))
    jobs = IDENTITY | {"component": "jobs"}
    assert site.value("component_replicas_desired", **IDENTITY) == 2
    assert site.value("component_replicas_desired", **jobs) == 0
    site.platform.running = server_error()
    read.read_instances(app("shop", WEB, JOBS))
    assert site.value("component_replicas_desired", **IDENTITY) is None


def test_restart_counts_are_the_latest_not_their_sum(site: Site, read: PlatformMetrics):
    """A count replaces the one before, also downwards; an instance that is gone has none."""
    site.platform.restarts["web"] = tuple(InstanceRestarts("web", f"web-{n}", 4) for n in range(2))
    read.read_restart_counts(app())
    assert restarts(site) == {"web-0": 4, "web-1": 4}
    site.platform.restarts["web"] = (InstanceRestarts("web", "web-0", 1),)
    read.read_restart_counts(app())
    assert restarts(site) == {"web-0": 1}


SHOP = app("shop", WEB, JOBS)
WEB_COUNT = InstanceRestarts("web", "web-0", 1)
JOBS_COUNT = InstanceRestarts("jobs", "jobs-0", 2)


@pytest.mark.found(
    "Restart counts that were asked for before a reload, and came behind those of after it, made "
    "an end rise twice: a gap with the reason `restart` where nothing was missing.",
    how="threads in every order, by a seed",
)
def test_restart_counts_that_come_late_replace_no_later_ones(
    site: Site, read: PlatformMetrics, monkeypatch: pytest.MonkeyPatch
):
    """The answer of the parts before a reload comes while those behind it have read already."""
    site.platform.restarts[None] = (InstanceRestarts("web", "web-0", 0.0),)
    ask = site.platform.restart_counts

    def be_late(*arguments: Any) -> Any:
        counts = ask(*arguments)
        monkeypatch.setattr(site.platform, "restart_counts", ask)
        site.clock.now += 1
        site.platform.restarts[None] = (InstanceRestarts("web", "web-0", 1.0),)
        read.read_restart_counts(app())
        return counts

    monkeypatch.setattr(site.platform, "restart_counts", be_late)
    read.read_restart_counts(app())
    watched = site.components.get(KEY)
    assert watched is not None
    assert watched.restarts is not None
    assert watched.restarts.counts == {"web-0": 1}
    assert set(restarts(site).values()) == {1.0}


def test_restart_counts_of_an_app_are_one_request(
    site: Site, read: PlatformMetrics, caplog: pytest.LogCaptureFixture
):
    """One answer has those of all components; a failure of it loses them, and is said once."""
    site.platform.restarts = {"web": (WEB_COUNT,), "jobs": (JOBS_COUNT,)}
    read.read_restart_counts(SHOP)
    assert restarts(site) == {"web-0": 1, "jobs-0": 2}
    site.platform.restarts[None] = server_error()
    for _ in range(2):
        read.read_restart_counts(SHOP)
    assert restarts(site) == {}
    assert site.platform.counted == [None] * 3
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "answer",
    [
        BadRequest(Endpoint.RESTART_COUNT, "app_component is required", 400),
        (InstanceRestarts("", "web-0", 1),),
        (WEB_COUNT,),
    ],
    ids=["refused", "without names", "of one component"],
)
def test_an_answer_for_one_component_is_asked_for_by_component(
    site: Site, read: PlatformMetrics, answer: Any
):
    """The older form is recognized once; then each component has a request of its own."""
    site.platform.restarts = {None: answer, "web": (WEB_COUNT,), "jobs": (JOBS_COUNT,)}
    read.read_restart_counts(SHOP)
    assert restarts(site) == {"web-0": 1, "jobs-0": 2}
    site.platform.counted.clear()
    site.platform.restarts["web"] = server_error()
    read.read_restart_counts(SHOP)
    assert site.platform.counted == ["web", "jobs"]
    assert restarts(site) == {"jobs-0": 2}


def test_a_component_without_counts_is_asked_for_once_a_deployment(
    site: Site, read: PlatformMetrics
):
    """Where the other has none by itself either, the answer was whole: one request from then on."""
    site.platform.restarts = {None: (WEB_COUNT,), "web": (WEB_COUNT,)}
    for _ in range(3):
        read.read_restart_counts(SHOP)
    assert restarts(site) == {"web-0": 1}
    assert site.platform.counted == [None, "jobs", None, None]


def test_restart_counts_are_asked_for_the_last_minutes(
    site: Site, read: PlatformMetrics, monkeypatch: pytest.MonkeyPatch
):
    """The window ends now, by the clock handed in."""
    asked: list[tuple[float, float]] = []

    def record(app_id: str, component: str | None, start: float, end: float) -> tuple[()]:
        asked.append((start, end))
        return ()

    monkeypatch.setattr(site.platform, "restart_counts", record)
    read.read_restart_counts(app())
    assert asked == [(site.clock() - RESTART_COUNT_WINDOW, site.clock())]


def test_deployments_fail_and_recover_once(
    site: Site, read: PlatformMetrics, caplog: pytest.LogCaptureFixture
):
    """A failed list of deployments escapes nowhere and is said once."""
    caplog.set_level(logging.INFO)
    site.platform.deployed["app-1"] = server_error()
    read.read_deployments(app())
    read.read_deployments(app())
    site.platform.deployed["app-1"] = (deployment("d1"),)
    read.read_deployments(app())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    labels = {"app": "shop", "deployment_id": "d1", "phase": "ACTIVE"}
    assert site.value("deployment_info", **labels) == 1


def test_health_that_falls_hints_at_a_restart_once(site: Site):
    """It becomes unhealthy or lacks an instance: that is said once, until it is well again."""
    metrics, hints = reader(site)
    for healthy, ready, hinted in (
        (True, 2, 0),
        (True, 1, 1),
        (False, 1, 1),
        (True, 2, 1),
        (None, None, 1),
        (False, 2, 2),
    ):
        site.platform.healths = (ComponentHealth("web", healthy, 2, ready, None, None),)
        metrics.read_health(app())
        assert len(hints) == hinted
    assert set(hints) == {"web"}


def test_restart_count_that_rises_hints_at_a_restart(site: Site):
    """The first look only learns it; one that falls, of another deployment, is no restart."""
    metrics, hints = reader(site)
    metrics.keep((app(),))
    for count, hinted in ((3, 0), (3, 0), (4, 1), (0, 1), (1, 2)):
        site.platform.restarts["web"] = (InstanceRestarts("web", "web-0", count),)
        metrics.read_restart_counts(app())
        assert len(hints) == hinted
    site.series.close_component(KEY)
    site.series.open_component(KEY, WEB)
    site.platform.restarts["web"] = (InstanceRestarts("web", "web-0", 9),)
    metrics.read_restart_counts(app())
    assert len(hints) == 2


def test_a_component_that_comes_back_is_known_by_nothing_of_before(site: Site, caplog):
    """Its old health is not shown, and a failure that begins anew is logged anew."""
    metrics, _ = reader(site)
    metrics.keep((app(),))
    site.platform.healths = (ComponentHealth("web", False, 2, 1, None, None),)
    metrics.read_health(app())
    assert metrics.health_of(KEY) is not None
    site.series.close_component(KEY)
    site.series.open_component(KEY, WEB)
    assert metrics.health_of(KEY) is None
    site.platform.healths = server_error()
    for _ in range(2):
        metrics.read_health(app())
    metrics.keep(())
    metrics.read_health(app())
    failures = [r for r in caplog.records if r.levelname == "WARNING"]
    assert len(failures) == 2


def dormant(site: Site) -> dict[str, float]:
    (family,) = site.metrics.component_dormant.collect()
    return {sample.labels["reason"]: sample.value for sample in family.samples}


@pytest.mark.parametrize("quiet", Quiet)
def test_zeros_that_health_leaves_out_are_zeros_of_a_component_that_may_be_quiet(
    site: Site, read: PlatformMetrics, quiet: Quiet
):
    """Without instances it is dormant and has 0 of them; with some it is not, unless switched off.

    Once the health cannot be read, one that may sleep is taken for asleep, one that is scaled by
    load is not; a spec that no longer says so takes the series away.
    """
    web = replace(WEB, quiet=quiet)
    read.keep((app("shop", web),))
    off = quiet in (Quiet.ARCHIVED, Quiet.MAINTENANCE, Quiet.NOT_DEPLOYED)
    scaled = quiet is Quiet.AUTOSCALING
    assert dormant(site) == {quiet: not scaled}
    site.platform.healths = (ComponentHealth("web", None, None, None, None, None),)
    read.read_health(app("shop", web))
    assert health(site) == (0, 0, None, None, None)
    assert dormant(site) == {quiet: 1}
    site.platform.healths = (HEALTH,)
    read.read_health(app("shop", web))
    assert health(site) == (3, 2, 1, 0.25, 0.5)
    assert dormant(site) == {quiet: off}
    read.keep((app("shop", web),))
    assert dormant(site) == {quiet: off}
    site.platform.healths = ()
    read.read_health(app("shop", web))
    assert health(site)[:2] == ((None, None) if scaled else (0, 0))
    assert dormant(site) == {quiet: not scaled}
    site.platform.healths = server_error()
    read.read_health(app("shop", web))
    assert health(site) == (None,) * 5
    assert dormant(site) == {quiet: not scaled}
    site.platform.running = ()
    read.read_instances(app("shop", web))
    assert dormant(site) == {quiet: 1}
    read.keep((app("shop", WEB),))
    assert dormant(site) == {}


def test_a_component_that_should_run_is_never_dormant(site: Site, read: PlatformMetrics):
    """Its missing numbers stay unknown."""
    read.keep((app(),))
    site.platform.healths = (ComponentHealth("web", None, None, None, None, None),)
    read.read_health(app())
    assert health(site) == (None,) * 5
    assert dormant(site) == {}
