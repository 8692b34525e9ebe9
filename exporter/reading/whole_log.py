"""Reads a log that has ended from its first line to its last."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import NamedTuple

from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.log_content import LogContent
from exporter.logs.lines import LineSplitter, parse_line
from exporter.model import LogLine, LogLocations, Source

MOST_BYTES = 32 << 20
"""Bytes of one log that are read; what is beyond is a gap."""

ALL_LINES = -1


class WholeLog(NamedTuple):
    """The lines of a log; ``complete`` is False if it is larger than ``MOST_BYTES``."""

    lines: list[LogLine]
    complete: bool


class WholeLogs:
    """Reads logs of deployments and of job runs that have ended.

    Every method raises ApiError or Stopping where a log cannot be read whole.

    Args:
        max_line_bytes: what a line holds beyond that is cut off.
        pod_connection_timeout: as the API takes it.
        forget: called with a source of which no log is asked for until there is another one.
    """

    def __init__(
        self,
        platform: AppPlatform,
        content: LogContent,
        *,
        forget: Callable[[Source], None],
        max_line_bytes: int,
        pod_connection_timeout: str,
    ) -> None:
        self._platform = platform
        self._content = content
        self.forget = forget
        self._max_line_bytes = max_line_bytes
        self._pod_connection_timeout = pod_connection_timeout

    def of_deployment(self, source: Source, deployment_id: str) -> WholeLog:
        """Read the BUILD or DEPLOY log of a deployment."""
        locations = self._platform.log_locations(
            source,
            deployment_id,
            tail_lines=ALL_LINES,
            pod_connection_timeout=self._pod_connection_timeout,
        )
        return self._read(locations, source)

    def of_invocation(self, source: Source, invocation_id: str, deployment_id: str) -> WholeLog:
        """Read the log of a job's run."""
        locations = self._platform.invocation_log_locations(
            source,
            invocation_id,
            deployment_id,
            pod_connection_timeout=self._pod_connection_timeout,
        )
        return self._read(locations, source)

    def _read(self, locations: LogLocations, target: Hashable) -> WholeLog:
        """Read the archives if there are any, and the live text if not."""
        if locations.archive_urls:
            locations = replace(locations, live_url=None)
        splitter = LineSplitter(self._max_line_bytes)
        raws: list[bytes] = []
        size = 0
        for chunk in self._content.read(locations, target=target):
            size += len(chunk.data)
            raws += splitter.feed(chunk.data)
            if chunk.last:
                raws += splitter.end()
            if size > MOST_BYTES:
                break
        return WholeLog([parse_line(raw) for raw in raws], size <= MOST_BYTES)
