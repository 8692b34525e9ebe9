"""Bulk bodies of OpenSearch's API, from their bytes to the counters, beside JSON alone."""

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from benchmarks.log_texts import messages
from benchmarks.tables import print_table
from benchmarks.timing import Case, Run, median_seconds
from benchmarks.watched import MATCHING, WatchedComponent, build_pipeline, default_rules, watch
from exporter.counting.received import Received
from exporter.model import ComponentKey
from exporter.reading.inbox import Inbox
from exporter.receiving.intake import Intake, Taken
from exporter.receiving.open_search import parse_bulk
from exporter.receiving.records import DIGEST_BYTES, Batch, Format
from exporter.state.memory import MemoryStore

BODY_LINES = 5_000
COMPONENTS = 10
ROUNDS = 9

JSON_ALONE = "orjson alone"


def run() -> None:
    """Measure and print."""
    bodies = Bodies()
    receiver = Receiver()
    seconds = median_seconds(
        [
            Case(JSON_ALONE, lambda: bodies.run(loads)),
            Case("read and answered", lambda: bodies.run(_answer)),
            Case("read, counted and answered", lambda: bodies.run(receiver.take)),
        ],
        ROUNDS,
        time.thread_time,
    )
    size = bodies.size
    rows = [
        (
            name,
            f"{taken * 1e3:.1f}",
            f"{BODY_LINES / taken:,.0f}",
            f"{size / taken / 1e6:.0f}",
            f"{taken / seconds[JSON_ALONE]:.1f}",
        )
        for name, taken in seconds.items()
    ]
    print_table(
        f"A bulk body of {BODY_LINES:,} lines of {COMPONENTS} components, {size / 1e6:.1f} MB, "
        f"{len(default_rules())} rules, {MATCHING:.0%} of the lines match",
        ("", "CPU ms", "lines/s", "MB/s", f"times {JSON_ALONE}"),
        rows,
    )


def loads(body: bytes) -> list[object]:
    return [orjson.loads(line) for line in body.split(b"\n")[:-1]]


def _answer(body: bytes) -> bytes:
    return parse_bulk(body, "").answer(0)


class Bodies:
    """Bodies as the platform's agent sends them; no two are equal."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._messages = messages(1, default_rules(), MATCHING)
        self.size = len(self._body())

    def run(self, function: object) -> Run:
        body = self._body()
        assert callable(function)
        return lambda: function(body)

    def _body(self) -> bytes:
        return b"".join(self._pair(next(self._numbers)) for _ in range(BODY_LINES))

    def _pair(self, number: int) -> bytes:
        document = {
            "@timestamp": f"2026-11-01T00:{number // 60_000 % 60:02}:{number // 1000 % 60:02}"
            f".{number % 1000:03}Z",
            "log": next(self._messages).decode("utf-8", "replace"),
            "do_app_name": "shop",
            "do_component_name": f"web-{number % COMPONENTS}",
        }
        return b'{"create":{"_index":"logs"}}\n' + json.dumps(document).encode() + b"\n"


@dataclass
class _Metrics:
    """Takes what the intake tells."""

    def lines(self, format: Format, counted: int, repeated: int, unknown: int) -> None:
        """Nothing may be missing: else less is measured."""
        if repeated or unknown or counted != BODY_LINES:
            raise AssertionError(f"{counted} counted, {repeated} repeated, {unknown} unknown")

    def refused(self, format: Format, kind: str) -> None:
        """Never called."""
        raise AssertionError(kind)


class _Account:
    """An account that receives all of its components."""

    def __init__(self) -> None:
        pipeline = build_pipeline(MemoryStore(time.time).open(""), 1000)
        self._watched: list[WatchedComponent] = [
            watch(pipeline, f"web-{number}", number) for number in range(COMPONENTS)
        ]
        components = pipeline.series.components
        received = Received(pipeline.ledger, components, lambda _: True, time.monotonic)
        self._inbox = Inbox(pipeline, received, time.time, time.monotonic)
        self.knows = self._inbox.knows

    def ready(self) -> bool:
        """It knows its components."""
        return True

    def take(self, digest: bytes, lines: Mapping[ComponentKey, list[bytes]]) -> Taken:
        """Count lines."""
        taken = self._inbox.take(digest, lines).taken
        self._inbox.keep()
        return taken


class Receiver:
    """What answers a request, without the request."""

    def __init__(self) -> None:
        account = _Account()
        self._intake = Intake(lambda: {"": account}, _Metrics(), "mark of this process")

    def take(self, body: bytes) -> None:
        """Count a body."""
        digest = blake2b(body, digest_size=DIGEST_BYTES).digest()
        bulk = parse_bulk(body, "")
        self._intake.take(Batch(Format.OPEN_SEARCH, bulk.records, digest), "")
        bulk.answer(0)
