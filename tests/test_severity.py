"""What lines declare of themselves: the engine finds what one message is read as."""

import json
from functools import cache

import pytest
from declared_severities import FORMS, SILENT
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.lines import message_of
from exporter.logs.unwrap import Unwrapping, unwrap
from exporter.matching.decision import decision_of
from exporter.matching.engine import Engine
from exporter.matching.fields import FieldReader
from exporter.matching.severity import declared
from exporter.matching.severity.silence import Silence
from exporter.model import HARMLESS as NOTHING_WRONG
from exporter.model import FieldCondition, Level, Rule, Severity, WrappedMessage

ERRORS = (Severity.ERROR, Severity.CRITICAL)
MESSAGES = [
    *(
        form.format(L=word).encode()
        for _, form, words in FORMS
        for word in words.split()
        if word != "-"
    ),
    *(line.encode() for line in SILENT),
]


@cache
def any_of(severity: Severity) -> Engine:
    """An engine that finds each line of a severity."""
    rule = Rule("a", severities=frozenset({severity}), level=Level.INFO)
    return Engine([rule], unwrap=Unwrapping())


@cache
def words_engine() -> Engine:
    """An engine for words, in lines of any severity and in those that tell of trouble."""
    rules = [Rule("word", "[a-z]"), Rule("any", "[a-z]", any_severity=True)]
    return Engine(rules, unwrap=Unwrapping())


@pytest.mark.parametrize("severity", Severity)
def test_no_line_that_declares_a_severity_is_overlooked(severity: Severity):
    """Hyperscan finds each line that the module reads as this severity, and the engine no other."""
    found = {match.message for match in any_of(severity).scan(MESSAGES)}
    wanted = {i for i, text in enumerate(MESSAGES) if declared(unwrap(text)) is severity}
    assert found == wanted


WITHOUT_A_WORD = [
    *(
        (f'{{"time":1,"level":{{"no":{number}}}}}'.encode(), severity)
        for number, severity in zip((1, 10, 20, 30, 40, 50), Severity, strict=True)
    ),
    (b'{"@t":"2026","@mt":"no card"}', Severity.INFO),
    (b"=PROGRESS REPORT==== 1-Nov-2026", Severity.INFO),
    (b"=CRASH REPORT==== 1-Nov-2026", Severity.ERROR),
    (b"=SUPERVISOR REPORT==== 1-Nov-2026", Severity.ERROR),
]


@pytest.mark.parametrize("severity", Severity)
def test_what_declares_a_severity_without_a_word_for_it_is_found(severity: Severity):
    """By a number in an object, a key or a heading: those of the severity and no others."""
    found = any_of(severity).scan([message for message, _ in WITHOUT_A_WORD])
    wanted = [i for i, (_, declares) in enumerate(WITHOUT_A_WORD) if declares is severity]
    assert [match.message for match in found] == wanted


NUMBERED = [
    form.replace("?", str(number)).encode()
    for form in (
        '{"time":1,"level":?}',
        '{"time":1,"severity":"?"}',
        '{"host":"a","short_message":"a","level": " ?"}',
        '{"lineno":1,"msg":"a","level":?}',
        '{"levelno":?}',
        '{"log_level_id":?}',
        '{"level_value":?}',
        '{"severityNumber":?}',
        '{"time":1,"logLevel":?}',
        '{"MESSAGE":"a","PRIORITY":"?"}',
        '{"level":{"no":?}}',
        '{"level":{"no":"?"}}',
    )
    for number in (*range(101), *range(105, 1200, 35), *range(1500, 60_000, 500), 200_000)
]


@pytest.mark.found(
    "Lines with a level between those that a logger names, such as pino's `15` or Google's `300`, "
    "were read as that level but never looked for, and no rule for the level counted them.",
    how="the mutants of what is looked for: one that looked for other numbers survived",
)
@pytest.mark.parametrize("severity", Severity)
def test_no_number_that_is_a_level_is_overlooked(severity: Severity):
    """Whichever number a key of a level has, a line is found if the module reads it so."""
    found = {NUMBERED[match.message] for match in any_of(severity).scan(NUMBERED)}
    wanted = {text for text in NUMBERED if declared(text) is severity}
    assert wanted
    assert wanted ^ found == set()


def test_what_need_not_be_read_declares_nothing_harmless():
    """No message that does is passed over; most of those that declare something else are."""
    messages = dict(enumerate(map(unwrap, MESSAGES)))
    silent = Silence().among(messages, messages)
    severities = {index: declared(message) for index, message in messages.items()}
    harmless = {index for index, severity in severities.items() if severity in NOTHING_WRONG}
    assert harmless
    assert not silent & harmless
    others = {index for index, severity in severities.items() if severity in ERRORS}
    assert len(silent & others) > 0.8 * len(others)


def test_a_message_that_others_speak_for_is_read():
    """What its wrapper or the record around it declares stands in none of its own bytes."""
    alone, within, wrapped = b"declined", b"  msg: declined", WrappedMessage.of(b"declined", 6)
    assert Silence().among([0, 1, 2], {0: alone, 1: within, 2: wrapped}) == {0}
    lines = [b"declined", b"<6>declined", b"<3>declined", b"{", b'  "level": "info",']
    engine = Engine([Rule("declined", "declined")], unwrap=Unwrapping())
    found = [match.message for match in engine.scan([*lines, b'  "msg": "declined"'])]
    assert found == [0, 2]


@given(st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=8))
def test_many_lines_are_decided_as_each_is(lines: list[bytes]):
    """What is told of many lines at once is what reading each of them tells."""
    matches = words_engine().scan(lines)
    found = {match.message for match in matches if not match.rule}
    each = {match.message for match in matches if match.rule}
    refused = {i for i in each if declared(unwrap(lines[i])) in NOTHING_WRONG}
    assert found == each - refused


@pytest.mark.found(
    "Lines such as `!ERROR no card` were read as errors but never looked for.",
    how="the fuzzer's target for messages, after 7,522 inputs; then every character at each place",
)
@pytest.mark.parametrize("severity", [Severity.ERROR, Severity.WARNING, Severity.INFO])
def test_whatever_stands_around_a_level_hides_it_from_nobody(severity: Severity):
    """Each character before and behind words and letters, with the prefix or without."""
    characters = [*map(chr, range(32, 127)), "\t", "é", "\N{CROSS MARK}"]
    heads = ("", "12:00:00 ", "12:00:00", "[main]", "[main] ", 'a="b"', "{a.py:1} ", "a.b ", "UTC")
    levels = ("ERROR", "WARN", "[E]", "info", "<error>", "E/app", "Warning")
    tails = (" no card", ": no card", "{0} no card")
    lines = [
        (prefix + head + before + level + tail.format(before)).encode()
        for prefix in ("", "web 2026-11-01T00:00:00.123456789Z ")
        for head in heads
        for before in characters
        for level in levels
        for tail in tails
    ]
    found = {match.message for match in any_of(severity).scan(lines, message_of=message_of)}
    wanted = {i for i, line in enumerate(lines) if declared(unwrap(message_of(line))) is severity}
    assert [lines[i] for i in sorted(wanted ^ found)] == []


@pytest.mark.found(
    'A level between rare spaces, such as `{"level": "\\terror"}`, was read but never looked for, '
    "and so was a number as the level of a key that holds words.",
    how="The fuzzer's target for messages, after 87,695 inputs; then each space in each form",
)
@pytest.mark.parametrize("space", [*" \t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u2003\u3000", "\n"])
def test_a_space_of_any_kind_around_a_level_hides_it_from_nobody(space: str):
    """What is found is what is read, in JSON with escapes or without, in pairs and in brackets."""
    levels = ("error", "E", "50", 50, "17", 17, "ERROR+4", "error2", "level.warn", "W", "FATAL")
    keys = ("level", "severity", "@l", "L", "loglevel", "severity_number", "levelno", "log.level")
    values = [
        pad[0] + level + pad[1] if isinstance(level, str) else level
        for level in levels
        for pad in (("", ""), (space, ""), ("", space), (space, space))
    ]
    records = [
        {key: value, **others}
        for key in keys
        for value in values
        for others in ({}, {"msg": "no card", "time": 1})
    ]
    lines = [
        json.dumps(record, ensure_ascii=ascii) for record in records for ascii in (True, False)
    ]
    lines += [line.replace(json.dumps(space)[1:-1], space) for line in lines]
    forms = ("level={} msg=no", 'lvl="{}" msg=no', "12:00:00 [{}] no", "{}: no", "<11>{}| no")
    lines += [form.format(value) for form in forms for value in values]
    messages = [line.encode() for line in lines if "\n" not in line]
    severities = [declared(unwrap(message)) for message in messages]
    for severity in (Severity.WARNING, Severity.ERROR, Severity.CRITICAL):
        found = {match.message for match in any_of(severity).scan(messages)}
        wanted = {index for index, each in enumerate(severities) if each is severity}
        assert [lines[index] for index in sorted(wanted ^ found)] == []
        assert found


@pytest.mark.found(
    "A level right behind a sign was read but never looked for",
    how="`\N{CROSS MARK}ERROR: no card`, asked of the module and of the engine",
)
@pytest.mark.parametrize(
    "sign", ["\N{CROSS MARK}", "\N{BULLET}", "\N{MIDDLE DOT} ", "\N{POLICE CARS REVOLVING LIGHT}"]
)
def test_a_sign_before_a_level_hides_it_from_nobody(sign: str):
    """The engine proposes what the module reads, whatever bytes stand before a word."""
    message = f"{sign}ERROR: no card".encode()
    assert declared(message) is Severity.ERROR
    assert len(any_of(Severity.ERROR).scan([message])) == 1


words = st.sampled_from(
    [
        *("error", "ERROR", "Fatal", "info", "E", "50", "400", "3", "level", "severity", "lvl"),
        *('"', ":", "=", "{", "}", "[", "]", " ", "|", "\t", "-", ",", "<", ">", "(", "msg"),
        *("2026-11-01T00:00:00Z", "app", "'", "\\", "1", ".", "/", "@l", "_", "log", "time"),
    ]
)


@given(st.lists(words, max_size=14).map("".join), st.sampled_from(Severity))
def test_hyperscan_proposes_whatever_the_module_reads(line: str, severity: Severity):
    """On any line the engine says what the module says of it."""
    message = line.encode()
    matched = bool(any_of(severity).scan([message]))
    assert matched is (declared(unwrap(message)) is severity)


@given(
    st.permutations(["level", "message", "time", "extra"]),
    st.sampled_from([None, 1, 2, 4, "\t"]),
    st.sampled_from(["error", "ERROR", "Fatal", "info"]),
)
def test_json_in_any_order_and_spacing(order: list[str], indent: int | str | None, level: str):
    """One record on one line, or over several: it counts once, by the level of its own."""
    values = {
        "level": level,
        "message": "level: 50",
        "time": 1,
        "extra": {"level": "fatal", "log": {"severity": "error"}},
    }
    text = json.dumps({key: values[key] for key in order}, indent=indent)
    messages = [line.encode() for line in (*text.split("\n"), text.replace("\n", " "))]
    counts = {severity: len(any_of(severity).scan(messages)) for severity in Severity}
    wanted = {"error": Severity.ERROR, "fatal": Severity.CRITICAL, "info": Severity.INFO}
    assert {one: count for one, count in counts.items() if count} == {wanted[level.lower()]: 2}


PRETTY = b"""\
{
  "instant" : {
    "level" : "FATAL"
  },
  "level" : "ERROR",
  "level_name" : "ERROR",
  "message" : "no stock"
}
[
  {
    "level": "error"
  }
]
{
  "@timestamp" : "2026-11-01T00:00:00Z",
  "log" : {
    "level" : "error"
  }
}
{
  level: 'error',
  message: 'no stock'
}""".splitlines()


@pytest.mark.parametrize("cut", range(len(PRETTY) + 1))
def test_a_record_over_several_lines_counts_once_wherever_it_is_cut(cut: int):
    """What stands before the cut is known, so the level is that of the record, not of a part."""
    engine = any_of(Severity.ERROR)
    found = [m.message for m in engine.scan(PRETTY[:cut])]
    found += [cut + m.message for m in engine.scan(PRETTY[cut:], context=PRETTY[:cut])]
    assert found == [4, 16, 20]


def test_a_rule_asks_for_text_and_severity():
    """Beside a regex or fields, a severity is one condition more; a record's lines have its own."""
    lines = [b'{"level":"error","msg":"declined"}', b"INFO declined", b"ERROR declined", b"-"]
    lines += [b"{", b'  "level": "error",', b'  "msg": "declined"', b"}"]
    severe = frozenset({Severity.ERROR})
    text = Rule("a", "declined", severities=severe)
    field = Rule("b", fields=(FieldCondition("msg", ("declined",)),), severities=severe)
    found = [tuple(match) for match in Engine([text, field]).scan(lines)]
    assert found == [(0, 0), (1, 0), (0, 2), (0, 6)]


HARMLESS = [b"INFO declined", b'{"level":"debug","msg":"declined"}', b"level=trace msg=declined",
            b"2026-11-01 00:00:00 [notice] declined"]  # fmt: skip
OTHERS = [b"WARN declined", b"declined", b"ERROR declined", b"[critical] declined"]


@pytest.mark.parametrize("level", Level)
def test_what_a_line_says_of_itself_counts(level: Level):
    """A rule of level error or critical leaves out what declares itself harmless; others do not."""
    lines = HARMLESS + OTHERS
    found = len(Engine([Rule("a", "declined", level)]).scan(lines))
    assert found == (len(OTHERS) if level in ("error", "critical") else len(lines))
    everything = Rule("a", "declined", level, any_severity=True)
    assert len(Engine([everything]).scan(lines)) == len(lines)


def test_a_rule_that_names_levels_itself_is_left_to_it():
    """A condition on the level's field says which levels count, whatever the rule's own level."""
    rule = Rule("a", fields=(FieldCondition("level", ("info",)),), level=Level.ERROR)
    assert decision_of(rule, FieldReader()).matches(b'{"level":"info"}')
