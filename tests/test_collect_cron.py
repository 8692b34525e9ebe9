"""When a schedule wants its next run, over time zones and changes of clocks."""

from datetime import UTC, datetime

import pytest

from exporter.model import JobKind, JobSpec
from exporter.watching.cron import missed_run, next_run


def spec(cron: str, time_zone: str = "UTC") -> JobSpec:
    return JobSpec(JobKind.SCHEDULED, cron, time_zone)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        ("0 3 * * *", "UTC", "2026-11-01T02:59:59", "2026-11-01T03:00:00"),
        ("0 3 * * *", "UTC", "2026-11-01T03:00:00", "2026-11-02T03:00:00"),
        ("30 2 * * *", "America/New_York", "2026-07-01T00:00:00", "2026-07-01T06:30:00"),
        ("30 2 * * *", "America/New_York", "2026-12-01T00:00:00", "2026-12-01T07:30:00"),
        ("*/15 9 * * 1-5", "Asia/Kolkata", "2026-11-06T04:16:00", "2026-11-09T03:30:00"),
        # Clocks jump from 02:00 to 03:00 here: what falls between runs right after.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00", "2026-03-29T01:00:00"),
        # Clocks fall back from 03:00 to 02:00 here: 02:30 comes twice and runs once.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00", "2026-10-25T00:30:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:31:00", "2026-10-26T01:30:00"),
    ],
)
def test_the_next_run_is_by_the_clock_of_the_zone(cron: str, zone: str, after: str, due: str):
    """The first time after, in Unix seconds, strictly later."""
    assert next_run(spec(cron, zone), at(after)) == at(due)


@pytest.mark.parametrize(
    ("cron", "zone"),
    [("", "UTC"), ("soon", "UTC"), ("61 * * * *", "UTC"), ("0 3 * * *", "Mars/Olympus"),
     ("0 0 30 2 *", "UTC"), ("0 3 * * *", "../etc/passwd")],
)  # fmt: skip
def test_a_schedule_that_cannot_be_read_has_no_next_run(cron: str, zone: str):
    """Nor does one that never comes; neither raises."""
    assert next_run(spec(cron, zone), at("2026-11-01T00:00:00")) is None
    assert missed_run(spec(cron, zone), 0, at("2026-11-01T00:00:00")) is None


def test_a_run_is_missed_once_it_is_due_and_none_has_begun():
    """One that began half a minute early is the run of its time; the oldest missing one counts."""
    daily = spec("0 3 * * *")
    began = at("2026-11-01T03:00:02")
    assert missed_run(daily, began, at("2026-11-02T02:59:59")) is None
    assert missed_run(daily, began, at("2026-11-02T03:00:00")) == at("2026-11-02T03:00:00")
    assert missed_run(daily, began, at("2026-11-05T12:00:00")) == at("2026-11-02T03:00:00")
    early = at("2026-11-02T02:59:40")
    assert missed_run(daily, early, at("2026-11-02T04:00:00")) is None


@pytest.mark.found(
    "a job at 02:30 was late once a year where its scheduler leaves out a time that clocks skip",
    how="schedules were followed over the changes of clocks of four zones",
)
def test_no_run_is_missed_at_a_time_that_no_clock_showed():
    """Clocks jump from 02:00 to 03:00; the next day counts, and an hourly job has no such time."""
    nightly, hourly = spec("30 2 * * *", "Europe/Berlin"), spec("0 * * * *", "Europe/Berlin")
    began = at("2026-03-28T01:30:02")
    assert missed_run(nightly, began, at("2026-03-29T12:00:00")) is None
    assert missed_run(nightly, began, at("2026-03-30T12:00:00")) == at("2026-03-30T00:30:00")
    began = at("2026-03-29T00:00:02")
    assert missed_run(hourly, began, at("2026-03-29T12:00:00")) == at("2026-03-29T01:00:00")
