"""Fields of messages: JSON, JSON behind a text, logfmt, and whatever else a line may hold."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.matching.fields import FieldReader, text_of

DEEP = 100_000


def field(message: bytes, path: str):
    return FieldReader().read(message).get(path)


@pytest.mark.parametrize(
    ("message", "path", "value"),
    [
        (b'{"level":"error","code":51,"ok":true,"took":1.5}', "level", "error"),
        (b'{"level":"error","code":51}', "code", 51),
        (b'{"ok":true}', "ok", True),
        (b'{"took": 1.50}', "took", 1.5),
        (b'{"http":{"status":500}}', "http.status", 500),
        (b'{"http":{"status":500},"http.status":404}', "http.status", 404),
        (b'{"http.req":{"id.x":1}}', "http.req.id.x", 1),
        (b'{"a":{"b":null},"a.b":2}', "a.b", 2),
        (b'{"a":1,"a":2}', "a", 2),
        (b'{"a":null}', "a", None),
        (b'{"a":{"b":1}}', "a", None),
        (b'{"a":[1]}', "a", None),
        (b'{"a":1}', "b", None),
        (b'{"a":1}', "a.b", None),
        (b'{"a":"\\u00e9\\/\\n"}', "a", "\N{LATIN SMALL LETTER E WITH ACUTE}/\n"),
        (b'2026-11-24 12:00:01 INFO {"a":1} \r', "a", 1),
        (b'[a=2] {"a":1}', "a", 1),
        (b'a=2 {"a":1} and more', "a", "2"),
        (b'{1} a=2 {"a":1}', "a", "2"),
        (b"a='no card' b=1", "a", "no card"),
        (b"b='a=1' a='it\\'s'", "a", "it's"),
        (b"a='no card', b=1", "a", "no card"),
        (b"a='tis b=1", "a", "'tis"),
        (b"a=' b=1", "b", "1"),
        (b"a=don't b='x'", "b", "x"),
        (b'level=error msg="payment declined" code=51', "msg", "payment declined"),
        (b'level=error msg="payment declined" code=51', "code", "51"),
        (b'msg="a \\"b\\" \\u00e9\\n"', "msg", 'a "b" \N{LATIN SMALL LETTER E WITH ACUTE}\n'),
        (b'msg="a \\q"', "msg", "a q"),
        (b'http.status=500 a="never ends', "http.status", "500"),
        (b'http.status=500 a="never ends', "a", ""),
        (b"took code=51, amount=3; done", "code", "51"),
        (b"a=1 a=2", "a", "2"),
        (b"x.a=1", "a", None),
        (b"a= b=1", "a", ""),
        (b"a=b=c", "a", "b=c"),
        (b"nothing here", "nothing", None),
        (b'[{"a":1}]', "a", None),
    ],
)
def test_a_field_is_found_where_it_stands(message: bytes, path: str, value: object):
    """JSON and logfmt give the same fields, of the type that was written."""
    found = field(message, path)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "-Infinity"),
        (b'{"a":1e400}', "Infinity"),
        (b'{"a":"\xff\xfe"}', "\N{REPLACEMENT CHARACTER}" * 2),
        (b'{"a":"x\\ud800"}', "x\N{REPLACEMENT CHARACTER}"),
        (b'{"a":"tab\there"}', "tab\there"),
        (b"a=\xff", "\N{REPLACEMENT CHARACTER}"),
        (b'{"a":false}', "false"),
        (b'{"a":12345678901234567890123}', "1.2345678901234568e+22"),
    ],
)
def test_what_is_no_strict_json_is_read_all_the_same(message: bytes, text: str):
    """Programs write NaN, halves of characters and bytes of any kind."""
    value = field(message, "a")
    assert value is not None
    assert text_of(value) == text


@pytest.mark.parametrize(
    "message",
    [
        b"{" * DEEP + b"}" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'{"b":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"b":' + b"1" * DEEP + b"}",
        b"b" * 1_000_000 + b" =}",
        b'b="' * DEEP,
        b'b="\\' * DEEP,
        b'b=\\"' * DEEP,
        b"=" * DEEP,
        b"b\\" * DEEP + b"=",
        b'{"b":"' + b"\\ud800" * DEEP + b'"}',
        b"\x00{\xff}\x00}",
    ],
)
def test_no_message_breaks_the_reading(message: bytes):
    """Deep, huge and broken messages have no field that they do not show; none is an error."""
    assert field(message, "a") is None


@given(st.binary())
def test_any_bytes_are_read(message: bytes):
    """A field is a text that is valid, a number, a boolean or nothing, whatever the bytes."""
    for path in ("a", "a.b", "", "."):
        value = field(message, path)
        assert value is None or text_of(value).encode()


SCALARS = st.one_of(
    st.text(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False)
)


@given(st.text(min_size=1), st.text(min_size=1), SCALARS, st.booleans())
def test_what_is_written_is_read(outer: str, inner: str, value: object, ascii_only: bool):
    """A value that Python's own JSON writes is found under its path again."""
    text = json.dumps({outer: {inner: value}}, ensure_ascii=ascii_only)
    found = field(text.encode("utf-8", "replace"), f"{outer}.{inner}")
    if isinstance(value, float) and math.isinf(value):
        assert found == value
    else:
        assert (found, type(found)) == (value, type(value))


def test_a_message_is_read_once_for_all_that_ask():
    """The same message gives the same fields; the next one its own."""
    reader, message = FieldReader(), b'{"a":1}'
    first = reader.read(message)
    assert reader.read(message) is first
    assert reader.read(b'{"a":2}').get("a") == 2
