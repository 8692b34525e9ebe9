"""The path of a line: what each reading counts, and that nothing counts twice or never."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

import pytest
from collect_fixtures import (
    IDENTITY,
    KEY,
    LOG,
    RESTARTED,
    RUN,
    START,
    WEB,
    Site,
    line,
)
from waiting import LIMIT_SECONDS

from exporter.counting.component import ReportedRestarts
from exporter.counting.ledger import GRACE_SECONDS
from exporter.logs.restarts.exit_account import GRACE_SECONDS as CODE_GRACE_SECONDS
from exporter.model import (
    LIVE_PART,
    Component,
    ComponentKey,
    GapReason,
    LogChunk,
    LogType,
    Rule,
    Source,
)
from exporter.reading.reading import Reading

WAIT = LIMIT_SECONDS
"""Seconds that one thread waits for the other before the test fails."""


@pytest.fixture
def site() -> Site:
    return opened(Site())


def opened(site: Site) -> Site:
    site.series.open_component(KEY, WEB)
    return site


def begin(site: Site, source: Source = RUN, *, component: Component = WEB) -> Reading:
    return Reading(
        site.pipeline, source, component, "d1", tail_lines=site.tail_lines, from_first_line=False
    )


def read(site: Site, text: bytes, source: Source = RUN, size: int = 1 << 20) -> Reading:
    """Read a whole live text in chunks of ``size`` bytes."""
    reading = begin(site, source)
    for at in range(0, len(text), size):
        reading.feed(LogChunk(text[at : at + size], LIVE_PART))
    reading.feed(LogChunk(b"", LIVE_PART, last=True))
    reading.end()
    return reading


def matches(site: Site, rule: str, source: dict[str, str] = LOG) -> float | None:
    return site.value("log_matches_total", **source, pattern=rule, level="error")


@pytest.mark.parametrize("end", [b"", b" ", b"\r"])
def test_empty_messages_are_lines_that_match_nothing(site: Site, end: bytes):
    """A line of two words counts, also again and again; no rule sees its component and time."""
    empty = [line(second).split(b" hello")[0] + end + b"\n" for second in (1, 2, 3)]
    text = line(0.5, "oops 1") + b"".join(empty)
    for _ in range(2):
        read(site, text)
    assert (site.lines(), site.value("log_bytes_total")) == (4, len(text))
    assert (matches(site, "oops"), matches(site, "any_digit")) == (1, 1)
    assert site.value("log_last_line_timestamp_seconds") == START + 3


@pytest.mark.parametrize("size", [1, 2, 7, 61, 1000])
def test_cuts_between_chunks_change_nothing(site: Site, size: int):
    """However a text is cut, its lines, bytes, matches and newest time are the same."""
    text = line(1, "oops 1") + line(2, "fine é") + line(3, "oops oops 22")
    reading = read(site, text, size=size)
    assert site.lines() == reading.lines == 3
    assert site.value("log_bytes_total") == len(text)
    assert (matches(site, "oops"), matches(site, "any_digit")) == (2, 2)
    assert site.value("log_last_line_timestamp_seconds") == START + 3
    assert site.value("log_repeated_lines_total") == 0


def test_line_without_newline_counts_where_its_part_ends_in_good_order(site: Site):
    """The last line of an archive needs no newline; one that broke off is no line yet."""
    whole = line(1, "one") + line(2, "cut in half")
    reading = begin(site)
    reading.feed(LogChunk(whole[:-6], LIVE_PART))
    reading.drop()
    assert site.lines() == 1
    read(site, whole.rstrip(b"\n"))
    assert site.lines() == 2
    assert site.value("log_bytes_total") == len(whole)


def test_read_that_breaks_off_counts_the_rest_later_once(site: Site):
    """What was whole counts at once, with its time; the next read adds only what it missed."""
    lines = [line(second, "oops") for second in range(1, 11)]
    reading = begin(site)
    reading.feed(LogChunk(b"".join(lines[:4]) + lines[4][:20], LIVE_PART))
    reading.drop()
    assert (site.lines(), matches(site, "oops")) == (4, 4)
    assert site.value("log_last_line_timestamp_seconds") == START + 4
    read(site, b"".join(lines))
    assert (site.lines(), matches(site, "oops")) == (10, 10)
    assert site.value("log_repeated_lines_total") == 4
    assert site.gaps() == 0


def test_line_that_broke_off_is_none_and_begins_none(site: Site):
    """An archive that ends in the middle of a line: that line waits for another read."""
    reading = begin(site)
    reading.feed(LogChunk(line(1) + line(2)[:-4], 0))
    reading.feed(LogChunk(line(3), 1))
    reading.feed(LogChunk(b"", 1, last=True))
    reading.drop()
    assert (site.lines(), site.value("log_bytes_total")) == (2, len(line(1) + line(3)))
    reading = begin(site)
    reading.feed(LogChunk(line(1) + line(2), 0, last=True))
    reading.feed(LogChunk(line(3), 1, last=True))
    reading.end()
    assert site.value("log_bytes_total") == len(line(1) + line(2) + line(3))


def test_archives_and_live_text_are_one_log(site: Site):
    """A line that an archive ends with and the live text begins with counts once."""
    reading = begin(site)
    reading.feed(LogChunk(line(1) + line(2), 0))
    reading.feed(LogChunk(b"", 0, last=True))
    reading.feed(LogChunk(line(2) + line(3), LIVE_PART))
    reading.feed(LogChunk(b"", LIVE_PART, last=True))
    reading.end()
    assert (site.lines(), site.value("log_repeated_lines_total")) == (3, 1)


def test_line_matches_once_per_rule_and_again_never(site: Site):
    """Two matches in one line count once; read again, the line counts for no rule."""
    read(site, line(1, "oops 1 oops 2"))
    read(site, line(1, "oops 1 oops 2"))
    assert (matches(site, "oops"), matches(site, "any_digit")) == (1, 1)
    assert site.value("log_repeated_lines_total") == 1


def test_rules_look_at_the_message_alone():
    """The digits of the platform's prefix match nothing."""
    site = opened(Site())
    read(site, line(1, "none"))
    assert (site.lines(), matches(site, "any_digit")) == (1, 0)


def test_rules_with_globs_apply_where_they_say():
    """A rule for other components has no series here and counts nothing; there it does."""
    rules = (
        Rule("mine", "oops", components=("shop/*",)),
        Rule("theirs", "oops", components=("x",)),
    )
    site = opened(Site(rules=rules))
    other = ComponentKey("x", "web")
    site.series.open_component(other, WEB)
    read(site, line(1, "oops"))
    read(site, line(1, "oops"), Source("app-2", other, LogType.RUN))
    there = LOG | {"app": "x"}
    assert (matches(site, "mine"), matches(site, "theirs")) == (1, None)
    assert (matches(site, "mine", there), matches(site, "theirs", there)) == (None, 1)


def test_both_logs_count_into_one_series(site: Site):
    """A line that RUN showed is a repeated one in RUN_RESTARTED; its last words are new."""
    read(site, line(1) + line(2))
    read(site, line(1) + line(2) + line(3, "oops"), RESTARTED)
    assert site.lines() == 3
    assert site.value("log_repeated_lines_total") == 2
    assert site.value("log_lines_total", **LOG | {"log_type": "RUN_RESTARTED"}) is None
    assert matches(site, "oops") == 1


def test_container_end_counts_with_its_reason_and_time(site: Site):
    """A crash in RUN_RESTARTED counts once, by its last words; a later one is another.

    One that says nothing counts once RUN had time to show its exit code.
    """
    crash = line(5) + line(6, "panic: runtime error: index out of range [3] with length 3")
    read(site, crash, RESTARTED)
    read(site, crash, RESTARTED)
    assert site.value("restarts_total", **IDENTITY, reason="panic") == 1
    assert site.value("restarts_total", **IDENTITY, reason="unknown") == 0
    assert site.value("last_restart_timestamp_seconds", **IDENTITY) == START + 6
    read(site, line(8, "nothing to say"), RESTARTED)
    site.clock.now += CODE_GRACE_SECONDS
    read(site, line(9))
    assert site.value("restarts_total", **IDENTITY, reason="unknown") == 1
    assert site.value("last_restart_timestamp_seconds", **IDENTITY) == START + 8


def test_container_end_counts_only_with_the_whole_text(site: Site):
    """A RUN_RESTARTED log that breaks off shows no last words, so no end; the next read does."""
    reading = begin(site, RESTARTED)
    reading.feed(LogChunk(line(1) + line(2, "fatal error: all goroutines are asleep"), LIVE_PART))
    reading.drop()
    reasons = {"app": "shop", "component": "web"}
    ended = [
        s.value
        for family in site.metrics.restarts.collect()
        for s in family.samples
        if s.name.endswith("_total") and reasons.items() <= s.labels.items()
    ]
    assert sum(ended) == 0
    assert site.lines() == 2
    read(site, line(1) + line(2, "fatal error: all goroutines are asleep"), RESTARTED)
    assert site.value("restarts_total", **IDENTITY, reason="panic") == 1
    assert site.lines() == 2


def test_window_that_moved_on_is_a_gap():
    """As many new lines as were asked for, none known: what was between is missing, once."""
    site = opened(Site(tail_lines=3))
    read(site, line(1) + line(2))
    read(site, line(10) + line(11) + line(12))
    assert (site.gaps(), site.lines()) == (1, 5)
    read(site, line(11) + line(12) + line(13))
    assert (site.gaps(), site.lines()) == (1, 6)
    site.pipeline.count_gap(RUN, GapReason.WINDOW)
    assert site.gaps() == 2


def test_nothing_counts_for_a_component_that_is_gone(site: Site):
    """A reading that outlives its component makes no series; nothing it saw later counts."""
    reading = begin(site)
    reading.feed(LogChunk(line(1, "oops"), LIVE_PART))
    site.series.close_component(KEY)
    reading.feed(LogChunk(line(2, "oops"), LIVE_PART))
    reading.end()
    read(site, line(1, "oops") + line(3, "fatal"), RESTARTED)
    site.pipeline.count_gap(RUN, GapReason.WINDOW)
    site.pipeline.release(KEY, "d1")
    assert site.samples(app="shop") == set()
    assert site.pipeline.deployments(KEY) == ["d1"], "what is not open is not released"
    site.clock.now += GRACE_SECONDS + 1
    site.ledger.expire()
    read(site, line(1, "oops"))
    assert site.pipeline.deployments(KEY) == []
    opened(site)
    read(site, line(1, "oops") + line(2, "oops"))
    assert (site.lines(), matches(site, "oops")) == (2, 2)


@pytest.mark.parametrize("ends", [True, False])
def test_lines_read_while_a_component_was_gone_count_when_it_is_back(site: Site, ends: bool):
    """A read that its component's absence fell into counts no more; another brings its lines."""
    reading = begin(site)
    reading.feed(LogChunk(line(1), LIVE_PART, last=True))
    site.series.close_component(KEY)
    reading.feed(LogChunk(line(2), LIVE_PART, last=True))
    opened(site)
    reading.feed(LogChunk(line(3), LIVE_PART, last=True))
    if ends:
        reading.end()
    else:
        reading.drop()
    assert site.lines() == 1
    read(site, line(1) + line(2) + line(3))
    assert (site.lines(), site.value("log_repeated_lines_total")) == (3, 1)


def test_read_begun_while_its_component_was_gone_counts_nothing(site: Site):
    """Also when it comes back before the end: what it has read is for the next read."""
    read(site, line(1))
    site.series.close_component(KEY)
    reading = begin(site)
    opened(site)
    reading.feed(LogChunk(line(1) + line(2), LIVE_PART, last=True))
    reading.end()
    assert site.lines() == 1
    read(site, line(1) + line(2))
    assert site.lines() == 2


def test_released_deployment_counts_only_what_is_newer(site: Site):
    """After its release a deployment's lines up to the newest are known, those after are new."""
    read(site, line(1) + line(2))
    site.pipeline.release(KEY, "d1")
    read(site, line(1) + line(2) + line(3))
    assert site.lines() == 3


@dataclass
class Service:
    """A component with one instance, read by two threads, that crashes when both have read it."""

    rng: Random
    lock: threading.Lock = field(default_factory=threading.Lock)
    containers: list[list[bytes]] = field(default_factory=lambda: [[]])
    written: int = 0
    unread: set[Source] = field(default_factory=lambda: {RUN})
    both: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))
    showing: dict[Source, int] = field(default_factory=dict)

    def go_on(self) -> None:
        for _ in range(self.rng.randrange(30)):
            self.written += 1
            word = "oops" if self.written % 3 == 0 else "fine"
            self.containers[-1].append(line(self.written / 100, f"{word} {self.written}"))
        if not self.unread and self.containers[-1] and self.rng.random() < 0.5:
            self.containers.append([])
            self.unread = {RUN, RESTARTED}

    def shown(self, source: Source) -> list[bytes]:
        """What a read shows that begins now."""
        with self.lock:
            self.go_on()
            self.showing[source] = len(self.containers)
            if source is RUN:
                return list(self.containers[-1])
            return list(self.containers[-2]) if len(self.containers) > 1 else []

    def was_read(self, source: Source) -> None:
        """The latest read of this log was whole."""
        with self.lock:
            if self.showing[source] == len(self.containers):
                self.unread.discard(source)


def read_often(site: Site, service: Service, source: Source, seed: int, times: int) -> None:
    rng = Random(seed)
    for _ in range(times):
        service.both.wait(WAIT)
        reading = begin(site, source)
        text = b"".join(service.shown(source))
        breaks = rng.random() < 0.2
        end = rng.randrange(len(text) + 1) if breaks else len(text)
        at = 0
        while at < end:
            size = rng.randrange(1, 1500)
            reading.feed(LogChunk(text[at : min(end, at + size)], LIVE_PART))
            at += size
        if breaks:
            reading.drop()
            continue
        reading.feed(LogChunk(b"", LIVE_PART, last=True))
        reading.end()
        service.was_read(source)


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns hundreds of times as often as they would."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("seed", range(6))
def test_both_logs_read_at_a_time_count_each_line_once(seed: int, eager_threads: None):
    """Two threads that read RUN and RUN_RESTARTED over crashes and cuts count what was written."""
    site = opened(Site(tail_lines=10_000))
    service = Service(Random(seed))
    with ThreadPoolExecutor(2) as pool:
        done = [
            pool.submit(read_often, site, service, source, seed + offset, 40)
            for source, offset in ((RUN, 100), (RESTARTED, 200))
        ]
        for future in done:
            future.result()
    service.unread = {RUN, RESTARTED}
    for source in (RESTARTED, RUN):
        read(site, b"".join(service.shown(source)), source)
    read(site, b"".join(service.containers[-1]))
    text = b"".join(line for container in service.containers for line in container)
    assert site.lines() == service.written
    assert site.value("log_bytes_total") == len(text)
    assert matches(site, "oops") == service.written // 3
    assert len(service.containers) > 3


def test_containers_that_ended_unseen_are_a_gap(site: Site, caplog: pytest.LogCaptureFixture):
    """The platform counts three ends, RUN_RESTARTED shows one: one gap, said and counted once."""
    count_restarts(site, 4)
    read(site, b"", RESTARTED)
    read(site, line(1, "first"))
    read(site, line(3, "third"), RESTARTED)
    count_restarts(site, 7)
    assert site.gaps() == 0
    for _ in range(2):
        read(site, line(4, "fourth"))
        read(site, line(3, "third"), RESTARTED)
    assert (site.gaps(), site.gaps(GapReason.RESTART)) == (1, 1)
    (said,) = [record for record in caplog.records if "unseen" in record.getMessage()]
    assert vars(said)["fields"] == {"source": KEY, "containers": 2}


def test_the_restart_counts_of_another_deployment_tell_nothing(site: Site):
    """They are held against the deployment that they were read of."""
    count_restarts(site, 0)
    read(site, b"", RESTARTED)
    count_restarts(site, 7, "d2")
    read(site, line(3, "third"), RESTARTED)
    read(site, line(3, "third"), RESTARTED)
    assert site.gaps() == 0


def count_restarts(site: Site, count: int, active: str = "d1") -> None:
    """The platform's restart count of the component's instance is read."""
    site.components.get(KEY).restarts = ReportedRestarts(active, {"web-0": count}, START)
