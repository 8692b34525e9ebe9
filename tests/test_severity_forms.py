"""What one message declares: every form of logger, and what is none."""

import re
from unittest import mock

import pytest
from declared_severities import FORMS, SILENT
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.unwrap import unwrap
from exporter.matching.severity import declared, layouts
from exporter.model import Severity

NAMED = (Severity.ERROR, Severity.CRITICAL, Severity.WARNING)
"""What the first spellings of a form stand for; the others are harmless."""

LINES = [
    (form.format(L=word), NAMED[place] if place < len(NAMED) else None, f"{name} {word}")
    for name, form, words in FORMS
    for place, word in enumerate(words.split())
    if word != "-"
]


def severity_of(line: str) -> Severity | None:
    return declared(unwrap(line.encode()))


@pytest.mark.parametrize(
    ("line", "wanted"), [one[:2] for one in LINES], ids=[one[2] for one in LINES]
)
def test_each_form_declares_its_level(line: str, wanted: Severity | None):
    """Whatever a logger calls it, and wherever it puts it."""
    severity = severity_of(line)
    if wanted is None:
        assert severity in (Severity.TRACE, Severity.DEBUG, Severity.INFO)
    else:
        assert severity is wanted


@pytest.mark.parametrize("line", SILENT)
def test_what_only_looks_like_a_level_declares_none(line: str):
    """Words in prose, values, payloads and settings say nothing of the line itself."""
    assert severity_of(line) is None


@pytest.mark.parametrize(
    "line",
    [
        '{"text":"a\\n","record":{"level":{"name":"ERROR","no":40},"time":{"repr":"b"}}}',
        '{"log":{"ts":1,"severity":"error"}}',
    ],
)
def test_a_record_within_an_object_has_the_time_there_too(line: str):
    """Loguru's serialized form has no key but the text beside the record."""
    assert severity_of(line) is Severity.ERROR


@given(st.binary(max_size=80))
def test_anything_can_be_read(message: bytes):
    """No bytes make reading fail."""
    declared(message)


class _Anything:
    """Has every beginning."""

    def __contains__(self, beginning: object) -> bool:
        return True


_HEADS = st.lists(
    st.sampled_from(
        (
            *("error", "Error", "ERROR", "info", "INFO", "warn", "Warning", "FATAL", "E", "I"),
            *("debug:", "trace|", "web", "Web", "ValueError", "MonError", "InfoLog", "IOError"),
            *("May", "Mon", "AM", "12", "2026-11-01", "10:00:00", "a.b", "a::b", "k=v", "x@y"),
            *"[]()<>{}|-:.,=#*\"'/",
        )
    )
    | st.sampled_from((" ", "  ", "\t", ": ", " - ", " | ", "] ", '{"level":"info"}', "✔ ")),
    max_size=8,
).map("".join)


@given(_HEADS | st.sampled_from([*(line for line, _, _ in LINES), *SILENT]))
def test_what_beginnings_rule_out_is_never_declared(text: str):
    """A look at how a message begins saves searches, and changes nothing of what is declared."""
    with mock.patch.multiple(
        layouts,
        _PROSE=re.compile(rb"(?!)"),
        _LEVEL_BEGINS=_Anything(),
    ):
        wanted = declared(text.encode())
    assert declared(text.encode()) == wanted
