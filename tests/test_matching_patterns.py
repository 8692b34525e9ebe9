"""Patterns are RE2's, over bytes, and a refusal gives RE2's own reason."""

import pytest

from exporter.matching.patterns import compile_pattern


@pytest.mark.parametrize(
    ("regex", "reason"),
    [
        ("a(b", r"missing \): a\(b"),
        ("(?=x)", r"invalid perl operator: \(\?="),
        (r"(a)\1", r"invalid escape sequence: \\1"),
        ("[z-a]", "invalid character class range: z-a"),
        ("a{1001}", "invalid repetition size"),
        (r"(?:\pL|\pN){900}", "pattern too large - compile failed"),
        ("*", "no argument for repetition operator"),
        ("\ud800", "invalid UTF-8: surrogates not allowed"),
    ],
)
def test_a_bad_regex_is_refused_with_its_reason(regex: str, reason: str, capfd):
    """A regex that RE2 refuses is a ValueError with RE2's words, and nothing goes to stderr."""
    with pytest.raises(ValueError, match=reason):
        compile_pattern(regex)
    assert capfd.readouterr().err == ""


def test_bytes_are_searched_as_utf8():
    """A pattern of characters is found in bytes, and one character is one `.`."""
    assert compile_pattern("^r.sum.$").search("résumé".encode())
    assert compile_pattern("^r..sum..$").search("résumé".encode()) is None


def test_invalid_utf8_is_searched_around():
    """Bytes that are no UTF-8 match no character and hide nothing."""
    assert compile_pattern("error").search(b"\xff\xfeerror\x80")
    assert compile_pattern("^.$").search(b"\xff") is None
