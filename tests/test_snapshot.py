"""Snapshots: a memory restored from bytes does what the one that it was taken of does."""

import json
from array import array
from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.logs.dedup.continuity import Continuity
from exporter.logs.dedup.older_lines import OlderLines, Run
from exporter.logs.dedup.snapshot import Snapshot
from exporter.logs.dedup.window import Window
from exporter.logs.dedup.window_end import WindowEnd
from exporter.logs.restarts.restart_tally import RestartTally
from exporter.model import LIVE_PART, LogType

NS = 1_000_000_000
START = 1_793_491_200 * NS  # 2026-11-01T00:00:00Z


@dataclass(frozen=True)
class Read:
    """One read: of which log and part, what it shows, and whether it breaks off."""

    log_type: LogType
    part: int
    lines: tuple[bytes, ...]
    breaks: bool


def line(second: int, message: str) -> bytes:
    return f"web 2026-11-01T00:00:{second:02}.000000000Z {message}".encode()


TIMED = st.builds(line, st.integers(0, 20), st.sampled_from("ab"))
BARE = st.sampled_from((b"bare", b"  at main.py", b"caf\xff\xfe", b""))
TEXTS = st.one_of(
    st.lists(st.one_of(TIMED, TIMED, BARE), max_size=12).map(tuple),
    st.lists(BARE, max_size=5).map(tuple),
    st.lists(TIMED, max_size=12).map(lambda lines: tuple(sorted(lines))),
)
READS = st.builds(
    Read,
    st.sampled_from((LogType.RUN, LogType.RUN_RESTARTED)),
    st.sampled_from((LIVE_PART, LIVE_PART, LIVE_PART, 0)),
    TEXTS,
    st.sampled_from((False, False, True)),
)
MEMORIES = st.fixed_dictionaries(
    {
        "remember": st.integers(1, 6),
        "instances": st.sampled_from((None, 1, 2)),
        "restarts_watched": st.booleans(),
        "from_first_line": st.booleans(),
    }
)
TAIL_LINES = 6


def begin(options: dict) -> Continuity:
    return Continuity(START + 3 * NS, **{"remember": 1000, **options})


def feed(memory: Continuity, read: Read) -> tuple[Window, list[bytes]]:
    window = memory.window(read.log_type, TAIL_LINES)
    return window, [fresh.raw for fresh in window.feed(read.lines, read.part)]


def follow(memory: Continuity, read: Read) -> tuple[list[bytes], int, WindowEnd | None]:
    """What a read finds: its new lines, how many were repeated, gaps and ends."""
    window, fresh = feed(memory, read)
    if read.breaks:
        memory.give_up(window)
        return fresh, window.repeated, None
    fresh += [entry.raw for entry in window.rest()]
    return fresh, window.repeated, memory.finish(window)


def restored(memory: Continuity, options: dict) -> Continuity:
    again = begin(options)
    again.restore(Snapshot.from_bytes(memory.snapshot().to_bytes()))
    return again


def test_a_snapshot_taken_does_not_change_with_its_memory():
    """It is a value: reads that follow leave it as it is."""
    options = {"instances": 1}
    memory = begin(options)
    follow(memory, Read(LogType.RUN, LIVE_PART, (line(5, "a"), line(6, "b")), False))
    snapshot = memory.snapshot()
    data = snapshot.to_bytes()
    follow(memory, Read(LogType.RUN, LIVE_PART, (line(6, "b"), line(7, "c")), False))
    follow(memory, Read(LogType.RUN_RESTARTED, LIVE_PART, (line(8, "d"),), False))
    assert snapshot.to_bytes() == data
    assert Snapshot.from_bytes(data) == snapshot != memory.snapshot()


LISTS = ("counted", "counted_at", "base", "copies", "copies_more", "unsettled", "vanished")
LISTS += ("places", "ends")


def cursor(lists: dict[str, list[int]], /, **header) -> bytes:
    """A cursor written by hand: what its header says beside the lists, and the lists."""
    lists = {**{name: [] for name in LISTS}, **lists}
    lengths = {name: len(numbers) for name, numbers in lists.items()}
    head = {"format": 3, "floor": 1, "start": 2, "lists": lengths, **header}
    numbers = [number for each in lists.values() for number in each]
    body = b"".join(number.to_bytes(8, "little", signed=number < 0) for number in numbers)
    return json.dumps(head).encode() + b"\n" + body


def test_a_cursor_is_a_header_and_each_list_in_eight_bytes_a_number():
    """Times from before 1970 and the largest numbers are in it as all others are."""
    least, most = -(2**63), 2**63 - 1
    snapshot = Snapshot(
        least,
        most,
        newest=3,
        from_first_line=True,
        tally=RestartTally({"web-0": 4}),
        counted={2**64 - 1: least, 5: most},
        older=OlderLines((Run.of({7: -2, 6: -3}), Run.of({8: 1}))),
        copies={5: 2},
        unsettled=frozenset({9}),
        vanished=frozenset({10}),
        places=frozenset({11}),
        ends=(13, 12),
        base=array("Q", [15, 14]),
        windows={LogType.RUN: array("Q", [16]), LogType.RUN_RESTARTED: array("Q", [17, 18])},
        earlier=(array("Q", [19]), array("Q", [])),
        untimed={LogType.RUN: (20, 20)},
    )
    lists = {
        "counted": [2**64 - 1, 5],
        "counted_at": [least, most],
        "base": [15, 14],
        "copies": [5],
        "copies_more": [2],
        "unsettled": [9],
        "vanished": [10],
        "places": [11],
        "ends": [13, 12],
        "older/0": [6, 7],
        "older_at/0": [-3, -2],
        "older/1": [8],
        "older_at/1": [1],
        "earlier/0": [19],
        "earlier/1": [],
        "windows/RUN": [16],
        "windows/RUN_RESTARTED": [17, 18],
        "untimed/RUN": [20, 20],
    }
    data = snapshot.to_bytes()
    head, _, body = data.partition(b"\n")
    assert body == cursor(lists).partition(b"\n")[2]
    header = json.loads(head)
    assert header["lists"] == {name: len(numbers) for name, numbers in lists.items()}
    scalars = (header["floor"], header["start"], header["newest"], header["from_first_line"])
    assert scalars == (least, most, 3, True)
    assert Snapshot.from_bytes(data) == snapshot
    assert Snapshot.from_bytes(cursor(lists)).older.newest == 1


def test_what_a_cursor_says_nothing_of_is_none():
    """An older format lacks some numbers, lists and the restart counts."""
    lists = dict.fromkeys((name for name in LISTS if name != "base"), 0)
    header = {"format": 1, "floor": 1, "start": 2, "lists": lists, "run_complete": True}
    snapshot = Snapshot.from_bytes(json.dumps(header).encode() + b"\n")
    assert (snapshot.floor, snapshot.start) == (1, 2)
    assert snapshot.tally == RestartTally()
    others = {each.name for each in fields(snapshot)} - {"floor", "start", "tally"}
    assert [name for name in others if getattr(snapshot, name)] == []
    assert snapshot == Snapshot(1, 2)


@pytest.mark.parametrize("name", ["older", "older/0"])
def test_a_run_of_no_older_lines_is_none(name: str):
    """Format 2 kept one of them even where there was nothing to keep."""
    times = name.replace("older", "older_at")
    assert Snapshot.from_bytes(cursor({name: [], times: []})).older == OlderLines()


def test_numbers_are_written_in_one_order_on_every_machine(monkeypatch):
    """One that has the largest byte first turns them, and leaves the snapshot as it is."""
    snapshot = Snapshot(1, 2, counted={5: 6}, base=array("Q", [1, 2**63]))
    data = snapshot.to_bytes()
    monkeypatch.setattr("exporter.logs.dedup.snapshot.sys", SimpleNamespace(byteorder="big"))
    head, _, body = snapshot.to_bytes().partition(b"\n")
    turned = [body[place : place + 8][::-1] for place in range(0, len(body), 8)]
    assert head + b"\n" + b"".join(turned) == data
    assert snapshot.base == array("Q", [1, 2**63])
    assert Snapshot.from_bytes(head + b"\n" + body) == snapshot


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (cursor({}) + b"x", "it has another length"),
        (cursor({}, format=4), "format: Input should be 1, 2 or 3"),
        (cursor({}, floor=2**63), "floor: Input should be less than 9223372036854775808"),
        (
            cursor({}, floor=-(2**63) - 1),
            "floor: Input should be greater than or equal to -9223372036854775808",
        ),
        (cursor({}, floor=None, start=None), "floor: Input should be a valid integer"),
        (cursor({}, lists={"counted": "x"}), "lists.counted: Input should be a valid integer"),
        (
            cursor({}, tally={"still_since": float("nan")}),
            "tally.still_since: Input should be a finite",
        ),
        (cursor({}, lists={}), "it has no list 'counted'"),
        (cursor({"counted": [1]}), "zip"),
        (cursor({"copies": [1]}), "zip"),
        (cursor({"older/0": [1]}), "it has no list 'older_at/0'"),
        (cursor({"older/0": [1], "older_at/0": [1, 2]}), "lines and times differ in number"),
        (cursor({"windows/FUN": []}), "'FUN' is not a valid LogType"),
        (b"[1]\n", "its header: Input should be "),
    ],
)
def test_a_cursor_that_cannot_be_read_says_why(data: bytes, reason: str):
    """In one line: which value it is, the first one, and what is wrong with it."""
    with pytest.raises(ValueError) as error:
        Snapshot.from_bytes(data)
    assert f"a cursor cannot be read: {reason}" in str(error.value)


def test_a_list_shorter_than_nothing_is_refused():
    """Else the list behind it held a number of another one."""
    lengths = dict.fromkeys(LISTS, 0) | {"unsettled": -1, "vanished": 1}
    with pytest.raises(ValueError, match=r"lists\.unsettled: "):
        Snapshot.from_bytes(cursor({}, lists=lengths))


GOOD = Snapshot(1, 2, counted={5: 6}, ends=(7,), windows={LogType.RUN: array("Q", [5])}).to_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}\n",
        b"\xff\xfe",
        GOOD[:-1],
        GOOD + b"x",
        GOOD[8:],
        GOOD.replace(b'"format": 3', b'"format": 4'),
        GOOD.replace(b'"floor"', b'"ceiling"'),
        GOOD.replace(b"windows/RUN", b"windows/FUN"),
        GOOD.replace(b'"copies": 0', b'"others": 0'),
        b"[1]\n",
        b'{"format": 1, "lists": 7}\n',
        b'{"format": 1, "lists": {"counted": "x"}}\n',
    ],
)
def test_bytes_that_are_no_snapshot_are_refused(data: bytes):
    """Cut, of another format, or of another program: one error group, never half a memory."""
    with pytest.raises(ValueError, match="a cursor cannot be read"):
        Snapshot.from_bytes(data)


@pytest.mark.found(
    "A damaged cursor whose header held values of another type was taken, and each read of its "
    "log failed from then on; one of 100,000 brackets ended the start by an error of Python's.",
    how="the fuzzer's target for snapshots, whose oracle continues with each cursor that is taken",
)
@pytest.mark.parametrize(
    "change",
    [
        {"floor": "1"},
        {"floor": None},
        {"start": 1.5},
        {"start": 2**63},
        {"let_go": 0},
        {"tally": {"told": {"web-0": "3"}}},
        {"tally": {"told": ["web-0"]}},
        {"tally": {"shown": "abc"}},
        {"tally": {"others": 1}},
        {"lists": {"counted": -1, "counted_at": 1}},
        {"others": 1},
    ],
    ids=str,
)
def test_every_value_of_a_cursor_has_the_type_that_it_was_kept_with(change: dict):
    """A header is read as a whole or refused: what is taken can be gone on with."""
    head, _, body = GOOD.partition(b"\n")
    header = {**json.loads(head), **change}
    with pytest.raises(ValueError, match="a cursor cannot be read"):
        Snapshot.from_bytes(json.dumps(header).encode() + b"\n" + body)


def test_a_header_of_brackets_is_refused():
    """However deep what stands there is nested, it is a cursor that cannot be read."""
    with pytest.raises(ValueError, match="a cursor cannot be read"):
        Snapshot.from_bytes(b"[" * 100_000)


def test_a_cursor_of_the_format_before_is_gone_on_with():
    """Two instances read by windows of 20 lines: what was counted then is not counted again."""
    saved = Path(__file__).with_name("testdata") / "cursors" / "format-2.cursor"
    memory = Continuity(START - 1, remember=20, instances=2)
    memory.restore(Snapshot.from_bytes(saved.read_bytes()))

    def written(number: int, instance: int) -> bytes:
        minute, second = divmod(number, 60)
        time = f"2026-11-01T00:{minute:02}:{second:02}.000000000Z"
        return f"web {time} line {number} of {instance}".encode()

    quiet = [written(number, 0) for number in range(8)]
    busy = [written(number, 1) for number in range(8, 408)]
    window = memory.window(LogType.RUN, 100)
    new = window.feed([*quiet, *busy[-100:]])
    assert new.raws == busy[390:]
    assert memory.finish(window).gaps == 0
    assert Snapshot.from_bytes(memory.snapshot().to_bytes()) == memory.snapshot()


@settings(max_examples=400, deadline=None)
@given(MEMORIES, st.lists(READS, max_size=6), st.lists(READS, max_size=4))
def test_a_restored_memory_behaves_as_the_one_it_was_taken_of(options, before, after):
    """Whatever was read before, every later read counts the same lines, gaps and ends."""
    memory = begin(options)
    for read in before:
        follow(memory, read)
    again = restored(memory, options)
    assert again.snapshot() == memory.snapshot()
    for read in after:
        assert follow(again, read) == follow(memory, read)
    assert again.newest == memory.newest


@settings(max_examples=400, deadline=None)
@given(MEMORIES, st.lists(READS, max_size=5), READS, st.lists(READS, max_size=4))
def test_a_memory_taken_amid_a_read_goes_on_as_if_that_broke_off(options, before, cut, after):
    """What a crash leaves of a read under way is what a broken connection leaves."""
    memory = begin(options)
    for read in before:
        follow(memory, read)
    window, _ = feed(memory, cut)
    again = restored(memory, options)
    memory.give_up(window)
    # The read that broke off may let go of old lines; so would the next one here.
    empty = again.window(cut.log_type, TAIL_LINES)
    again.give_up(empty)
    for read in after:
        assert follow(again, read) == follow(memory, read)
