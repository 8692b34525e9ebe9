"""What one message declares: every form of logger, and what is none."""

import re
from unittest import mock

import pytest
from declared_severities import FORMS, SILENT
from for_each import for_each
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.unwrap import unwrap
from exporter.matching.severity import SeverityReader, declared, declares, layouts, vocabulary
from exporter.model import Severity, WrappedMessage

NAMED = (Severity.ERROR, Severity.CRITICAL, Severity.WARNING)
"""What the first spellings of a form stand for; the others are harmless."""

LINES = [
    (form.format(L=word), NAMED[place] if place < len(NAMED) else None)
    for _, form, words in FORMS
    for place, word in enumerate(words.split())
    if word != "-"
]


def severity_of(line: str) -> Severity | None:
    return declared(unwrap(line.encode()))


@for_each(LINES)
def test_each_form_declares_its_level(line: str, wanted: Severity | None):
    """Whatever a logger calls it, and wherever it puts it."""
    severity = severity_of(line)
    if wanted is None:
        assert severity in (Severity.TRACE, Severity.DEBUG, Severity.INFO)
    else:
        assert severity is wanted


@for_each(SILENT)
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


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("level=error", Severity.ERROR),
        ("log_level=error msg=x", Severity.ERROR),
        ("log_level=error", None),
        ("LOG_LEVEL=error msg=x", None),
        ("LEVEL=error level=warn", Severity.WARNING),
    ],
)
def test_a_setting_that_is_printed_declares_nothing(line: str, severity: Severity | None):
    """In capitals, or alone and named for the log."""
    assert severity_of(line) is severity


def test_what_a_wrapper_declares_counts_where_the_message_declares_nothing():
    """The program's own word is nearer."""
    assert declared(WrappedMessage.of(b"no card", 3)) is Severity.ERROR
    assert declared(WrappedMessage.of(b"INFO no card", 3)) is Severity.INFO
    assert declared(WrappedMessage.of(b" no card", 3)) is Severity.ERROR


def test_a_message_is_read_once_while_it_is_asked_for_again():
    """An equal one is another, whose lines before it may be others, and so is one between."""
    reader = SeverityReader()
    first, second = b"ERROR no card", bytes(bytearray(b"ERROR no card"))
    with mock.patch.object(layouts, "declared_by", return_value=Severity.ERROR) as read:
        for message in (first, first, second, second, first):
            assert reader.read(message) is Severity.ERROR
    assert read.call_count == 3


RECORD = [b"{", b'  "level": "info",', b'  "level_name": "ERROR",', b'  "msg": "ERROR x"', b"}"]
NESTED = [
    b"{",
    b'  "@timestamp": "2026-11-01T00:00:00Z",',
    b'  "log": {',
    b'    "level": "error",',
    b'    "severity": "error"',
]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (RECORD, [None, Severity.INFO, None, None, None]),
        (RECORD[:1] + RECORD[2:], [None, Severity.ERROR, None, None]),
        ([RECORD[0], RECORD[2], RECORD[1]], [None, Severity.ERROR, None]),
        (NESTED, [None, None, None, Severity.ERROR, None]),
        ([b"{", NESTED[2], NESTED[3]], [None, None, None]),
        ([b"text", b"  ERROR no card", b"WARN no card"], [None, Severity.ERROR, Severity.WARNING]),
    ],
)
def test_of_a_record_over_lines_the_first_that_says_it_declares(
    lines: list[bytes], wanted: list[Severity | None]
):
    """Lines that say it once more declare nothing, however well; nor does its text."""
    found = [
        declares(line, lambda at=at: reversed(lines[:at]), SeverityReader())
        for at, line in enumerate(lines)
    ]
    assert found == wanted


def test_a_line_of_a_record_has_the_severity_of_the_record():
    """Whatever stands in the line itself; where no record is around it, its own."""
    assert declared(RECORD[3], lambda: reversed(RECORD[:3])) is Severity.ERROR
    assert declared(RECORD[3], lambda: reversed(RECORD[:2])) is Severity.INFO
    assert declared(b"\tWARN no card", lambda: reversed(RECORD)) is Severity.WARNING


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


@pytest.mark.found(
    "A level behind a bracket that is not closed right after it, `[ERROR Cart(12)] no card`, was "
    "no longer read.",
    how="the mutants of the reader of layouts: one that looked for more beginnings survived",
)
@pytest.mark.parametrize("opening", ["", "[", "(", "<", "|", "[ "])
def test_each_word_of_a_level_is_looked_for_wherever_it_may_begin(opening: str):
    """What is looked for by a line's first byte is all that would be found without it."""
    words = [spelled for word in vocabulary.SEVERITIES for spelled in _spellings(word)]
    tails = (" Cart(12)] no card", ": no card", "\tno card", "] no card", "  no card")
    lines = [f"{opening}{word}{tail}".encode() for word in words for tail in tails]
    with mock.patch.object(layouts, "_LEVEL_BEGINS", _Anything()):
        wanted = [declared(line) for line in lines]
    assert [declared(line) for line in lines] == wanted
    assert declared(f"{opening}ERROR Cart(12)] no card".encode()) is Severity.ERROR


def _spellings(word: str) -> tuple[str, ...]:
    return word, word.upper(), word.capitalize()


@given(_HEADS | st.sampled_from([*(line for line, _ in LINES), *SILENT]))
def test_what_beginnings_rule_out_is_never_declared(text: str):
    """A look at how a message begins saves searches, and changes nothing of what is declared."""
    with mock.patch.multiple(
        layouts,
        _PROSE=re.compile(rb"(?!)"),
        _LEVEL_BEGINS=_Anything(),
    ):
        wanted = declared(text.encode())
    assert declared(text.encode()) == wanted


@pytest.mark.parametrize(("parts", "severity"), [(15, Severity.ERROR), (16, None)])
def test_a_level_stands_behind_at_most_15_parts(parts: int, severity: Severity | None):
    """Times, names and the like that are passed over."""
    assert severity_of("[a] " * parts + "ERROR no card") is severity


@pytest.mark.parametrize("word", sorted(map(bytes.decode, layouts._NEEDS_SIGN)))
def test_capitals_that_are_words_too_begin_a_line_only_with_a_sign(word: str):
    """A bracket before them, a colon or nothing behind; or where only a level can stand."""
    severity = vocabulary.SEVERITIES[word.lower()]
    for text in ("{} the card", "{}  the card", "{}\tthe card"):
        assert severity_of(text.format(word)) is None
    for text in ("{}", "({} the card", "[{}] the card", "{}: the card", "12:00:00 {} the card"):
        assert severity_of(text.format(word)) is severity


def test_pairs_are_read_once_and_together():
    """Where the one that says it best says nothing, none of those behind it is read alone."""
    assert severity_of("a=1 levelno=40 no card") is Severity.ERROR
    assert severity_of("a=1 severity_number=99 levelno=40 no card") is None


@pytest.mark.parametrize(("more", "severity"), [(0, Severity.ERROR), (1, None)])
def test_a_level_begins_within_400_bytes(more: int, severity: Severity | None):
    """What stands farther behind is no longer looked for."""
    part = f"[{'a' * 97}] "
    assert severity_of(part * 3 + f"[{'a' * (97 + more)}] ERROR no card") is severity


@pytest.mark.parametrize(
    ("sign", "severity"),
    [
        ("\N{CROSS MARK}   ", Severity.ERROR),
        ("\N{WARNING SIGN}\N{VARIATION SELECTOR-16}   ", Severity.ERROR),
        ("\N{WARNING SIGN}\N{VARIATION SELECTOR-16}    ", None),
    ],
)
@pytest.mark.parametrize("head", ["", "12:00:00 "])
def test_a_sign_marks_the_word_behind_it(head: str, sign: str, severity: Severity | None):
    """Right behind it, or behind up to three blanks; elsewhere the same word is prose."""
    assert severity_of(f"{head}{sign}error no card") is severity
    assert severity_of(f"{head}error no card") is None
