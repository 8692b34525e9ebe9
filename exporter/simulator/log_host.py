"""The host that serves log content: live over WebSocket and plain GET, and archives.

Another host than the API, with credentials of its own in its URLs: the API's token has no
business here, and every request's headers are remembered to prove that it never came.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from exporter.model import Endpoint
from exporter.simulator.delivery import ArchiveEncoding, Delivery, Grant, LogLinks, StreamEnd
from exporter.simulator.disruption import ConnectionDroppedError, Disruption
from exporter.simulator.faults import BadFrame, Channel, FaultAction, Faults
from exporter.simulator.log_reading import LiveText, LogReader
from exporter.simulator.lookup import UnknownTargetError
from exporter.simulator.request_log import ReceivedRequest, RequestLog
from exporter.simulator.signals import Signal

PLAIN_TEXT = "text/plain; charset=utf-8"
GZ_FILE = "application/gzip"


class LogHost:
    """The log host's ASGI application in ``app``."""

    def __init__(
        self,
        reader: LogReader,
        links: LogLinks,
        delivery: Delivery,
        faults: Faults,
        disruption: Disruption,
        requests: RequestLog,
        signal: Signal,
    ) -> None:
        self._reader = reader
        self._links = links
        self._delivery = delivery
        self._faults = faults
        self._disruption = disruption
        self._requests = requests
        self._signal = signal
        self._endings = 0
        self._closed = False
        self.app = Starlette(
            routes=[
                Route("/", self._live_get, methods=["GET"]),
                WebSocketRoute("/", self._live_websocket),
                Route("/archives/{index:int}/{file}", self._archive, methods=["GET"]),
            ]
        )

    def end_streams(self) -> None:
        """End every stream that is followed now, as if the platform had cut it."""
        self._endings += 1
        self._signal.notify()

    def close(self) -> None:
        """End every stream, also those that begin later."""
        self._closed = True
        self.end_streams()

    async def _live_websocket(self, websocket: WebSocket) -> None:
        grant = self._admit(websocket)
        if grant is None:
            await websocket.send_denial_response(_unauthorized())
            return
        action = self._fault(grant, Channel.WEBSOCKET)
        # A lost connection needs no answer: the client went, or the fault was to drop it.
        with suppress(ConnectionDroppedError, WebSocketDisconnect):
            own = await self._disruption.before(action, websocket.scope)
            if own is not None:
                await websocket.send_denial_response(own)
                return
            await websocket.accept()
            gone = asyncio.Event()
            watcher = asyncio.create_task(self._watch(websocket, gone))
            try:
                await self._send_frames(websocket, grant, action, gone)
            finally:
                watcher.cancel()

    async def _watch(self, websocket: WebSocket, gone: asyncio.Event) -> None:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
        gone.set()
        self._signal.notify()

    async def _send_frames(
        self, websocket: WebSocket, grant: Grant, action: FaultAction | None, gone: asyncio.Event
    ) -> None:
        if isinstance(action, BadFrame):
            if action.binary:
                await websocket.send_bytes(b"\x00\xff\xfe")
            else:
                await websocket.send_text('{"data": ')
        stream = self._disruption.during(action, self._stream(grant, gone), websocket.scope)
        async for data in stream:
            # JSON cannot carry other bytes than text; Go's encoder replaces them just so.
            text = data.decode(errors="replace")
            size = self._delivery.frame_chars
            for start in range(0, len(text), size):
                await websocket.send_text(
                    json.dumps({"data": text[start : start + size], "op": "stdout"})
                )
        if not gone.is_set():
            await websocket.close(1000)

    async def _live_get(self, request: Request) -> Response:
        grant = self._admit(request)
        if grant is None:
            return _unauthorized()
        action = self._fault(grant, Channel.LIVE_GET)
        try:
            own = await self._disruption.before(action, request.scope)
        except ConnectionDroppedError:
            return Response()
        if own is not None:
            return own

        async def body() -> AsyncIterator[bytes]:
            stream = self._stream(grant, asyncio.Event())
            with suppress(ConnectionDroppedError):
                async for data in self._disruption.during(action, stream, request.scope):
                    yield data

        return StreamingResponse(body(), media_type=PLAIN_TEXT)

    async def _archive(self, request: Request) -> Response:
        grant = self._admit(request)
        if grant is None:
            return _unauthorized()
        index = request.path_params["index"]
        action = self._fault(grant, Channel.ARCHIVE, index)
        try:
            own = await self._disruption.before(action, request.scope)
        except ConnectionDroppedError:
            return Response()
        if own is not None:
            return own
        try:
            data = self._reader.archives(grant.request)[index]
        except (UnknownTargetError, IndexError):
            return Response("no such archive", 404, media_type=PLAIN_TEXT)
        return self._disruption.cut(action, self._packed(data), request.scope)

    def _packed(self, data: bytes) -> Response:
        match self._delivery.archive_encoding:
            case ArchiveEncoding.PLAIN:
                return Response(data, media_type=PLAIN_TEXT)
            case ArchiveEncoding.CONTENT_ENCODING:
                headers = {"content-encoding": "gzip"}
                return Response(gzip.compress(data), headers=headers, media_type=PLAIN_TEXT)
            case ArchiveEncoding.GZ_FILE:
                return Response(gzip.compress(data), media_type=GZ_FILE)

    def _admit(self, connection: HTTPConnection) -> Grant | None:
        self._requests.record(
            ReceivedRequest(
                Endpoint.LOG_CONTENT,
                connection.url.path,
                dict(connection.query_params),
                dict(connection.headers),
            )
        )
        return self._links.find(connection.query_params.get("token", ""))

    def _fault(
        self, grant: Grant, channel: Channel, archive: int | None = None
    ) -> FaultAction | None:
        return self._faults.take(
            Endpoint.LOG_CONTENT,
            channel,
            app=grant.app,
            component=grant.request.component,
            archive=archive,
        )

    async def _stream(self, grant: Grant, gone: asyncio.Event) -> AsyncIterator[bytes]:
        """The text that there is, and with ``follow`` what comes until the stream ends."""
        endings = self._endings
        component = grant.request.component
        name = None if component is None else f"{grant.app}/{component}"
        with self._signal.waiter(name) as changed:
            try:
                live, text = self._reader.open(grant.request)
            except UnknownTargetError:
                return
            if text:
                yield text
            if not grant.follow:
                return
            loop = asyncio.get_running_loop()
            seconds = self._delivery.stream_seconds
            deadline = None if seconds is None else loop.time() + seconds
            while True:
                more = self._reader.more(live)
                if more.data:
                    yield more.data
                cut = self._closed or self._endings != endings
                if cut or gone.is_set() or self._is_over(more):
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(deadline):
                        await changed.wait()
                if deadline is not None and loop.time() >= deadline:
                    return
                changed.clear()

    def _is_over(self, live: LiveText) -> bool:
        match self._delivery.stream_end:
            case StreamEnd.ANY_CONTAINER:
                return live.ended > 0 or live.containers == 0
            case StreamEnd.ALL_CONTAINERS:
                return live.ended == live.containers
            case StreamEnd.NEVER:
                return False


def _unauthorized() -> Response:
    return Response("invalid token", 401, media_type=PLAIN_TEXT)
