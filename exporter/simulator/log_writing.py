"""How a message becomes a line of a log: its time, its prefix, its place in the order.

Works on ``state`` under the lock of ``Platform``, which is the only caller.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from exporter.model import ComponentKey, LogType
from exporter.simulator.state import Container, Line
from exporter.simulator.truth import Ledger


def rfc3339_nanoseconds(timestamp_ns: int) -> str:
    """Unix nanoseconds as the platform writes them before a line, nine decimals and ``Z``."""
    seconds, nanoseconds = divmod(timestamp_ns, 1_000_000_000)
    return f"{_whole_seconds(seconds)}.{nanoseconds:09d}Z"


@lru_cache(maxsize=256)  # lines come many a second
def _whole_seconds(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


class LogWriter:
    """Appends lines to containers; ``sequence`` is the number of the newest line of all."""

    def __init__(self, clock: Callable[[], float], ledger: Ledger) -> None:
        self._clock = clock
        self._ledger = ledger
        self._to_lose: Counter[ComponentKey] = Counter()
        self._newest_ns: dict[tuple[ComponentKey, LogType, int], int] = {}
        self.sequence = 0
        self.readers: list[Callable[[ComponentKey, Line], None]] = []  # of run-time lines

    def lose(self, key: ComponentKey, lines: int) -> None:
        """Let the next lines of a component get lost before any log has them."""
        self._to_lose[key] += lines

    def append(
        self,
        container: Container,
        key: ComponentKey,
        message: bytes,
        *,
        log_type: LogType = LogType.RUN,
        instance: int = 0,
        timestamp_ns: int | None = None,
        prefixed: bool = True,
    ) -> None:
        """Write one line; its time rises strictly per instance unless one is given."""
        source = (key, log_type, instance)
        newest = self._newest_ns.get(source, 0)
        if timestamp_ns is None:
            timestamp_ns = max(int(self._clock() * 1e9), newest + 1)
        self._newest_ns[source] = max(timestamp_ns, newest)
        if self._to_lose[key] > 0:
            self._to_lose[key] -= 1
            return
        prefix = f"{key.component} {rfc3339_nanoseconds(timestamp_ns)} " if prefixed else ""
        self.sequence += 1
        line = Line(prefix.encode() + message + b"\n", timestamp_ns, self.sequence)
        self._ledger.written(key, log_type, line)
        if log_type is LogType.RUN:
            for read in self.readers:
                read(key, line)
        fallen_out = container.append(line)
        if fallen_out is not None:
            self._ledger.discarded(key, log_type, fallen_out)
