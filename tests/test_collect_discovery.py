"""Discovery: series and reads follow the apps that there are."""

import logging
from dataclasses import replace

import pytest
from collect_fixtures import (
    ALL_OFF,
    IDENTITY,
    JOBS,
    KEY,
    RESTARTED,
    RUN,
    START,
    WEB,
    Log,
    Site,
    app,
    deployment,
    line,
    server_error,
)

from exporter.counting.ledger import GRACE_SECONDS
from exporter.errors import ApiError, Forbidden, NotFound, ServerError, Unauthorized
from exporter.model import ComponentKey, Endpoint, LogType, Source
from exporter.watching.inventory import Inventory, Selection


@pytest.fixture
def site() -> Site:
    site = Site()
    site.scheduler.start()
    return site


def discover(site: Site, *apps: object) -> None:
    site.platform.listing = apps
    assert site.discovery.run()


def watched(site: Site) -> set[str]:
    return {str(source) for source in site.poller.sources()}


def test_first_discovery_makes_series_and_reads(site: Site):
    """Every log of every component is read from now on; its counters stand at 0."""
    assert not site.discovery.done
    discover(site, app("shop", WEB, JOBS))
    assert site.discovery.done
    assert site.discovery.problem == ""
    assert watched(site) == {
        f"shop/{component} {log_type}"
        for component in ("web", "jobs")
        for log_type in ("RUN", "RUN_RESTARTED")
    }
    assert site.lines() == 0
    described = {"app": "shop", "app_id": "app-1", "app_region": "ams", "tier": "basic"}
    assert site.value("spec_info", **described) == 1
    kind = {"component_kind": "worker", "instance_size": "big"}
    assert site.value("component_info", **IDENTITY | {"component": "jobs"} | kind) == 1
    assert site.value("deployments_total", app="shop", phase="ERROR", cause="other") == 0


def test_excluded_components_are_not_watched():
    """What the selection leaves out has neither series nor reads."""
    site = Site(selection=Selection(("*",), ("shop/jobs",)))
    site.scheduler.start()
    discover(site, app("shop", WEB, JOBS))
    assert watched(site) == {"shop/web RUN", "shop/web RUN_RESTARTED"}
    assert site.samples(component="jobs") == set()


def test_component_that_goes_takes_its_series_along(site: Site, caplog: pytest.LogCaptureFixture):
    """A component that left the app has no reads or series, and later no state either."""
    caplog.set_level(logging.INFO)
    discover(site, app("shop", WEB, JOBS))
    site.scheduler.step(RUN)
    failed = ServerError(Endpoint.RESTART_COUNT, "status 500")
    site.api_metrics.failed(failed.endpoint, ("app-1", "web"), failed, 1.0)
    site.api_metrics.failed(Endpoint.LOGS, RUN, server_error(), 1.0)
    discover(site, app("shop", JOBS))
    assert watched(site) == {"shop/jobs RUN", "shop/jobs RUN_RESTARTED"}
    assert site.samples(component="web") == set()
    assert site.samples(component="jobs") != set()
    assert site.ledger.cursors.deployments(KEY) == ["d1"]
    site.clock.now += GRACE_SECONDS + 1
    site.ledger.expire()
    assert site.ledger.cursors.deployments(KEY) == []
    assert not site.api_metrics.failing()
    assert "component is gone" in [record.getMessage() for record in caplog.records]


def test_app_between_two_pages_of_a_list_is_not_gone(site: Site, monkeypatch):
    """Missing from one list, or twice in it, as where another app was deleted meanwhile."""
    first, other, new = app(), app("site", JOBS, app_id="app-2"), app("new", JOBS, app_id="app-3")
    discover(site, first, other)
    lists = [(other,), (first, other, new), (new, first, first, other), (other, new), (new, other)]
    monkeypatch.setattr(site.platform, "apps", lambda: lists.pop(0))
    everywhere = {"shop", "site", "new"}
    for expected in (everywhere, everywhere, {"site", "new"}):
        assert site.discovery.run()
        assert site.discovery.inventory.app_names() == expected
        assert {source.partition("/")[0] for source in watched(site)} == expected
    assert not lists


def test_app_that_goes_leaves_nothing(site: Site):
    """An app that was deleted has no series and no failing target; the other one is as it was."""
    other = app("site", JOBS, app_id="app-2")
    discover(site, app(), other)
    site.platform.deployed["app-1"] = (deployment("d1", changed=5),)
    site.deployments.read(app())
    site.api_metrics.failed(Endpoint.HEALTH, "app-1", server_error(), 1.0)
    discover(site, other)
    assert site.samples(app="shop") == set()
    assert watched(site) == {"site/jobs RUN", "site/jobs RUN_RESTARTED"}
    assert not site.api_metrics.failing()
    assert site.deployments._phases == {}


@pytest.mark.found(
    "A request that was under way when its app was deleted left `api_errors` at 1 from then on.",
    how="a fake platform written from the facts alone, apps deleted while their logs were read",
)
@pytest.mark.parametrize(
    "target",
    [
        "app-1",
        ("app-1", LogType.RUN),
        ("app-1", "web"),
        RUN,
        Source("app-1", KEY, LogType.BUILD),
    ],
    ids=str,
)
def test_what_fails_after_its_app_has_gone_is_forgotten(site: Site, target: object):
    """With the next discovery; of what is still asked for each failure stays."""
    other = replace(app("other", WEB), id="app-2")
    discover(site, app("shop", WEB), other)
    stay: list[tuple[Endpoint, object]] = [
        (Endpoint.APPS, "apps"),
        (Endpoint.BANDWIDTH, "bandwidth"),
        (Endpoint.LOGS, "app-2"),
        (Endpoint.LOGS, ("app-2", LogType.RUN)),
        (Endpoint.LOGS, ("app-2", "web")),
        (Endpoint.LOGS, Source("app-2", ComponentKey("other", "web"), LogType.DEPLOY)),
    ]
    for endpoint, kept in stay:
        site.api_metrics.failed(endpoint, kept, ServerError(endpoint, "why"), 0.5)
    discover(site, other)
    site.api_metrics.failed(Endpoint.LOGS, target, ServerError(Endpoint.LOGS, "why"), 0.5)
    assert site.api_metrics.failing().total() == len(stay) + 1
    discover(site, other)
    assert site.api_metrics.failing() == {
        (Endpoint.APPS, "server_error"): 1,
        (Endpoint.BANDWIDTH, "server_error"): 1,
        (Endpoint.LOGS, "server_error"): 4,
    }


def test_component_that_comes_back_in_time_goes_on(site: Site):
    """Its counters stand where they stood, lines counted before do not count again; new ones do."""
    discover(site, app())
    site.platform.log("d1").live = line(1)
    site.scheduler.step(RUN)
    assert site.lines() == 1
    discover(site, app("shop", JOBS))
    assert site.lines() is None
    site.clock.now += GRACE_SECONDS
    site.ledger.expire()
    discover(site, app("shop", WEB))
    assert site.lines() == 1
    site.platform.log("d1").live += line(2)
    site.scheduler.step(RUN)
    assert (site.lines(), site.value("log_repeated_lines_total")) == (2, 1)


def test_component_that_comes_back_late_begins_at_zero(site: Site):
    """After the grace period it is another component: its counters and lines are new."""
    discover(site, app())
    site.platform.log("d1").live = line(1)
    site.scheduler.step(RUN)
    discover(site, app("shop", JOBS))
    site.clock.now += GRACE_SECONDS + 1
    site.ledger.expire()
    discover(site, app("shop", WEB))
    assert site.lines() == 0
    site.scheduler.step(RUN)
    assert (site.lines(), site.value("log_repeated_lines_total")) == (1, 0)


def test_app_created_anew_under_its_name_is_read_by_its_new_id(site: Site):
    """The new app's logs are read, the old one's are not, and what failed about it is over."""
    discover(site, app())
    site.platform.deployed["app-1"] = (deployment("d1"),)
    site.deployments.read(app())
    for target in ("app-1", ("app-1", "web"), RUN):
        site.api_metrics.failed(Endpoint.LOGS, target, server_error(), 1.0)
    discover(site, app(active="d9", app_id="app-9"))
    assert {source.app_id for source in site.poller.sources()} == {"app-9"}
    assert not site.api_metrics.failing()
    assert site.deployments._phases == {}
    old = {"app": "shop", "app_id": "app-1", "app_region": "ams", "tier": "basic"}
    assert site.value("spec_info", **old) is None
    assert site.value("spec_info", **old | {"app_id": "app-9"}) == 1
    assert site.lines() == 0
    site.platform.log("d9").live = line(1)
    site.scheduler.step(Source("app-9", KEY, LogType.RUN))
    assert site.lines() == 1


def test_app_without_active_deployment_has_series_but_no_reads(site: Site):
    """An app never deployed has no run-time logs; it is read once it is."""
    discover(site, app(active=None))
    assert watched(site) == set()
    assert site.lines() == 0
    discover(site, app())
    assert watched(site) == {str(RUN), str(RESTARTED)}
    discover(site, app(active=None))
    assert watched(site) == set()
    assert site.lines() == 0


def test_failed_discovery_leaves_everything_as_it_was(site: Site, caplog: pytest.LogCaptureFixture):
    """When apps cannot be listed nothing goes; said once per kind of failure, and at its end."""
    caplog.set_level(logging.INFO, "exporter.watching.discovery")
    discover(site, app())
    before = (watched(site), site.samples(), site.discovery.inventory)
    for failure in (
        ServerError(Endpoint.APPS, "status 500: request_id 'a'"),
        ServerError(Endpoint.APPS, "status 500: request_id 'b'"),
        Unauthorized(Endpoint.APPS, "status 401"),
    ):
        site.platform.listing = failure
        assert not site.discovery.run()
        assert site.discovery.problem == f"apps cannot be listed: {failure}"
    assert (watched(site), site.samples(), site.discovery.inventory) == before
    assert site.discovery.done
    discover(site, app())
    assert site.discovery.problem == ""
    assert [record.getMessage() for record in caplog.records] == [
        "discovered",
        "apps cannot be listed, trying again",
        "apps cannot be listed, trying again",
        "apps can be listed again",
    ]


def test_discovery_that_never_worked_is_not_done(site: Site):
    """Until apps were listed once there is a problem to show and nothing to read."""
    assert site.discovery.problem == "the first discovery is under way"
    site.platform.listing = server_error()
    assert not site.discovery.run()
    assert not site.discovery.done
    assert site.discovery.inventory == Inventory()


def test_component_that_changed_is_described_anew(site: Site):
    """Another instance size replaces the description; counts stay."""
    discover(site, app())
    site.platform.log("d1").live = line(1)
    site.scheduler.step(RUN)
    discover(site, app("shop", replace(WEB, instance_size="large")))
    labels = IDENTITY | {"component_kind": "service"}
    assert site.value("component_info", **labels, instance_size="small") is None
    assert site.value("component_info", **labels, instance_size="large") == 1
    assert site.lines() == 1


def test_deployments_between_two_discoveries_are_read(site: Site):
    """A deployment that came and went since is drained, from its first line on."""
    discover(site, app(active="d1"))
    site.scheduler.step(RUN)
    site.platform.deployed["app-1"] = (
        deployment("d3"),
        deployment("d2", "SUPERSEDED"),
        deployment("d1", "SUPERSEDED"),
    )
    site.platform.logs["d1", LogType.RUN] = Log(None, (b"",))
    site.platform.logs["d2", LogType.RUN] = Log(None, (b"without a time\n",))
    discover(site, app(active="d3"))
    site.platform.asked.clear()
    site.scheduler.step(RUN)
    assert [asked[0] for asked in site.platform.asked] == ["d1", "d2", "d3"]
    assert site.lines() == 1


def test_deployment_that_was_rolled_back_between_two_discoveries_is_read(site: Site):
    """The active one is the same, since another time; without that nothing more is asked."""
    discover(site, app(active="d1"))
    site.scheduler.step(RUN)
    site.platform.deployed["app-1"] = (deployment("d2", "SUPERSEDED"), deployment("d1", changed=9))
    site.platform.logs["d2", LogType.RUN] = Log(None, (line(5),))
    discover(site, replace(app(), active_deployment=deployment("d1", changed=9)))
    site.platform.deployed["app-1"] = AssertionError("listed though nothing has changed")
    discover(site, replace(app(), active_deployment=deployment("d1", changed=9)))
    site.platform.asked.clear()
    for _ in range(2):
        site.scheduler.step(RUN)
    assert [asked[0] for asked in site.platform.asked] == ["d2", "d1", "d1"]
    assert site.lines() == 1


@pytest.mark.found(
    "A deployment that came and went while the deployments could not be listed once was lost "
    "without a gap: nobody asked again.",
    how="random lives of threads, seed 5008168",
)
def test_deployments_that_cannot_be_listed_are_with_the_next_list(
    site: Site, caplog: pytest.LogCaptureFixture
):
    """Those that are known to have been active are read meanwhile, and no more than once."""
    caplog.set_level(logging.INFO, logger="exporter.watching.came_and_went")
    discover(site, app(active="d1"))
    site.platform.deployed["app-1"] = server_error()
    for ended in ("d1", "d3"):  # read to its end, and let go, once it is past
        site.platform.logs[ended, LogType.RUN] = Log(None, (b"without a time\n",))
        site.platform.logs[ended, LogType.RUN_RESTARTED] = Log(None, (b"",))
    for active in ("d3", "d3", "d4"):
        discover(site, app(active=active))
        for source in (RUN, RESTARTED):
            site.scheduler.step(source)
    assert {asked[0] for asked in site.platform.asked} == {"d1", "d3", "d4"}
    site.platform.deployed["app-1"] = (
        *(deployment("d4"), deployment("d3", "SUPERSEDED"), deployment("d2", "SUPERSEDED")),
        deployment("d1", "SUPERSEDED"),
    )
    site.platform.logs["d2", LogType.RUN] = Log(None, (line(5),))
    lines = site.lines()
    site.platform.asked.clear()
    discover(site, app(active="d4"))
    site.platform.deployed["app-1"] = AssertionError("listed again")
    discover(site, app(active="d4"))
    for _ in range(2):
        site.scheduler.step(RUN)
    assert [asked[0] for asked in site.platform.asked] == ["d2", "d4", "d4"]
    assert site.lines() == lines + 1
    assert [message for message in caplog.messages if message.startswith("deployments")] == [
        "deployments cannot be listed, trying again",
        "deployments can be listed again",
    ]


@pytest.mark.found(
    "A deployment that came and went while the apps were listed was read twice, and its last lines "
    "were announced as two gaps.",
    how="random lives of threads, seed 5011258",
)
def test_a_list_of_deployments_that_is_ahead_of_the_apps_counts_once(site: Site):
    """What has gone since the apps were listed is not gone again when they are listed next."""
    discover(site, app(active="d1"))
    gone = deployment("d2", "SUPERSEDED", changed=9)
    site.platform.deployed["app-1"] = (deployment("d3"), gone, deployment("d1", "SUPERSEDED"))
    site.platform.logs["d2", LogType.RUN] = Log(None, (line(5),))
    discover(site, replace(app(), active_deployment=deployment("d1", changed=8)))
    site.scheduler.step(RUN)
    discover(site, app(active="d3"))
    site.scheduler.step(RUN)
    assert [asked[0] for asked in site.platform.asked].count("d2") == 1
    assert site.lines() == 1


@pytest.mark.parametrize("error", [Forbidden, NotFound])
def test_deployments_that_may_not_be_listed_are_asked_for_once(
    site: Site, caplog: pytest.LogCaptureFixture, error: type[ApiError]
):
    """A token without the scope costs a request at each hand-over, and not with each list."""
    discover(site, app(active="d1"))
    site.platform.deployed["app-1"] = error(Endpoint.DEPLOYMENTS, "no")
    discover(site, app(active="d3"))
    site.platform.deployed["app-1"] = AssertionError("listed again")
    discover(site, app(active="d3"))
    assert "one that came and went is not read" in caplog.text


def test_lines_without_a_time_count_only_where_the_component_is_new(site: Site):
    """At the start of the exporter they are from before; of a later component they are news."""
    site.platform.log("d1").live = b"no time\n"
    discover(site, app())
    discover(site, app("shop", WEB, JOBS))
    jobs = ComponentKey("shop", "jobs")
    site.scheduler.step(RUN)
    site.scheduler.step(Source("app-1", jobs, LogType.RUN))
    labels = {"app": "shop", "log_type": "RUN"}
    assert site.value("log_lines_total", **labels, component="web") == 0
    assert site.value("log_lines_total", **labels, component="jobs") == 1
    assert site.clock() == START


def test_what_wrote_most_meanwhile_is_read_first(site: Site):
    """After a start that continues, first reads go by the lines that are probably unread."""
    listing = app("shop", WEB, JOBS, replace(WEB, name="idle"))
    discover(site, listing)
    for name, lines in (("web", 1), ("jobs", 20), ("idle", 0)):
        source = Source("app-1", ComponentKey("shop", name), LogType.RUN)
        text = b"".join(line(second + 1, f"{second}", name) for second in range(lines))
        site.platform.log("d1").live = text
        site.scheduler.step(source)
        assert site.value("log_lines_total", app="shop", component=name, log_type="RUN") == lines
    site.clock.now += 600
    site.build(ALL_OFF)
    discover(site, listing)
    first_reads = [(source.key.component, source.log_type) for source in site.poller.sources()]
    assert first_reads == [
        (name, log_type)
        for log_type in (LogType.RUN, LogType.RUN_RESTARTED)
        for name in ("jobs", "web", "idle")
    ]


@pytest.mark.found(
    "A list of apps that was under way at a reload opened series of components that are not "
    "selected any more, or closed those of a component that is: its stream counted nothing more.",
    how="random lives of threads whose wall clock steps",
)
def test_a_list_that_comes_after_a_reload_opens_and_closes_nothing(site: Site):
    """What is watched is for the discovery of the configuration that is in force to say."""
    discover(site, app("shop", WEB, JOBS))
    before = site.discovery
    site.selection = Selection(("*",), ("shop/jobs",))
    site.reload(ALL_OFF)
    discover(site, app("shop", WEB, JOBS))
    for apps in ((app("shop", WEB, JOBS), app("blog", WEB)), ()):
        site.platform.listing = apps
        assert before.run()
        assert site.samples(component="jobs") == set()
        assert site.samples(app="blog") == set()
        assert site.lines() == 0
        assert site.samples(app="shop", component="web") != set()
