"""The runs of scheduled jobs: which count, what their logs bring, and what shows of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from collect_fixtures import START, Site, answer, app, not_found, server_error

from exporter.counting.job_runs import FAILED_RUNS, RUNS, JobRuns
from exporter.counting.notifier import Notifier
from exporter.errors import ApiError
from exporter.model import (
    LIVE_PART,
    App,
    Component,
    ComponentKey,
    ComponentKind,
    Invocation,
    InvocationPhase,
    JobKind,
    JobSpec,
    LogChunk,
    LogLocations,
    Notification,
    NotifyEvent,
    RestartReason,
    Source,
    Trigger,
)
from exporter.reading.attempts import ATTEMPTS
from exporter.reading.invocation_logs import EMPTY_ATTEMPTS, InvocationLogs
from exporter.reading.whole_log import WholeLogs
from exporter.scheduling.timer import OneTimeJobs
from exporter.watching.failures import Failures
from exporter.watching.jobs import Jobs

REPORT = Component("report", ComponentKind.JOB, job=JobSpec(JobKind.SCHEDULED, "0 * * * *"))
KEY = ComponentKey("shop", "report")
IDENTITY = {"app": "shop", "component": "report"}
LOG = IDENTITY | {"log_type": "JOB_INVOCATION"}
SHOP = app("shop", REPORT)
FAILED, SUCCEEDED = InvocationPhase.FAILED, InvocationPhase.SUCCEEDED


def run(
    name: str,
    second: float,
    phase: InvocationPhase | None = SUCCEEDED,
    took: float = 5,
    **parts: Any,
) -> Invocation:
    """A run that began so many seconds after START; one without phase goes on."""
    began = START + second
    ended = None if phase is None else began + took
    told = {"running": phase is None, "trigger": Trigger.SCHEDULE, "started_at": began, **parts}
    return Invocation(name, "report", "d1", phase, created_at=began, completed_at=ended, **told)


@dataclass
class Runs:
    """A platform of runs, page by page, and of their logs; what is an exception is raised."""

    pages: list[Any] = field(default_factory=list)
    logs: dict[str, Any] = field(default_factory=dict)
    asked_pages: int = 0
    asked_logs: list[str] = field(default_factory=list)

    def job_invocations(self, app_id: str) -> Iterator[Any]:
        for page in self.pages:
            self.asked_pages += 1
            yield tuple(answer(page))

    def invocation_log_locations(
        self, source: Source, invocation_id: str, deployment_id: str, **options: Any
    ) -> LogLocations:
        self.asked_logs.append(invocation_id)
        text = answer(self.logs.get(invocation_id, b"report 2026-11-01T00:00:00Z done\n"))
        return LogLocations(f"log {invocation_id}" if text is not None else None)

    def read(self, locations: LogLocations, **options: Any) -> Iterator[LogChunk]:
        if locations.live_url is not None:
            name = locations.live_url.removeprefix("log ")
            text = self.logs.get(name, b"report 2026-11-01T00:00:00Z done\n")
            yield LogChunk(text, LIVE_PART)
            yield LogChunk(b"", LIVE_PART, last=True)


class Watched:
    """A site on which one app's jobs are watched, from second 100 after START on."""

    def __init__(self, *, excerpts: bool = True) -> None:
        self.site = Site()
        self.site.series._settings = replace(self.site.series._settings, jobs=True)
        self.site.scheduler.start()
        self.platform: Any = Runs()
        self.told: list[Notification] = []
        notifier = Notifier(
            self.told.append, NotifyEvent, self.site.ledger, self.site.clock, excerpts=excerpts
        )
        self.runs = JobRuns(self.site.ledger, notifier, excerpts=excerpts)
        self.logs = InvocationLogs(
            WholeLogs(
                self.platform,
                self.platform,
                forget=self.site.api_metrics.forget,
                max_line_bytes=2000,
                pod_connection_timeout="3m",
            ),
            self.site.pipeline,
            OneTimeJobs(self.site.scheduler, "sources", self.site.clock),
            self.runs,
            60,
            self.site.clock,
            self.site.internal_errors,
        )
        self.jobs = self.new_jobs()
        self.site.clock.now = START + 100
        self.site.series.open_app(SHOP)
        self.site.series.open_component(KEY, REPORT)

    def new_jobs(self) -> Jobs:
        site = self.site
        return Jobs(
            self.platform,
            site.pipeline,
            self.logs,
            self.runs,
            Failures(),
            start=lambda: START + 100,
        )

    def look(self, *pages: Any, logs: bool = True, of: App = SHOP) -> None:
        """Read the list, and the logs that are due then."""
        self.platform.pages = list(pages)
        self.platform.asked_pages = 0
        self.jobs.read(of)
        if logs and self.site.scheduler.due("invocation_logs app-1") is not None:
            self.site.scheduler.step("invocation_logs app-1")

    def value(self, name: str, **labels: str) -> float | None:
        return self.site.value(name, **(labels or IDENTITY))

    def counted(self, phase: str = "succeeded", trigger: str = "schedule") -> float | None:
        return self.value("job_invocations_total", **IDENTITY, phase=phase, trigger=trigger)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_run_counts_once_over_looks_pages_and_orders(watched: Watched):
    """Newest first or oldest first, on any page, twice on two pages, again and again."""
    watched.look([])
    runs = [run(str(number), 110 + number) for number in range(6)]
    newest_first = runs[::-1]
    watched.look(newest_first[:2], newest_first[2:4], newest_first[3:])
    assert watched.counted() == 6
    later = [*runs, run("6", 130)]
    watched.look(later[:4], later[4:])  # oldest first: the first page shows nothing new
    assert watched.counted() == 7
    assert watched.platform.asked_pages == 2
    watched.look(newest_first[:2], newest_first[2:])
    assert watched.counted() == 7
    assert watched.platform.asked_pages == 1


def test_runs_from_before_the_start_feed_gauges_and_count_nothing(watched: Watched):
    """One that began before and ends after the start counts."""
    old, spanning = run("old", 10), run("spanning", 50, None)
    watched.look([spanning, old])
    assert watched.counted() == 0
    assert watched.value("job_running") == 1
    assert watched.value("job_running_start_timestamp_seconds") == START + 50
    assert watched.value("job_last_success_timestamp_seconds") == START + 15
    assert watched.value("job_invocation_duration_seconds") == 5
    watched.look([run("spanning", 50, SUCCEEDED, 80), old])
    assert watched.counted() == 1
    assert watched.value("job_running") == 0
    assert watched.value("job_invocation_duration_seconds") == 80
    assert watched.platform.asked_logs == ["spanning"]


def test_a_run_that_goes_on_is_looked_for_behind_newer_ones(watched: Watched):
    """Its end shows on the last page, while the first shows nothing new."""
    watched.look([run("long", 101, None)])
    newer = [run(str(number), 110 + number) for number in range(4)][::-1]
    watched.look(newer, [run("long", 101, None)])
    watched.look(newer, [run("long", 101, SUCCEEDED, 500)])
    assert watched.counted() == 5
    watched.look(newer, [run("long", 101, SUCCEEDED, 500)])
    assert watched.platform.asked_pages == 1


def test_what_was_listed_before_a_page_failed_counts(watched: Watched):
    """The rest counts when it can be read; what runs now is not known meanwhile."""
    watched.look([])
    watched.look([run("2", 120)], server_error())
    assert watched.counted() == 1
    assert watched.value("job_running") is None
    watched.look([run("2", 120), run("1", 110)])
    assert watched.counted() == 2
    assert watched.value("job_running") == 0


def test_another_process_on_the_same_state_counts_nothing_again(watched: Watched):
    """All that is known is in the ledger."""
    watched.look([run("2", 120), run("1", 110)], logs=False)
    watched.jobs = watched.new_jobs()
    watched.look([run("3", 130), run("2", 120), run("1", 110)])
    assert watched.counted() == 3
    assert sorted(watched.platform.asked_logs) == ["1", "2", "3"]


def test_times_that_are_missing_change_nothing(watched: Watched):
    """A run without any time counts once it is not the first look."""
    bare = Invocation("bare", "report", phase=SUCCEEDED)
    watched.look([bare])
    other = Invocation("other", "report", phase=FAILED)
    for _ in range(2):
        watched.look([other, bare])
    assert watched.counted("succeeded", "unknown") is None
    assert watched.counted("failed", "unknown") == 1


def test_each_log_is_read_once_and_counts_as_its_own_type(watched: Watched):
    """Lines, matches, and a failed run's last words, redacted, with the reason in them."""
    watched.platform.logs["1"] = (
        b"report 2026-11-01T00:02:00Z oops password=hunter2\n"
        b"report 2026-11-01T00:02:01Z ModuleNotFoundError: No module named 'pandas'\n"
    )
    for _ in range(3):
        watched.look([run("1", 110, FAILED)])
    assert watched.platform.asked_logs == ["1"]
    assert watched.value("log_lines_total", **LOG) == 2
    matched = {**LOG, "pattern": "oops", "level": "error"}
    assert watched.value("log_matches_total", **matched) == 1
    [shown] = watched.runs.of(KEY)
    assert (shown.phase, shown.reason) == (FAILED, RestartReason.MISSING_MODULE)
    assert "No module named 'pandas'" in shown.lines[1]
    assert "hunter2" not in shown.lines[0]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (b"reading orders", 137, RestartReason.OUT_OF_MEMORY),
        (b"reading orders", 3, RestartReason.EXIT),
        (b"panic: no stock", 2, RestartReason.PANIC),
        (b"reading orders", None, RestartReason.UNKNOWN),
    ],
)
@pytest.mark.found(
    "a run that failed without a word had no reason, though its log told the exit code; its "
    "notification had neither that code nor the time at which it ended",
    how="notifications of real runs were read one by one",
)
def test_a_failed_run_is_told_with_its_exit_code_and_when_it_ended(
    watched: Watched, words: bytes, code: int | None, reason: RestartReason
):
    """However much later its log is read; the page has the times of its lines."""
    log = b"report 2026-11-01T00:01:51Z " + words + b"\n"
    if code is not None:
        log += b"report 2026-11-01T00:01:52Z ERROR component report exited with code: %d\n" % code
    watched.platform.logs["1"] = log
    watched.site.clock.now = START + 900
    watched.look([run("1", 110, FAILED)])
    [told] = watched.told
    assert (told.event, told.component) == (NotifyEvent.JOB_FAILED, "report")
    assert (told.reason, told.exit_code, told.at) == (reason, code, START + 115)
    assert told.lines[0] == words.decode()
    [shown] = watched.runs.of(KEY)
    assert (shown.reason, shown.exit_code) == (reason, code)
    assert shown.times[0] == START + 111


def test_a_failed_run_whose_log_cannot_be_had_is_told_without_words(watched: Watched):
    """With the time at which it ended; no reason is made up for the page."""
    watched.platform.logs["1"] = not_found()
    watched.site.clock.now = START + 900
    watched.look([run("1", 110, FAILED)])
    [told] = watched.told
    assert (told.reason, told.exit_code, told.at) == ("unknown", None, START + 115)
    assert told.lines == ()
    [shown] = watched.runs.of(KEY)
    assert (shown.reason, shown.lines) == (None, ())


@pytest.mark.found(
    "a job whose runs could not be listed stood on the page as fine",
    how="the list of runs was answered 404 and 403 while a person looked at the page",
)
def test_a_job_whose_runs_cannot_be_listed_says_so_until_they_can(watched: Watched):
    """With why, and when they were last listed; what was known of before is not shown as of now."""
    watched.look([run("1", 110, None)])
    listed_at = watched.site.clock.now
    watched.site.clock.now += 60
    watched.look(not_found())
    status = watched.jobs.status(KEY, REPORT)
    assert status is not None
    assert (status.running_since, status.last_read) == (None, listed_at)
    assert status.problem
    watched.look([run("1", 110, None)])
    status = watched.jobs.status(KEY, REPORT)
    assert status is not None
    assert (status.problem, status.last_read) == ("", listed_at + 60)


def test_no_text_is_kept_where_excerpts_are_off():
    """The reason is all the same."""
    watched = Watched(excerpts=False)
    watched.platform.logs["1"] = b"report 2026-11-01T00:02:00Z panic: no\n"
    watched.look([run("1", 110, FAILED)])
    [shown] = watched.runs.of(KEY)
    assert (shown.reason, shown.lines) == (RestartReason.PANIC, ())


@pytest.mark.parametrize(
    ("log", "asked", "gaps"),
    [
        (b"", EMPTY_ATTEMPTS, 0),
        (None, EMPTY_ATTEMPTS, 0),
        (not_found(), 1, 1),
        (server_error(), ATTEMPTS, 1),
    ],
)
def test_a_log_that_cannot_be_had_is_given_up(
    watched: Watched, log: bytes | ApiError | None, asked: int, gaps: int
):
    """An empty one after some looks, without a gap; one that fails, with one."""
    watched.platform.logs["1"] = log
    watched.look([run("1", 110)])
    while watched.site.scheduler.due("invocation_logs app-1") is not None:
        watched.site.scheduler.step("invocation_logs app-1")
    assert len(watched.platform.asked_logs) == asked
    assert watched.value("log_gaps_total", **LOG, reason="archive") == gaps
    assert watched.counted() == 1


def test_a_run_that_was_skipped_has_no_log(watched: Watched):
    """It counts, and nothing is asked for."""
    watched.look([run("1", 110, InvocationPhase.SKIPPED, started_at=None)])
    assert watched.counted("skipped") == 1
    assert watched.platform.asked_logs == []


def test_the_latest_runs_are_kept_and_failed_ones_longer(watched: Watched):
    """Ten, and five that failed however many came after."""
    failed = [run(f"f{number}", 110 + number, FAILED) for number in range(7)]
    fine = [run(f"s{number}", 200 + number) for number in range(30)]
    watched.look([*fine[::-1], *failed[::-1]])
    kept = watched.runs.of(KEY)
    assert [each.phase for each in kept] == [SUCCEEDED] * RUNS + [FAILED] * FAILED_RUNS
    assert kept[0].ended == START + 234


def test_a_job_that_was_removed_and_is_back_shows_no_run_of_before(watched: Watched):
    """How it stood goes with the component, though its app stays."""
    watched.look([run("1", 110, None)])
    status = watched.jobs.status(KEY, REPORT)
    assert status is not None
    assert status.running_since == START + 110
    watched.site.series.close_component(KEY)
    watched.site.series.open_component(KEY, REPORT)
    status = watched.jobs.status(KEY, REPORT)
    assert status is not None
    assert (status.running_since, status.missed_run) == (None, None)


def test_a_run_is_missed_from_its_time_until_one_begins(watched: Watched):
    """A redeployment and another process change nothing; a changed schedule begins anew."""
    watched.look([run("1", 110)])
    assert watched.value("job_next_run_timestamp_seconds") == START + 3600
    assert watched.value("job_missed_run_timestamp_seconds") == 0
    watched.site.clock.now = START + 4000
    watched.jobs = watched.new_jobs()
    watched.look([run("1", 110)])
    assert watched.value("job_missed_run_timestamp_seconds") == START + 3600
    assert watched.value("job_next_run_timestamp_seconds") == START + 7200
    status = watched.jobs.status(KEY, REPORT)
    assert status is not None
    assert status.missed_run == START + 3600
    watched.look([run("2", 3990, None), run("1", 110)])
    assert watched.value("job_missed_run_timestamp_seconds") == 0
    watched.site.clock.now = START + 7300
    other = Component("report", ComponentKind.JOB, job=JobSpec(JobKind.SCHEDULED, "0 1 * * *"))
    watched.look([run("2", 3990), run("1", 110)], of=app("shop", other))
    assert watched.value("job_missed_run_timestamp_seconds") == 0


def test_jobs_of_other_components_are_left_alone(watched: Watched):
    """A run of a job that is not watched, or is no scheduled one, counts nowhere."""
    stranger = Invocation("9", "stranger", phase=FAILED, created_at=START + 110)
    watched.look([stranger, run("1", 110)])
    assert watched.counted() == 1
    assert watched.platform.asked_logs == ["1"]
