"""Patterns are RE2's, over bytes, and a refusal gives RE2's own reason."""

from collections.abc import Callable

import pytest
import re2

from exporter.matching.patterns import Sieve, compile_pattern


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


def _refused(_set: object) -> None:
    raise re2.error("failed to compile Set")


@pytest.mark.parametrize("broken", [None, ("Compile", _refused), ("Match", print)])
def test_many_texts_are_sifted_as_each_is_searched(
    broken: tuple[str, Callable[..., object]] | None, monkeypatch: pytest.MonkeyPatch
):
    """The set that is asked first may find nothing, or be too large: a search decides."""
    if broken is not None:
        monkeypatch.setattr(re2.Set, *broken)
    texts = [
        b"",
        b"error",
        b"an ERROR",
        b"\xfferror\n",
        b"no",
        b"errors\nerror",
        "K\u212a".encode(),
    ]
    for regex in ("error", "^error$", "(?m)^error$", "(?i)k", r"\berror\b", "", "(?s)r.e", "^$"):
        pattern = compile_pattern(regex)
        wanted = [pattern.search(text) is not None for text in texts]
        assert Sieve(pattern, regex)(texts) == wanted, regex
