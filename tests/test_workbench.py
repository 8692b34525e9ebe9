"""Inputs come in whole lines, from any number of processes, and all of it is counted once."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.logs.lines import parse_line
from exporter.matching.engine import Engine
from exporter.matching.patterns import compile_pattern
from exporter.model import Rule
from exporter.workbench import counting, inputs
from exporter.workbench.counting import count_inputs
from exporter.workbench.inputs import Piece, input_of, parts_of, pieces_of
from exporter.workbench.newlines import lines_of
from exporter.workbench.processes import run_together
from exporter.workbench.progress import Progress
from exporter.workbench.stopwatch import Cost, Stopwatch

TEXTS = st.lists(
    st.sampled_from([b"a", b"error", b"\n", b"\r\n", b"\n\n", b"\xff\x00", b"x" * 50]), max_size=60
).map(b"".join)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pieces and parts of a few bytes."""
    monkeypatch.setattr(inputs, "PIECE_BYTES", 16)
    monkeypatch.setattr(counting, "_PART_BYTES", 32)
    yield


def whole_lines_of(pieces: Sequence[Piece], text: bytes) -> bytes:
    """What pieces hold in all; each but the last ends with a newline."""
    taken = [piece.text[: piece.end] for piece in pieces]
    assert all(one.endswith(b"\n") for one in taken[:-1])
    assert all(taken)
    if taken:
        assert taken[-1].endswith(b"\n") or text.endswith(taken[-1])
    return b"".join(taken)


@pytest.mark.usefixtures("small")
@settings(max_examples=200, deadline=None)
@given(text=TEXTS, wanted=st.integers(1, 5))
def test_a_file_comes_in_parts_and_pieces_of_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, wanted: int
):
    """Parts, and the pieces of each, are whole lines, and one after the other they are the file."""
    path = tmp_path_factory.mktemp("log") / "app.log"
    path.write_bytes(text)
    with path.open("rb", buffering=0) as file:
        log = input_of(file)
        assert whole_lines_of(list(pieces_of(log)), text) == text
        assert lines_of([log]) == len(text.splitlines())
        parts = parts_of(log, wanted, 1)
        assert len(parts) == (max(1, min(wanted, len(text))) if text else 0)
        read = [whole_lines_of(list(pieces_of(log, part)), text) for part in parts]
    assert b"".join(read) == text
    assert all(one.endswith(b"\n") for one in read[:-1] if one and one != text[-len(one) :])


@pytest.mark.usefixtures("small")
@settings(max_examples=50, deadline=None)
@given(text=TEXTS, writes=st.lists(st.integers(0, 400), max_size=4))
def test_a_pipe_comes_in_pieces_of_whole_lines(text: bytes, writes: list[int]):
    """What is written to a pipe in any steps is read as whole lines; a pipe has no parts."""
    readable, writable = os.pipe()
    cuts = [0, *sorted(min(at, len(text)) for at in writes), len(text)]

    def write() -> None:
        with os.fdopen(writable, "wb", buffering=0) as file:
            for start, end in pairwise(cuts):
                file.write(text[start:end])

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(readable, "rb", buffering=0) as file:
        log = input_of(file)
        assert (parts_of(log, 4, 1), lines_of([log])) == ([], 0)
        assert whole_lines_of(list(pieces_of(log)), text) == text
    writer.join()


def test_a_file_is_read_from_where_it_stands_and_to_where_it_ended(tmp_path: Path):
    """What another program has read of standard input does not count, nor what is added later."""
    path = tmp_path / "app.log"
    path.write_bytes(b"read\nnew\n")
    with path.open("rb", buffering=0) as file:
        file.seek(5)
        log = input_of(file)
        with path.open("ab") as more:
            more.write(b"later\n")
        assert [piece.text[: piece.end] for piece in pieces_of(log)] == [b"new\n"]
        assert lines_of([log]) == 1
        os.truncate(path, 5)
        assert list(pieces_of(log)) == []


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_any_number_of_processes_count_the_same(tmp_path: Path, processes: int):
    """Lines, bytes and matches do not depend on how many processes count, nor does the order."""
    rules = [Rule("error", "error$"), Rule("all", ""), Rule("none", "nothing"), Rule("long", "xx")]
    texts = [b"web 2026-11-01T00:00:00Z error\r\nx\n\nerror", b"", b"error\n" * 400 + b"x" * 900]
    paths = [tmp_path / f"{index}.log" for index in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text)
    files = [path.open("rb", buffering=0) for path in paths]
    noticed: list[int] = []
    stopwatch = Stopwatch(lambda: 0.0)
    engine = Engine(rules, stopwatch.watch)
    logs = [input_of(file) for file in files]
    tally = count_inputs(engine, rules, logs, stopwatch, processes=processes, notice=noticed.append)
    tally.lines += lines_of(logs)
    for file in files:
        file.close()
    lines = [line for text in texts for line in text.splitlines()]
    assert (tally.lines, tally.bytes) == (len(lines), sum(map(len, texts)))
    patterns = [compile_pattern(rule.regex or "") for rule in rules]
    assert [tally.patterns[index] for index in range(4)] == [
        sum(pattern.search(parse_line(line).message) is not None for line in lines)
        for pattern in patterns
    ]
    assert [cost.candidates for cost in tally.costs] == [402, len(lines), 0, 1]
    assert sum(noticed) == tally.bytes if processes == 1 else sum(noticed) > 0


class Terminal(StringIO):
    """Text that says it is shown to somebody, or not."""

    def __init__(self, *, tty: bool) -> None:
        super().__init__()
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


@pytest.mark.parametrize(
    ("tty", "total", "shown"),
    [
        (True, 300_000_000, "\r\x1b[K200 MB read, 67%\r\x1b[K300 MB read, 100%\r\x1b[K"),
        (True, None, "\r\x1b[K200 MB read\r\x1b[K300 MB read\r\x1b[K"),
        (False, 300_000_000, ""),
    ],
)
def test_progress_is_shown_on_a_terminal_while_it_takes_long(
    tty: bool, total: int | None, shown: str
):
    """One line that changes now and then after the first second, and is gone in the end."""
    now, out = 0.0, Terminal(tty=tty)
    progress = Progress(out, lambda: now, total)
    for now in (0.9, 1.0, 1.1, 1.2):
        progress.add(100_000_000 if now < 1.05 else 50_000_000)
    progress.clear()
    assert out.getvalue() == shown


def test_a_stopwatch_takes_the_time_of_each_rule():
    """Each message that it is asked about counts, and the time for all of them, until taken."""
    ticks = iter(range(100))
    stopwatch = Stopwatch(lambda: float(next(ticks)))
    rules = [Rule("a", "aaaa"), Rule("b", "b+"), Rule("c", "(?P<c>c)"), Rule("d", "is")]
    engine = Engine(rules, stopwatch.watch)
    assert len(engine.scan([b"aaaa b", b"bb", b"", b"INFO: is fine"])) == 3
    assert stopwatch.take() == [Cost(1, 1.0), Cost(2, 2.0), Cost(), Cost(1, 1.0)]
    assert engine.decisions[2].values(b"c") == {"c": b"c"}
    assert stopwatch.take() == [Cost()] * 4


# --- processes


def test_results_come_in_the_order_of_the_tasks():
    """Each task runs in a process of its own, the first in this one."""
    pids = run_together([os.getpid, os.getpid, lambda: 7])
    assert pids[0] == os.getpid()
    assert pids[1] != os.getpid()
    assert pids[2] == 7
    assert run_together([]) == []


def refuse() -> int:
    raise ValueError("of no use")


def die() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_what_a_task_raises_is_raised_here(monkeypatch: pytest.MonkeyPatch):
    """An exception in any process is that of the whole, and a process that dies is noticed."""
    begun, fork = [], os.fork

    def noted() -> int:
        begun.append(fork())
        return begun[-1]

    monkeypatch.setattr(os, "fork", noted)
    with pytest.raises(ValueError, match="of no use"):
        run_together([os.getpid, refuse])
    with pytest.raises(ValueError, match="of no use"):
        run_together([refuse, os.getpid])
    with pytest.raises(ChildProcessError):
        run_together([os.getpid, die])
    assert len(begun) == 3  # the first of each two runs here
    for child in begun:
        with pytest.raises(ChildProcessError):  # none is left behind
            os.waitpid(child, os.WNOHANG)
