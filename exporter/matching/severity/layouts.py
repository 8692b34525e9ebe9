r"""What the beginning of a line of text declares, in the layouts that loggers write.

A line is read from its start, step by step: time, process, thread and logger are passed over, in
any order, until a level stands where a level can stand; a word of prose ends the search. So ``INFO
0 ERROR lines`` is INFO, and ``found ERROR in a file`` declares nothing.
"""

import re
from collections.abc import Callable, Mapping

from exporter.late_regex import compile_late
from exporter.matching.severity import structured, vocabulary
from exporter.model import Severity

_MOST_STEPS = 16
_REACH = 400
"""Bytes within which a level begins."""

_CAPITALS = (
    rb"TRACE|DEBUG|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|SEVERE|FATAL|CRITICAL|CRIT|EMERG"
    rb"|EMERGENCY|ALERT|D?PANIC|LOG|VERBOSE|FINE|FINER|FINEST|CONFIG|SUCCESS|ERR|WRN|INF|DBG|FTL"
    rb"|TRC|PNC|VRB|ERRO|EROR|FATA|PANI|DEBU|DEBG|DBUG|TRCE|CRT"
)
_ANY_CASE = (
    rb"[Tt]race|trce|[Dd]ebug|dbug|[Vv]erbose|[Ii]nfo|[Ii]nformation|[Nn]otice|[Ww]arn"
    rb"|[Ww]arning(?: [A-Z]+\d+)?|[Ee]rror(?: \[\w+\]| [A-Z]+\d+)?|err|fail|[Ff]atal|crit"
    rb"|[Cc]ritical|alert|emerg|emergency|severe"
)

_NOTHING = rb"(?!\W*(?i:none|null|nil|undefined|true|false|0|no|off|ok)?\W*$)"
"""Not so where what a word announces is nothing: ``error: null``."""

_NOUN = (
    rb"(?! (?i:rates?|counts?|logs?|levels?|messages?|pages?|handl\w*|reports?|codes?|lines?"
    rb"|mode|button|threshold|alerts?|rules?|files?|css|section|path)\b(?![.(:]\w|/))"
)
"""Not so where a word is part of another: ``ERROR RATE``, but ``ERROR logs.py:12``."""


def _level(noun: bytes) -> re.Pattern[bytes]:
    return compile_late(
        rb"(?:[\[(<|] ?)?(?:"
        rb"(?P<capitals>" + _CAPITALS + rb")(?:(?=:)" + _NOTHING + rb":"
        rb"|(?=[\])>|/,]|!\s|\s*$|\[\d|\s\(\d|\t)|(?=\s)" + noun + rb")"
        rb"|(?P<word>" + _ANY_CASE + rb")"
        rb"(?::(?=\s)" + _NOTHING + rb"|\t|\s*\||\s+- |\s+@(?=[\d ]))"
        rb")"
    )


_LEVEL = _level(_NOUN)
_LEVEL_BEHIND = _level(_NOUN.replace(rb"\w|/", rb"|/| +[>|]"))
"""Behind a time or a name, where a module may be called ``reports``."""

_ALONE = compile_late(rb"(?:" + _ANY_CASE + rb")(?:(?=\s{2,}(?P<padded>\S))|(?=\s)" + _NOUN + rb")")
"""A word without a mark of its own: in a column, as loggers align levels, or behind a sign."""

_LEVEL_BEGINS = frozenset(
    bytes([byte])
    for word in (*_CAPITALS.split(b"|"), *_ANY_CASE.split(b"|"), b"[[(<|]")
    for byte in (word[1 : word.index(b"]")] if word[:1] == b"[" else word[:1])
)
"""What ``_LEVEL`` begins with: of most words no other search is needed."""

_PROSE = compile_late(rb"[a-z]+ [A-Za-z0-9/]|[A-Z][a-z]+(?:[A-Z][a-z]+)+: ")
"""How a sentence begins, or the name of an exception: it is no level, and nothing behind it is."""

_BRACKETS = compile_late(rb"[\[<(]([^\[\]<>()\n]{1,120})[\])>]")

_IN_BRACKETS = compile_late(
    r" *(?:"
    r"(?P<whole>[A-Za-z]+)"
    r"|(?:[\w.-]*[:#])(?P<module>[a-z]+)"  # Apache, Twisted
    r"|[^\]]{0,60}?[\s/:](?P<last>[A-Z]{3,})"  # Minecraft, Celery
    r"|(?:[\dTZ:., +-]{5,40}[\s:] *)?(?P<first>[A-Z]{3,})(?:[/ |][^\]]*)"  # env_logger, Celery
    r"|[\dTZ:., +-]{5,40} (?P<dated>[A-Za-z]{3,})"  # Serilog
    r"|(?P<letter>[DIWEFCTNV])(?: \d[^\]]*)?"  # Tornado, Passenger, beego
    r") *"
)

_PASSED = compile_late(
    rb"(?:"
    rb"[\[(<][^\]>)\n]{0,120}[\])>]\]?"
    rb"|\{[\w.:-]{0,60}\}"
    rb"|\d[\d:TZ.,+/|-]{3,45}(?:Z|e[+-]\d\d|[+-]\d\d:?\d\d)?"
    rb"(?=[\s|:,\])\[\xc2\xe2-]|$)(?:[AP]M)?"
    rb"|[+-]\d\d(?::?\d\d)?(?=\s)|\d{1,2}:\d\d[AP]M|[AaPp][Mm]\b|[ap]\. ?m\.(?=\s)"
    rb"|UTC\b|GMT\b|[A-Z]{3,4}(?= \[| \d)"
    rb"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\b"
    rb"|\d{1,2}[-/][A-Z][a-z]{2}[-/]\d{4}"
    rb"|\d{1,10}(?:(?=[\s|:,\])-])|>(?=\s))"
    rb"|[\w.$/*-]{1,80} -(?=\s)|-{1,3}(?=\s)"
    rb"|[\w.-]{1,40}@[\w.*-]{1,40}"
    rb"|[\w.-]{1,40}=(?:\"(?:[^\"\\]|\\.)*\"|'[^'\\]*+'|[^\s\"]{0,120})(?=[\s,]|$)"
    # The prefix of a logger of Go; the thread in which Log4j starts.
    rb"|[\w.-]{1,40}:(?= \d{4}[-/]\d\d[-/]\d\d )|main(?= (?:ERROR|WARN|INFO|DEBUG) )"
    rb"|(?!\S{0,200}(?:Error|Exception|Warning|Throwable):?\s)(?:"
    # A class, or a name behind which its level stands at once.
    rb"[A-Z][a-z0-9]{1,40}[A-Z]\w{0,60}:?(?=\s)|log4j(?=:[A-Z])"
    # A kind of process before the time, a host before the program and its process.
    rb"|[A-Z][a-z]{1,20}(?: \d{1,3})?(?= +\d{4}-\d\d-\d\d[T ]\d\d:)"
    rb"|[\w.-]{1,63}(?= [\w.-]{1,80}\[\d+\] [A-Z]{3})|[\w.-]{1,80}\[\d+\](?=\s)"
    rb"|[\w$.-]{1,100}+(?=:(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):)|"
    # A name of several parts. Nothing in it can be read in two ways, or a ruler of dashes would be
    # tried in as many as there are.
    rb"(?=[\w$-]{0,300}?(?:::|[./:_-])[\w$-])"
    rb"/?[\w$-]{1,300}+(?:(?:::|[./:])[\w$-]{1,40}+){0,8}+(?:\(\d*(?:,\d+)?\))?:?(?=[\s|]))"
    rb"|[\w-]{1,40} +\|"
    rb"|(?<=\d )[\w-]{1,40}:(?= \[[A-Z][A-Za-z]{2,12}\] )"  # Poco
    rb")"
)
_SIGN = rb"(?:\xe2[\x80-\xbf]{2}(?:\xef\xb8\x8f)?|\xf0\x9f[\x80-\xbf]{2}|\xc2[\xa0\xb7\xbb\xd7])"
"""A character that is no letter: a space of another width, an arrow, a tick, a picture."""

_GAP = compile_late(rb"[\s|:,;-]*(?:" + _SIGN + rb"[\s|:,;-]*)*")
_MARGIN = compile_late(rb"[\s>|*#!-]{0,3}(?:" + _SIGN + rb"\s{0,3}){0,2}")
_BEHIND_SIGN = compile_late(_SIGN + rb"\s{1,3}\Z")

_CHANNEL = compile_late(rb"[\w.-]{1,60}\.(" + _CAPITALS + rb"): ")
"""Monolog's and Laravel's: ``production.ERROR: ``."""

_COLUMN = compile_late(rb"([FEWIDT])\d? +(?:[A-Z]{3,}\b|\[\d+:|[\w./-]{3,200}:\d+\] )")
"""A letter, and what MongoDB, SemanticLogger and TensorFlow write behind it."""


def _of_syslog(digit: bytes) -> Severity | None:
    return vocabulary.of_syslog(int(digit))


def _of_letter(letter: bytes) -> Severity | None:
    return vocabulary.LETTERS.get(letter.decode())


def _of_column(column: bytes) -> Severity | None:
    return _of_word(column.rstrip())


def _of_word(word: bytes) -> Severity | None:
    return vocabulary.of_word(word.decode("ascii", "replace").partition(" ")[0])


_DIGITS = b"0123456789"
_REDIS = {b".": Severity.DEBUG, b"-": Severity.DEBUG, b"*": Severity.INFO, b"#": Severity.WARNING}
_REPORTS = {b"CRASH": Severity.ERROR, b"SUPERVISOR": Severity.ERROR, b"PROGRESS": Severity.INFO}

_BEGINNINGS: tuple[tuple[bytes, bytes, Callable[[bytes], Severity | None]], ...] = (
    # klog, absl, glog and CockroachDB: a letter and the date.
    (b"IWEF", rb"([IWEF])(?:\d{4}|\d{6}|\d{8}) \d\d:\d\d:\d\d", _of_letter),
    (b"E", rb"ERROR: logging before flag\.Parse: ([IWEF])\d{4} ", _of_letter),  # glog
    (b"DIWEF", rb"([DIWEF]), \[", _of_letter),  # Ruby
    # spdlog, and who writes a letter before the time.
    (b"VDIWECF", rb"([VDIWECF]) (?:\| )?\d\d(?:\d\d-\d\d-|:\d\d:)\d\d", _of_letter),
    (b"VDIWEF", rb"([VDIWEF])/[\w.:-]{1,60}(?:\(| )", _of_letter),  # Android's, in many libraries
    (b"01", rb"\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} +\d+ +\d+ ([VDIWEFA]) ", _of_letter),
    (b"%", rb"%([0-7])\|\d+\.\d+\|", _of_syslog),  # librdkafka
    (b"<", rb"<([0-7])>", _of_syslog),
    (_DIGITS, rb"\d+:[XCSM] \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} ([.*#-]) ", _REDIS.get),
    (b"=", rb"=(CRASH|SUPERVISOR|PROGRESS) REPORT=+", _REPORTS.get),
    (b"=", rb"=([A-Z]+) REPORT=+", _of_word),  # Erlang
    (b"(", rb"\(\S+:\d+\): [\w-]+-([A-Za-z]+) \*\*: ", _of_word),  # GLib
    (b"S", rb"SLF4J\(([DIWE])\): ", _of_letter),
    # Chromium, and what embeds it.
    (b"[", rb"\[[\d:/.-]{4,60}(INFO|WARNING|ERROR|FATAL|VERBOSE)\d?:[\w.]+\(\d+\)\]", _of_word),
    # XML as Log4j and java.util.logging write it.
    (b"<", rb"<(?:log4j:event|Event) [^>]{0,300}?\blevel=\"([A-Za-z]+)\"", _of_word),
    (b" ", rb" {1,8}<level>([A-Z]{3,9})</level>", _of_word),
    # Rich, which leaves out a time that the line before has.
    (b" ", rb" {8,40}(DEBUG {4}|INFO {5}|WARNING {2}|ERROR {4}|CRITICAL )(?=\S)", _of_column),
)

_BY_FIRST_BYTE = {
    bytes([first]): tuple(
        (compile_late(regex), severity_of)
        for firsts, regex, severity_of in _BEGINNINGS
        if first in firsts
    )
    for first in b"".join(firsts for firsts, _, _ in _BEGINNINGS)
}


def declared_by(message: bytes, record: Callable[[bytes], Mapping[str, object]]) -> Severity | None:
    """Return what a line declares by its layout, or by the record of fields that begins in it.

    Args:
        record: reads the fields of a text that begins with a brace or with ``key=``.
    """
    for regex, severity_of in _BY_FIRST_BYTE.get(message[:1], ()):
        if found := regex.match(message):
            return severity_of(found[1])
    if _PROSE.match(message):
        return None
    at = _behind(_MARGIN, message, 0)
    read = False
    for step in range(_MOST_STEPS):
        if at > _REACH:
            return None
        if message[at : at + 2] in _OPENINGS:
            return structured.declared_in(record(message[at:]))
        severity = _level_at(message, at, step)
        if severity is not None:
            return severity
        passed = _PASSED.match(message, at)
        if passed is None:
            return None
        if not read and _PAIR.match(message, at):
            read = True
            if (severity := structured.declared_in(record(message[at:]))) is not None:
                return severity
        at = _behind(_GAP, message, passed.end())
    return None


def _behind(regex: re.Pattern[bytes], message: bytes, at: int) -> int:
    found = regex.match(message, at)
    return at if found is None else found.end()


_OPENINGS = (b'{"', b"{ ", b"{'", b"{\t")
"""How objects begin, of JSON and as Node.js prints them; ``{a.py:12}`` is none."""

_PAIR = compile_late(rb"[\w.@-]{1,40}=")


_NEEDS_SIGN = frozenset({b"LOG", b"CONFIG", b"FINE", b"SUCCESS", b"ALERT", b"PANIC"})
"""Capitals that are no level where they begin a line as plain words."""


def _level_at(message: bytes, at: int, step: int) -> Severity | None:
    first = message[at : at + 1]
    level = _LEVEL_BEHIND if step else _LEVEL
    if first in _LEVEL_BEGINS and (found := level.match(message, at)):
        word = found["capitals"]
        if word is None:
            return _of_word(found["word"])
        sign = message[found.end("capitals") : found.end("capitals") + 1]
        if step or word not in _NEEDS_SIGN or not sign.isspace() or first in b"[(<":
            return _of_word(word)
    if first in b"[<(" and (found := _BRACKETS.match(message, at)):
        return _in_brackets(found[1].decode("utf-8", "replace"))
    if found := _CHANNEL.match(message, at):
        return _of_word(found[1])
    if step and (found := _COLUMN.match(message, at)):
        return _of_letter(found[1])
    if found := _ALONE.match(message, at):
        behind_sign = _BEHIND_SIGN.search(message, at - 9, at) is not None
        if behind_sign or (step and found["padded"] is not None):
            return _of_word(found[0])
    return None


def _in_brackets(content: str) -> Severity | None:
    found = _IN_BRACKETS.fullmatch(content)
    if found is None:
        return None
    if found["letter"] is not None or (found["whole"] is not None and len(found["whole"]) == 1):
        return vocabulary.LETTERS.get(content.strip(" ")[:1])
    word = next(
        (found[name] for name in ("whole", "module", "last", "first", "dated") if found[name]), ""
    )
    return vocabulary.SEVERITIES.get(word.lower())
