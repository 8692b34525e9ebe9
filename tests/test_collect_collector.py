"""The schedule: what is asked when, how soon again, and whether all of it lives."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_SUBMITTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from collect_fixtures import ALL_OFF, KEY, RESTARTED, RUN, START, Clock, Site, app, server_error
from waiting import LIMIT_SECONDS

from exporter.counting.ledger import GRACE_SECONDS
from exporter.digitalocean.budget import Budget
from exporter.errors import Stopping
from exporter.model import Deployment
from exporter.scheduling.pacing import CollectorSettings, Pacing
from exporter.scheduling.schedule import EXECUTOR
from exporter.service.supervisor import (
    HEARTBEAT_EXECUTOR,
    LEDGER_EXECUTOR,
    PLATFORM_EXECUTOR,
    RETRY_SECONDS,
    STALLED_SECONDS,
    Supervisor,
)

WAIT = LIMIT_SECONDS
"""Seconds that a test waits for an event before it fails."""

ALL_ON = CollectorSettings(300.0, 60.0, True, True, True, True)


def supervisor(site: Site, settings: CollectorSettings = ALL_OFF) -> Supervisor:
    return site.supervisor(settings)


def asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the platform's methods, as they get called."""
    calls: list[str] = []
    for name in ("apps", "deployments", "health", "instances", "restart_counts"):
        real: Callable[..., object] = getattr(site.platform, name)

        def record(*args: object, name: str = name, real: Callable[..., object] = real) -> object:
            calls.append(name)
            return real(*args)

        monkeypatch.setattr(site.platform, name, record)
    return calls


@pytest.fixture
def site() -> Site:
    site = Site()
    site.platform.listing = (app(),)
    return site


def heartbeat(site: Site) -> None:
    (job,) = [j for j in site.scheduler.get_jobs() if j.executor == HEARTBEAT_EXECUTOR]
    job.func()


def test_start_discovers_at_once_and_then_by_the_interval(site: Site):
    """The first discovery is due now, the next after its interval, reads in between."""
    crank = supervisor(site)
    crank.start()
    assert site.scheduler.due("discovery") == 0
    site.scheduler.step("discovery")
    assert site.scheduler.due("discovery") == 300
    assert site.scheduler.due(RUN) == 0
    assert [status.state for status in crank.sources()] == ["waiting", "waiting"]


def test_apps_are_listed_often_while_a_deployment_is_under_way(site: Site):
    """Every five seconds, and its RUN logs are read at once when containers begin to roll out."""
    crank = supervisor(site)
    crank.start()
    site.scheduler.step("discovery")
    site.scheduler.step(RUN)
    for phase, read_now in (("BUILDING", False), ("DEPLOYING", True), ("DEPLOYING", False)):
        started = site.clock.now - START
        site.platform.listing = (replace(app(), under_way=(Deployment("d2", phase),)),)
        site.scheduler.step("discovery")
        assert site.scheduler.due("discovery") == started + 5
        assert (site.scheduler.due(RUN) == started) == read_now
        if read_now:
            site.scheduler.step(RUN)
        site.clock.now += 5
    site.platform.listing = (app(),)
    site.scheduler.step("discovery")
    assert site.scheduler.due("discovery") == 15 + 300


def test_logs_of_an_app_that_rolls_out_are_read_every_few_seconds():
    """As often as half of a minute's requests allow; RUN_RESTARTED and other apps as before."""
    clock = Clock()
    budget = Budget(5000, 250, 1.0, clock=clock, stop=threading.Event())
    pacing = Pacing(budget, ALL_OFF, clock)
    other = replace(RUN, app_id="app-2")
    assert pacing.roll_out({"app-1"}, components=2) == {"app-1"}
    intervals = [pacing.log_interval(source) for source in (RUN, RESTARTED, other)]
    assert intervals == [3, 60, 60]
    assert pacing.roll_out({"app-1", "app-2"}, components=50) == {"app-2"}
    assert 20 < pacing.log_interval(RUN) == pacing.log_interval(other) < 60
    pacing.roll_out({"app-1"}, components=10_000)
    assert pacing.log_interval(RUN) == 60
    assert pacing.roll_out((), components=0) == frozenset()
    assert pacing.log_interval(RUN) == 60
    assert pacing.discovery_interval() == 300
    assert pacing.discovery_interval(under_way=True) == 5


def test_failed_discovery_is_tried_again_soon(site: Site):
    """Not after the whole interval, and nothing else is asked; a bug does not end it either."""
    crank = supervisor(site, ALL_ON)
    crank.start()
    for failure in (server_error(), RuntimeError("a bug")):
        site.platform.listing = failure
        site.scheduler.step("discovery")
        assert site.scheduler.due("discovery") == RETRY_SECONDS
        assert site.scheduler.due("health app-1") is None


def step_all(site: Site) -> None:
    """Run what is due now of the platform's own numbers, each once."""
    for job in sorted(site.scheduler.get_jobs(), key=lambda job: str(job.id)):
        now = job.next_run_time.timestamp() <= site.clock()
        if now and job.executor == PLATFORM_EXECUTOR and " " in job.id:
            site.scheduler.step(job.id)


def test_collectors_ask_what_they_are_for(site: Site, monkeypatch: pytest.MonkeyPatch):
    """Deployments and restart counts by the interval of discovery, health by that of polls."""
    calls = asked(site, monkeypatch)
    crank = supervisor(site, ALL_ON)
    crank.start()
    site.scheduler.step("discovery")
    step_all(site)
    assert calls == ["apps", "deployments", "health", "restart_counts"]
    for _ in range(2):  # the first interval is any part of one
        site.scheduler.step("health app-1")
        site.scheduler.step("restart_count app-1")
    assert 54 <= (site.scheduler.due("health app-1") or 0) <= 66
    assert 270 <= (site.scheduler.due("restart_count app-1") or 0) <= 330
    before = len(site.scheduler.get_jobs())
    site.scheduler.step("discovery")
    assert len(site.scheduler.get_jobs()) == before


def test_new_phase_of_a_deployment_is_looked_at_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    """The list of apps shows that one began, went on or became active; the rest can wait."""
    calls = asked(site, monkeypatch)
    crank = supervisor(site, CollectorSettings(300.0, 60.0, False, False, False, True))
    crank.start()
    site.scheduler.step("discovery")
    step_all(site)
    site.clock.now += 1
    for phase, asks in (("BUILDING", 1), ("BUILDING", 0), ("ACTIVE", 1)):
        new = Deployment("d2", phase)
        site.platform.listing = (replace(app(), newest_deployment=new),)
        calls.clear()
        site.scheduler.step("discovery")
        step_all(site)
        assert calls == ["apps", *["deployments"] * asks]


def test_app_that_is_gone_is_not_asked_about(site: Site, monkeypatch: pytest.MonkeyPatch):
    """Its jobs go with it, and begin anew when it is back."""
    calls = asked(site, monkeypatch)
    crank = supervisor(site, ALL_ON)
    crank.start()
    site.scheduler.step("discovery")
    site.platform.listing = ()
    site.scheduler.step("discovery")
    step_all(site)
    assert calls == ["apps", "apps", "apps"]  # what is missing is looked for once more
    site.platform.listing = (app(),)
    site.scheduler.step("discovery")
    step_all(site)
    assert sorted(calls[3:]) == ["apps", "deployments", "health", "restart_counts"]


def test_instances_are_asked_where_health_is_not(site: Site, monkeypatch: pytest.MonkeyPatch):
    """Health has the number of instances already."""
    calls = asked(site, monkeypatch)
    crank = supervisor(site, CollectorSettings(300.0, 60.0, False, True, False, False))
    crank.start()
    site.scheduler.step("discovery")
    step_all(site)
    assert calls == ["apps", "instances"]


def test_what_is_off_is_not_asked(site: Site, monkeypatch: pytest.MonkeyPatch):
    """With every collector off a discovery is one request."""
    calls = asked(site, monkeypatch)
    crank = supervisor(site)
    crank.start()
    site.scheduler.step("discovery")
    assert calls == ["apps"]


def test_bug_in_one_reading_leaves_the_others(site: Site):
    """An unexpected error about one app does not keep the next from being read."""
    site.platform.listing = (app(), app("site", app_id="app-2"))
    site.platform.deployed["app-1"] = RuntimeError("a bug")
    read: list[str] = []
    real = site.platform.deployments
    site.platform.deployments = lambda app_id: (read.append(app_id), real(app_id))[1]
    crank = supervisor(site, CollectorSettings(300.0, 60.0, False, False, False, True))
    crank.start()
    site.scheduler.step("discovery")
    step_all(site)
    assert read == ["app-1", "app-2"]
    assert site.scheduler.due("deployments app-1") is not None


def test_shutdown_during_a_discovery_is_no_error(site: Site, caplog: pytest.LogCaptureFixture):
    """A request that gives up because the program stops ends the job silently."""
    crank = supervisor(site, ALL_ON)
    crank.start()
    site.platform.deployed["app-1"] = Stopping("waiting for the budget")
    site.scheduler.step("discovery")
    step_all(site)
    assert site.scheduler.due("deployments app-1") is None
    site.platform.listing = Stopping("waiting for the budget")
    site.scheduler.step("discovery")
    ours = [r for r in caplog.records if r.name.startswith("exporter")]
    assert [r for r in ours if r.levelno >= logging.WARNING] == []


def test_early_discoveries_keep_their_distance(site: Site):
    """However many logs ask, the next discovery comes some seconds after the latest."""
    crank = supervisor(site)
    crank.start()
    site.scheduler.step("discovery")
    site.clock.now += 3
    for _ in range(5):
        site.timer.run_soon()
    assert site.scheduler.due("discovery") == RETRY_SECONDS
    site.clock.now += 100
    site.timer.run_soon()
    assert site.scheduler.due("discovery") == 103
    jobs = [job.id for job in site.scheduler.get_jobs()]
    assert jobs.count("discovery") == 1


def test_early_discoveries_are_no_rarer_than_polls(site: Site):
    """With a short interval of polls the distance is that interval."""
    crank = supervisor(site, CollectorSettings(300.0, 2.0, False, False, False, False))
    crank.start()
    site.scheduler.step("discovery")
    site.timer.run_soon()
    assert site.scheduler.due("discovery") == 2


def test_early_discovery_puts_off_none_that_comes_sooner(site: Site):
    """Where discoveries come every second, one that is asked for does not wait for ten."""
    crank = supervisor(site, CollectorSettings(1.0, 60.0, False, False, False, False))
    crank.start()
    site.scheduler.step("discovery")
    site.timer.run_soon()
    assert site.scheduler.due("discovery") == 1
    site.clock.now += 1
    site.scheduler.step("discovery")
    site.clock.now += 0.5
    site.timer.run_soon()
    assert site.scheduler.due("discovery") == 2


def test_ready_says_what_is_missing(site: Site):
    """First the discovery, with the reason of its failure, then the first read of every log."""
    crank = supervisor(site)
    crank.start()
    assert crank.ready() == (False, "the first discovery is under way")
    site.platform.listing = server_error()
    site.scheduler.step("discovery")
    assert crank.ready() == (False, "apps cannot be listed: logs: status 500")
    site.platform.listing = (app(),)
    site.scheduler.step("discovery")
    assert crank.ready() == (False, "2 logs have not been read for the first time")
    site.scheduler.step(RUN)
    site.platform.log("d1", RESTARTED.log_type).error = server_error()
    assert not crank.ready()[0]
    site.scheduler.step(RESTARTED)
    assert crank.ready() == (True, "")


def test_ready_once_is_ready_for_good(site: Site):
    """Logs that are discovered later are no reason to take the exporter out of service."""
    crank = supervisor(site)
    crank.start()
    site.scheduler.step("discovery")
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
    assert crank.ready() == (True, "")
    site.platform.listing = (app(), app("site", app_id="app-2"))
    site.scheduler.step("discovery")
    assert site.poller.waiting() == 2
    assert crank.ready() == (True, "")


def test_state_is_dropped_only_on_an_answer(site: Site):
    """While apps cannot be listed nothing expires, however long; a listing without one counts."""
    crank = supervisor(site)
    crank.start()
    site.scheduler.step("discovery")
    site.scheduler.step(RUN)
    site.ledger.close(*KEY.parts)
    site.clock.now += 10 * GRACE_SECONDS
    site.platform.listing = server_error()
    site.scheduler.step("discovery")
    assert site.ledger.cursors.deployments(KEY) == ["d1"]
    site.platform.listing = ()
    site.scheduler.step("discovery")
    assert site.ledger.cursors.deployments(KEY) == ["d1"], "gone from now on"
    site.clock.now += GRACE_SECONDS + 1
    site.scheduler.step("discovery")
    assert site.ledger.cursors.deployments(KEY) == []


def test_what_was_counted_is_kept_by_the_schedule_until_it_stops(site: Site):
    """The ledger is flushed again and again, and outlives the schedule."""
    crank = supervisor(site)
    crank.start()
    (job,) = [j for j in site.scheduler.get_jobs() if j.executor == LEDGER_EXECUTOR]
    assert job.func == site.ledger.flush
    crank.stop()
    assert not site.scheduler.running
    assert not site.ledger._ended


def test_failed_discovery_after_the_first_does_not_end_readiness(site: Site):
    """What was found goes on being read, so the exporter stays ready."""
    site.platform.listing = ()
    crank = supervisor(site)
    crank.start()
    site.scheduler.step("discovery")
    site.platform.listing = server_error()
    site.scheduler.step("discovery")
    assert crank.ready() == (True, "")


def test_healthy_while_the_schedule_moves(site: Site):
    """Not before it starts, not when its heartbeat stopped, and not after its end."""
    crank = supervisor(site)
    assert crank.healthy() == (False, "the schedule is not running")
    site.clock.now += 1000
    crank.start()
    assert crank.healthy() == (True, "")
    site.clock.now += STALLED_SECONDS + 1
    assert crank.healthy() == (False, "the schedule has not moved for 31 s")
    heartbeat(site)
    assert crank.healthy() == (True, "")
    crank.stop()
    assert crank.healthy() == (False, "the schedule is not running")
    crank.stop()
    assert site.clock() > START


@pytest.fixture
def background() -> Iterator[BackgroundScheduler]:
    """The schedule as the program has it: one thread for the platform, a pool for the logs."""
    scheduler = BackgroundScheduler(
        executors={
            EXECUTOR: ThreadPoolExecutor(2),
            PLATFORM_EXECUTOR: ThreadPoolExecutor(1),
            HEARTBEAT_EXECUTOR: ThreadPoolExecutor(1),
        },
        timezone="UTC",
    )
    yield scheduler
    scheduler.shutdown(wait=True)


def test_discovery_asked_for_while_one_goes_on_comes_after_it(background: BackgroundScheduler):
    """What comes due during a discovery and its follow-ups is not dropped."""
    site = Site(scheduler=background, log_types=())
    site.clock.now = datetime.now(UTC).timestamp()
    site.platform.listing = (app(),)
    began, may_end, again = threading.Event(), threading.Event(), threading.Event()
    listings: list[object] = []

    def list_apps() -> object:
        listings.append(None)
        if len(listings) > 1:
            again.set()
        return site.platform.listing

    def list_deployments(app_id: str) -> tuple[()]:
        began.set()
        assert may_end.wait(WAIT)
        return ()

    site.platform.apps, site.platform.deployments = list_apps, list_deployments
    crank = supervisor(site, CollectorSettings(300.0, 0.0, False, False, False, True))
    crank.start()
    assert began.wait(WAIT)
    handled = threading.Event()
    background.add_listener(
        lambda event: event.job_id == "discovery" and handled.set(),
        EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES,
    )
    site.timer.run_soon()
    assert handled.wait(WAIT)
    may_end.set()
    assert again.wait(WAIT)
