"""Lines of one log in their order, as columns: most of them are never looked at one by one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self, overload

from exporter.logs.lines import CutLine, message_behind_time, served_size
from exporter.model import LogLine


class LogLines(Sequence[LogLine]):
    """Lines, each of which is made a value when it is asked for.

    Args:
        raws: each as served without its newline, cut at the configured length.
        timestamps: when each was written (ns), None on one without prefix.
        unwrap: makes messages of what stands behind prefixes; None leaves them as they are.
    """

    def __init__(
        self,
        raws: Iterable[bytes] = (),
        timestamps: Iterable[int | None] = (),
        unwrap: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.raws = list(raws)
        self._timestamps = list(timestamps)
        self._unwrap = unwrap
        self._unwrapped: Mapping[int, bytes] | None = None

    @classmethod
    def of(
        cls, lines: Sequence[LogLine], unwrap: Callable[[bytes], bytes] | None = None
    ) -> "LogLines":
        """Return these lines, their messages unwrapped."""
        if not isinstance(lines, LogLines):
            timestamps = (line.timestamp for line in lines)
            return cls((line.raw for line in lines), timestamps, unwrap)
        if unwrap is not lines._unwrap:
            return cls(lines.raws, lines._timestamps, unwrap)
        return lines

    def know(self, unwrapped: Mapping[int, bytes]) -> None:
        """Take the messages that unwrapping changes, by their index: no other is unwrapped."""
        self._unwrapped = unwrapped

    @property
    def size(self) -> int:
        """Bytes as served, newlines and what was cut off included."""
        if CutLine in set(map(type, self.raws)):
            return sum(map(served_size, self.raws))
        return sum(map(len, self.raws)) + len(self.raws)

    @property
    def newest(self) -> int:
        """The newest timestamp (ns); 0 where no line has one."""
        return max(filter(None, self._timestamps), default=0)

    def append(self, raw: bytes, timestamp: int | None) -> None:
        """One more line at the end."""
        self.raws.append(raw)
        self._timestamps.append(timestamp)

    def __len__(self) -> int:
        return len(self.raws)

    @overload
    def __getitem__(self, index: int) -> LogLine: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> LogLine | Self:
        if isinstance(index, slice):
            return type(self)(self.raws[index], self._timestamps[index], self._unwrap)
        raw, timestamp = self.raws[index], self._timestamps[index]
        message = raw.removesuffix(b"\r") if timestamp is None else message_behind_time(raw)
        if self._unwrapped is not None:
            place = index if index >= 0 else len(self.raws) + index
            message = self._unwrapped.get(place, message)
        elif self._unwrap is not None:
            message = self._unwrap(message)
        size = len(raw) + 1 if type(raw) is bytes else served_size(raw)
        return LogLine(raw, size, timestamp, message)
