"""Streams on their way through the pipeline: what they begin with, what comes, what is kept."""

from dataclasses import dataclass, field, replace
from random import Random

import pytest
from collect_fixtures import KEY, LOG, RESTARTED, RUN, WEB, Site, line
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.logs.restarts.exit_account import GRACE_SECONDS
from exporter.model import LIVE_PART, Component, LogChunk
from exporter.reading.following.stream_reading import StreamReading
from exporter.reading.reading import Reading
from exporter.state.store import CursorKey

CURSOR = CursorKey(KEY, "d1")


def site(**options) -> Site:
    made = Site(**options)
    made.series.open_component(KEY, WEB)
    return made


def stream(
    site: Site, tail_lines: int = 100, component: Component = WEB, *, new: bool = True
) -> StreamReading:
    return StreamReading(
        site.pipeline, RUN, component, "d1", tail_lines=tail_lines, from_first_line=new
    )


def connect(site: Site, log: list[bytes], tail_lines: int = 100, **options) -> StreamReading:
    """A stream that has shown the end of ``log`` and was caught up."""
    reading = stream(site, tail_lines, **options)
    reading.take(b"".join(log[-tail_lines:]))
    reading.catch_up(judge=True)
    return reading


def poll(site: Site, text: bytes, source=RUN, tail_lines: int = 100, component=WEB) -> None:
    reading = Reading(
        site.pipeline, source, component, "d1", tail_lines=tail_lines, from_first_line=True
    )
    reading.feed(LogChunk(text, LIVE_PART))
    reading.feed(LogChunk(b"", LIVE_PART, last=True))
    reading.end()


def gaps(site: Site) -> float | None:
    return site.gaps()


def remembered(site: Site) -> int:
    """How many lines are kept in mind of the deployment."""
    with site.ledger.transaction():
        snapshot = site.ledger.cursors.continuity(CURSOR, lambda _: None).snapshot()
        return len(snapshot.counted) + len(snapshot.older)


def test_lines_count_as_they_come_wherever_frames_are_cut():
    """A line counts with the byte that completes it, before and after the stream caught up."""
    shop = site()
    reading = stream(shop)
    text = b"".join(line(n, f"oops {n}") for n in range(4))
    half = text.index(b"oops 2")
    reading.take(text[:half])
    assert shop.lines() == 2
    reading.catch_up(judge=True)
    for byte in text[half:]:
        reading.take(bytes([byte]))
    assert shop.lines() == 4
    assert shop.value("log_bytes_total") == len(text)
    labels = {"pattern": "oops", "level": "error"}
    assert shop.value("log_matches_total", **LOG, **labels) == 4
    assert shop.value("log_last_line_timestamp_seconds") == pytest.approx(1793491203.0)


def test_a_line_that_a_stream_breaks_off_in_is_for_the_next():
    """Half a line counts with the stream that shows it whole, once."""
    shop = site()
    first = connect(shop, [line(1)])
    first.take(line(2) + line(3)[:-9])
    first.close()
    assert shop.lines() == 2
    connect(shop, [line(1), line(2), line(3)])
    assert (shop.lines(), gaps(shop)) == (3, 0)


def test_what_polls_counted_is_not_counted_by_a_stream_nor_the_other_way_round():
    """Hand-over in both directions: each line once, the overlap is repeated, no gap."""
    shop = site()
    log = [line(n) for n in range(60)]
    poll(shop, b"".join(log[:10]))
    reading = connect(shop, log[:20])
    reading.take(b"".join(log[20:50]))
    reading.close()
    poll(shop, b"".join(log))
    assert (shop.lines(), gaps(shop)) == (60, 0)
    assert shop.value("log_repeated_lines_total") == 10 + 50


def test_as_many_new_lines_as_were_asked_for_may_hide_others():
    """A stream that begins with nothing known is judged like a poll; one line fewer proves all."""
    log = [line(n) for n in range(1000)]
    for shown, missing in ((100, True), (99, False)):
        shop = site()
        connect(shop, log[:50]).close()
        reading = stream(shop)
        reading.take(b"".join(log[500 - shown : 500]))
        assert reading.full is missing
        assert reading.may_miss_lines is missing
        reading.catch_up(judge=True)
        assert gaps(shop) == missing


def test_what_comes_behind_the_beginning_is_no_sign_of_missing_lines():
    """However many lines come at once, only those that can have been there before are judged."""
    shop = site()
    log = [line(n / 10) for n in range(2000)]
    connect(shop, log[:50]).close()
    reading = stream(shop)
    reading.take(b"".join(log[10:1000]))
    assert reading.full
    assert not reading.may_miss_lines
    reading.catch_up(judge=True)
    reading.take(b"".join(log[1000:]))
    assert (shop.lines(), gaps(shop)) == (2000, 0)


def test_a_stream_without_end_is_remembered_in_bounds():
    """50,000 lines leave no more in mind than a few times what was asked for, and all count."""
    shop = site(tail_lines=100)
    reading = connect(shop, [])
    most = 0
    for start in range(0, 50_000, 40):
        reading.take(b"".join(line((start + n) / 1000) for n in range(40)))
        most = max(most, remembered(shop))
    assert (shop.lines(), gaps(shop)) == (50_000, 0)
    assert most <= 8 * 100
    assert len(reading._window.seen) <= 5 * 100 + 40


def test_a_slow_stream_is_remembered_in_closer_bounds():
    """Lines that come one by one are let go as soon as as many have come as are kept in mind."""
    shop = site(tail_lines=100)
    reading = connect(shop, [])
    most = 0
    for n in range(2_000):
        reading.take(line(n / 1000))
        most = max(most, remembered(shop))
    assert (shop.lines(), gaps(shop)) == (2_000, 0)
    assert most <= 4 * 100
    assert len(reading._window.seen) <= 2 * 100


def test_instances_that_no_stream_shows_keep_more_in_mind():
    """With several instances lines stay known until RUN_RESTARTED was read, within bounds."""
    shop, twins = site(), replace(WEB, instance_count=2)
    poll(shop, b"", RESTARTED, component=twins)
    reading = connect(shop, [], component=twins)
    for start in range(0, 20_000, 100):
        reading.take(b"".join(line((start + n) / 1000) for n in range(100)))
    assert 15_000 <= remembered(shop) <= 21_000
    assert (shop.lines(), gaps(shop)) == (20_000, 0)


def test_a_container_that_ends_counts_to_its_last_line_and_as_one_restart():
    """The end of a stream, RUN_RESTARTED with words the stream missed, the next container."""
    shop = site()
    old = [line(n) for n in range(300)]
    reading = connect(shop, old[:20])
    reading.take(b"".join(old[20:290]))
    reading.close()
    poll(shop, b"".join(old[200:]), RESTARTED)
    fresh = [line(400 + n) for n in range(5)]
    after = connect(shop, fresh)
    poll(shop, b"".join(old[200:]), RESTARTED)
    after.take(line(410))
    after.settle(shop.clock() + GRACE_SECONDS)  # no exit line has come
    assert (shop.lines(), gaps(shop)) == (306, 0)
    assert restarts(shop) == 1


def restarts(site: Site) -> float:
    return sum(
        sample.value
        for family in site.registry.collect()
        for sample in family.samples
        if sample.name == "digitalocean_app_restarts_total"
    )


def test_a_container_lost_between_two_streams_is_a_gap():
    """Another container, and RUN_RESTARTED shows neither the one before nor its last words."""
    shop = site()
    reading = connect(shop, [line(n) for n in range(20)])
    reading.close()
    connect(shop, [line(100), line(101)])
    assert gaps(shop) == 0
    poll(shop, line(50) + line(51), RESTARTED)
    assert gaps(shop) == 1


def test_old_lines_in_run_restarted_stay_counted_when_forgotten():
    """A container's lines that a stream showed long ago count once behind another's known ones."""
    shop, twins = site(), replace(WEB, instance_count=2)
    first = [line(n, "a") for n in range(10)]
    slow = [line(20 + 100 * n, "b") for n in range(10)]
    fast = [line(21 + n / 8, "c") for n in range(9600)]
    reading = connect(shop, first, component=twins)
    poll(shop, b"".join(first), RESTARTED, component=twins)
    for each in sorted(slow + fast, key=lambda raw: raw.split()[1]):
        reading.take(each)
        if b":00.000000000Z c" in each:
            poll(shop, b"".join(first), RESTARTED, component=twins)
    counted = shop.lines()
    poll(shop, b"".join(first + slow), RESTARTED, component=twins)
    assert shop.lines() == counted == 10 + 10 + 9600
    reading.settle(shop.clock() + GRACE_SECONDS)  # no exit line has come
    assert restarts(shop) == 2


def test_lines_without_prefix_count_once_though_a_pause_parts_them():
    """A trace that comes in pieces, its parts waited for in vain, is known when shown whole."""
    shop = site()
    reading = connect(shop, [line(1)])
    for piece in (b"Traceback:\n", b"  in f\n", b"  in f\n"):
        reading.take(piece)
        assert reading.waiting
        reading.pause()
        assert not reading.waiting
    reading.take(line(2))
    assert shop.lines() == 5
    reading.close()
    connect(shop, [line(1), b"Traceback:\n", b"  in f\n", b"  in f\n", line(2)])
    assert (shop.lines(), gaps(shop)) == (5, 0)


def test_a_log_without_timestamps_counts_by_its_order():
    """Equal lines on a stream are as many lines; the next stream counts what it shows beyond."""
    shop = site()
    log = [b"tick\n"] * 3
    reading = connect(shop, log)
    for _ in range(4):
        reading.take(b"tick\n")
        reading.pause()
    reading.take(b"tock\n")
    reading.pause()
    assert shop.lines() == 8
    reading.close()
    connect(shop, [b"tick\n"] * 7 + [b"tock\n", b"tick\n"])
    assert (shop.lines(), gaps(shop)) == (9, 0)


def test_a_line_that_run_restarted_showed_first_is_not_counted_by_the_stream():
    """Nor is it when RUN_RESTARTED has moved on meanwhile: the stream brings nothing new."""
    shop, twins = site(), replace(WEB, instance_count=2)
    reading = connect(shop, [line(1)], component=twins)
    poll(shop, line(2) + line(3), RESTARTED, component=twins)
    poll(shop, line(4), RESTARTED, component=twins)
    reading.take(line(2) + line(3) + line(5))
    reading.take(line(4))
    assert (shop.lines(), gaps(shop)) == (5, 0)


def test_equal_lines_of_a_stream_are_as_many_lines():
    """Lines equal to the last byte count as often as they come, in one frame or in two."""
    shop = site()
    reading = connect(shop, [line(1)])
    reading.take(line(2) + line(2))
    reading.take(line(2) + line(3))
    assert shop.lines() == 5
    reading.close()
    connect(shop, [line(1), line(2), line(2), line(2), line(3)])
    assert (shop.lines(), gaps(shop)) == (5, 0)


def test_nothing_counts_once_its_component_is_gone():
    """A stream of a component that discovery closed brings no series back."""
    shop = site()
    reading = connect(shop, [line(1)])
    shop.series.close_component(KEY)
    reading.take(line(2))
    reading.close()
    assert shop.lines() is None
    shop.series.open_component(KEY, WEB)
    connect(shop, [line(1), line(2)])
    assert shop.lines() == 2


@dataclass
class Life:
    """One container that writes, and a reader whose streams are cut."""

    rng: Random
    site: Site = field(default_factory=site)
    log: list[bytes] = field(default_factory=list)

    def write(self, most: int) -> list[bytes]:
        fresh = [line((len(self.log) + n) / 50) for n in range(self.rng.randint(0, most))]
        self.log += fresh
        return fresh

    def live(self, streams: int, asked: int) -> None:
        behind = False  # a stream was cut before it showed all that there was
        for _ in range(streams):
            if not behind:
                self.write(asked // 4)
            behind = False
            if self.rng.random() < 0.2:
                poll(self.site, b"".join(self.log[-asked:]), tail_lines=asked)
                continue
            reading = stream(self.site, asked)
            text = b"".join(self.log[-asked:])
            if self.rng.random() < 0.2:  # cut in the middle of what there was
                reading.take(text[: self.rng.randint(0, len(text))])
                reading.close()
                behind = True
                continue
            reading.take(text)
            reading.catch_up(judge=True)
            for _ in range(self.rng.randint(0, 6)):
                text = b"".join(self.write(2 * asked))
                cut = self.rng.randint(max(0, len(text) - len(line(0)) * asked // 2), len(text))
                reading.take(text[:cut])
                if self.rng.random() < 0.1:
                    break
                reading.take(text[cut:])
            if self.rng.random() < 0.2:
                restart(self.site)  # kill -9
            else:
                reading.close()
        poll(self.site, b"".join(self.log[-asked:]), tail_lines=asked)


def restart(site: Site) -> None:
    """What is remembered goes through its snapshot, as it does when the exporter is killed."""
    with site.ledger.transaction():
        continuity = site.ledger.cursors.continuity(CURSOR, lambda _: None)
        continuity.restore(continuity.snapshot())


@settings(deadline=None, max_examples=50)
@given(st.integers(), st.sampled_from((20, 50, 200)))
def test_streams_cut_anywhere_count_every_line_once(seed: int, asked: int):
    """However streams are cut, killed and mixed with polls: the sum is the log, without a gap."""
    life = Life(Random(seed))
    life.live(streams=12, asked=asked)
    text = b"".join(life.log)
    assert life.site.lines() == len(life.log)
    assert life.site.value("log_bytes_total") == len(text)
    assert gaps(life.site) == 0
