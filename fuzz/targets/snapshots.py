"""Cursors from bytes: each is refused, or is a memory that works and comes back from its bytes."""

from array import array

from exporter.logs.dedup.continuity import Continuity
from exporter.logs.dedup.older_lines import OlderLines, Run
from exporter.logs.dedup.snapshot import Snapshot
from exporter.logs.restarts.restart_tally import RestartTally
from exporter.model import LogType
from fuzz.choices import Choices

_NS = 1_000_000_000
_START = 1_793_491_200 * _NS
_TAIL = 6


def _lines(numbers: range) -> list[bytes]:
    return [b"web 2026-11-01T00:00:%02d.000000000Z line" % number for number in numbers]


def _lived() -> Snapshot:
    """What a memory knows that has read both logs of a component."""
    memory = Continuity(_START - _NS, remember=4, instances=2, restarts_watched=True)
    for log_type in (LogType.RUN, LogType.RUN_RESTARTED, LogType.RUN):
        window = memory.window(log_type, _TAIL)
        window.feed(_lines(range(5)))
        window.feed([b"bare", b"bare"])
        memory.finish(window)
    memory.count_restarts({"web-0": 2}, _START / _NS)
    return memory.snapshot()


SEEDS = (
    Snapshot(1, 2).to_bytes(),
    _lived().to_bytes(),
    Snapshot(
        1, 2, counted={5: 6}, ends=(7,), older=OlderLines((Run.of({8: 9}),)), copies={5: 2},
        windows={LogType.RUN: array("Q", [5])}, untimed={LogType.RUN: (5,)},
        tally=RestartTally({"web-0": 1}, {"web-0": 1}, (1,), still_since=1.5, held=True),
    ).to_bytes(),
    b'{"format": 1, "floor": 1, "start": 2, "lists": {"counted": 0}}\n',
)  # fmt: skip


def check(data: bytes) -> None:
    """Read the bytes as a cursor; go on with what it holds."""
    try:
        snapshot = Snapshot.from_bytes(data)
    except ValueError:
        return
    again = Snapshot.from_bytes(snapshot.to_bytes())
    assert again == snapshot
    memory = _memory(snapshot)
    assert Snapshot.from_bytes(memory.snapshot().to_bytes()) == memory.snapshot()
    # What a memory does twice it does in the same way, and it knows what it has just read.
    choices = Choices(data)
    log_type = (LogType.RUN, LogType.RUN_RESTARTED)[choices.number(1)]
    lines = _lines(range(choices.number(30)))
    assert _read(memory, log_type, lines) == _read(_memory(snapshot), log_type, lines)
    assert _read(memory, log_type, lines)[0] == []
    memory.count_restarts({"web-0": 3}, _START / _NS)
    _read(memory, LogType.RUN_RESTARTED, lines)


def _memory(snapshot: Snapshot) -> Continuity:
    memory = Continuity(_START, remember=4, instances=2, restarts_watched=True)
    memory.restore(snapshot)
    return memory


def _read(memory: Continuity, log_type: LogType, lines: list[bytes]) -> tuple[list[bytes], object]:
    """Read a log whole: its new lines, and what its end tells."""
    window = memory.window(log_type, _TAIL)
    fresh = [line.raw for line in window.feed(lines)]
    fresh += [line.raw for line in window.rest()]
    return fresh, memory.finish(window)
