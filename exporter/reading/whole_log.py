"""Reads a log that has ended from its first line to its last."""

from collections.abc import Hashable
from dataclasses import replace

from exporter.digitalocean.log_content import LogContent
from exporter.logs.lines import LineSplitter, parse_line
from exporter.model import LogLine, LogLocations

MOST_BYTES = 32 << 20
"""Bytes of one log that are read; what is beyond is a gap."""


def whole_log(
    content: LogContent, locations: LogLocations, target: Hashable, *, max_line_bytes: int
) -> tuple[list[LogLine], bool]:
    """Read a log that has ended; where it has archives they are read, and not the live text.

    Args:
        target: what the request is counted for.
        max_line_bytes: what a line holds beyond that is cut off.

    Returns:
        the lines, and whether they are all: False if the log is larger than ``MOST_BYTES``.

    Raises:
        ApiError, Stopping: the log could not be read whole.
    """
    if locations.archive_urls:
        locations = replace(locations, live_url=None)
    splitter = LineSplitter(max_line_bytes)
    raws: list[bytes] = []
    size = 0
    for chunk in content.read(locations, target=target):
        size += len(chunk.data)
        raws += splitter.feed(chunk.data)
        if chunk.last:
            raws += splitter.end()
        if size > MOST_BYTES:
            break
    return [parse_line(raw) for raw in raws], size <= MOST_BYTES
