"""Scripted faults: what goes wrong at which endpoint, for how many requests, for whom."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from exporter.model import Endpoint
from exporter.simulator.signals import Signal

ERROR_IDS = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    429: "too_many_requests",
    500: "server_error",
}
"""The ids of the documented errors; any other status has an id of its own."""


class Channel(StrEnum):
    """The ways to ask: a REST request, or the three ways to log content."""

    REST = "rest"
    WEBSOCKET = "websocket"
    LIVE_GET = "live_get"
    ARCHIVE = "archive"


CONTENT = frozenset({Channel.WEBSOCKET, Channel.LIVE_GET, Channel.ARCHIVE})


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with this in place of the truth; refuses the handshake of a WebSocket."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing for ``seconds``, or until faults are cleared; then answer as usual.

    With ``after_bytes`` that much of the answer's body (or stream) goes out before.
    """

    seconds: float | None = None
    after_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop the connection, before the answer or after ``after_bytes`` of its body."""

    after_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Begin a live WebSocket with a frame that is no JSON, or that is binary."""

    binary: bool = False


FaultAction = Answer | Hang | Drop | BadFrame


def error(status: int, retry_after: int | None = None) -> Answer:
    """The API's documented error of a status (any status will do), perhaps with ``retry-after``."""
    document = {
        "id": ERROR_IDS.get(status, "unexpected"),
        "message": f"simulated error {status}",
        "request_id": "4d9d8375-3c56-4925-a3e7-eb137fed17e9",
    }
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Answer(status, json.dumps(document).encode(), headers=headers)


def html(status: int) -> Answer:
    """A proxy's page."""
    body = b"<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>"
    return Answer(status, body, "text/html; charset=utf-8")


def empty(status: int = 200) -> Answer:
    """An answer without a body."""
    return Answer(status)


def not_json() -> Answer:
    """A 200 whose body breaks off in the middle of the JSON."""
    return Answer(200, b'{"apps": [{"id": ')


def wrong_shape() -> Answer:
    """A 200 whose body is JSON, but an array where the API documents an object."""
    return Answer(200, b'["unexpected"]')


@dataclass(slots=True)
class _Script:
    endpoint: Endpoint
    action: FaultAction
    times: int | None
    app: str | None
    component: str | None
    channels: frozenset[Channel]
    archive: int | None

    def fits(
        self,
        endpoint: Endpoint,
        channel: Channel,
        app: str | None,
        component: str | None,
        archive: int | None,
    ) -> bool:
        return (
            self.endpoint is endpoint
            and channel in self.channels
            and self.app in (None, app)
            and self.component in (None, component)
            and self.archive in (None, archive)
        )


class Faults:
    """The faults in force; the oldest one that fits a request applies to it. Thread-safe."""

    def __init__(self, signal: Signal) -> None:
        self._lock = threading.Lock()
        self._signal = signal
        self._scripts: list[_Script] = []
        self._clearings = 0

    def inject(
        self,
        endpoint: Endpoint,
        action: FaultAction,
        *,
        times: int | None = None,
        app: str | None = None,
        component: str | None = None,
        channels: frozenset[Channel] | None = None,
        archive: int | None = None,
    ) -> None:
        """Let requests of ``endpoint`` go wrong.

        Args:
            endpoint: what is asked for.
            action: what goes wrong.
            times: for how many requests; None means until cleared.
            app: only for this app (by name).
            component: only for this component.
            channels: only for these ways to ask; ``BadFrame`` is for WebSockets anyway.
            archive: only for the archive of this number, from 0.
        """
        if isinstance(action, BadFrame):
            channels = frozenset({Channel.WEBSOCKET})
        if archive is not None:
            channels = frozenset({Channel.ARCHIVE})
        script = _Script(
            endpoint, action, times, app, component, channels or frozenset(Channel), archive
        )
        with self._lock:
            self._scripts.append(script)

    def clear(self, endpoint: Endpoint | None = None) -> None:
        """End the faults of an endpoint, or all; what hangs continues."""
        with self._lock:
            self._scripts = [
                each for each in self._scripts if endpoint not in (None, each.endpoint)
            ]
        self.release()

    def release(self) -> None:
        """Let what hangs continue; the faults stay in force."""
        with self._lock:
            self._clearings += 1
        self._signal.notify()

    def take(
        self,
        endpoint: Endpoint,
        channel: Channel,
        *,
        app: str | None = None,
        component: str | None = None,
        archive: int | None = None,
    ) -> FaultAction | None:
        """What shall go wrong with this request; a use of it is spent."""
        with self._lock:
            for script in self._scripts:
                if script.fits(endpoint, channel, app, component, archive):
                    if script.times is not None:
                        script.times -= 1
                        if script.times == 0:
                            self._scripts.remove(script)
                    return script.action
            return None

    async def hold(self, hang: Hang) -> None:
        """Wait as a hang asks for."""
        clearings = self._clearings
        await self._signal.wait_until(lambda: self._clearings != clearings, hang.seconds)
