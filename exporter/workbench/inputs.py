"""Log files and standard input, in pieces of whole lines."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from exporter.errors import ConfigError, Fault

CHUNK_BYTES = 4 << 20
STANDARD_INPUT = "-"


def open_inputs(names: Sequence[str], stack: ExitStack) -> list[BinaryIO]:
    """Open every file; ``-`` is standard input.

    Args:
        names: paths of files.
        stack: closes what is opened.

    Raises:
        ConfigError: a file cannot be read.
    """
    return [_open(name, stack) for name in names]


def _open(name: str, stack: ExitStack) -> BinaryIO:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(name).open("rb"))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise ConfigError((Fault(name, "", problem, "name a log file, or - for input"),)) from None


def whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the stream in pieces that end with a line, however long that is."""
    kept: list[bytes] = []
    while data := stream.read(CHUNK_BYTES):
        end = data.rfind(b"\n") + 1
        if not end:
            kept.append(data)
            continue
        yield b"".join((*kept, data[:end]))
        kept = [data[end:]]
    if rest := b"".join(kept):
        yield rest
