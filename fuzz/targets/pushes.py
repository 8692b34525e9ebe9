"""Bodies that senders push: each record's lines are counted, or the request is refused whole."""

import json
from collections.abc import Callable, Mapping, Sequence

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from exporter.errors import RequestRefused
from exporter.logs.lines import message_of, timestamp_of
from exporter.model import ComponentKey
from exporter.receiving import datadog, open_search, otlp
from exporter.receiving.intake import Intake, Taken
from exporter.receiving.records import Batch, Format, Record
from fuzz.choices import Choices

SEEDS = (
    b'{"index":{"_index":"logs"}}\n{"@timestamp":"2026-11-01T00:00:00.123Z","log":"GET /\\nb",'
    b'"do_app_name":"shop","do_component_name":"web"}\n{"delete":{"_id":"1"}}\n\x00',
    b'{"create":{}}\n{"log":{"level":"error"},"@timestamp":1793491200123}\n\x00',
    b'[{"message":"a","timestamp":1793491200123,"ddtags":"do_app_name:shop,do_component_name:web"}'
    b',{"log":[1,2]}]\x01',
    b'{"message":"a"}\n{"msg":"b","date":"1793491200"}\n\x01',
    b'{"resourceLogs":[{"resource":{"attributes":[{"key":"app","value":{"stringValue":"shop"}}]},'
    b'"scopeLogs":[{"logRecords":[{"timeUnixNano":"1793491200123456789","body":{"stringValue":"a"}'
    b',"attributes":[{"key":"component","value":{"stringValue":"web"}}]},{"body":{"arrayValue":'
    b'{"values":[{"intValue":"1"},{"doubleValue":1.5},{"bytesValue":"/w=="}]}}}]}]}]}\x02',
    b"\n\x13\n\x00\x12\x0f\n\x00\x12\x0b\x09\x01\x00\x00\x00\x00\x00\x00\x10*\x03\n\x01a\x03",
)
_NAMES = otlp.AttributeNames(("app",), ("component",))
_WATCHED = ComponentKey("shop", "web")
_NOW = 1_793_491_200.0
_DIGEST = bytes(16)


class _Inbox:
    """Takes the lines of one component."""

    def __init__(self) -> None:
        self.raws: list[bytes] = []

    def ready(self) -> bool:
        return True

    def knows(self, key: ComponentKey) -> bool:
        return key == _WATCHED

    def take(self, digest: bytes, lines: Mapping[ComponentKey, list[bytes]]) -> Taken:
        assert list(lines) == [_WATCHED]
        self.raws += lines[_WATCHED]
        return Taken(len(lines[_WATCHED]), 0)


class _Told:
    """What the intake tells of one request."""

    def __init__(self) -> None:
        self.counts: tuple[int, int, int] | None = None

    def lines(self, format: Format, counted: int, repeated: int, unknown: int) -> None:
        self.counts = counted, repeated, unknown

    def refused(self, format: Format, kind: str) -> None:
        raise AssertionError("the intake refuses nothing here")


def check(data: bytes) -> None:
    """Read the bytes as a body of one format, and count what it holds."""
    choices = Choices(data)
    number = choices.number(3)
    body = choices.rest()
    try:
        format, records = _READERS[number](body)
    except RequestRefused as refusal:
        assert (refusal.kind, refusal.status) == ("invalid_body", 400)
        assert refusal.detail.isprintable()
        return
    inbox, told = _Inbox(), _Told()
    intake = Intake(lambda: {"": inbox}, told, "no such mark", lambda: _NOW)
    missing = intake.take(Batch(format, records, _DIGEST), "")
    assert told.counts == (len(inbox.raws), 0, missing)
    wanted = [line for record in records if _is_watched(record) for line in _lines(record)]
    assert len(inbox.raws) + missing == sum(len(_lines(record)) for record in records)
    assert [message_of(raw) for raw in inbox.raws] == [
        line.encode(errors="replace").removesuffix(b"\r") for line in wanted
    ]
    for raw in inbox.raws:
        assert b"\n" not in raw
        assert timestamp_of(raw) is not None, raw


def _is_watched(record: Record) -> bool:
    return ComponentKey(record.app, record.component) == _WATCHED


def _lines(record: Record) -> list[str]:
    return record.text.removesuffix("\n").split("\n")


def _open_search(body: bytes) -> tuple[Format, Sequence[Record]]:
    bulk = open_search.parse_bulk(body, "")
    answer = json.loads(bulk.answer(1))
    statuses = [next(iter(item.values()))["status"] for item in answer["items"]]
    assert statuses.count(201) == len(bulk.records)
    assert answer["errors"] == (len(bulk.records) < len(statuses))
    assert len(statuses) == _actions(body)
    return Format.OPEN_SEARCH, bulk.records


def _actions(body: bytes) -> int:
    """How many actions a body holds that is taken: a document stands behind each but `delete`."""
    lines, count = body.split(b"\n"), 0
    while lines:
        line = lines.pop(0)
        if line.strip():
            count += 1
            if "delete" not in json.loads(line):
                lines.pop(0)
    return count


def _datadog(body: bytes) -> tuple[Format, Sequence[Record]]:
    records = datadog.parse_entries(body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = [line for line in body.split(b"\n") if line.strip()]
    assert len(records) == (len(document) if isinstance(document, list) else 1)
    return Format.DATADOG, records


def _otlp_json(body: bytes) -> tuple[Format, Sequence[Record]]:
    records = otlp.parse_logs(body, otlp.JSON, _NAMES)
    assert json.loads(otlp.answer(otlp.JSON, len(records))) is not None
    return Format.OTLP, records


def _otlp_protobuf(body: bytes) -> tuple[Format, Sequence[Record]]:
    records = otlp.parse_logs(body, otlp.PROTOBUF, _NAMES)
    request = ExportLogsServiceRequest.FromString(body)
    assert len(records) == sum(
        len(scope.log_records) for each in request.resource_logs for scope in each.scope_logs
    )
    return Format.OTLP, records


_READERS: tuple[Callable[[bytes], tuple[Format, Sequence[Record]]], ...] = (
    _open_search,
    _datadog,
    _otlp_json,
    _otlp_protobuf,
)
