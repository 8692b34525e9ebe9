"""The lines that the canary writes, each found again in whatever stands around it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.canary_line import CanaryLine, parse_canary_line, run_name

LINE = CanaryLine("1700000000-0000abcd", 1_700_000_000, 7, 0, 1_700_000_001.5)


@given(
    began=st.integers(10**9, 10**10 - 1),
    nonce=st.integers(0, 2**32 - 1),
    number=st.integers(1, 10**15 - 1),
    last=st.integers(0, 10**15 - 1),
    millis=st.integers(10**12, 10**13 - 1),
)
def test_each_line_is_found_in_its_own_text(
    began: int, nonce: int, number: int, last: int, millis: int
):
    """As plain text, as JSON and as the last line of a trace; of the others of a trace none is."""
    written = CanaryLine(run_name(began, nonce), began, number, last, millis / 1000)
    *others, text = written.text().encode().split(b"\n")
    assert parse_canary_line(text) == written
    assert [parse_canary_line(line) for line in others] == [None] * len(others)


def test_each_third_line_is_json_and_each_twentieth_a_trace():
    """The others are plain, with a sign beyond ASCII."""
    kinds = {"{": "json", "T": "trace", "I": "plain"}
    texts = [CanaryLine("r", 1, number, 60, 1.0).text() for number in range(1, 61)]
    found = [kinds[text[0]] for text in texts]
    traces = [20, 40, 60]
    assert [at for at, kind in enumerate(found, 1) if kind == "trace"] == traces
    assert [at for at, kind in enumerate(found, 1) if kind == "json"] == [
        number for number in range(3, 61, 3) if number not in traces
    ]
    assert json.loads(texts[2]) == {
        "level": "info",
        "msg": "canary run=r seq=3 of=60 time=1.000000",
        "shape": "json",
    }
    assert texts[0] == (
        "INFO canary run=r seq=1 of=60 time=1.000000 plain, with a sign beyond ASCII: ♪"
    )
    assert len(texts[19].split("\n")) == 4


def test_a_run_is_named_for_its_second_and_a_nonce_of_32_bits():
    """Runs of one second are told apart, and names have one length."""
    assert run_name(1_700_000_000.9, 2**32 + 0xABCD) == "1700000000-0000abcd"
    assert run_name(1.0, 2**32 - 1) == "0000000001-ffffffff"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("canary", "a canary"),
        ("canary", "xcanary"),
        ("seq=7", "seq=0"),
        ("seq=7", "seq=07"),
        ("run=17", "run=7"),
        ("abcd", "abcg"),
        (".500000", ".5"),
        (".500000", ".5000000"),
    ],
)
def test_what_is_no_line_of_a_canary_is_none(before: str, after: str):
    """Only its whole form counts, wherever it stands."""
    text = str(LINE).replace(before, after).encode()
    assert parse_canary_line(str(LINE).encode()) == LINE
    assert parse_canary_line(text) == (LINE if after == "a canary" else None)
