"""Log files and standard input, compressed or not, in pieces of whole lines."""

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from exporter.errors import ConfigError, Fault
from exporter.workbench.panel import Turn, form_of

PIECE_BYTES = 1 << 20
"""How much is read at once: it fits the CPU's cache, and more is no faster."""

STANDARD_INPUT = "-"

_LOOK_BYTES = 1 << 13
"""How much tells the form of a log."""

_GZIP_MAGIC = b"\x1f\x8b"


class Piece(NamedTuple):
    """Whole lines: the first ``end`` bytes of ``text``, the rest of which comes again.

    ``read`` is how many bytes of the input they were, where they were turned into another form.
    """

    text: bytes
    end: int
    read: int | None = None

    @property
    def size(self) -> int:
        """How many bytes of the input it is."""
        return self.end if self.read is None else self.read


class Part(NamedTuple):
    """The bytes from ``start`` to ``end`` of an input that can be read from any place."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.end - self.start


class Input(NamedTuple):
    """An open log.

    Args:
        whole: what it had when opened, where it can be read from any place. That is no pipe,
            nothing that has to be decompressed, and no file that does not know its size, as those
            in ``/proc``.
        turn: brings its lines into the API's form; None where they have it.
    """

    stream: BinaryIO
    whole: Part | None
    turn: Turn | None = None


def open_inputs(names: Sequence[str], stack: ExitStack) -> list[Input]:
    """Open every file; ``-`` is standard input. What begins as gzip does is read decompressed.

    Args:
        names: paths of files.
        stack: closes what is opened.

    Raises:
        ConfigError: a file cannot be read.
    """
    return [input_of(_open(name, stack)) for name in names]


def input_of(stream: BinaryIO) -> Input:
    """Return an open stream as an input."""
    if isinstance(stream, gzip.GzipFile) or not _is_file(stream):
        return Input(stream, None, form_of(_look_ahead(stream)))
    start, end = _place(stream), os.fstat(stream.fileno()).st_size
    turn = form_of(os.pread(stream.fileno(), _LOOK_BYTES, start))
    return Input(stream, Part(start, end) if start < end else None, turn)


def _look_ahead(stream: BinaryIO) -> bytes:
    if not isinstance(stream, io.BufferedReader | gzip.GzipFile):
        return b""
    try:
        return stream.peek(_LOOK_BYTES)
    except (EOFError, OSError, zlib.error):
        return b""  # what reads it says so


def _open(name: str, stack: ExitStack) -> BinaryIO:
    if name == STANDARD_INPUT:
        return _plain(sys.stdin.buffer)
    try:
        return _plain(stack.enter_context(Path(name).open("rb", buffering=0)))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise ConfigError((Fault(name, "", problem, "name a log file, or - for input"),)) from None


def _plain(stream: BinaryIO) -> BinaryIO:
    if _is_file(stream):
        head = os.pread(stream.fileno(), len(_GZIP_MAGIC), _place(stream))
    else:
        # A look ahead takes nothing from a pipe.
        if not isinstance(stream, io.BufferedReader):
            stream = io.BufferedReader(cast(io.RawIOBase, stream))
        head = stream.peek(len(_GZIP_MAGIC))[: len(_GZIP_MAGIC)]
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if head == _GZIP_MAGIC else stream


def _is_file(stream: BinaryIO) -> bool:
    return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)


def _place(stream: BinaryIO) -> int:
    return os.lseek(stream.fileno(), 0, os.SEEK_CUR)


def parts_of(log: Input, wanted: int, least_bytes: int) -> list[Part]:
    """Cut an input between lines into parts of about the same size; none where it has no places.

    Args:
        wanted: how many parts there may be.
        least_bytes: what a part is worth having for.
    """
    if log.whole is None:
        return []
    start, end = log.whole
    descriptor = log.stream.fileno()
    count = max(1, min(wanted, (end - start) // least_bytes))
    cuts = [start + (end - start) * index // count for index in range(1, count)]
    places = [start, *(_behind_newline(descriptor, cut, end) for cut in cuts), end]
    return [Part(*pair) for pair in pairwise(places)]


def _behind_newline(descriptor: int, at: int, end: int) -> int:
    while at < end:
        text = os.pread(descriptor, PIECE_BYTES, at)
        newline = text.find(b"\n")
        if newline >= 0:
            return min(end, at + newline + 1)
        at += len(text) or end
    return end


def pieces_of(log: Input, part: Part | None = None) -> Iterator[Piece]:
    """Yield an input, or a part of it, in pieces that end with a line, however long that is."""
    part = part or log.whole
    pieces = _flowing(log.stream) if part is None else _placed(log.stream.fileno(), part)
    return pieces if log.turn is None else _turned(pieces, log.turn)


def lines_before(log: Input, part: Part, size: int) -> Piece | None:
    """Return up to ``size`` bytes of whole lines before a part; None where there are none."""
    start = max(0 if log.whole is None else log.whole.start, part.start - size)
    text = os.pread(log.stream.fileno(), part.start - start, start)
    if log.whole is not None and start > log.whole.start:
        text = text[text.find(b"\n") + 1 :]
    if not text:
        return None
    text = text if log.turn is None else log.turn(text)
    return Piece(text, len(text))


def _turned(pieces: Iterator[Piece], turn: Turn) -> Iterator[Piece]:
    for piece in pieces:
        text = turn(piece.text[: piece.end])
        yield Piece(text, len(text), piece.end)


def _placed(descriptor: int, part: Part) -> Iterator[Piece]:
    at, size = part.start, PIECE_BYTES
    # A file that has become shorter ends early.
    while at < part.end and (text := os.pread(descriptor, min(size, part.end - at), at)):
        whole = text.rfind(b"\n") + 1
        if at + len(text) >= part.end:
            whole = len(text)
        if not whole:
            size *= 2
            continue
        yield Piece(text, whole)
        at, size = at + whole, PIECE_BYTES


def _flowing(stream: BinaryIO) -> Iterator[Piece]:
    kept: list[bytes] = []
    while data := _next(stream):
        end = data.rfind(b"\n") + 1
        if not end:
            kept.append(data)
            continue
        text = b"".join((*kept, data))
        kept = [data[end:]]
        yield Piece(text, len(text) - len(data) + end)
    if rest := b"".join(kept):
        yield Piece(rest, len(rest))


def _next(stream: BinaryIO) -> bytes:
    """Return what comes next, as much of it as is there; nothing at the end."""
    if not isinstance(stream, io.BufferedReader | gzip.GzipFile):
        return stream.read(PIECE_BYTES)
    try:
        return stream.read1(PIECE_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        fault = Fault(str(stream.name), "", "its gzip data is damaged or cut", "name a whole file")
        raise ConfigError((fault,)) from None
