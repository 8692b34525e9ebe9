"""The endpoint that takes pushed logs: a request in, its lines counted, then the answer.

Success is answered once the lines are counted, and kept where state is durable; any other answer
means that nothing of the request is.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from exporter.errors import RequestRefused
from exporter.receiving import datadog, open_search, otlp
from exporter.receiving.body import BodyLimits, HeldBytes, decompressed, read_body
from exporter.receiving.intake import Intake
from exporter.receiving.records import DIGEST_BYTES, Batch, Format, Record
from exporter.web.receiving.paths import HEALTHY_PATH, Probe, Push, request_of

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Limits:
    """What senders may take up.

    Args:
        body: of one request.
        held_bytes: of all bodies that are being read or wait for their turn.
        at_once: requests that are decompressed, parsed and counted at one time.
    """

    body: BodyLimits
    held_bytes: int = 128 * 1024 * 1024
    at_once: int = 2


class ReceivingApp:
    """Answers requests with logs in the form of OpenSearch, Datadog and OTLP/HTTP.

    Args:
        intake: counts what they hold.
        attributes: the attributes of OTLP records that name app and component.
    """

    def __init__(self, intake: Intake, attributes: otlp.AttributeNames, limits: Limits) -> None:
        self._intake = intake
        self._attributes = attributes
        self._limits = limits
        self._memory = HeldBytes(limits.held_bytes)
        self._turn = asyncio.Semaphore(limits.at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return  # The sender went away before its body was whole: it will send it again.
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.url.path == HEALTHY_PATH:
            return PlainTextResponse("Healthy.\n")
        push: Push | Probe | None = None
        media_type = media_type_of(request.headers)
        try:
            push = request_of(request.method, request.scope["raw_path"])
            if push is None:
                raise RequestRefused("not_found", "no logs are taken here", 404)
            if isinstance(push, Probe):
                return _probed(push)
            return await self._take(request, push, media_type)
        except RequestRefused as error:
            format = push.format if isinstance(push, Push) else Format.OPEN_SEARCH
            self._intake.note_refusal(format, error)
            return refusal(format, media_type, error)

    async def _take(self, request: Request, push: Push, media_type: str) -> Response:
        with self._memory.of_one_request() as hold:
            body = await read_body(request.headers, request.stream(), self._limits.body, hold)
            encoding = request.headers.get("content-encoding", "")
            async with self._turn:
                return await run_in_threadpool(self._count, push, body, encoding, media_type)

    def _count(self, push: Push, body: bytes, encoding: str, media_type: str) -> Response:
        """Count what a body holds, then make the answer; runs in a worker thread."""
        began = time.monotonic()
        body = decompressed(body, encoding, self._limits.body)
        digest = blake2b(body, digest_size=DIGEST_BYTES, person=push.format.encode()).digest()

        def take(records: Sequence[Record]) -> int:
            return self._intake.take(Batch(push.format, records, digest), push.prefix)

        if push.format is Format.OPEN_SEARCH:
            bulk = open_search.parse_bulk(body, push.index)
            take(bulk.records)
            took = int((time.monotonic() - began) * 1000)
            return Response(bulk.answer(took), media_type=JSON)
        if push.format is Format.DATADOG:
            take(datadog.parse_entries(body))
            return Response(b"{}", 202, media_type=JSON)
        unknown = take(otlp.parse_logs(body, media_type, self._attributes))
        return Response(otlp.answer(media_type, unknown), media_type=media_type)


def media_type_of(headers: Headers) -> str:
    """That of an OTLP body: JSON where the headers say so, protobuf otherwise."""
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    return JSON if given == JSON else otlp.PROTOBUF


def _probed(probe: Probe) -> Response:
    if probe.about == "index":
        return Response(b"{}", media_type=JSON)
    if probe.about == "cat":
        return PlainTextResponse(open_search.HEALTH_LINE)
    about = open_search.about_health() if probe.about == "health" else open_search.about_cluster()
    return Response(orjson.dumps(about), media_type=JSON)


def refusal(format: Format, media_type: str, error: RequestRefused) -> Response:
    """The answer to a request of which nothing is taken, as its sender expects it."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if format is Format.OTLP:
        body = otlp.error_answer(media_type, error.status, error.detail)
    elif format is Format.DATADOG:
        media_type, body = JSON, datadog.error_answer(error.status, error.detail)
    else:
        media_type, body = JSON, open_search.error_answer(error.status, error.detail)
    return Response(body, error.status, headers, media_type)
