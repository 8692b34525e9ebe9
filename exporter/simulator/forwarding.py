"""Pushes run-time lines to an endpoint as the platform's agent does: in chunks, at least once.

The agent is fluent-bit, as far as is known: it sends a chunk as one body of OpenSearch's bulk API,
tries a chunk again until the answer is good, continues with others meanwhile, and may send late and
out of order. ``Forwarder`` decides what is sent; how a body gets there is a function of the caller.
"""

import gzip
import json
import random
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from exporter.model import ComponentKey
from exporter.simulator.log_writing import rfc3339_nanoseconds
from exporter.simulator.state import Line

SendBody = Callable[[bytes, dict[str, str]], int]
"""Sends a body with its headers; returns the status of the answer, 0 where none came."""

GOOD = 200


@dataclass(frozen=True, slots=True)
class Habits:
    """How an agent sends.

    Args:
        chunk_lines: how many lines of one component a chunk holds at most.
        late: the share of chunks that wait for a later turn.
        gzip: the share of bodies that are compressed.
        again: the share of chunks that are sent once more although the answer was good, as where
            it came too late.
    """

    chunk_lines: int = 50
    late: float = 0.0
    gzip: float = 0.0
    again: float = 0.0


@dataclass(slots=True)
class _Chunk:
    """Lines that are sent together, as often as it takes, always in the same order."""

    key: ComponentKey
    lines: list[Line]
    repeats: int = 0

    def body(self) -> bytes:
        """The body of a bulk request."""
        return b"".join(map(self._pair, self.lines))

    def _pair(self, line: Line) -> bytes:
        # A line as served begins with the component and the time; the agent sends neither in it.
        _, _, message = line.text.rstrip(b"\n").split(b" ", 2)
        document = {
            "@timestamp": rfc3339_nanoseconds(line.timestamp_ns),
            "log": message.decode("utf-8", "replace"),
            "do_app_name": self.key.app,
            "do_component_name": self.key.component,
        }
        return b'{"create":{"_index":"logs"}}\n' + json.dumps(document).encode() + b"\n"


class Forwarder:
    """The agents of all components; ``written`` may be called from any thread."""

    def __init__(self, send: SendBody, rng: random.Random, habits: Habits) -> None:
        self._send = send
        self._rng = rng
        self._habits = habits
        self._lock = threading.Lock()
        self._new: dict[ComponentKey, deque[Line]] = defaultdict(deque)
        self._chunks: list[_Chunk] = []
        self.sent = 0

    def written(self, key: ComponentKey, line: Line) -> None:
        """Take a line that a component wrote."""
        with self._lock:
            self._new[key].append(line)

    @property
    def done(self) -> bool:
        """Whether each line was sent, and its chunk answered for the last time."""
        with self._lock:
            return not self._chunks and not any(self._new.values())

    def step(self) -> None:
        """Send each chunk once; those whose answer is not good stay for the next step."""
        self._fill()
        self._rng.shuffle(self._chunks)
        for chunk in list(self._chunks):
            if self._rng.random() < self._habits.late:
                continue
            good = self._send_chunk(chunk) == GOOD
            if good and self._rng.random() < self._habits.again and not chunk.repeats:
                chunk.repeats += 1
            elif good:
                self._chunks.remove(chunk)

    def _fill(self) -> None:
        """Make chunks of what was written since."""
        with self._lock:
            for key, lines in self._new.items():
                while lines:
                    size = min(len(lines), self._habits.chunk_lines)
                    self._chunks.append(_Chunk(key, [lines.popleft() for _ in range(size)]))

    def _send_chunk(self, chunk: _Chunk) -> int:
        body, headers = chunk.body(), {"Content-Type": "application/x-ndjson"}
        if self._rng.random() < self._habits.gzip:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        self.sent += 1
        return self._send(body, headers)
