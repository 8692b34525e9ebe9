"""Frames of a live stream: a frame is text or refused, and every text that is framed comes back."""

import json
from itertools import pairwise

from exporter.digitalocean.live_stream import frame_text
from exporter.errors import InvalidResponse
from exporter.logs.lines import LineSplitter
from fuzz.choices import Choices

SEEDS = (
    b'{"data": "web 2026-11-01T00:00:00Z GET /\\n"}',
    b'{"op": "stdout", "data": "caf\\u00e9 \\ud83d \\ud83d\\ude00"}',
    b'{"data": NaN}',
    b'{"data": 1}',
    b"[]",
    b'{"data": "a", "data": "b", "n": 1e999}',
)


def check(data: bytes) -> None:
    """Read the bytes as a frame, and as the text of frames."""
    _check_frame(data)
    choices = Choices(data)
    escaped, other = choices.flag(), choices.flag()
    text = choices.rest().decode("utf-8", "replace")
    frames = []
    for start, end in pairwise(choices.cuts(len(text))):
        message = {"op": "stdout"} if other else {}
        message["data"] = text[start:end]
        frames.append(json.dumps(message, ensure_ascii=escaped).encode())
    splitter, lines = LineSplitter(1 << 20), []
    for frame in frames:
        _check_frame(frame)
        lines += splitter.feed(frame_text(frame))
    lines += splitter.end()
    assert b"".join(map(frame_text, frames)) == text.encode()
    assert b"\n".join(lines) == text.encode().removesuffix(b"\n")


def _check_frame(frame: bytes) -> None:
    """A frame is refused, or its text is what JSON says it is."""
    try:
        text = frame_text(frame)
    except InvalidResponse:
        try:
            message = json.loads(frame.decode("utf-8"))
        except (ValueError, RecursionError):
            return
        assert not isinstance(message, dict) or not isinstance(message.get("data"), str)
        return
    assert text.decode("utf-8").encode() == text
    message = json.loads(frame.decode("utf-8"))
    assert text == message["data"].encode("utf-8", "replace")
