"""Errors that nobody foresaw: counted once where they end, said, and the next attempt comes."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from collect_fixtures import (
    IDENTITY,
    JOBS,
    KEY,
    RUN,
    WEB,
    Log,
    Site,
    answer,
    app,
    deployment,
    line,
    not_found,
    server_error,
)
from waiting import LIMIT_SECONDS

from exporter.errors import ApiError, ConfigError, InternalError, Stopping
from exporter.model import (
    ComponentHealth,
    ComponentKey,
    InstanceRestarts,
    LogLocations,
    LogType,
    Source,
)
from exporter.reading.app_reads import AppReads
from exporter.scheduling.pacing import CollectorSettings
from exporter.scheduling.schedule import shut_down
from exporter.telemetry.internal_errors import Part

BUG = RuntimeError("a bug")
OLD = deployment("d1", "ACTIVE", -5)
BUILD = IDENTITY | {"log_type": "BUILD"}
SAID = "internal error, trying again; it is a bug of the exporter: please report it"
ALL_ON = CollectorSettings(300.0, 60.0, True, False, True, True)
WAIT = LIMIT_SECONDS
"""Seconds that a test waits for an event before it fails."""


def counted(site: Site) -> dict[str, float]:
    """The parts that met errors, with how many."""
    parts = {part: site.value("exporter_internal_errors_total", subsystem=part) for part in Part}
    assert None not in parts.values()
    return {part: count for part, count in parts.items() if count}


def said(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """What the log tells of each error, as its fields."""
    return [getattr(each, "fields", {}) for each in caplog.records if each.getMessage() == SAID]


@pytest.fixture
def site() -> Site:
    site = Site()
    site.platform.listing = (app(),)
    return site


def test_every_part_is_there_at_zero(site: Site):
    """So that `increase()` sees the first one."""
    samples = {
        sample.labels["subsystem"]: sample.value
        for family in site.registry.collect()
        for sample in family.samples
        if sample.name == "digitalocean_app_exporter_internal_errors_total"
    }
    assert samples == dict.fromkeys(
        (
            "discovery",
            "poller",
            "follower",
            "deployment_logs",
            "invocation_logs",
            "platform_reads",
            "invariants",
            "schedule",
        ),
        0,
    )


def test_poll(site: Site, caplog: pytest.LogCaptureFixture):
    """The log is down with the reason, and is read again by its interval."""
    site.watch("d1", RUN)
    log = site.platform.log("d1")
    log.error = BUG
    site.scheduler.step(RUN)
    assert counted(site) == {"poller": 1}
    assert said(caplog) == [{"part": "poller", "source": RUN}]
    assert site.value("source_up") == 0
    assert site.poller.statuses()[0].problem == "internal error, see the log"
    log.live, log.error = line(1), None
    site.scheduler.step(RUN)
    assert (site.value("source_up"), site.lines()) == (1, 1)
    assert counted(site) == {"poller": 1}


def test_poll_of_a_whole_app(site: Site, monkeypatch: pytest.MonkeyPatch):
    """One request, one error, and every log that it was for is down until the next works."""
    jobs = Source("app-1", ComponentKey("shop", "jobs"), LogType.RUN)
    answers: Any = iter((BUG, LogLocations("d1 RUN", ())))
    ask = lambda *args, **options: answer(next(answers))  # noqa: E731
    monkeypatch.setattr(site.platform, "app_log_locations", ask, raising=False)
    site.poller._app_reads = AppReads(site.platform, site.platform, site.reads)
    site.watch("d1", RUN)
    site.series.open_component(jobs.key, JOBS)
    site.poller.watch(jobs, JOBS, deployment("d1"))
    site.platform.log("d1").live = line(1) + line(2, component="jobs")
    for errors, up in ((1, 0), (1, 1)):
        site.scheduler.step(RUN)
        assert counted(site) == {"poller": errors}
        assert site.value("source_up") == up
        assert site.value("source_up", app="shop", component="jobs", log_type="RUN") == up
        assert site.scheduler.due(RUN) is not None
        assert site.scheduler.due(jobs) is not None
    assert site.lines() == 1


def test_foreseen_errors_are_none(site: Site, caplog: pytest.LogCaptureFixture):
    """An error of the API or the end of the program is nobody's bug."""
    site.watch("d1", RUN)
    for error in (server_error(), not_found(), Stopping("")):
        site.platform.log("d1").error = error
        site.scheduler.step(RUN)
    assert counted(site) == {}
    assert said(caplog) == []


def test_past_deployment(site: Site):
    """One that cannot be drained for a bug keeps the active one waiting not even once."""
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    site.watch("d2", RUN)
    site.platform.log("d1").error = BUG
    site.platform.log("d2").live = line(1)
    site.scheduler.step(RUN)
    assert counted(site) == {"poller": 1}
    assert (site.value("source_up"), site.lines()) == (0, 1)
    for _ in range(9):
        site.scheduler.step(RUN)
    assert counted(site) == {"poller": 10}
    assert (site.value("source_up"), site.gaps()) == (1, 1)


def test_deployment_log(caplog: pytest.LogCaptureFixture):
    """As any read of it that fails: down, tried again, and another log is read meanwhile."""
    site = Site(log_types=(LogType.RUN, LogType.BUILD, LogType.DEPLOY))
    site.scheduler.start()
    site.series.open_app(app())
    site.series.open_component(KEY, WEB)
    site.platform.logs["d2", LogType.BUILD] = Log(live=None, error=BUG)
    site.platform.logs["d2", LogType.DEPLOY] = Log(live=b"one\n")
    site.platform.deployed["app-1"] = (deployment("d2", "ACTIVE", 10), OLD)
    site.deployments.read(app())
    job = "deployment_logs app-1"
    site.scheduler.step(job)
    assert counted(site) == {"deployment_logs": 1}
    source = Source("app-1", KEY, LogType.BUILD)
    assert said(caplog) == [{"part": "deployment_logs", "source": source, "deployment": "d2"}]
    assert site.value("source_up", **BUILD) == 0
    assert site.value("log_lines_total", **IDENTITY, log_type="DEPLOY") == 1
    assert site.scheduler.due(job) == 60
    site.platform.logs["d2", LogType.BUILD] = Log(live=b"two\nthree\n")
    site.scheduler.step(job)
    assert site.value("source_up", **BUILD) == 1
    assert site.value("log_lines_total", **BUILD) == 2
    assert site.scheduler.due(job) is None
    assert counted(site) == {"deployment_logs": 1}


def test_platform_reads(site: Site, caplog: pytest.LogCaptureFixture):
    """What could not be asked is absent, never stale; the next read brings it back."""
    good = (ComponentHealth("web", True, 1, 1, 0.5, 0.5),)
    counts = (InstanceRestarts("web", "web-0", 3.0),)
    site.platform.healths, site.platform.restarts = good, {"web": counts}
    crank = site.supervisor(ALL_ON)
    crank.start()
    site.scheduler.step("discovery")

    def read() -> tuple[float | None, float | None]:
        for job in ("health app-1", "restart_count app-1"):
            site.scheduler.step(job)
        return (
            site.value("component_healthy", **IDENTITY),
            site.value("instance_restarts", **IDENTITY, component_instance="web-0"),
        )

    assert read() == (1, 3)
    site.platform.healths, site.platform.restarts = BUG, {"web": BUG}
    assert read() == (None, None)
    assert counted(site) == {"platform_reads": 2}
    assert [fields["what"] for fields in said(caplog)] == ["health", "restart_count"]
    site.platform.healths, site.platform.restarts = good, {"web": counts}
    assert read() == (1, 3)


def test_discovery(site: Site):
    """It is tried again soon, and `/-/ready` says why the program is not."""
    crank = site.supervisor(ALL_ON)
    crank.start()
    site.platform.listing = BUG
    site.scheduler.step("discovery")
    assert counted(site) == {"discovery": 1}
    assert crank.ready() == (False, "internal error, see the log")
    site.platform.listing = (app(),)
    site.scheduler.step("discovery")
    assert crank.ready() == (False, "2 logs have not been read for the first time")
    assert counted(site) == {"discovery": 1}


def test_any_job_of_the_schedule(caplog: pytest.LogCaptureFixture):
    """What no part has a boundary for ends in the scheduler, which says it; the job comes again."""
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)}, timezone="UTC", daemon=False
    )
    site = Site(scheduler=scheduler)
    twice = threading.Semaphore(0)

    raised: list[BaseException] = []

    def fail() -> None:
        raised.append(BUG if raised else Stopping(""))  # the program's end is no error
        twice.release()
        raise raised[-1]

    scheduler.add_job(fail, "interval", seconds=0.01, executor="default")
    scheduler.start()
    try:
        for _ in range(3):
            assert twice.acquire(timeout=WAIT)
    finally:
        shut_down(scheduler, wait=True)
    assert counted(site) == {"schedule": raised.count(BUG)}
    assert "raised an exception" in caplog.text


def test_read_that_escapes_is_followed_by_the_next(site: Site):
    """Whatever a reader lets through: the schedule goes on by the interval, and raises it."""
    site.scheduler.start()

    def fail(urgent: bool) -> bool:
        raise BUG

    site.schedule.add(RUN, fail)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a bug"):
            site.scheduler.step(RUN)
        assert site.scheduler.due(RUN) is not None


@pytest.mark.parametrize("make", [asyncio.Future, Future], ids=["of a loop", "of a thread"])
def test_tasks_that_nobody_waits_for(site: Site, make: Callable[[], Any]):
    """Their error counts, their end and the program's end do not."""

    async def end_all() -> None:
        for error in (BUG, Stopping(""), None):
            task = make()
            site.internal_errors.watch(Part.FOLLOWER, task, source=RUN)
            task.set_result(None) if error is None else task.set_exception(error)
        task = make()
        site.internal_errors.watch(Part.FOLLOWER, task)
        task.cancel()
        await asyncio.sleep(0)

    asyncio.run(end_all())
    assert counted(site) == {"follower": 1}


def test_translation(site: Site, caplog: pytest.LogCaptureFixture):
    """Only what the caller foresees passes as it is; what was translated counts once."""
    caplog.set_level(logging.INFO)
    translated = site.internal_errors.translated
    with pytest.raises(ApiError), translated(Part.POLLER, ApiError):
        raise server_error()
    assert counted(site) == {}
    with pytest.raises(InternalError) as inner, translated(Part.DISCOVERY):  # noqa: SIM117
        with translated(Part.POLLER):
            raise server_error()
    assert isinstance(inner.value.__cause__, ApiError)
    with pytest.raises(InternalError), translated(Part.POLLER, ApiError):
        raise ConfigError(())
    assert counted(site) == {"poller": 2}
    assert len(said(caplog)) == 2
