"""Counting in whole inputs, on all cores where they are large."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import BinaryIO

from exporter.logs.redaction import redact
from exporter.matching.engine import Engine
from exporter.matching.extract import extractions_of
from exporter.workbench.inputs import Part, parts_of, pieces_of
from exporter.workbench.processes import run_together
from exporter.workbench.tally import Tally, count

_PART_BYTES = 16 << 20
"""For less than that a process is not worth its start."""

Notice = Callable[[int], None]
"""Called with how many bytes were read since the last call."""


def count_inputs(
    engine: Engine, streams: Iterable[BinaryIO], *, processes: int, notice: Notice
) -> Tally:
    """Count in one input after the other.

    Args:
        engine: the rules.
        streams: the inputs, open.
        processes: how many may work at a time.
        notice: hears of what the first of them has read.
    """
    tally = Tally()
    for stream in streams:
        parts: Sequence[Part | None] = parts_of(stream, processes, _PART_BYTES) or [None]
        tasks = [partial(_count_part, engine, stream, part, notice) for part in parts]
        for found in run_together(tasks):
            tally.add(found)
    return tally


def _count_part(engine: Engine, stream: BinaryIO, part: Part | None, notice: Notice) -> Tally:
    tally, extractions = Tally(), extractions_of(engine, redact)
    for piece in pieces_of(stream, part):
        count(engine, extractions, piece, tally)
        notice(piece.end)
    return tally
