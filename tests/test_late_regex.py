"""Regexes that are compiled when they are used."""

import re
from unittest.mock import patch

import pytest

import exporter.model
from exporter.late_regex import compile_late


def test_a_regex_is_compiled_once_at_its_first_use():
    """From then on it is what Python compiles, in all that it does."""
    with patch("re.compile", wraps=re.compile) as compiled:
        late = compile_late(rb"(?P<word>b+)", re.IGNORECASE)
        assert compiled.call_count == 0
        found = late.search(b"aBba")
        assert found is not None
        assert found["word"] == b"Bb"
        assert late.match(b"aBba") is None
        assert late.sub(b"-", b"abbab") == b"a-a-"
        assert compiled.call_count == 1


def test_a_faulty_regex_is_refused_as_python_does():
    """Later, when it is used."""
    with pytest.raises(re.error, match="unterminated subpattern"):
        compile_late("(").match("")


def test_each_value_is_found_where_it_stands():
    """The package of values loads its modules one by one, and has what it says that it has."""
    for name in exporter.model.__all__:
        assert getattr(exporter.model, name) is not None, name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = exporter.model.Nothing  # type: ignore[attr-defined]
