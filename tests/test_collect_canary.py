"""The canary's lines on their way through the pipeline: counted, held over restarts, judged."""

from pathlib import Path

import pytest
from collect_fixtures import IDENTITY, KEY, LOG, RESTARTED, RUN, START, WEB, Site, line
from state_files import file_state

from exporter.errors import StateError
from exporter.logs.canary_line import CanaryLine, run_name
from exporter.matching.packs import load_packs
from exporter.model import LIVE_PART, LogChunk, Source
from exporter.reading.reading import Reading

RULES = load_packs(["canary"])


def text(*numbers: int, last: int = 0, began: int = 10, nonce: int = 1) -> bytes:
    """Lines of a run that began ``began`` seconds after START, one a second."""
    started = int(START) + began
    return b"".join(
        line(
            began + number,
            str(CanaryLine(run_name(started, nonce), started, number, last, started + number)),
        )
        for number in numbers
    )


def read(site: Site, log: bytes, at: float, source: Source = RUN) -> None:
    """Read a whole log at a time, in seconds after START."""
    site.clock.now = START + at
    reading = Reading(
        site.pipeline, source, WEB, "d1", tail_lines=site.tail_lines, from_first_line=False
    )
    reading.feed(LogChunk(log, LIVE_PART))
    reading.feed(LogChunk(b"", LIVE_PART, last=True))
    reading.end()


def read_on(site: Site, log: bytes, since: float, seconds: float) -> None:
    """Read the same log every ten seconds for so long."""
    for second in range(0, int(seconds) + 1, 10):
        read(site, log, since + second)


def counted(site: Site) -> tuple[float | None, ...]:
    """Missing, announced and repeated lines, and how many had their delay observed."""
    names = ("lines_missing_total", "lines_announced_total", "lines_repeated_total")
    return (
        *(site.value(f"canary_{name}", **IDENTITY) for name in names),
        site.value("canary_delay_seconds_count", **IDENTITY),
    )


def site(**options: object) -> Site:
    found = Site(rules=RULES, interval=10.0, **options)  # type: ignore[arg-type]
    found.series.open_component(KEY, WEB)
    return found


def test_series_of_the_canary_exist_at_0_with_its_pack_alone():
    """With the pack every component has them from the start, without it none."""
    assert counted(site()) == (0, 0, 0, 0)
    without = Site()
    without.series.open_component(KEY, WEB)
    assert counted(without) == (None, None, None, None)
    removed = site()
    removed.series.close_component(KEY)
    assert counted(removed) == (None, None, None, None)


def test_missing_lines_and_delays_are_counted():
    """Two lines that no log ever had are missing, once; the delay is that of the reading."""
    watched = site()
    log = text(1, 2, 3, 6, 7)
    read_on(watched, log, 20, 200)
    assert counted(watched) == (2, 0, 0, 5)
    assert watched.value("canary_delay_seconds_sum", **IDENTITY) == 5 * 20 - (
        11 + 12 + 13 + 16 + 17
    )


def test_last_words_that_only_run_restarted_has_are_not_missing():
    """A run dies between two reads: what RUN_RESTARTED shows of it is there, nothing is missing."""
    watched = site()
    read(watched, text(*range(1, 4), last=8), 14)
    ended, fresh = text(*range(1, 9), last=8), text(1, 2, began=19, nonce=2)
    read(watched, fresh, 22)
    read(watched, ended, 23, RESTARTED)
    read_on(watched, fresh, 30, 300)
    assert counted(watched) == (0, 0, 0, 10)


def test_last_words_that_nothing_shows_are_missing():
    """A run breaks off shortly before its planned end, and no log has the rest."""
    watched = site()
    read_on(watched, text(*range(1, 6), last=8), 20, 300)
    assert counted(watched) == (3, 0, 0, 5)


def test_lines_in_an_announced_gap_are_told_apart():
    """A log that moved on further than it could be read back: missing, and announced."""
    watched = site(tail_lines=5)
    read(watched, text(*range(1, 5)), 16)
    read_on(watched, text(*range(9, 14)), 24, 300)
    assert watched.value("log_gaps_total", **LOG, reason="window") == 1
    assert counted(watched) == (4, 4, 0, 9)


def test_what_arrived_is_known_over_a_restart_of_the_exporter(tmp_path: Path):
    """The run goes on where it was: nothing is missing or repeated but what is."""
    before = site(state=file_state(tmp_path / "state.db", lambda: START))
    read(before, text(1, 2, 4), 15)
    before.ledger.end()
    watched = site(state=file_state(tmp_path / "state.db", lambda: START))
    read_on(watched, text(1, 2, 4, 5, 6), 400, 300)
    watched.ledger.flush()
    assert counted(watched) == (1, 0, 0, 2)
    watched.ledger.end()


def test_a_state_that_cannot_be_read_is_said(tmp_path: Path):
    """A broken document is an error of the state, with the component's name."""
    watched = site()
    watched.ledger.documents.keep("canary", KEY.parts, "", b"[1]")
    with pytest.raises(StateError, match=r"state of shop/web: the canary's runs"):
        read(watched, text(1), 15)


def test_a_line_that_is_counted_twice_is_repeated():
    """The same line at two times of the platform was not written twice: it is told."""
    watched = site()
    read(watched, text(1, 2), 15)
    again = text(1, 2) + text(2).replace(b":12.", b":13.")
    read(watched, again, 20)
    assert counted(watched) == (0, 0, 1, 3)
