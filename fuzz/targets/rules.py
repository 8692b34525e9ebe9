"""Rules against RE2: one that the loader accepts gives the lines that the library alone gives."""

import re2
from pydantic import TypeAdapter, ValidationError

from exporter.config.fields import Regex
from exporter.logs.lines import message_of
from exporter.matching.engine import Engine
from exporter.model import Rule
from fuzz.choices import Choices

SEEDS = (
    b"(?i)task[k]?$\0TA\xc5\xbf\xe2\x84\xaa\ntask\r\nxyz\x00\x00",
    b"(?:lost|gone) away|time-?out\0lost away\ntime-out \xff\n\x01\x00",
    b"^\\S+ (\\d{3}) [^\\x00-\\x7f]+\\b.*[})]$\0GET 500 \xc3\xa9 }\n}\x00\x01",
    b"\\Qa.b\\E|(?s-i:x.+y)(?U)a*\\pL\\z\0a.b\nx y a\n\x01\x01",
    b"(?m)^error$|err[oO]r\\C{1,3}|[[:^word:]]{2,}\0error\n\n  \x00\x00",
)
_REGEX: TypeAdapter[str] = TypeAdapter(Regex)
_PREFIX = b"web 2026-11-01T00:00:00.123456789Z "
_LONGEST = 120
"""Characters of a regex: longer ones take Hyperscan long to compile."""


def check(data: bytes) -> None:
    """The text before the first NUL is a rule's regex, the rest is a log."""
    choices = Choices(data)
    prefixed, excluding = choices.flag(), choices.flag()
    regexes, _, log = choices.rest().partition(b"\0")
    regex, _, exclude = regexes.partition(b"\x01") if excluding else (regexes, b"", b"")
    rules = [_rule(regex, exclude)]
    if rules[0] is None:
        return
    rule = rules[0]
    engine = Engine([rule, Rule("other", "error")])
    messages = log.split(b"\n")[:40]
    lines = [(_PREFIX if prefixed else b"") + message for message in messages]
    expected = [n for n, line in enumerate(lines) if _matches(rule, message_of(line))]
    for end in (b"\n", b""):
        text = b"\n".join(lines) + end
        found = engine.scan_text(text, message_of=message_of)
        here = [text.count(b"\n", 0, each.start) for each in found if each.rule == 0]
        # Without a newline at its end an empty last line is none.
        most = len(lines) - (not end and not lines[-1])
        assert here == [n for n in expected if n < most], (rule.regex, rule.exclude_regex)
    scanned = engine.scan(lines, message_of=message_of)
    assert [each.message for each in scanned if each.rule == 0] == expected


def _rule(regex: bytes, exclude: bytes) -> Rule | None:
    """The rule of these regexes, if the loader of configurations takes both."""
    try:
        words = [_REGEX.validate_python(each.decode("utf-8")) for each in (regex, exclude) if each]
    except (ValidationError, UnicodeDecodeError):
        return None
    if not words or not regex or any(len(word) > _LONGEST for word in words):
        return None
    # Of any severity: RE2 knows nothing of levels, and `[V) ` is one at which nothing is wrong.
    excluded = words[1] if len(words) > 1 else None
    return Rule("fuzzed", words[0], any_severity=True, exclude_regex=excluded)


def _matches(rule: Rule, message: bytes) -> bool:
    """What the library says, by its own options."""
    assert rule.regex is not None
    if re2.search(rule.regex.encode(), message) is None:
        return False
    exclude = rule.exclude_regex
    return exclude is None or re2.search(exclude.encode(), message) is None
