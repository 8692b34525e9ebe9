"""When sources are read: by turns, or at once where that was asked for."""

import threading

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from collect_fixtures import RESTARTED, RUN, START, WEB, Site, deployment, line
from waiting import LIMIT_SECONDS

from exporter.errors import Stopping
from exporter.model import Source
from exporter.scheduling.schedule import EXECUTOR, SOON_EXECUTOR, shut_down

WAIT = LIMIT_SECONDS


def test_asked_for_read_is_due_now_and_the_interval_starts_from_it():
    """A read that is asked for takes the place of the next one, on workers of its own."""
    site = Site()
    site.watch("d1", RESTARTED)
    for _ in range(2):
        site.scheduler.step(RESTARTED)
    site.clock.now = START + 5
    site.poller.read_soon(RESTARTED)
    site.poller.read_soon(RESTARTED)
    (job,) = site.scheduler.get_jobs()
    assert (job.executor, site.scheduler.due(RESTARTED)) == (SOON_EXECUTOR, 5)
    site.scheduler.step(RESTARTED)
    (job,) = site.scheduler.get_jobs()
    assert job.executor == EXECUTOR
    assert START + 5 + 54 <= job.next_run_time.timestamp() <= START + 5 + 66


def test_read_asked_for_during_a_read_follows_it_at_once():
    """What the read under way has seen may be older than the hint."""
    site = Site()
    site.watch("d1", RUN)
    site.platform.during = site.poller.read_soon
    site.scheduler.step(RUN)
    (job,) = site.scheduler.get_jobs()
    assert (job.executor, site.scheduler.due(RUN)) == (SOON_EXECUTOR, 0)
    site.platform.during = lambda source: None
    site.scheduler.step(RUN)
    assert site.scheduler.get_job(str(RUN)).executor == EXECUTOR


def test_read_asked_for_after_a_delay_comes_then_at_the_latest():
    """It goes before the read by the interval, also if a read was under way, and after none."""
    site = Site()
    site.watch("d1", RUN)
    site.schedule.soon(RUN, 5)
    assert site.scheduler.due(RUN) == 0  # its first read is due before
    site.platform.during = lambda source: site.schedule.soon(source, 0.001)
    site.scheduler.step(RUN)
    (job,) = site.scheduler.get_jobs()
    assert (job.executor, round(site.scheduler.due(RUN), 3)) == (SOON_EXECUTOR, 0.001)
    site.platform.during = lambda source: site.schedule.soon(source, 100)
    site.scheduler.step(RUN)
    (job,) = site.scheduler.get_jobs()
    assert job.executor == EXECUTOR
    assert 54 <= site.scheduler.due(RUN) <= 66
    site.schedule.soon(RUN, 5)
    (job,) = site.scheduler.get_jobs()
    assert (job.executor, site.scheduler.due(RUN)) == (SOON_EXECUTOR, 5)


def test_job_that_was_replaced_reads_nothing():
    """One that waits for a worker when a read is asked for leaves it to that."""
    site = Site()
    site.watch("d1", RUN)
    waits = site.scheduler.get_job(str(RUN))
    site.poller.read_soon(RUN)
    site.scheduler.step(RUN)
    waits.func(*waits.args)
    assert len(site.platform.asked) == 1
    assert len(site.scheduler.get_jobs()) == 1


def test_nothing_is_asked_for_what_is_not_watched():
    """A hint that comes late makes no job."""
    site = Site()
    site.scheduler.start()
    site.poller.read_soon(RUN)
    site.poller.resume(RUN)
    site.poller.suspend(RUN)
    assert site.scheduler.get_jobs() == []


def test_suspended_source_is_not_read_until_it_is_resumed():
    """Another reader has it: no request by the interval, and one at once when that gives up."""
    site = Site()
    site.watch("d1", RUN)
    site.poller.suspend(RUN)
    assert site.poller.waiting() == 0
    site.scheduler.step(RUN)
    assert (site.platform.asked, site.scheduler.get_jobs()) == ([], [])
    site.clock.now = START + 7
    site.poller.resume(RUN)
    site.poller.resume(RUN)
    assert site.scheduler.due(RUN) == 7
    site.platform.log("d1").live = line(1)
    site.scheduler.step(RUN)
    assert site.lines() == 1
    assert site.scheduler.due(RUN) is not None


def test_past_deployment_of_a_suspended_source_is_drained():
    """Only the active deployment is another's to read."""
    site = Site()
    site.watch("d1", RUN)
    site.scheduler.step(RUN)
    site.poller.suspend(RUN)
    site.scheduler.step(RUN)
    site.platform.log("d1").live, site.platform.log("d1").archives = None, (line(1),)
    site.platform.asked.clear()
    site.watch("d2", RUN)
    site.scheduler.step(RUN)
    assert site.platform.asked == [("d1", "web", "RUN")]
    assert site.lines() == 1
    site.scheduler.step(RUN)
    assert site.scheduler.get_jobs() == []
    site.poller.resume(RUN)
    site.poller.watch(RUN, WEB, deployment("d2"))
    site.scheduler.step(RUN)
    assert site.platform.asked[1:] == [("d2", "web", "RUN")]


def test_asked_for_read_does_not_queue_behind_others():
    """While every worker is busy with a slow log, a read that was asked for goes on."""
    scheduler = BackgroundScheduler(
        executors={EXECUTOR: ThreadPoolExecutor(1), SOON_EXECUTOR: ThreadPoolExecutor(1)},
        timezone="UTC",
    )
    site = Site(scheduler=scheduler)
    slow, hinted, may_end = threading.Event(), threading.Event(), threading.Event()

    def read(source: Source) -> None:
        if source == RUN:
            slow.set()
            assert may_end.wait(WAIT)
        else:
            hinted.set()
        raise Stopping("enough")

    site.platform.during = read
    scheduler.start()
    try:
        site.watch("d1", RUN)
        assert slow.wait(WAIT)
        site.watch("d1", RESTARTED)
        site.poller.read_soon(RESTARTED)
        assert hinted.wait(WAIT)
    finally:
        may_end.set()
        shut_down(scheduler, wait=True)


def test_lines_that_leave_run_have_run_restarted_read_at_once():
    """A poll that shows a new container, or lacks one's lines, hints; one that goes on does not."""
    site = Site()
    site.watch()
    for source in (RESTARTED, RUN, RESTARTED):
        site.scheduler.step(source)
    log = site.platform.log("d1")
    for live, hinted in (
        (line(1) + line(2), False),
        (line(1) + line(2) + line(3), False),
        (line(4), True),
        (line(4) + line(5), None),  # in doubt until RUN_RESTARTED was read
        (line(5), True),
    ):
        log.live = live
        site.scheduler.step(RUN)
        soon = site.scheduler.get_job(str(RESTARTED)).executor == SOON_EXECUTOR
        assert hinted is None or soon == hinted
        if soon:
            site.scheduler.step(RESTARTED)
