"""The stage between a line and the rules: what stands around a message is taken off."""

from functools import cache

import pytest
from collect_fixtures import KEY, LOG, RESTARTED, RUN, Log, Site, line
from for_each import for_each
from hypothesis import given
from hypothesis import strategies as st

from exporter.counting.error_counts import error_groups_of
from exporter.logs.lines import message_of, parse_line, timestamp_of
from exporter.logs.log_lines import LogLines
from exporter.logs.unwrap import Unwrapping, unwrap
from exporter.matching.engine import Engine
from exporter.model import Level, LogType, Rule, WrappedMessage

PREFIX = b"shop2 2026-11-01T00:00:00.123456789Z "

BAR = (
    b"\r 10%|#         | 1/10 [00:01<00:09,  1.01it/s]"
    b"\r 20%|##        | 2/10 [00:02<00:08,  1.0it/s]"
)

WRAPPED = [
    # Escape sequences.
    (b"\x1b[31mno card\x1b[0m", b"no card"),
    (b"\x1b[1;38;5;9mno\x1b[0m card\x1b[K", b"no card"),
    (b"\x1b[38:2::255:0:0mno card", b"no card"),
    (b"\x1b]0;title\x07no card", b"no card"),
    (b"\x1b]8;;http://a.test\x1b\\no card\x1b]8;;\x1b\\", b"no card"),
    (b"\x1b(B\x1b=no card\x1b[3", b"no card"),
    (b'{"level":"\\u001b[31merror\\u001b[39m"}', b'{"level":"error"}'),
    (b"#033[31mno card#033[0m", b"no card"),
    # What a terminal shows last.
    (b"\rreading\rno card", b"no card"),
    (b"reading 45 %\x1b[2K\x1b[1Gno card", b"no card"),
    (b"|\x08/\x08-\x08no card", b"no card"),
    (b"no card\r\r", b"no card"),
    (BAR + b"no card", b"no card"),
    (b"rows:  45%|\xe2\x96\x88 | 4.5k/10k [00:01<00:01, 3.2s/it, loss=0.1]no card", b"no card"),
    (b"45it [00:01, 44.1it/s]no card", b"no card"),
    (b"\r45/100 [=====>.....] - ETA: 3s - loss: 0.1ERROR: no card", b"ERROR: no card"),
    # Process managers.
    (b"00:00:02 web.1    | no card", b"no card"),
    (b"00:00:02 clock.12 |", b""),
    (b"\x1b[36m00:00:02 web.1    | \x1b[0m\x1b[31mno card\x1b[0m", b"no card"),
    (b"web     | no card", b"no card"),
    (b"web | 2026-11-01 00:00:00.000 | ERROR    | a:b:1 - c", b"2026-11-01 00:00:00.000 |"),
    (b"shop-web-1  |   at frame", b"  at frame"),
    (b"web_1  | no card", b"no card"),
    (b"0|api      | no card", b"no card"),
    (b"2026-11-01T00:00:01: no card", b"no card"),
    (b"2026-11-01 00:00 +00:00: no card", b"no card"),
    (b"api stderr | no card", b"no card"),
    (b'{"message":"no card\\n","timestamp":"a","type":"err","process_id":0,"app_name":"api"}',
     b"no card"),
    (b'[01-Nov-2026 00:00:00] WARNING: [pool a] child 8 said into stdout: "no "card""',
     b'no "card"'),
    (b'WARNING: [pool a] child 8 said into stderr: "no card", pipe is closed', b"no card"),
    (b"NOTICE: PHP message: PHP Warning:  no card", b"PHP Warning:  no card"),
    (b"[0] no card", b"no card"),
    (b"[12]   at frame", b"  at frame"),
    (b"api:start: no card", b"no card"),
    (b"@shop/api:start:prod:   at frame", b"  at frame"),
    (b"apps/api start: no card", b"no card"),
    (b"@shop/api: no card", b"no card"),
    (b"2026-11-01T00:00:00.123456+00:00 app[web.1]: no card", b"no card"),
    (b"2026-11-01T00:00:00Z heroku[router]: at=error", b"at=error"),
    (b"packages/worker-mail dev:", b""),
    # Syslog, the journal, and what stamps lines.
    (b"Nov  1 00:00:00 host app[12]: no card", b"no card"),
    (b"Nov 01 00:00:00 10.0.0.1 app: no card", b"no card"),
    (b"2026-11-01T00:00:00+0000 host app[12]: no card", b"no card"),
    (b"<11>Nov  1 00:00:00 host app: no card", b"no card"),
    (b"<11>Nov  1 00:00:00 host no card", b"no card"),
    (b'<11>1 2026-11-01T00:00:00.1Z host app 12 - [a@1 b="c"] no card', b"no card"),
    (b"<3>no card", b"no card"),
    (b"@4000000068d1f2a3012345ab no card", b"no card"),
    (b"2026-11-01 00:00:00.123456789  no card", b"no card"),
    # Container runtimes.
    (b"2026-11-01T00:00:00.123456789Z no card", b"no card"),
    (b"2026-11-01T00:00:00.1234+01:00 stderr F no card", b"no card"),
    (b'{"log":"no card\\n","stream":"stderr","time":"2026-11-01T00:00:00Z"}', b"no card"),
    (b'{"log":"no card","stream":"stderr","time":"","attrs":{},"logtag":"F"}', b"no card"),
    (b'{ "log" : "no card", "stream"  :\t"stdout" }', b"no card"),
    # One in the other.
    (b"web-1  | Nov  1 00:00:00 host app[1]: \x1b[31mno card", b"no card"),
]  # fmt: skip

PLAIN = [
    b"",
    b"no card",
    b"2026-11-01T00:00:00.123456Z ERROR no card",
    b"2026-11-01 00:00:00,123 ERROR no card",
    b"2026-11-01 00:00:00.123 | ERROR    | a:b:1 - no card",
    b"ERROR    | no card",
    b"error | no card",
    b"id | name | state",
    b"Nov 01 00:00:00 ERROR app: no card",
    b"Nov 01 00:00:00.126 ERRO no card",
    b"Nov 01 00:00:00 web TypeError: no card",
    b"<html>",
    b"<192>Nov  1 00:00:00 host app: no card",
    b"<8>no card",
    b"[worker] no card",
    b"[1] node worker.js exited with code 0",
    b"[200] no card",
    b"server start: no card",
    b"failed to start: no card",
    b"time=1 | total=2",
    b"a || b",
    b'{"log":{"level":"debug"},"stream":"stdout"}',
    b'{"log":"a\\nb","stream":"stdout"}',
    b'{"log":"a","stream":"stdout","tenant":"b"}',
    b'{"log":"a","time":"stream"}',
    b'{"log":"a","stream":"audit"}',
    b'{"message":"a","process_id":1,"tenant":"b"}',
    b'{"message":"a","type":"process_id"}',
    b"45 it/s, done",
    b"[00:01<00:02] 45 %",
    b"C:\\x1b\\no",
]


@for_each(WRAPPED)
def test_what_stands_around_a_message_is_taken_off(message: bytes, inner: bytes):
    """Each kind of wrapper goes, so that the message begins where the program began it."""
    assert unwrap(message).startswith(inner)
    assert inner.endswith(b"|") or unwrap(message) == inner


@for_each(PLAIN)
def test_a_programs_own_words_stay(message: bytes):
    """What looks a little like a wrapper, and is none, is left alone: it is not even copied."""
    assert unwrap(message) is message


@pytest.mark.parametrize(
    ("message", "severity"),
    [
        (b"<3>a", 3),
        (b"<7>a", 7),
        (b"<190>Nov  1 00:00:00 host app: a", 6),
        (b"<191>Nov  1 00:00:00 host app: a", 7),
        (b"<3>\x1b[31ma", 3),
        (b"<3>a-1 | a", 3),
        (b"a-1 | <3>a", 3),
        (b"a-1 | a", None),
    ],
)
def test_a_syslog_severity_stays_with_the_message(message: bytes, severity: int | None):
    """The priority is taken off, and what it says of the message is kept beside it."""
    found = unwrap(message)
    assert found == b"a"
    assert (found.severity if isinstance(found, WrappedMessage) else None) == severity


def test_of_wrappers_in_one_another_four_are_taken_off():
    """A line that is nothing but prefixes costs no more than one with some."""
    assert unwrap(b"a-1 | " * 4 + b"no card") == b"no card"
    assert unwrap(b"a-1 | " * 6 + b"no card") == b"a-1 | a-1 | no card"


@cache
def beginnings() -> Engine:
    """An engine with a rule for each way in which an unwrapped message begins."""
    return Engine(
        [Rule(regex, regex) for regex in {begins(inner) for _, inner in WRAPPED}],
        unwrap=Unwrapping(),
    )


def begins(inner: bytes) -> str:
    """A regex for messages that begin as this one does."""
    return f"^\\Q{inner[:12].decode()}\\E" if inner else "^$"


@for_each(
    (prefix, message, inner)
    for prefix in (b"", PREFIX, b"web 2026-11-01T00:00:00Z ")
    for message, inner in WRAPPED
)
def test_the_engine_finds_what_begins_behind_a_wrapper(prefix: bytes, message: bytes, inner: bytes):
    """Each wrapper has a mark that Hyperscan finds, with the platform's prefix and without."""
    engine = beginnings()
    text = b"\n".join((prefix + b"before", prefix + message, prefix + b"after", b""))
    found = [
        one.start
        for one in engine.scan_text(text, message_of=message_of)
        if engine.rules[one.rule].name == begins(inner)
    ]
    assert found == [len(prefix) + 7]


@pytest.mark.found(
    "A line in JSON with a `stream` and a `log`, of a form that no container runtime writes, was "
    "unwrapped, but not proposed for the rules that look for what it holds.",
    how="Fuzzing messages by coverage",
)
@pytest.mark.parametrize(
    ("message", "counts"),
    [
        (b'{"log":"no card","stream":"audit"}', False),
        (b'{"log":"no card","stream":  "stderr"}', True),
        (b'{"log":"no card","stream" : "stdout"}', True),
        (b'{"message":"no card","process_id" : 3}', True),
    ],
)
def test_json_is_unwrapped_where_it_is_looked_for(message: bytes, counts: bool):
    """Of a runtime's two streams alone, whatever spaces stand around the colon."""
    engine = Engine([Rule("begins", "^no card$")], unwrap=Unwrapping())
    assert len(engine.scan([message], message_of=message_of)) == counts
    assert (unwrap(message) == b"no card") is counts


pieces = st.sampled_from(
    [each for pair in WRAPPED for each in pair]
    + PLAIN
    + [b" | ", b"web-1", b"<3>", b"\x1b[0m", b"\r", b": ", b"ERROR", b"no", b"1", b" "]
)


@cache
def four_rules() -> Engine:
    rules = [Rule("begins", "^no"), Rule("ends", "card$"), Rule("any", "ERROR"), Rule("all", "")]
    return Engine(rules, unwrap=Unwrapping())


@given(st.lists(st.lists(pieces, max_size=3).map(b"".join), max_size=6), st.booleans())
def test_the_engine_searches_in_unwrapped_messages(messages: list[bytes], prefixed: bool):
    """Whatever stands around them, rules find what they find in messages unwrapped one by one."""
    lines = [(PREFIX if prefixed else b"") + message for message in messages]
    wanted = [
        (index, message)
        for message, line in enumerate(lines)
        for index, found in enumerate(
            (unwrap(message_of(line)).startswith(b"no"),
             unwrap(message_of(line)).endswith(b"card"),
             b"ERROR" in unwrap(message_of(line)),
             True)
        )
        if found
    ]  # fmt: skip
    engine = four_rules()
    assert engine.scan(lines, message_of=message_of) == wanted
    known = LogLines.of([parse_line(line) for line in lines], engine.unwrap)
    known.know(engine.examine(lines, message_of=message_of).unwrapped)
    assert [line.message for line in known] == [unwrap(message_of(line)) for line in lines]
    if lines:
        assert known[-1] == known[len(lines) - 1]


@given(st.lists(st.binary(max_size=40), max_size=3).map(b"".join))
def test_anything_can_be_unwrapped(message: bytes):
    """Any bytes give a message, which unwrapping leaves alone, and which is no longer."""
    inner = unwrap(message)
    assert len(inner) <= len(message)


def test_without_the_stage_a_message_is_what_was_written():
    """``logs.unwrap: false`` gives the engine no stage: rules see the escape sequences."""
    line = PREFIX + b"\x1b[31mno card"
    assert Engine([Rule("a", "^no")]).scan([line], message_of=message_of) == []
    assert LogLines([line], [timestamp_of(line)])[0].message == b"\x1b[31mno card"


def test_identity_is_the_raw_line_and_all_else_sees_the_message():
    """Two colours of one text are two lines; matches, errors and excerpts have the text."""
    site = Site(rules=(Rule("no_card", "^no card$", Level.ERROR),))
    site.watch()
    restarted = site.platform.logs["d1", LogType.RUN_RESTARTED] = Log(live=b"")
    site.platform.logs["d1", LogType.RUN] = log = Log(live=line(1))
    for source in (RUN, RESTARTED):
        site.poller.poll(source)
    red = line(2, "\x1b[31mno card\x1b[0m")
    log.live += red + line(2, "\x1b[32mno card\x1b[0m")
    site.poller.poll(RUN)
    restarted.live = red + line(3, "web-1  | panic: \x1b[1mboom")
    site.poller.poll(RESTARTED)
    assert site.value("log_matches_total", **LOG, pattern="no_card", level="error") == 2
    (kind,) = error_groups_of(site.components.get(KEY))
    assert (kind.sample, kind.count) == ("no card", 2)
    (crash,) = site.crashes.of(KEY)
    assert crash.lines == ("no card", "panic: boom")


def test_carriage_returns_with_text_behind_them_are_marked():
    """Those at the ends of lines, as Windows writes them, are none of them."""
    text = b"one\r\ntwo\rthree\rfour\n\rfive\nsix\r\r\nseven\r\n"
    marked = Unwrapping().also_marked(text, 0, len(text))
    assert [text[text.rfind(b"\n", 0, at) + 1 : at] for at in marked] == [
        b"two\rthree\rfour",
        b"\rfive",
        b"six\r\r",
    ]
    assert Unwrapping().also_marked(text, 0, text.index(b"two")) == []
    assert Unwrapping().also_marked(b"\rone\ntwo\n", 0, 9) == [4]
