"""What each format's body holds, and what is answered to it."""

import gzip
import json
import zlib

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from exporter.errors import RequestRefused
from exporter.receiving import datadog, open_search, otlp
from exporter.receiving.batches import BLOCK, BLOCKS, KEPT_SECONDS, REMEMBERED, RecentBatches
from exporter.receiving.body import BodyLimits, HeldBytes, decompressed
from exporter.receiving.records import Format, Record, lines_of, time_of
from exporter.web.receiving.paths import Probe, Push, request_of

LIMITS = BodyLimits(10_000)
NAMES = otlp.AttributeNames(("do_app_name", "service.namespace"), ("service.name",))


def document(log: str = "no stock", **fields: object) -> dict[str, object]:
    return {
        "@timestamp": "2026-11-01T00:00:00.123Z",
        "log": log,
        "do_app_name": "shop",
        "do_component_name": "web",
        **fields,
    }


def bulk(*entries: object) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def test_a_bulk_request_holds_a_record_for_each_index_and_create() -> None:
    body = bulk({"index": {"_index": "logs"}}, document("a"), {"create": {}}, document("b"))

    parsed = open_search.parse_bulk(body, "")

    time = "2026-11-01T00:00:00.123Z"
    assert parsed.records == (Record("shop", "web", time, "a"), Record("shop", "web", time, "b"))
    answer = json.loads(parsed.answer(3))
    assert (answer["took"], answer["errors"]) == (3, False)
    assert [item[action]["status"] for item in answer["items"] for action in item] == [201, 201]
    assert answer["items"][1]["create"]["_index"] == "logs"


@pytest.mark.parametrize(
    ("action", "source", "type"),
    [
        ({"index": {}}, b'{"log": "cut', "mapper_parsing_exception"),
        ({"index": {}}, b"[1]", "mapper_parsing_exception"),
        ({"index": {}}, b'{"other": "x"}', "mapper_parsing_exception"),
        (
            {"index": {"_index": "../../etc/passwd"}},
            b'{"log": "x"}',
            "invalid_index_name_exception",
        ),
        ({"index": {"_index": "Logs"}}, b'{"log": "x"}', "invalid_index_name_exception"),
        ({"update": {}}, b'{"doc": {}}', "action_request_validation_exception"),
    ],
)
def test_a_document_that_is_refused_leaves_the_others_taken(
    action: dict[str, object], source: bytes, type: str
) -> None:
    body = bulk({"index": {}}, document("a"), action) + source + b"\n"
    body += bulk({"index": {}}, document("b"))

    parsed = open_search.parse_bulk(body, "")

    assert [record.text for record in parsed.records] == ["a", "b"]
    answer = json.loads(parsed.answer(0))
    assert answer["errors"] is True
    refused = next(iter(answer["items"][1].values()))
    assert (refused["status"], refused["error"]["type"]) == (400, type)
    assert parsed.refused == 1


def test_a_delete_has_no_document_behind_it_and_is_refused() -> None:
    body = bulk({"delete": {"_index": "logs", "_id": "1"}}, {"index": {}}, document("a"))

    parsed = open_search.parse_bulk(body, "")

    assert [record.text for record in parsed.records] == ["a"]
    assert parsed.refused == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b"no json\n",
        b'{"index": {}}\n',
        b'{"index": {}, "create": {}}\n{}\n',
        b'{"search": {}}\n{}\n',
        b"[]\n{}\n",
        bulk({"index": {}}, document()) + b'{"index"\n{}\n',
    ],
)
def test_what_is_no_bulk_request_is_refused_whole(body: bytes) -> None:
    with pytest.raises(RequestRefused) as refused:
        open_search.parse_bulk(body, "")

    assert (refused.value.kind, refused.value.status) == ("invalid_body", 400)


def test_a_log_that_is_no_text_becomes_one() -> None:
    parsed = open_search.parse_bulk(bulk({"index": {}}, document(log={"level": "error"})), "x")  # type: ignore[arg-type]

    assert parsed.records[0].text == '{"level":"error"}'


@pytest.mark.parametrize("shape", ["array", "one", "by line"])
def test_entries_come_as_an_array_alone_or_one_a_line(shape: str) -> None:
    entries = [
        {
            "timestamp": 1793491200123,
            "message": text,
            "do_app_name": "shop",
            "do_component_name": "web",
        }
        for text in ("a", "b")
    ]
    body = {
        "array": json.dumps(entries).encode(),
        "one": json.dumps(entries[0]).encode(),
        "by line": bulk(*entries),
    }[shape]

    records = datadog.parse_entries(body)

    expected = [Record("shop", "web", "2026-11-01T00:00:00.123000000Z", text) for text in "ab"]
    assert list(records) == expected[: 1 if shape == "one" else 2]


def test_tags_of_an_entry_name_app_and_component_too() -> None:
    entry = {"message": "a", "ddtags": "env:prod,do_app_name:shop,do_component_name:web"}

    assert datadog.parse_entries(json.dumps([entry]).encode()) == (Record("shop", "web", "", "a"),)


@pytest.mark.parametrize("body", [b"", b"x", b"[1]", b'"text"', b'{"message": "a"}\n{"mess'])
def test_what_is_no_entry_is_refused_whole(body: bytes) -> None:
    with pytest.raises(RequestRefused) as refused:
        datadog.parse_entries(body)

    assert refused.value.kind == "invalid_body"


def otlp_request() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    of_resource = request.resource_logs.add()
    resource = of_resource.resource.attributes
    for name, value in (("service.namespace", "shop"), ("service.name", "web")):
        resource.add(key=name).value.string_value = value
    records = of_resource.scope_logs.add().log_records
    first = records.add(time_unix_nano=1_793_491_200_123_456_789)
    first.body.string_value = "no stock"
    second = records.add(observed_time_unix_nano=1_793_491_201_000_000_000)
    second.body.kvlist_value.values.add(key="level").value.string_value = "error"
    second.attributes.add(key="do_app_name").value.string_value = "blog"
    return request


@pytest.mark.parametrize("media_type", [otlp.PROTOBUF, otlp.JSON])
def test_otlp_names_come_from_the_record_or_else_from_its_resource(media_type: str) -> None:
    request = otlp_request()
    body = (
        json_format.MessageToJson(request).encode()
        if media_type == otlp.JSON
        else request.SerializeToString()
    )

    assert otlp.parse_logs(body, media_type, NAMES) == (
        Record("shop", "web", "2026-11-01T00:00:00.123456789Z", "no stock"),
        Record("blog", "web", "2026-11-01T00:00:01.000000000Z", '{"level":"error"}'),
    )


@pytest.mark.found(
    "A record of severity ERROR whose body has no level word matched no rule of that severity, and "
    "its exception and stack trace were dropped.",
    how="records of OpenTelemetry's logging handler, which has both outside of the body",
)
@pytest.mark.parametrize(
    ("body", "number", "word", "attributes", "text"),
    [
        ("no stock", 17, "", {}, "ERROR no stock"),
        ("no stock", 0, "Error", {}, "ERROR no stock"),
        ("no stock", 9, "ERROR", {}, "INFO no stock"),
        ("no stock", 0, "", {}, "no stock"),
        ("no stock", 0, "loud", {}, "no stock"),
        ("WARN no stock", 17, "", {}, "WARN no stock"),
        ('{"msg":"no stock"}', 24, "", {}, '{"level":"fatal","msg":"no stock"}'),
        ('{"level":"info","msg":"x"}', 17, "", {}, '{"level":"info","msg":"x"}'),
        ("{broken", 13, "", {}, "WARN {broken"),
        ("panic: no stock", 21, "", {}, "panic: no stock"),
        (
            "Traceback (most recent call last):\n  File",
            17,
            "",
            {},
            "Traceback (most recent call last):\n  File",
        ),
        ("    at f (/app/a.js:3:9)", 17, "", {}, "    at f (/app/a.js:3:9)"),
        ("", 17, "", {"type": "ValueError", "message": "no"}, "ERROR ValueError: no"),
        ("failed", 0, "", {"type": "ValueError"}, "failed: ValueError"),
        ("ValueError: no", 0, "", {"type": "ValueError", "message": "no"}, "ValueError: no"),
        (
            "failed",
            17,
            "",
            {"type": "E", "stacktrace": "E: no\n  at f\n"},
            "ERROR failed\nE: no\n  at f\n",
        ),
        (
            "failed\nE: no\n  at f",
            0,
            "",
            {"stacktrace": "E: no\n  at f\n"},
            "failed\nE: no\n  at f",
        ),
    ],
)
def test_otlp_severity_and_exception_stand_in_the_line(
    body: str, number: int, word: str, attributes: dict[str, str], text: str
) -> None:
    """As a logger would have written them, and once."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = body
    record.severity_number, record.severity_text = number, word
    for name, value in attributes.items():
        record.attributes.add(key=f"exception.{name}").value.string_value = value

    [found] = otlp.parse_logs(request.SerializeToString(), otlp.PROTOBUF, NAMES)

    assert found.text == text


@pytest.mark.parametrize("media_type", [otlp.PROTOBUF, otlp.JSON])
def test_what_is_no_export_request_is_refused_whole(media_type: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        otlp.parse_logs(b'\xff\xff{"resourceLogs": 1', media_type, NAMES)

    assert refused.value.status == 400


@pytest.mark.found(
    "A body that can never be read, such as a number instead of an OTLP request, a log nested "
    "300 deep or a time of 5,000 digits, was answered 500: its sender sent it for ever.",
    how="the fuzzer's target for pushes, and a look at what else its calls can raise",
)
@pytest.mark.parametrize("body", [b"9", b'"resourceLogs"', b"[]", b'["resourceLogs"]', b"null"])
def test_json_that_is_no_object_is_no_export_request(body: bytes) -> None:
    """The library would take a list or a text for a request without records."""
    with pytest.raises(RequestRefused) as raised:
        otlp.parse_logs(body, otlp.JSON, NAMES)
    assert (raised.value.kind, raised.value.status) == ("invalid_body", 400)


def test_a_log_nested_too_deeply_is_refused_and_the_others_are_taken() -> None:
    """OpenSearch refuses the document alone, Datadog's format has one answer for all."""
    deep = b"[" * 300 + b"]" * 300
    body = b'{"index":{}}\n{"log":' + deep + b'}\n{"index":{}}\n{"log":"a"}\n'
    parsed = open_search.parse_bulk(body, "")
    statuses = [item["index"]["status"] for item in json.loads(parsed.answer(1))["items"]]
    assert (statuses, [record.text for record in parsed.records]) == ([400, 201], ["a"])
    with pytest.raises(RequestRefused) as raised:
        datadog.parse_entries(b'{"message":' + deep + b"}")
    assert (raised.value.kind, raised.value.status) == ("invalid_body", 400)


def test_a_time_of_too_many_digits_is_none() -> None:
    """Python refuses to read them; the line counts by the time at which it came."""
    assert time_of("1" * 5_000) == ""
    assert time_of("1" * 19) != ""


def test_an_answer_tells_how_many_records_nobody_watches() -> None:
    response = ExportLogsServiceResponse.FromString(otlp.answer(otlp.PROTOBUF, 3))

    assert response.partial_success.rejected_log_records == 3
    assert json.loads(otlp.answer(otlp.JSON, 0)) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("2026-11-01 00:00:00.5+02:00", "2026-11-01T00:00:00.5+02:00"),
        (1793491200, "2026-11-01T00:00:00.000000000Z"),
        (1793491200.5, "2026-11-01T00:00:00.500000000Z"),
        (1793491200123, "2026-11-01T00:00:00.123000000Z"),
        ("1793491200123", "2026-11-01T00:00:00.123000000Z"),
        (1793491200123456, "2026-11-01T00:00:00.123456000Z"),
        (1793491200123456789, "2026-11-01T00:00:00.123456789Z"),
        ("yesterday", ""),
        ("2026-13-01T00:00:00Z", ""),
        (None, ""),
        (True, ""),
        (float("nan"), ""),
        (float("inf"), ""),
        (-1, ""),
        (10**30, ""),
        ({}, ""),
    ],
)
def test_a_time_is_told_by_its_form_or_its_size(value: object, expected: str) -> None:
    assert time_of(value) == expected


@pytest.mark.parametrize(
    ("text", "lines"), [("a", ["a"]), ("a\n", ["a"]), ("", [""]), ("a\n\nb\n", ["a", "", "b"])]
)
def test_a_text_of_several_lines_is_several_lines(text: str, lines: list[str]) -> None:
    assert list(lines_of(text)) == lines


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", b"/_bulk", Push(Format.OPEN_SEARCH)),
        ("POST", b"/logs/_bulk", Push(Format.OPEN_SEARCH, "logs", "logs")),
        ("PUT", b"/do/logs/_bulk", Push(Format.OPEN_SEARCH, "do", "logs")),
        ("POST", b"/api/v2/logs", Push(Format.DATADOG)),
        ("POST", b"/do/api/v2/logs", Push(Format.DATADOG, "do")),
        ("POST", b"/v1/input/secret", Push(Format.DATADOG, key="secret")),
        ("POST", b"/v1/input", Push(Format.DATADOG)),
        ("POST", b"/v1/logs", Push(Format.OTLP)),
        ("GET", b"/", Probe("cluster")),
        ("HEAD", b"/logs", Probe("index")),
        ("GET", b"/_cluster/health", Probe("health")),
        ("GET", b"/_cat/health", Probe("cat")),
        ("GET", b"/_bulk", None),
        ("POST", b"/", None),
        ("DELETE", b"/logs", None),
        ("POST", b"/v1/traces", None),
    ],
)
def test_a_path_says_what_is_asked_for(method: str, path: bytes, expected: object) -> None:
    assert request_of(method, path) == expected


@pytest.mark.parametrize("path", [b"/..%2f..%2fetc/_bulk", b"/%2e%2e/_bulk", b"/A/_bulk"])
def test_an_index_that_is_a_path_is_refused(path: bytes) -> None:
    with pytest.raises(RequestRefused):
        request_of("POST", path)


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes), ("", bytes)],
)
def test_a_body_is_decompressed_within_its_limit(encoding: str, compress: object) -> None:
    assert callable(compress)
    assert decompressed(compress(b"x" * 10_000), encoding, LIMITS) == b"x" * 10_000


@pytest.mark.parametrize(
    ("body", "encoding", "kind"),
    [
        (gzip.compress(b"x" * 10_001), "gzip", "too_large"),
        (gzip.compress(b"x" * 100)[:-9], "gzip", "invalid_body"),
        (b"no gzip", "gzip", "invalid_body"),
        (b"", "zstd", "unsupported_encoding"),
    ],
    ids=["large", "cut", "no gzip", "encoding"],
)
def test_a_body_that_is_damaged_or_too_large_is_refused(
    body: bytes, encoding: str, kind: str
) -> None:
    with pytest.raises(RequestRefused) as refused:
        decompressed(body, encoding, LIMITS)

    assert refused.value.kind == kind


def test_a_bomb_is_refused_before_it_is_unpacked_whole() -> None:
    with pytest.raises(RequestRefused) as refused:
        decompressed(gzip.compress(bytes(50_000_000)), "gzip", LIMITS)

    assert refused.value.kind == "too_large"


def test_members_of_a_gzip_body_are_put_together() -> None:
    assert decompressed(gzip.compress(b"a") + gzip.compress(b"b"), "gzip", LIMITS) == b"ab"


def test_what_one_request_held_is_free_after_it() -> None:
    memory = HeldBytes(10)

    with memory.of_one_request() as hold:
        hold(8)
        with pytest.raises(RequestRefused) as refused, memory.of_one_request() as other:
            other(3)
    with memory.of_one_request() as hold:
        hold(10)

    assert (refused.value.status, refused.value.retry_after) == (429, 1)


def digest(number: int) -> bytes:
    return number.to_bytes(16, "little")


@given(st.integers(0, 3 * BLOCK * BLOCKS), st.booleans())
def test_the_latest_batches_are_known_over_a_restart(count: int, restart: bool) -> None:
    batches, documents = RecentBatches({}), {}
    for number in range(count):
        name = batches.add(digest(number), 1000.0)
        documents[name] = batches.document(name)
    if restart:
        batches = RecentBatches(documents)

    known = [number for number in range(count) if batches.knows(digest(number), 1001.0)]

    assert known == list(range(count - len(known), count))
    assert min(count, REMEMBERED) <= len(known) <= BLOCK * BLOCKS
    assert not batches.knows(digest(count), 1001.0)


def test_a_batch_is_forgotten_in_time() -> None:
    batches = RecentBatches({})
    batches.add(digest(1), 1000.0)

    assert batches.knows(digest(1), 1000.0 + KEPT_SECONDS - 1)
    assert not batches.knows(digest(1), 1000.0 + KEPT_SECONDS)


def test_batches_added_after_a_restart_take_the_place_of_the_oldest() -> None:
    batches, documents = RecentBatches({}), {}
    for number in range(BLOCK * BLOCKS + 1):
        name = batches.add(digest(number), float(number))
        documents[name] = batches.document(name)
    batches = RecentBatches(documents)

    batches.add(digest(99_999), 99_999.0)

    assert batches.knows(digest(BLOCK * BLOCKS), 4100.0)
    assert not batches.knows(digest(0), 10.0)
