"""Polling: when each source is read, what of each deployment, and what is said of failures."""

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from apscheduler.events import (
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_SUBMITTED,
)
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from collect_fixtures import (
    ALL_OFF,
    KEY,
    LOG,
    RESTARTED,
    RUN,
    START,
    WEB,
    Log,
    Site,
    deployment,
    line,
    not_found,
    server_error,
)
from waiting import LIMIT_SECONDS

from exporter.config.reading import LogScope
from exporter.errors import DeploymentEnded, Stopping
from exporter.model import Endpoint, GapReason, LogLocations, LogType, RestartReason
from exporter.reading.source_reads import DRAIN_ATTEMPTS, EARLY_DISCOVERIES
from exporter.state.store import CursorKey

WAIT = LIMIT_SECONDS
"""Seconds that a test waits for an event before it fails."""


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def background() -> Iterator[BackgroundScheduler]:
    """A real scheduler with a pool of real threads."""
    scheduler = BackgroundScheduler(
        executors={"sources": ThreadPoolExecutor(4)}, timezone="UTC", daemon=True
    )
    scheduler.start()
    yield scheduler
    scheduler.shutdown(wait=True)


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("exporter")]


def test_first_read_is_due_at_once_and_only_its_end_makes_the_next(site: Site):
    """A source has one job at most, and none while it is read."""
    site.watch("d1", RUN)
    during: list[float | None] = []
    site.platform.during = lambda source: during.append(site.scheduler.due(source))
    assert site.scheduler.due(RUN) == 0.0
    site.scheduler.step(RUN)
    assert during == [None]
    assert site.scheduler.due(RUN) is not None
    assert len(site.scheduler.get_jobs()) == 1


def test_second_read_is_anywhere_in_the_interval_and_later_ones_near_it(site: Site):
    """The first interval spreads the reads of many sources; the later ones vary by a tenth."""
    first, later = [], []
    for number in range(60):
        site = Site()
        site.schedule._rng.seed(number)
        site.watch("d1", RUN)
        site.scheduler.step(RUN)
        first.append(site.scheduler.due(RUN))
        for _ in range(3):
            site.clock.now = START + site.scheduler.due(RUN)
            before = site.scheduler.due(RUN)
            site.scheduler.step(RUN)
            later.append(site.scheduler.due(RUN) - before)
    assert min(first) < 6
    assert max(first) > 54
    assert 54 <= min(later) < 56
    assert 64 < max(later) <= 66


def test_read_longer_than_the_interval_is_followed_at_once(site: Site):
    """The next read is never due in the past."""
    site.watch("d1", RUN)

    def take_long(source: object) -> None:
        site.clock.now += 200

    site.platform.during = take_long
    site.scheduler.step(RUN)
    assert site.scheduler.due(RUN) == 200.0


def test_failing_reads_go_on_and_are_said_once(site: Site, caplog: pytest.LogCaptureFixture):
    """Each failed read is followed by another; a change of state is one line of the log."""
    caplog.set_level(logging.INFO)
    site.watch("d1", RUN)
    log = site.platform.log("d1")
    for failure in (
        server_error("status 500: request_id 'a'"),
        server_error("status 500: request_id 'b'"),
        not_found(),
        None,
        None,
    ):
        log.error = failure
        site.scheduler.step(RUN)
        assert site.scheduler.due(RUN) is not None
        assert site.value("source_up") == (failure is None)
    failed = "log cannot be read, trying again"
    assert messages(caplog) == [failed, failed, "log can be read again"]
    assert site.poller.statuses()[0].problem == ""


@pytest.mark.found(
    "A followed component's RUN_RESTARTED that failed once stayed down for an hour, though the "
    "platform worked again.",
    how="Threads in every order, by a seed",
)
def test_a_log_that_is_read_rarely_is_tried_again_soon_after_a_failure(site: Site):
    """RUN_RESTARTED beside streams: after one minute, two, four and so on, not after an hour."""
    site = Site(followed=True)
    site.watch("d1", RESTARTED)
    hour = site.schedule.interval(RESTARTED)
    assert hour == 3600
    log = site.platform.log("d1", LogType.RUN_RESTARTED)
    log.error = server_error()
    waits = []
    for _ in range(4):
        site.scheduler.step(RESTARTED)
        waits.append(site.scheduler.due(RESTARTED) + START - site.clock.now)
        site.clock.now = START + site.scheduler.due(RESTARTED)
    assert waits[1:] == [120, 240, 480]
    assert waits[0] <= 60
    log.error = None
    site.scheduler.step(RESTARTED)
    assert site.poller.statuses()[0].state == "up"
    assert site.scheduler.due(RESTARTED) + START - site.clock.now > hour / 2


@pytest.mark.found(
    "A followed component's RUN_RESTARTED that failed several times within seconds, as it was "
    "asked for several times, was not tried again for many minutes.",
    how="Threads in every order, by a seed",
)
def test_failures_in_quick_succession_do_not_put_the_next_try_off(site: Site):
    """It is tried again a minute later, however often something hinted that it must be read."""
    site = Site(followed=True)
    site.watch("d1", RESTARTED)
    site.platform.log("d1", LogType.RUN_RESTARTED).error = server_error()
    for _ in range(8):
        site.poller.read_soon(RESTARTED)
        site.scheduler.step(RESTARTED)
        site.clock.now += 0.5
    assert 60 < site.scheduler.due(RESTARTED) + START - site.clock.now < 64


@pytest.mark.parametrize("reads", [("fails", "works"), ("works", "fails")])
def test_a_failed_read_of_a_whole_app_is_one_of_each_of_its_logs(reads: tuple[str, str]):
    """RUN_RESTARTED of a followed component that could not be read before a hand-over is a gap."""
    site = Site(followed=True, scope=LogScope.APP)
    site.watch()
    for read in reads:

        def answer(*_: object, read: str = read, **options: object) -> LogLocations:
            if read == "fails":
                raise server_error()
            return LogLocations()

        site.platform.app_log_locations = answer
        site.scheduler.step(RESTARTED)
        assert site.value("source_up", **LOG | {"log_type": "RUN_RESTARTED"}) == (read == "works")
    run = site.poller.state(RUN)
    assert run is not None
    run.active.complete = True  # a stream brought it to its end
    for source in (RUN, RESTARTED):
        site.platform.log("d1", source.log_type).error = DeploymentEnded("it has")
    site.watch("d2")
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
    assert site.gaps() == site.gaps(GapReason.DEPLOYMENT) == (reads[-1] == "fails")


def test_status_and_gauges_show_the_latest_read(site: Site):
    """A failure keeps the last success; a success is dated by its beginning."""
    site.watch("d1", RUN)
    assert site.value("source_up") == 0
    assert site.value("source_last_success_timestamp_seconds") == 0
    assert site.value("source_interval_seconds") == 60
    assert site.poller.statuses()[0].state == "waiting"
    assert site.poller.waiting() == 1

    site.platform.log("d1").live = line(1) + line(2)
    site.scheduler.step(RUN)
    site.clock.now += 60
    site.platform.log("d1").error = server_error()
    site.scheduler.step(RUN)
    (status,) = site.poller.statuses()
    assert (status.state, status.problem) == ("down", "logs: status 500")
    assert (status.last_read, status.last_line, status.lines) == (START, START + 2, 2)
    assert site.value("source_last_success_timestamp_seconds") == START
    assert site.value("source_up") == 0
    assert site.poller.waiting() == 0


def test_read_that_breaks_off_is_a_failure_whose_lines_count(site: Site):
    """What came before the break counts with its time; the next read brings the rest once."""
    site.watch("d1", RUN)
    log = site.platform.log("d1")
    log.live, log.breaks = line(1) + line(2) + line(3)[:9], server_error()
    site.scheduler.step(RUN)
    assert (site.lines(), site.value("source_up")) == (2, 0)
    assert site.value("log_last_line_timestamp_seconds") == START + 2
    assert site.poller.statuses()[0].lines == 2
    log.live, log.breaks = line(1) + line(2) + line(3), None
    site.scheduler.step(RUN)
    assert (site.lines(), site.value("source_up")) == (3, 1)


def test_stopping_schedules_nothing(site: Site, caplog: pytest.LogCaptureFixture):
    """At shutdown a read gives up: no failure, no next read."""
    site.watch("d1", RUN)
    site.platform.log("d1").error = Stopping("reading a live log")
    site.scheduler.step(RUN)
    assert site.scheduler.get_jobs() == []
    assert messages(caplog) == []
    assert site.poller.statuses()[0].state == "waiting"


def test_unwatched_source_is_not_read(site: Site):
    """Unwatching takes the job away, and a job that was on its way reads nothing."""
    site.watch()
    job = site.scheduler.get_job(str(RUN))
    site.poller.unwatch(RUN)
    assert site.scheduler.due(RUN) is None
    job.func(*job.args)
    assert site.platform.asked == []
    assert site.scheduler.due(RUN) is None
    assert site.poller.sources() == [RESTARTED]
    site.poller.unwatch(RUN)


def test_unwatch_during_a_read_makes_no_series_and_no_error_again(site: Site):
    """What a read finds after its component went counts nowhere, and later if it is back."""
    site.watch("d1", RUN)
    log = site.platform.log("d1")
    log.live, log.breaks = line(1), server_error()

    def go(source: object) -> None:
        site.poller.unwatch(RUN)
        site.series.close_component(KEY)
        site.api_metrics.failed(log.breaks.endpoint, source, log.breaks, 1.0)

    site.platform.during = go
    site.scheduler.step(RUN)
    assert site.samples(app="shop") == set()
    assert site.scheduler.get_jobs() == []
    assert not site.api_metrics.failing()
    assert site.past._waiting == {}

    site.platform.during = lambda source: None
    log.breaks = None
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    assert site.lines() == 1


def test_past_deployment_is_drained_before_the_active_one(site: Site):
    """After a deployment the old one's archives are read to their end, once, by both logs."""
    site.watch()
    site.platform.log("d1").live = line(1) + line(2)
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
    site.platform.logs["d1", LogType.RUN] = Log(None, (line(1) + line(2), line(3)))
    site.platform.logs["d1", LogType.RUN_RESTARTED] = Log(None, (line(2) + line(3) + line(4),))
    site.platform.log("d2").live = line(5)
    site.watch("d2")
    site.platform.asked.clear()

    site.scheduler.step(RUN)
    assert site.platform.asked == [("d1", "web", "RUN"), ("d2", "web", "RUN")]
    assert site.ledger.cursors.deployments(KEY) == ["d1", "d2"], "RUN_RESTARTED still needs it"
    site.scheduler.step(RESTARTED)
    assert site.ledger.cursors.deployments(KEY) == ["d2"]
    assert site.lines() == 5
    assert site.gaps() == 0
    site.platform.asked.clear()
    site.scheduler.step(RUN)
    assert site.platform.asked == [("d2", "web", "RUN")]


def test_newest_line_and_restart_never_go_back(site: Site):
    """A past deployment that is drained late does not set a time back."""
    site.watch()
    site.platform.log("d2").live = line(50)
    site.platform.logs["d2", LogType.RUN_RESTARTED] = Log(line(40))
    site.platform.logs["d1", LogType.RUN_RESTARTED] = Log(None, (line(9),))
    site.watch("d2")
    site.scheduler.step(RUN)
    site.platform.during = lambda source: None
    site.platform.log("d2", LogType.RUN_RESTARTED).error = server_error()
    site.scheduler.step(RESTARTED)
    assert site.value("log_last_line_timestamp_seconds") == START + 50
    name, labels = "last_restart_timestamp_seconds", {"app": "shop", "component": "web"}
    assert site.value(name, **labels) == START + 9
    site.platform.log("d2", LogType.RUN_RESTARTED).error = None
    site.scheduler.step(RESTARTED)
    assert site.value(name, **labels) == START + 40


def test_past_deployment_that_is_gone_counts_a_gap(site: Site):
    """404 while draining: the rest is lost, one gap, and the source stays up."""
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    site.platform.log("d1").error = not_found()
    site.platform.log("d2").live = line(1)
    site.watch("d2", RUN)
    site.scheduler.step(RUN)
    site.scheduler.step(RUN)
    assert (site.gaps(), site.gaps(GapReason.DEPLOYMENT)) == (1, 1)
    assert (site.lines(), site.value("source_up")) == (1, 1)


def test_log_that_is_refused_after_a_hand_over_is_one_gap(site: Site):
    """Both logs of the old deployment are refused: one gap, the sources up, a discovery asked for.

    So it is whether the log is refused before or after the new deployment shows.
    """
    site.watch()
    site.platform.log("d1").live = line(1)
    site.scheduler.step(RUN)
    for log_type in (LogType.RUN, LogType.RUN_RESTARTED):
        site.platform.log("d1", log_type).error = DeploymentEnded("in phase final_cleanup")
    site.scheduler.step(RUN)
    assert (site.value("source_up"), site.gaps()) == (1, 0)
    assert len(site.early_discoveries) == 1
    site.platform.log("d2").live = line(5)
    site.watch("d2")
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
        labels = LOG | {"log_type": source.log_type}
        assert site.value("source_up", **labels) == 1
    assert (site.lines(), site.gaps(), site.gaps(GapReason.DEPLOYMENT)) == (2, 1, 1)
    assert site.ledger.cursors.deployments(KEY) == ["d2"]
    site.scheduler.step(RUN)
    assert site.gaps() == 1


@pytest.mark.found(
    "A log that was read to its end before the other log of the component was known to be past, "
    "and a reload or a restart then: two gaps with the reason `deployment` for one hand-over.",
    how="threads in every order, by a seed",
)
def test_a_deployment_is_released_once_both_logs_know_that_it_is_past(site: Site):
    """A read of RUN_RESTARTED between the two begins no cursor again: one gap, a reload too."""
    site.watch()
    site.platform.log("d1").live = line(1)
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
        site.platform.log("d1", source.log_type).error = DeploymentEnded("in phase final_cleanup")
    site.platform.log("d2").live = line(5)
    site.watch("d2", RUN)
    site.scheduler.step(RUN)
    site.scheduler.step(RESTARTED)
    site.reload(ALL_OFF)
    site.watch("d2")
    for source in (RUN, RESTARTED) * 2:
        site.scheduler.step(source)
    assert site.ledger.cursors.deployments(KEY) == ["d2"]
    assert (site.lines(), site.gaps(), site.gaps(GapReason.DEPLOYMENT)) == (2, 1, 1)


@pytest.mark.parametrize("archived", [True, False])
def test_the_last_container_of_a_past_deployment_is_no_restart(site: Site, archived: bool):
    """RUN_RESTARTED repeats what RUN showed as running: a deployment took over, nothing ended."""
    site.watch()
    site.platform.log("d1").live = line(1) + line(2)
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
    text = line(1) + line(2) + line(3, "SIGTERM received") * archived
    ended = Log(None, (text,)) if archived else Log(error=DeploymentEnded("it has"))
    site.platform.logs["d1", LogType.RUN] = ended
    site.platform.logs["d1", LogType.RUN_RESTARTED] = Log(None, (text,))
    site.watch("d2")
    site.platform.asked.clear()
    site.scheduler.step(RESTARTED)
    assert ("d1", "web", "RUN_RESTARTED") not in site.platform.asked, "RUN has not been tried"
    site.scheduler.step(RUN)
    site.scheduler.step(RESTARTED)
    assert sum(v for v in restarts(site).values()) == 0
    assert site.lines() == 2 + archived


def test_a_crash_before_a_hand_over_is_a_restart(site: Site):
    """RUN_RESTARTED of the past deployment shows a container that its RUN archive does not."""
    site.watch()
    site.platform.log("d1").live = line(1)
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
    site.platform.logs["d1", LogType.RUN] = Log(None, (line(5),))
    site.platform.logs["d1", LogType.RUN_RESTARTED] = Log(None, (line(1) + line(2, "panic: no"),))
    site.watch("d2")
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
    assert restarts(site)["panic"] == sum(restarts(site).values()) == 1


def restarts(site: Site) -> dict[str, float]:
    """The restarts of the component, by reason."""
    return {
        reason: site.value("restarts_total", app="shop", component="web", reason=reason) or 0
        for reason in RestartReason
    }


def test_archive_that_is_there_again_loses_nothing(site: Site):
    """404 of one archive: what is before it counts, the rest at the next read, in its order."""
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    site.platform.log("d2").live = line(9)
    gone = not_found(Endpoint.LOG_CONTENT)
    site.platform.logs["d1", LogType.RUN] = Log(None, (line(1), gone, line(3)))
    site.watch("d2", RUN)
    site.scheduler.step(RUN)
    assert (site.lines(), site.value("source_up")) == (2, 0)
    site.platform.logs["d1", LogType.RUN] = Log(None, (line(1), line(2), line(3)))
    site.scheduler.step(RUN)
    assert (site.lines(), site.value("source_up")) == (4, 1)
    assert site.gaps() == 0


def test_archive_that_stays_away_takes_no_other_with_it(site: Site):
    """After the last attempt the archives behind it are read all the same, beside the one gap."""
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    gone = not_found(Endpoint.LOG_CONTENT)
    site.platform.logs["d1", LogType.RUN] = Log(None, (line(1), gone, line(3), line(4)))
    site.watch("d2", RUN)
    for _ in range(DRAIN_ATTEMPTS):
        assert (site.lines(), site.gaps()) in ((0, 0), (1, 0))
        site.scheduler.step(RUN)
    assert (site.lines(), site.gaps(), site.gaps(GapReason.ARCHIVE)) == (3, 1, 1)
    site.platform.asked.clear()
    site.scheduler.step(RUN)
    assert site.platform.asked == [("d2", "web", "RUN")]


def test_archive_beside_live_text_keeps_none_of_it_back(site: Site):
    """Live text counts on while an archive cannot be read, which the source shows."""
    site.platform.logs["d1", LogType.RUN] = Log(line(5), (not_found(Endpoint.LOG_CONTENT),))
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    assert (site.lines(), site.value("source_up")) == (1, 0)
    site.platform.logs["d1", LogType.RUN] = Log(line(5) + line(6), (line(4) + line(5),))
    site.scheduler.step(RUN)
    assert (site.lines(), site.value("source_up")) == (3, 1)
    assert site.gaps() == 0


def test_drain_gives_up_after_its_attempts(site: Site):
    """A past deployment that cannot be read is tried so often, then is a gap; d2 goes on."""
    site.watch("d1", RUN)
    site.platform.log("d1").error = server_error()
    site.platform.log("d2").live = line(1)
    site.watch("d2", RUN)
    for attempt in range(1, DRAIN_ATTEMPTS + 1):
        assert site.gaps() == 0
        site.scheduler.step(RUN)
        assert site.value("source_up") == (attempt == DRAIN_ATTEMPTS)
        assert site.lines() == 1
    assert site.gaps() == 1
    site.platform.asked.clear()
    site.scheduler.step(RUN)
    assert site.platform.asked == [("d2", "web", "RUN")]


def test_past_deployment_still_live_is_read_until_it_ends(site: Site):
    """While a past deployment shows live text it is read along; without end it is let go."""
    site.watch("d1", RUN)
    site.platform.log("d1").live = line(1)
    site.watch("d2", RUN)
    for second in range(2, DRAIN_ATTEMPTS + 5):
        site.scheduler.step(RUN)
        site.platform.log("d1").live += line(second)
    assert site.lines() == DRAIN_ATTEMPTS
    assert site.gaps() == 0


def test_deployments_that_came_and_went_are_read_from_their_first_line(site: Site):
    """Deployments between two discoveries are drained in order, lines before the prefix too."""
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    site.platform.logs["d1", LogType.RUN] = Log(None, (line(1),))
    site.platform.logs["d2", LogType.RUN] = Log(None, (b"no prefix\nnone here\n",))
    site.platform.logs["d3", LogType.RUN] = Log(None, (line(3),))
    site.platform.log("d4").live = line(4)
    site.platform.asked.clear()
    site.watch("d4", RUN, between=(deployment("d2"), deployment("d3")))
    site.scheduler.step(RUN)
    assert [asked[0] for asked in site.platform.asked] == ["d1", "d2", "d3", "d4"]
    assert site.lines() == 5


def test_rollback_counts_nothing_twice(site: Site):
    """A deployment that was drained and becomes active again goes on where it was left."""
    site.watch()
    site.platform.log("d1").live = line(1) + line(2)
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
    site.platform.logs["d1", LogType.RUN] = Log(None, (line(1) + line(2) + line(3),))
    site.platform.logs["d1", LogType.RUN_RESTARTED] = Log(None, (b"",))
    site.watch("d2")
    site.platform.log("d2").live = line(4)
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
    assert site.lines() == 4

    site.platform.logs["d2", LogType.RUN] = Log(None, (line(4) + line(5),))
    site.platform.logs["d2", LogType.RUN_RESTARTED] = Log(None, (b"",))
    site.platform.logs["d1", LogType.RUN] = Log(line(1) + line(2) + line(3) + line(6))
    site.watch("d1")
    for source in (RUN, RESTARTED, RUN, RESTARTED):
        site.scheduler.step(source)
    assert site.lines() == 6


def test_rollback_during_a_drain_keeps_the_cursor(site: Site):
    """A deployment that becomes active while its end is read is not let go of."""
    site.watch("d1", RUN)
    site.platform.log("d1").live = line(1)
    site.scheduler.step(RUN)
    site.platform.logs["d1", LogType.RUN] = Log(None, (line(1) + line(2),))
    site.watch("d2", RUN)
    kept = site.ledger.cursors._cursors[CursorKey(KEY, "d1")]
    calls: list[object] = []

    def roll_back(source: object) -> None:
        calls.append(source)
        if len(calls) == 1:
            site.watch("d1", RUN)

    site.platform.during = roll_back
    site.scheduler.step(RUN)
    assert site.ledger.cursors._cursors[CursorKey(KEY, "d1")] is kept
    assert site.lines() == 2


def test_active_deployment_with_archives_only_asks_for_a_discovery(site: Site):
    """It is past although nobody said so; one that stays so does not ask for ever."""
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    assert site.early_discoveries == []
    site.platform.logs["d1", LogType.RUN] = Log(None, (line(1),))
    for _ in range(EARLY_DISCOVERIES + 4):
        site.scheduler.step(RUN)
    assert len(site.early_discoveries) == EARLY_DISCOVERIES
    assert (site.lines(), site.value("source_up")) == (1, 1)

    site.platform.logs["d2", LogType.RUN] = Log(None, (line(2),))
    site.watch("d2", RUN)
    site.scheduler.step(RUN)
    assert len(site.early_discoveries) == EARLY_DISCOVERIES + 1


def test_no_log_at_all_is_neither_failure_nor_past(site: Site):
    """An answer without any place is a component that wrote nothing."""
    site.platform.logs["d1", LogType.RUN] = Log(None, ())
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    assert site.value("source_up") == 1
    assert site.early_discoveries == []


def test_past_deployment_unwatched_midway_is_read_when_it_comes_back(site: Site):
    """Its cursor waits for the log that was not read to its end; nothing counts twice then."""
    site.watch()
    for source in (RUN, RESTARTED):
        site.scheduler.step(source)
    site.platform.logs["d1", LogType.RUN] = Log(None, (line(1),))
    site.watch("d2")
    site.scheduler.step(RUN)
    site.poller.unwatch(RESTARTED)
    assert site.past._waiting == {}
    assert site.ledger.cursors.deployments(KEY) == ["d1", "d2"]
    site.platform.logs["d1", LogType.RUN_RESTARTED] = Log(None, (line(1) + line(2),))
    site.watch("d2", RESTARTED)
    site.scheduler.step(RESTARTED)
    assert site.ledger.cursors.deployments(KEY) == ["d2"]
    assert (site.lines(), site.value("log_repeated_lines_total")) == (2, 1)


def test_source_watched_anew_during_a_read_is_due_at_its_end(site: Site):
    """Its first read gives way to the one under way, and comes at once after it."""
    site.watch("d1", RUN)
    reads: list[object] = []

    def read(source: object) -> None:
        reads.append(source)
        if len(reads) == 1:
            site.poller.unwatch(RUN)
            site.watch("d1", RUN)
            site.scheduler.step(RUN)
            assert site.scheduler.due(RUN) is None

    site.platform.during = read
    site.scheduler.step(RUN)
    assert len(reads) == 1
    assert site.scheduler.due(RUN) == 0
    assert site.poller.waiting() == 1


def test_source_watched_anew_during_a_read_waits_for_its_end(background: BackgroundScheduler):
    """Unwatched and watched again while it is read, a source is read again after that, alone."""
    site = Site(scheduler=background)
    began, may_end, again = threading.Event(), threading.Event(), threading.Event()
    reads: list[object] = []
    under_way: list[int] = []
    current = 0

    def read(source: object) -> None:
        nonlocal current
        reads.append(source)
        current += 1
        under_way.append(current)
        (began if len(reads) == 1 else again).set()
        assert may_end.wait(WAIT)
        current -= 1

    site.platform.during = read
    site.watch("d1", RUN)
    assert began.wait(WAIT)
    gave_way = threading.Event()
    background.add_listener(
        lambda event: gave_way.set(), EVENT_JOB_EXECUTED | EVENT_JOB_MAX_INSTANCES
    )
    try:
        site.poller.unwatch(RUN)
        site.watch("d1", RUN)
        assert gave_way.wait(WAIT)
        may_end.set()
        assert again.wait(WAIT)
    finally:
        may_end.set()
        site.poller.unwatch(RUN)
    assert max(under_way) == 1


class HurriedScheduler(BackgroundScheduler):
    """Lets ``add_job`` return only when the job was handed to its pool, or dropped."""

    def add_job(self, *args: Any, **options: Any) -> Any:
        handled = threading.Event()

        def note(event: Any) -> None:
            handled.set()

        self.add_listener(note, EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES)
        job = super().add_job(*args, **options)
        handled.wait(WAIT)
        self.remove_listener(note)
        return job


def test_next_read_due_before_the_last_has_returned_is_not_dropped():
    """A read that took longer than the interval is due again before its thread is free."""
    scheduler = HurriedScheduler(
        executors={"sources": ThreadPoolExecutor(2)}, timezone="UTC", daemon=True
    )
    site = Site(scheduler=scheduler, interval=0.0)
    reads: list[object] = []
    enough = threading.Event()

    def read(source: object) -> None:
        reads.append(source)
        if len(reads) == 5:
            enough.set()
            raise Stopping("enough")

    site.platform.during = read
    scheduler.start()
    try:
        site.watch("d1", RUN)
        assert enough.wait(WAIT)
    finally:
        scheduler.shutdown(wait=True)


def test_component_gone_between_two_watches_is_unknown_to_the_poller(site: Site):
    """Watching a source again after it went begins anew, with its own first read at once."""
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    site.clock.now += 30
    site.poller.unwatch(RUN)
    site.poller.watch(RUN, WEB, deployment("d1"))
    assert site.scheduler.due(RUN) == 30
    assert site.poller.waiting() == 1
    assert site.value("source_interval_seconds", **LOG) == 60
