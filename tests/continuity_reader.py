"""A reader of whole windows of made-up logs into one continuity."""

from dataclasses import dataclass, field

from exporter.logs.dedup.continuity import Continuity
from exporter.logs.dedup.window import Window
from exporter.logs.dedup.window_end import WindowEnd
from exporter.model import LIVE_PART, LogLine, LogType

NS = 1_000_000_000
START = 1_793_491_200 * NS  # 2026-11-01T00:00:00Z


def line(at: int, message: str = "", component: str = "web") -> bytes:
    """A line as the platform serves it, ``at`` nanoseconds after START (below an hour)."""
    minutes, ns = divmod(at, 60 * NS)
    return f"{component} 2026-11-01T00:{minutes:02}:{ns // NS:02}.{ns % NS:09}Z {message}".encode()


@dataclass
class Reader:
    """Reads whole windows into one continuity and keeps what came out."""

    memory: Continuity
    tail_lines: int = 1000
    counted: list[bytes] = field(default_factory=list)
    gaps: int = 0
    repeated: int = 0
    restarts: int = 0

    def read(
        self,
        lines: list[bytes],
        log_type: LogType = LogType.RUN,
        part: int = LIVE_PART,
    ) -> WindowEnd:
        window = self.memory.window(log_type, self.tail_lines)
        fresh: list[LogLine] = [*window.feed(lines, part), *window.rest()]
        self.counted += [entry.raw for entry in fresh]
        self.repeated += window.repeated
        end = self.memory.finish(window)
        self.gaps += end.gaps
        self.restarts += len(end.restarts)
        return end


def reader(**options) -> Reader:
    tail_lines = options.pop("tail_lines", 1000)
    options = {"remember": 1000, **options}
    return Reader(Continuity(options.pop("floor", START - 1), **options), tail_lines)


def break_off(poll: Reader, log_type: LogType, lines: list[bytes]) -> None:
    """A read that shows some lines and then breaks off."""
    window = poll.memory.window(log_type, poll.tail_lines)
    poll.counted += [entry.raw for entry in window.feed(lines)]
    poll.memory.give_up(window)


def stream_of(poll: Reader, lines: list[bytes]) -> Window:
    """A stream of RUN that has brought what there was, and goes on with what comes."""
    window = poll.memory.window(LogType.RUN, 20, open_ended=True)
    window.feed(lines)
    poll.memory.finish(window)
    poll.memory.go_on(window)
    return window
