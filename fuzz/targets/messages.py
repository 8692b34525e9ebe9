"""Messages: unwrapping loses none, the engine proposes each that counts, traces have no seams."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from exporter.logs.lines import message_of, parse_line, timestamp_of
from exporter.logs.log_lines import LogLines
from exporter.logs.platform_lines import exit_line, exit_lines
from exporter.logs.unwrap import Unwrapping, unwrap
from exporter.matching.engine import Engine
from exporter.matching.severity import declared
from exporter.matching.traces.events import Event, OpenEvents
from exporter.model import Level, Rule, Severity, WrappedMessage
from fuzz.choices import Choices

SEEDS = (
    b'{"log":"ERROR no card\\n","stream":"stderr","time":"2026-11-01T00:00:00Z"}\n'
    b"0|web  | WARN\x00",
    b"<11>Nov  1 00:00:00 web[1]: no card\n\x1b[31mERROR\x1b[0m no\n"
    b" 10%|x| [00:01<00:09, 1/s]E\x01",
    b'Traceback (most recent call last):\n  File "main.py", line 3, in <module>\nValueError: no'
    b'\n\n{\n  "level": "error",\n  "msg": "no"\n}\n\x02\x04',
    b"component web exited with code: 137\n[12-Nov-2026 00:00:00] WARNING: [pool www] child 7 said"
    b' into stderr: "ERROR a"\nlevel=error msg="no"\nE1101 00:00:00.000000 1 main.go:1] no\n\x03',
)
_RULES = (
    *(
        Rule(str(each), level=Level.INFO, severities=frozenset({each}), any_severity=True)
        for each in Severity
    ),
    Rule("words", "no card|[Ee]rror", Level.ERROR),
    Rule("exit", "exited with code"),
)
_ENGINE = Engine(_RULES, unwrap=Unwrapping())
_PREFIX = b"web 2026-11-01T00:00:%02d.%09dZ "
_MARGINS = (b" ", b"\t")


def check(data: bytes) -> None:
    """Read the lines as a log, with the platform's prefix or without."""
    choices = Choices(data)
    prefixed, heads = choices.flag(), choices.number(255)
    places = [choices.number(255) for _ in range(choices.number(4))]
    messages = choices.rest().split(b"\n")[:60]
    raws = [
        (_PREFIX % (number, number) if prefixed else b"") + message
        for number, message in enumerate(messages)
    ]
    unwrapped = [_unwrapped(message_of(raw)) for raw in raws]
    _check_matches(raws, unwrapped)
    _check_traces(raws, heads, sorted({0, len(raws), *(p % (len(raws) + 1) for p in places)}))
    found = [(number, exit_line(raw)) for number, raw in enumerate(raws)]
    assert exit_lines(raws) == [(number, line) for number, line in found if line is not None]


def _unwrapped(message: bytes) -> bytes:
    inner = unwrap(message)
    assert b"\n" not in inner
    assert len(inner) <= len(message)
    if type(inner) is bytes and inner == message:
        assert inner is message
    if isinstance(inner, WrappedMessage):
        assert 0 <= inner.severity <= 7
    return inner


def _check_matches(raws: Sequence[bytes], messages: Sequence[bytes]) -> None:
    """The engine finds in the text what each rule finds in each message alone."""
    expected = []
    for number, message in enumerate(messages):
        severity = declared(message, lambda n=number: reversed(messages[:n]))  # type: ignore[misc]
        assert severity is None or isinstance(severity, Severity)
        for index, decision in enumerate(_ENGINE.decisions):
            if message[:1] in _MARGINS:
                matched = decision.matches(message, lambda n=number: _before(messages, n))  # type: ignore[misc]
            else:
                matched = decision.matches(message)
                wanted = _RULES[index].severities
                assert not wanted or matched == (severity in wanted)
            if matched:
                expected.append((index, number))
    text = b"".join(raw + b"\n" for raw in raws)
    found = [
        (match.rule, text.count(b"\n", 0, match.start))
        for match in _ENGINE.scan_text(text, message_of=message_of)
    ]
    assert found == expected


def _before(messages: Sequence[bytes], number: int) -> Iterable[bytes]:
    return reversed(messages[:number])


def _check_traces(raws: Sequence[bytes], heads: int, places: Sequence[int]) -> None:
    """Lines in pieces form the events that they form at once."""
    times = list(map(timestamp_of, raws))
    if any(a is not None and b is not None and a >= b for a, b in pairwise(times)):
        return  # what comes late may belong to an event that a piece before has closed
    lines = LogLines(raws, times, unwrap)
    wanted = {n for n in range(len(raws)) if heads >> (n % 8) & 1}
    assert [line.raw for line in lines] == [parse_line(raw).raw for raw in raws]
    whole = OpenEvents().take(lines, wanted, 1.0)
    pieces = OpenEvents()
    at_once: dict[int, Event] = {}
    for start, end in pairwise(places):
        members = pieces.take(
            lines[start:end], {n - start for n in wanted if start <= n < end}, 1.0
        )
        at_once |= {start + index: event for index, event in members.items()}
    assert _groups(at_once) == _groups(whole)


def _groups(members: dict[int, Event]) -> list[tuple[int, int]]:
    """Each line's index with that of the first line of its event."""
    first: dict[int, int] = {}
    for index in sorted(members):
        first.setdefault(id(members[index]), index)
    return [(index, first[id(members[index])]) for index in sorted(members)]
