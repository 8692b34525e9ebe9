"""What a record of fields declares, key by key and number by number, and where its lines end."""

import pytest

from exporter.matching.severity.structured import (
    declared_in,
    is_level,
    pair_of,
    partial_object,
    record_around,
)
from exporter.model import Severity

T, D, I, W, E, C = Severity  # noqa: E741  (columns of a table)


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        *((9, None), (10, T), (29, D), (30, I), (40, W), (50, E), (60, C), (99, C)),
        *((100, D), (300, W), (400, E), (4_999, C), (5_000, T), (40_000, E), (50_000, C)),
        *(("50", E), (" 50 ", E), (50.0, E), ("999999", C), ("1000000", None), ("-1", None)),
        *(("E", E), (" W ", W), ("X", None), ("EE", None), (True, None), (None, None)),
    ],
)
def test_a_number_or_letter_is_a_level_in_the_record_of_a_logger(
    level: object, severity: Severity | None
):
    """By the family to which it belongs; without a message, a time or the like it is none."""
    for key in ("msg", "time", "pid"):
        assert declared_in({"level": level, key: "x"}) is severity
    assert declared_in({"level": level}) is None


@pytest.mark.parametrize(
    ("record", "severity"),
    [
        # Python's keys, GELF's and .NET's say whose number it is.
        ({"level": 30, "lineno": 7}, W),
        ({"level": 9, "lineno": 7}, None),
        ({"level": 10, "lineno": 7}, D),
        ({"level": 3, "facility": "x"}, E),
        ({"level": 9, "facility": "x"}, None),
        ({"level": 3, "short_message": "x"}, E),
        ({"level": 10, "facility": "x"}, T),
        ({"LogLevel": 0}, T),
        ({"LogLevel": 5}, C),
        ({"LogLevel": 6, "facility": "x"}, None),
        ({"LogLevel": 7, "facility": "x"}, D),
        # Of a severity: syslog's, OpenTelemetry's, Google's.
        ({"severity": 0}, C),
        ({"severity": 7}, D),
        ({"severity": 8}, D),
        ({"severity": 9}, I),
        ({"severity": 24}, C),
        ({"severity": 99}, None),
        ({"severity": 100}, D),
        ({"severity": 300}, I),
        ({"severity": 500}, E),
    ],
)
def test_the_keys_of_a_record_show_the_family_of_its_number(
    record: dict[str, object], severity: Severity | None
):
    """One number means different things to different loggers."""
    assert declared_in({"msg": "x", **record}) is severity


@pytest.mark.found(
    'A score with a fraction was read as a level, such as `"severity": 9.8` as info, and no rule '
    "counted its line.",
    how="the mutants of the reader of records: of whole numbers a bound made no difference",
)
@pytest.mark.parametrize("key", ["level", "severity"])
@pytest.mark.parametrize("number", [3.9, 7.5, 9.8, 50.5, 499.9])
def test_a_number_with_a_fraction_is_no_level(key: str, number: float):
    """No logger has levels between its levels; scores have fractions."""
    assert declared_in({"msg": "x", key: number}) is None


@pytest.mark.parametrize(
    ("record", "severity"),
    [
        ({"severity_number": 17}, E),
        ({"severityNumber": "17"}, E),
        ({"severityNumber": "SEVERITY_NUMBER_ERROR"}, E),
        ({"levelno": 30}, W),
        ({"levelno": "ERROR"}, None),
        ({"levelno": True}, None),
        ({"levelno": None, "level_value": 40_000}, E),
        ({"level_number": 30}, W),
        ({"level_value": 40_000}, E),
        ({"logLevelId": 5}, E),
        ({"syslog_severity": 3}, E),
        ({"severity_code": 3}, E),
        ({"at": "error"}, E),
        ({"at": "ERROR"}, E),
        ({"at": "trace"}, None),
        ({"at": "start"}, None),
        ({"at": 3}, None),
        ({"PRIORITY": 3, "MESSAGE": "x"}, E),
        ({"PRIORITY": "3", "MESSAGE": "x"}, E),
        ({"PRIORITY": 3}, None),
        ({"MESSAGE": "x"}, None),
        ({"s": "E", "c": "QUERY", "msg": "x"}, E),
        ({"s": "D2", "c": "QUERY", "msg": "x"}, D),
        ({"s": "E", "c": "QUERY"}, None),
        ({"s": "E", "msg": "x"}, None),
        ({"s": 3, "c": "QUERY", "msg": "x"}, None),
        ({"@t": 1, "@mt": "x"}, I),
        ({"@t": 1, "@m": "x"}, I),
        ({"@t": 1, "@mt": "x", "@l": "Error"}, E),
        ({"@t": 1}, None),
        ({"@mt": "x"}, None),
        ({"L": "ERROR"}, E),
        ({"l": "ERROR"}, None),
        ({"@level": "error"}, E),
        ({"level": "info", "levelname": "ERROR"}, E),
        ({"level": "nothing", "severity": "error"}, E),
        ({"level": {"name": "ERROR", "no": 20}}, E),
        ({"level": {"no": 40}}, E),
        ({"level": {"no": "40"}}, E),
        ({"level": {"no": "x"}}, None),
        ({"level": {"levelStr": "ERROR"}}, E),
        ({"level": {"label": 3, "text": "nothing"}}, None),
        ({"level": {"severity": {"name": "Error"}}}, E),
        ({"level": []}, None),
        ({"context": {"logLevel": 50}, "sequence": 0}, E),
        ({"context": {"logLevel": "x"}, "sequence": 0}, None),
        ({"context": {"logLevel": 50}}, None),
        ({"context": 50, "sequence": 0}, None),
        ({}, None),
    ],
)
def test_each_key_of_a_logger_declares_its_level(
    record: dict[str, object], severity: Severity | None
):
    """Of several the one that says it best, and where one says nothing, the next."""
    assert declared_in(record) is severity


@pytest.mark.parametrize(
    ("record", "severity"),
    [
        ({"log": {"level": "error"}}, None),
        ({"ts": 1, "log": {"level": "error"}}, E),
        ({"@message": "x", "@fields": {"severity": "error"}}, E),
        ({"log": {"ts": 1, "level": "error"}}, E),
        ({"ts": 1, "log": "error"}, None),
        ({"ts": 1, "log": {"file": "a"}, "_meta": {"logLevelName": "ERROR"}}, E),
        ({"ts": 1, "log": {"level": 50, "msg": "x"}}, E),
        ({"ts": 1, "log": {"level": 50}}, None),
        ({"ts": 1, "log": {"syslog": {"severity": {"name": "error"}}}}, E),
        ({"ts": 1, "log": {"syslog": "error"}}, None),
        ({"ts": 1, "level": "info", "log": {"level": "error"}}, I),
        ({"ts": 1, "payload": {"level": "error"}}, None),
    ],
)
def test_an_object_declares_where_loggers_put_levels(
    record: dict[str, object], severity: Severity | None
):
    """In a record that has a time, or beside a time of its own; the record's own level is first."""
    assert declared_in(record) is severity


def test_keys_of_levels_are_known_in_any_spelling():
    """With dots, dashes, underscores and capitals, and not within longer words."""
    for key in ("level", "Level", "log.level", "log-level", "@l", "L", "s", "severity_text", "at"):
        assert is_level(key)
    for key in ("levels", "message", "a.level", ""):
        assert not is_level(key)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b'{"a":1,"b":"x', {"a": 1}),
        (b"""{'a': "x\\"y", b: 'z'}""", {"a": 'x\\"y', "b": "z"}),
        (b'{"a":{"b":1},"c":[1,{"d":2}],"e":3}', {"a": {"b": 1}, "e": 3}),
        (b'{"a":999999999,"b":1000000000}', {"a": 999_999_999, "b": "1000000000"}),
        (b'{"a":{"b":{"c":1},"d":2},"e":3}', {"a": {"b": {"c": 1}, "d": 2}, "e": 3}),
        (b'{"a":{"b"},"c":1,"d","e":2}', {"a": {}, "c": 1, "e": 2}),
        (b'{"a":[b:1,c:{"d":2}],"e":3}', {"e": 3}),
        (b'{"a":1} {"b":2}', {"a": 1}),
        (b'[{"a":1}],"b":2', {}),
        (b'{"a","b":1,:2,"c":}', {"b": 1}),
        (b'{"a":1}}}', {"a": 1}),
        (b"}", {}),
        (b"", {}),
        (b"{" + b"," * 1995 + b'"a":1}', {"a": 1}),
        (b"{" + b"," * 1996 + b'"a":1}}', {}),
    ],
)
def test_of_an_object_that_is_cut_off_each_whole_pair_is_read(
    text: bytes, values: dict[str, object]
):
    """Keys and texts in any quotes, and objects, but no lists; of a long one 2,000 signs."""
    assert partial_object(text) == values


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        (b'  "a": "x",', ("a", "x")),
        (b"\t'a' : 'x'", ("a", "x")),
        (b"  @a: x.y\r", ("@a", "x.y")),
        (b'  "a": ""', ("a", "")),
        (b"  a: ''", ("a", "")),
        (b"  a: 999999999,", ("a", 999_999_999)),
        (b"  a: 1000000000", ("a", "1000000000")),
        (b"  a: -1", ("a", "-1")),
        (b"a: 1", None),
        (b"  a: {", None),
        (b"  a: 1, b: 2", None),
        (b"  a b", None),
    ],
)
def test_a_line_of_a_record_is_one_pair(line: bytes, pair: tuple[str, object] | None):
    """Indented, with the key and the value in any quotes or none."""
    assert pair_of(line) == pair


LEVEL = b'  "level": "error",'


@pytest.mark.parametrize(
    ("message", "before", "values"),
    [
        (LEVEL, [b"{"], {"level": "error"}),
        (LEVEL, [b"[{"], {"level": "error"}),
        (LEVEL, [b'  "level": "info",', b'  "a": 1,', b"{"], {"level": "error", "a": 1}),
        (LEVEL, [b"", b'    "b": 2', b"  x", b'  "a": 1', b"{"], {"level": "error", "a": 1}),
        (LEVEL, [b"}", b"{"], {}),
        (LEVEL, [b"text", b"{"], {}),
        (LEVEL, [b" {"], {}),
        (LEVEL, [b'"a": {', b"{"], {}),
        (LEVEL, [b' "log": {', b"{"], {"log": {"level": "error"}}),
        (b'    "a": 1', [b"  'b': [", b'  "c": 2', b"{"], {"b": {"a": 1}, "c": 2}),
        (b'    "a": 1', [b"  b: {", b'  "c": 2', b"{"], {"b": {"a": 1}, "c": 2}),
        (LEVEL, [LEVEL] * 99 + [b"{"], {"level": "error"}),
        (LEVEL, [LEVEL] * 100 + [b"{"], {}),
        (b'"level": "error"', [b"{"], {}),
        (b"  text", [b'  "a": 1', b"{"], {"a": 1}),
        # Without its beginning: only what is quoted, and of the record's own depth.
        (b'    "a": 1', [], {"a": 1}),
        (b'     "a": 1', [], {}),
        (b'\t"a": 1', [], {"a": 1}),
        (b'\t\t\t\t\t"a": 1', [b'\t\t\t\t\t"b": 2'], {"a": 1, "b": 2}),
        (b"    a: 1", [], {}),
    ],
)
def test_a_record_over_lines_is_read_back_to_its_beginning(
    message: bytes, before: list[bytes], values: dict[str, object]
):
    """By indentation: what is deeper is passed over, what begins an object leads outwards."""
    assert record_around(message, before) == values
