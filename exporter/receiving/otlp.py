"""OTLP/HTTP logs: `POST /v1/logs` in protobuf or JSON.

App and component stand in attributes of the record or of its resource, under names that can be
configured. A record holds its severity and its exception outside of its body; the line that it
becomes has them inside, as a logger would have written them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from exporter.errors import RequestRefused
from exporter.matching.severity import declared
from exporter.matching.severity.vocabulary import of_open_telemetry, of_word
from exporter.matching.traces.grammar import Phase, begin
from exporter.model import Severity
from exporter.receiving.records import Record, rfc3339, text_of

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

# How loggers write a severity.
_LEVELS = {
    Severity.TRACE: "TRACE",
    Severity.DEBUG: "DEBUG",
    Severity.INFO: "INFO",
    Severity.WARNING: "WARN",
    Severity.ERROR: "ERROR",
    Severity.CRITICAL: "FATAL",
}

_INVALID_ARGUMENT = 3
_UNAVAILABLE = 14


@dataclass(frozen=True, slots=True)
class AttributeNames:
    """The attributes that name app and component; the first that is there counts."""

    app: Sequence[str]
    component: Sequence[str]


def parse_logs(body: bytes, media_type: str, names: AttributeNames) -> tuple[Record, ...]:
    """The log records of an export request, in its order.

    Args:
        media_type: of the body, protobuf or JSON.

    Raises:
        RequestRefused: the body is no such request; nothing of it is taken.
    """
    try:
        request = _from_json(body) if media_type == JSON else _from_protobuf(body)
    except (DecodeError, ValueError, json_format.ParseError, RecursionError):
        raise RequestRefused(
            "invalid_body", f"the body is no ExportLogsServiceRequest as {media_type}", 400
        ) from None
    return tuple(_records(request, names))


def answer(media_type: str, unknown: int) -> bytes:
    """The body of an answer of success.

    Args:
        unknown: how many records name no component that is watched: senders may tell, and do not
            send them again.
    """
    response = ExportLogsServiceResponse()
    if unknown:
        response.partial_success.rejected_log_records = unknown
        response.partial_success.error_message = "no component of these names is watched"
    if media_type == JSON:
        return json_format.MessageToJson(response, indent=None).encode()
    return response.SerializeToString()


def error_answer(media_type: str, status: int, reason: str) -> bytes:
    """The body of an answer to a request of which nothing is taken."""
    code = _INVALID_ARGUMENT if status in (400, 413, 415) else _UNAVAILABLE
    error = Status(code=code, message=reason)
    if media_type == JSON:
        return json_format.MessageToJson(error, indent=None).encode()
    data: bytes = error.SerializeToString()
    return data


def _from_protobuf(body: bytes) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    request.ParseFromString(body)
    return request


def _from_json(body: bytes) -> ExportLogsServiceRequest:
    """Read JSON; raises ValueError or ParseError where it is of another shape."""
    document, request = orjson.loads(body), ExportLogsServiceRequest()
    # The library takes any list or text for a message without a field that it knows.
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    json_format.ParseDict(document, request, ignore_unknown_fields=True)
    return request


def _records(request: ExportLogsServiceRequest, names: AttributeNames) -> Iterator[Record]:
    for of_resource in request.resource_logs:
        resource = _texts(of_resource.resource.attributes)
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                attributes = _texts(record.attributes)
                yield Record(
                    _first(names.app, attributes, resource),
                    _first(names.component, attributes, resource),
                    _time(record),
                    _with_severity(_with_exception(_text(record.body), attributes), record),
                )


def _first(names: Iterable[str], *places: dict[str, str]) -> str:
    """The value of the first name that is anywhere: in the record, or else in its resource."""
    for name in names:
        for place in places:
            if value := place.get(name, ""):
                return value
    return ""


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {
        attribute.key: attribute.value.string_value
        for attribute in attributes
        if attribute.value.WhichOneof("value") == "string_value"
    }


def _time(record: LogRecord) -> str:
    nanoseconds = record.time_unix_nano or record.observed_time_unix_nano
    return rfc3339(nanoseconds) if 0 < nanoseconds < 4_000_000_000 * 10**9 else ""


def _with_exception(text: str, attributes: Mapping[str, str]) -> str:
    """Append the exception of a record, unless its text has it: the stack trace in lines below."""
    parts = (attributes.get("exception.type", ""), attributes.get("exception.message", ""))
    trace, head = attributes.get("exception.stacktrace", ""), ": ".join(filter(None, parts))
    if trace:
        return text if trace.strip() in text else f"{text}\n{trace}".lstrip("\n")
    return f"{text}: {head}".removeprefix(": ") if head and head not in text else text


def _with_severity(text: str, record: LogRecord) -> str:
    """Write the severity of a record into its text.

    Not where the text declares one itself, nor in front of a line of a stack trace: its rules and
    its grouping look at how it begins.
    """
    if record.severity_number:
        severity = of_open_telemetry(record.severity_number)
    else:
        severity = of_word(record.severity_text) if record.severity_text else None
    head = text.partition("\n")[0].encode(errors="replace")
    if severity is None or declared(head) is not None:
        return text
    if head[:1].isspace() or begin(head) is not Phase.EXCEPTION:
        return text
    level = _LEVELS[severity]
    if text.startswith("{"):
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError:
            fields = None
        if isinstance(fields, dict):
            return orjson.dumps({"level": level.lower(), **fields}).decode()
    return f"{level} {text}"


def _text(body: AnyValue) -> str:
    return text_of(_value(body))


def _value(body: AnyValue) -> Any:  # noqa: ANN401  (whatever JSON can hold)
    match body.WhichOneof("value"):
        case None:
            return ""
        case "bytes_value":
            return body.bytes_value.decode(errors="replace")
        case "array_value":
            return [_value(value) for value in body.array_value.values]
        case "kvlist_value":
            return {each.key: _value(each.value) for each in body.kvlist_value.values}
        case kind:
            return getattr(body, kind)
