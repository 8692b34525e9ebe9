"""Costs as they are computed, against an hour of the real schedule and the real series."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from apscheduler.job import Job
from collect_fixtures import JOBS, KEY, RUN, START, WEB, Site, app, line
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.reading import Collectors, LogMode
from exporter.config.schema import Config
from exporter.model import (
    ComponentHealth,
    Instance,
    InstanceRestarts,
    LogType,
    MetricType,
    Rule,
    RuleMetric,
)
from exporter.reading.following.follower import SILENCE_SECONDS
from exporter.service.estimate import SILENT_STREAMS, demand_of, series_per_component
from exporter.service.intervals import SWEEP_SECONDS, collector_settings

BOTH = (LogType.RUN, LogType.RUN_RESTARTED)


DEFAULTS = Collectors()


def config(
    collectors: Collectors = DEFAULTS,
    types: tuple[LogType, ...] = BOTH,
    interval: float = 60.0,
    discovery: float = 300.0,
) -> Config:
    base = Config()
    return base.model_copy(
        update={
            "collectors": collectors,
            "logs": base.logs.model_copy(update={"types": types, "interval": interval}),
            "discovery": base.discovery.model_copy(update={"interval": discovery}),
        }
    )


def collectors(health: bool, instances: bool, restart_count: bool, deployments: bool) -> Collectors:
    return Collectors(
        health=health, instances=instances, restart_count=restart_count, deployments=deployments
    )


def hour_of_requests(settings: Config, apps: int) -> int:
    """Requests of the second simulated hour, for so many apps with two components each."""
    site = Site(interval=settings.logs.interval, log_types=tuple(settings.logs.types))
    site.platform.listing = tuple(app(f"app-{n}", WEB, JOBS, app_id=str(n)) for n in range(apps))
    requests = before = 0
    for name in ("apps", "deployments", "health", "instances", "restart_counts", "log_locations"):
        real: Callable[..., object] = getattr(site.platform, name)

        def count(*args: object, real: Callable[..., object] = real, **options: object) -> object:
            nonlocal requests
            requests += 1
            return real(*args, **options)

        setattr(site.platform, name, count)
    crank = site.supervisor(collector_settings(settings))
    crank.start()
    while True:
        jobs = [job for job in site.scheduler.get_jobs() if _reads(job)]
        job = min(jobs, key=lambda job: job.next_run_time)
        if job.next_run_time.timestamp() >= START + 7200:
            return requests - before
        if job.next_run_time.timestamp() < START + 3600:
            before = requests
        site.clock.now = max(site.clock.now, job.next_run_time.timestamp())
        site.scheduler.step(job.id)


def _reads(job: Job) -> bool:
    return job.executor in ("sources", "platform") and job.id != "pacing"


@pytest.mark.parametrize(
    ("settings", "apps"),
    [
        (config(), 1),
        (config(), 3),
        (config(interval=120, discovery=600), 2),
        (config(types=(LogType.RUN,)), 2),
        (config(collectors(False, True, False, False)), 2),
        (config(collectors(True, True, True, True)), 2),
        (config(collectors(False, False, False, False)), 1),
    ],
)
def test_requests_are_those_of_an_hour_of_the_schedule(settings: Config, apps: int):
    """The estimate is what the schedule sends, up to the jitter of the reads."""
    sent = hour_of_requests(settings, apps)
    assert demand_of(settings, apps, 2 * apps).total == pytest.approx(sent, rel=0.03)


def test_a_log_that_is_followed_costs_at_most_two_requests_an_hour():
    """Of a thousand components, discovery and all, in an hour in which nothing happens."""
    settings = config(collectors(False, False, False, False))
    logs = settings.logs.model_copy(update={"mode": LogMode.FOLLOW})
    followed = settings.model_copy(update={"logs": logs})
    assert demand_of(followed, 100, 1000).total == 12 + 1000 * 1.5
    assert SILENT_STREAMS * SILENCE_SECONDS == SWEEP_SECONDS == 3600


def test_instances_cost_nothing_where_health_is_asked():
    """Health has their number already, so the two together cost what health does."""
    both = demand_of(config(collectors(True, True, False, False)), 4, 9).total
    assert both == demand_of(config(collectors(True, False, False, False)), 4, 9).total
    alone = demand_of(config(collectors(False, True, False, False)), 4, 9).total
    none = demand_of(config(collectors(False, False, False, False)), 4, 9).total
    assert alone - none == 4 * 12


def test_listing_costs_a_request_for_each_page():
    """200 apps fit in one request; no app at all still costs it."""
    quiet = config(collectors(False, False, False, False))
    assert [demand_of(quiet, apps, 0).total for apps in (0, 1, 200, 201)] == [12, 12, 12, 24]


@given(st.integers(0, 500), st.integers(0, 500), st.sampled_from([1.0, 30.0, 60.0, 3600.0]))
def test_more_to_watch_never_costs_less(apps: int, components: int, interval: float):
    """The estimate grows with apps, components and shorter intervals."""
    settings = config(interval=interval)
    cost = demand_of(settings, apps, components).total
    assert math.isfinite(cost)
    assert demand_of(settings, apps + 1, components).total > cost
    assert demand_of(settings, apps, components + 1).total > cost


@pytest.mark.parametrize("types", [BOTH, (LogType.RUN,)])
@pytest.mark.parametrize("rules", [0, 3])
@pytest.mark.parametrize(
    "wanted",
    [
        collectors(True, False, True, True),
        collectors(True, True, True, True),
        collectors(False, True, False, True),
        collectors(False, False, False, False),
    ],
)
def test_series_are_those_that_a_component_has(
    types: tuple[LogType, ...], rules: int, wanted: Collectors
):
    """Every series with the component's labels, after health and one instance were read."""
    chosen = tuple(Rule(f"rule_{n}", "x") for n in range(rules))
    site = Site(rules=chosen, log_types=types)
    site.series.open_component(KEY, WEB)
    reader = site.parts.watching.platform_metrics
    site.platform.healths = (ComponentHealth("web", True, 1, 1, 0.1, 0.1),)
    site.platform.running = (Instance("web", "web-x", "web-0"),)
    site.platform.restarts["web"] = (InstanceRestarts("web", "web-0", 0),)
    for on, read in (
        (wanted.health, reader.read_health),
        (wanted.instances and not wanted.health, reader.read_instances),
        (wanted.restart_count, reader.read_restart_counts),
    ):
        if on:
            read(app())
    series = [
        sample
        for family in site.registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created") and sample.labels.get("component") == "web"
    ]
    assert len(series) == series_per_component(config(wanted, types), chosen)


def test_series_of_rules_are_those_that_a_component_can_have():
    """A bound of 2 gives 2 series and one of the rest; a histogram also buckets, sum and count."""
    labels = (("code", "code"),)
    rules = tuple(
        Rule(name, "x", metric=RuleMetric(name, kind, "h", own, value, buckets, 2))
        for name, kind, own, value, buckets in (
            ("a_total", MetricType.COUNTER, (), None, ()),
            ("b_total", MetricType.COUNTER, labels, None, ()),
            ("c", MetricType.GAUGE, labels, "v", ()),
            ("d", MetricType.HISTOGRAM, labels, "v", (1.0, 2.0)),
            ("e", MetricType.HISTOGRAM, (), "v", (1.0, 2.0)),
        )
    )
    site = Site(rules=rules)
    site.watch()
    lines = b"".join(line(n, f"x v=1 code={n}") for n in range(5))
    site.platform.log("d1").live = lines
    site.scheduler.step(RUN)
    names = {rule.name for rule in rules}
    samples = [
        sample
        for family in site.registry.collect()
        for sample in family.samples
        if family.name in names or sample.name in names
    ]
    plain = tuple(replace(rule, metric=None) for rule in rules)
    costs = series_per_component(Config(), rules) - series_per_component(Config(), plain)
    assert len(samples) == costs == 1 + 3 + 3 + 15 + 5
