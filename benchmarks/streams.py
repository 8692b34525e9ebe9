"""Live streams: from WebSocket frames to counters, as fast as one core takes them."""

import asyncio
import base64
import hashlib
import json
import multiprocessing
import re
import socket
import time
from collections.abc import Sequence
from itertools import islice
from multiprocessing.connection import Connection
from typing import NamedTuple

from websockets.frames import Frame, Opcode

from benchmarks.tables import print_table
from benchmarks.watched import MATCHING, build_pipeline, watch
from exporter.counting.pipeline import Pipeline
from exporter.digitalocean.log_streams import LogStreams, StreamEndedError
from exporter.digitalocean.transport import RequestSettings
from exporter.model import LogType, Source
from exporter.reading.following.stream_reading import StreamReading
from exporter.state.memory import MemoryState
from exporter.telemetry.api_metrics import ApiMetrics

TAIL_LINES = 1000
LINES = 200_000
LINES_A_FRAME = (20, 1)
_WARM_UP = 50_000
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def run() -> None:
    """Measure and print, once what the first lines load and compile is there."""
    follow(LINES_A_FRAME[0], _WARM_UP)
    rows = [_row(count) for count in LINES_A_FRAME]
    print_table(
        f"One stream of {LINES:,} lines, sent by another process as fast as it is taken, "
        f"{MATCHING:.0%} of the lines match",
        ("lines a frame", "CPU µs a line", "MB/s", "lines/s", "frames/s"),
        rows,
    )


def _row(lines_a_frame: int) -> tuple[str, ...]:
    taken = follow(lines_a_frame, LINES)
    return (
        str(lines_a_frame),
        f"{taken.seconds / LINES * 1e6:.2f}",
        f"{taken.size / taken.seconds / 1e6:.0f}",
        f"{LINES / taken.seconds:,.0f}",
        f"{len(taken.frames) / taken.seconds:,.0f}",
    )


class Followed(NamedTuple):
    """One stream, read to its end.

    Args:
        seconds: of CPU time of the thread that read it.
        size: of its lines, in bytes.
        frames: the JSON of each of its frames.
    """

    seconds: float
    size: int
    frames: Sequence[bytes]


def follow(lines_a_frame: int, count: int) -> Followed:
    """Read a stream of so many lines, sent by another process as fast as it is taken."""
    pipeline = build_pipeline(MemoryState(time.time), TAIL_LINES)
    component = watch(pipeline, "web", 1)
    lines = list(islice(component.log, count))
    texts = [
        b"".join(lines[start : start + lines_a_frame]) for start in range(0, count, lines_a_frame)
    ]
    frames = [json.dumps({"data": text.decode()}).encode() for text in texts]
    blob = b"".join(Frame(Opcode.TEXT, frame).serialize(mask=False) for frame in frames)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs, blob))
    server.start()
    try:
        source = Source("app-id", component.key, LogType.RUN)
        reading = StreamReading(
            pipeline,
            source,
            component.component,
            "d1",
            tail_lines=TAIL_LINES,
            from_first_line=True,
        )
        url = f"ws://127.0.0.1:{ours.recv()}/?token=x"
        seconds = asyncio.run(_follow(pipeline, url, source, reading))
    finally:
        server.join()
    assert reading.lines == count, reading.lines
    return Followed(seconds, sum(map(len, lines)), frames)


async def _follow(pipeline: Pipeline, url: str, source: Source, reading: StreamReading) -> float:
    """Read a stream to its end; the CPU seconds of this thread."""
    observer = ApiMetrics(pipeline.metrics)
    streams = LogStreams(observer, RequestSettings(10.0, "benchmark"), clock=time.monotonic)
    stream = await streams.open(url, target=source)
    started = time.thread_time()
    reading.take(await stream.read())
    reading.catch_up(judge=True)
    try:
        while True:
            reading.take(await stream.read())
            await asyncio.sleep(0)
    except StreamEndedError:
        return time.thread_time() - started


def _serve(port: Connection, blob: bytes) -> None:
    """Accept one WebSocket and send it prepared frames; the peer ends the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port.send(listener.getsockname()[1])
        connection, _ = listener.accept()
        with connection:
            head = connection.recv(65536)
            found = re.search(rb"(?i)sec-websocket-key: (\S+)", head)
            assert found is not None
            accept = base64.b64encode(hashlib.sha1(found[1] + _ACCEPT).digest())
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            connection.sendall(blob)
            connection.sendall(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False))
            connection.recv(65536)
