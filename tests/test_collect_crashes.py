"""The last words of each crash: five are kept, redacted, and outlive the process."""

from pathlib import Path

from collect_fixtures import KEY, NS, RESTARTED, RUN, START, WEB, Clock, Log, Site, line
from state_files import file_state

from exporter.counting.crashes import CRASHES
from exporter.logs.restarts.container_ends import ContainerEnd
from exporter.model import LogType, RestartReason


def end(number: int, *words: bytes) -> ContainerEnd:
    return ContainerEnd(number, (int(START) + number) * NS, words, known=False)


def add(site: Site, number: int, *words: bytes) -> None:
    with site.ledger.transaction():
        ended = end(number, *words)
        site.crashes.add(KEY, ended, ended.last_words, RestartReason.EXIT, None)


def test_a_crash_that_is_read_leaves_its_last_words():
    """What RUN_RESTARTED shows of a container is kept with when and why it ended."""
    site = Site()
    site.watch()
    restarted = site.platform.logs["d1", LogType.RUN_RESTARTED] = Log(live=b"")
    site.platform.logs["d1", LogType.RUN] = Log(live=line(1))
    for source in (RUN, RESTARTED):
        site.poller.poll(source)
    restarted.live = line(2, "starting") + line(3, "panic: boom")
    site.poller.poll(RESTARTED)
    (crash,) = site.crashes.of(KEY)
    assert (crash.at, crash.reason) == (START + 3, RestartReason.PANIC)
    assert crash.lines == ("starting", "panic: boom")


def test_the_latest_are_kept_the_newest_first():
    """Of more than five the oldest go, whatever the order in which they were seen."""
    site = Site()
    for number in (3, 1, 2, 7, 5, 6, 4):
        add(site, number, b"x")
    assert len(site.crashes.of(KEY)) == CRASHES
    assert [crash.at - START for crash in site.crashes.of(KEY)] == [7, 6, 5, 4, 3]


def test_words_are_redacted_and_bounded():
    """No secret is kept, a line is cut, and bytes that are no text do not matter."""
    site = Site()
    add(site, 1, b"password=hunter2 given", b"x" * 5000, b"\xff\xfe", *[b"line"] * 97)
    (crash,) = site.crashes.of(KEY)
    assert len(crash.lines) == 100
    assert crash.lines[0] == "password=[secret] given"
    assert len(crash.lines[1]) == 2000
    assert crash.lines[2] == "\ufffd\ufffd"
    add(site, 2, *[b"line"] * 150)
    assert len(site.crashes.of(KEY)[0].lines) == 100


def test_without_excerpts_no_text_is_kept_or_shown(tmp_path: Path):
    """Neither what such a run sees, nor what an earlier one kept."""
    clock = Clock(START)
    for excerpts, expected in ((True, [("x",)]), (False, [(), ()])):
        state = file_state(tmp_path / "state.db", clock)
        site = Site(state=state, clock=clock, excerpts=excerpts)
        site.series.open_component(KEY, WEB)
        add(site, 1 + (not excerpts), b"x")
        assert [crash.lines for crash in site.crashes.of(KEY)] == expected
        assert site.ledger.flush()
        state.close()
    assert b'"lines": ["x"]' in (tmp_path / "state.db").read_bytes()


def test_crashes_outlive_the_process(tmp_path: Path):
    """A later run shows those of an earlier one."""
    clock = Clock(START)
    for run in range(2):
        state = file_state(tmp_path / "state.db", clock)
        site = Site(state=state, clock=clock)
        site.series.open_component(KEY, WEB)
        if run == 0:
            add(site, 1, b"last words")
            assert site.ledger.flush()
        (crash,) = site.crashes.of(KEY)
        assert crash.lines == ("last words",)
        state.close()
