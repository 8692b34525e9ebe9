"""Carries scripted faults out on the answers of both simulated servers."""

from collections.abc import AsyncIterable, AsyncIterator

from starlette.responses import Response, StreamingResponse
from starlette.types import Scope

from exporter.simulator.connections import Connections
from exporter.simulator.faults import Answer, Drop, FaultAction, Faults, Hang


class ConnectionDroppedError(Exception):
    """The client's connection is gone on purpose; there is nobody to answer."""


class Disruption:
    """Applies faults to requests of one server."""

    def __init__(self, faults: Faults, connections: Connections) -> None:
        self._faults = faults
        self._connections = connections

    async def before(self, action: FaultAction | None, scope: Scope) -> Response | None:
        """Do what a fault does before the answer; return the answer if it brings its own.

        Raises:
            ConnectionDroppedError: the fault dropped the connection.
        """
        match action:
            case Answer():
                return Response(
                    action.body,
                    action.status,
                    dict(action.headers),
                    media_type=action.content_type,
                )
            case Hang(after_bytes=None):
                await self._faults.hold(action)
            case Drop(after_bytes=None):
                await self._connections.drop(scope)
                raise ConnectionDroppedError
        return None

    async def during(
        self, action: FaultAction | None, body: AsyncIterable[bytes], scope: Scope
    ) -> AsyncIterator[bytes]:
        """A body as the fault lets it through.

        Raises:
            ConnectionDroppedError: the fault dropped the connection.
        """
        left = action.after_bytes if isinstance(action, Drop | Hang) else None
        async for data in body:
            if left is None:
                yield data
                continue
            if data[:left]:
                yield data[:left]
            if left > len(data):
                left -= len(data)
                continue
            await self._interrupt(action, scope)
            if data[left:]:
                yield data[left:]
            left = None
        if left is not None:
            await self._interrupt(action, scope)

    def cut(self, action: FaultAction | None, response: Response, scope: Scope) -> Response:
        """A finished answer whose body the fault may interrupt."""
        if not isinstance(action, Drop | Hang) or action.after_bytes is None:
            return response

        async def whole() -> AsyncIterator[bytes]:
            yield bytes(response.body)

        async def interrupted() -> AsyncIterator[bytes]:
            try:
                async for data in self.during(action, whole(), scope):
                    yield data
            except ConnectionDroppedError:
                return

        return StreamingResponse(
            interrupted(), response.status_code, headers=dict(response.headers)
        )

    async def _interrupt(self, action: FaultAction | None, scope: Scope) -> None:
        if isinstance(action, Hang):
            await self._faults.hold(action)
        else:
            await self._connections.drop(scope)
            raise ConnectionDroppedError
