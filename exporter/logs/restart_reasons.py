"""Why a container ended, from the last lines that it wrote.

``logs`` finds the end of a container in the RUN_RESTARTED log and asks here for the value of the
label ``reason``.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import re2

from exporter.model import RestartReason

_REACH = 15
"""How many lines before the last one may still tell of the end, those of stacks not counted."""


class _Mark(NamedTuple):
    """What a line says of the end: ``regex`` as RE2 has it, heavier marks win over lighter."""

    weight: int
    reason: RestartReason
    regex: str
    exclude_regex: str | None = None


_CAUSE, _PROBE, _CRASH, _DEATH, _EXIT = 5, 4, 3, 2, 1

_MARKS = (
    _Mark(
        _CAUSE,
        RestartReason.OUT_OF_MEMORY,
        r"^(?:[\w.]+\.)?MemoryError\b|\bjava\.lang\.OutOfMemoryError\b|System\.OutOfMemoryException"
        r"|heap out of memory|(?i:\bout of memory\b)|\bOOM-?[Kk]ill|\boom-kill\b|std::bad_alloc"
        r"|memory allocation of \d+ bytes failed|Allowed memory size of \d+ bytes exhausted"
        r"|NoMemoryError|Cannot allocate memory|Perhaps out of memory\?|(?:^|: |\d )Killed\s*$"
        r"|(?i:\b(?:exit|exited|status|code)\b[^.,;]{0,20}\b137\b)",
    ),
    _Mark(
        _CAUSE,
        RestartReason.PORT_IN_USE,
        r"\bEADDRINUSE\b|(?i:address (?:is )?already in use|port \d+ (?:is|was) already in use)"
        r"|Only one usage of each socket address",
    ),
    _Mark(
        _CAUSE,
        RestartReason.MISSING_MODULE,
        r"\b(?:ModuleNotFoundError|ImportError): |Cannot find (?:module|package) '"
        r"|ERR_MODULE_NOT_FOUND|\(LoadError\)|cannot load such file -- |\bClassNotFoundException\b"
        r"|\bNoClassDefFoundError\b|Could not find or load main class"
        r"|error while loading shared libraries|Uncaught Error: Class \"|Failed opening required"
        r"|Could not load file or assembly|executable file not found in"
        r"|^(?:/bin/)?(?:ba|da|a)?sh: (?:line )?(?:\d+: )?\S+: (?:command )?not found",
    ),
    _Mark(
        _CAUSE,
        RestartReason.CONFIGURATION,
        r"File \"(?:<frozen os>|[^\"]*/os\.py)\", line \d+, in __getitem__"
        r"|\b(?:KeyError: '|key not found: \")[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+['\"]"
        r"|(?i:\b(?:missing|required|undefined|unset|invalid) (?:required )?"
        r"(?:env(?:ironment)?(?: var(?:iable)?s?)?|config(?:uration)?|settings?)\b)"
        r"|(?i:\benv(?:ironment)? var(?:iable)?s?\b.*"
        r"\b(?:not set|required|missing|not found|must be set|not defined|undefined|empty)\b)"
        r"|\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b\W{0,2} (?:environment variable )?(?:(?:is|was) )?"
        r"(?:not set|required|missing|must be set|not defined|undefined|must not be empty)"
        r"|(?i:\brequired\b.*\bnot set\b)|\bImproperlyConfigured\b"
        r"|validation errors? for \w*(?:Settings|Config)|Could not resolve placeholder '"
        r"|(?i:\b(?:failed|unable) to (?:load|read|parse) (?:the )?config)"
        r"|(?i:\bconfig\S* file.*not found)",
        r"(?i:default|fall(?:ing)? ?back|optional|deprecat|ignor)",
    ),
    _Mark(
        _PROBE,
        RestartReason.HEALTH_CHECK,
        r"(?i:\b(?:health ?check|healthcheck|(?:liveness|readiness|startup) probe)s? "
        r"(?:has |have )?fail(?:ed|ing|ure)\b|\bfail(?:ed|ing) (?:its )?(?:health ?check|"
        r"(?:liveness|readiness|startup) probe)s?\b)",
        r"(?i:fail(?:ed|ures?): 0\b)",
    ),
    _Mark(
        _CRASH,
        RestartReason.PANIC,
        r"(?:^|\s)panic: |^fatal error: |\bpanicked at\b|^fatal runtime error: ",
        r"\[recovered\]$|panic recovered",
    ),
    _Mark(
        _CRASH,
        RestartReason.SIGNAL,
        r"(?i:\b(?:received|caught|got|handling|on)\b[\w :=\"'(]{0,25}"
        r"\b(?:sig(?:term|int|quit|kill|abrt|segv)\b|(?:signal|term|int)[ :=#]+"
        r"(?:15|2|3|9|6|11|term|terminated|int|interrupt|killed|quit)\b))"
        r"|\bHandling signal: (?:term|int|quit)\b|(?i:\bsigterm (?:received|signal)\b)"
        r"|^KeyboardInterrupt\b|^Terminated\s*$|(?i:\b(?:exit|exited|status|code)\b.{0,20}\b143\b)",
        r"(?i:handlers? (?:registered|installed)|(?:register|install)\w* )",
    ),
    _Mark(
        _CRASH,
        RestartReason.EXCEPTION,
        r"^Traceback \(most recent call last\):|^Node\.js v\d+\.|\bUnhandledPromiseRejection"
        r"|(?i:\bun(?:caught|handled) ?(?:exception|error|rejection|promise))|\bUncaught \w+"
        r"|^(?:\w+ )?\w*Error(?: \[\w+\])?: |^Exception in thread \"|^Unhandled exception\b"
        r"|^(?:Caused by: )?(?:[a-z][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error)(?::|$)"
        r"|^\S+:\d+:in [`'].*': .*\([A-Z][\w:]*\)$"
        r"|PHP (?:Fatal|Parse) error: |^(?:Fatal|Parse) error: "
        r"|terminate called after throwing|APPLICATION FAILED TO START|Application run failed",
        r"(?i:handlers? (?:registered|installed))",
    ),
    _Mark(
        _DEATH,
        RestartReason.SIGNAL,
        r"(?i:\bsegmentation (?:fault|violation)\b|\bbus error\b|\billegal instruction\b)"
        r"|\bSIG(?:SEGV|ABRT|BUS|ILL|FPE|KILL)\b|(?:^|: |\d )Aborted\b|\bsignal: \w+"
        r"|(?i:\b(?:exit|exited|terminated|killed|stopped)\b.{0,20}\bsignal \d+)"
        r"|(?i:\b(?:exit|exited|status|code)\b.{0,20}\b1(?:32|34|35|36|39)\b)",
        # A Go panic names the signal that it was made of.
        r"^\[signal |(?i:handler)",
    ),
    _Mark(
        _EXIT,
        RestartReason.EXIT,
        r"(?i:\bexiting\b|\bexit (?:status|code) \d|\b(?:exited|exits|quit) with\b"
        r"|\bshutting down\b|\bshut ?down (?:complete|requested)"
        r"|\bprocess (?:exited|finished|ended)"
        r"|\bstopping (?:server|service|application|worker)\b|\bgoodbye\b|^bye\W*$"
        r"|\bcommand failed\b)|^npm (?:ERR!|error) ",
    ),
)

_STACK = (
    r"^\s|^$|^goroutine \d+|^created by |^[\w./*()%@$-]+\(.*\)$|^\d+: 0x|^#\d+ |^[\]})]|^\.\.\."
)
"""A line within a stack: indented in most languages, a call at the margin in Go."""


def _compile(regex: str) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    return re2.compile(regex, options)


_COMPILED = tuple(
    (mark, _compile(mark.regex), _compile(mark.exclude_regex) if mark.exclude_regex else None)
    for mark in _MARKS
)
_STACK_LINE = _compile(_STACK)


def restart_reason(last_words: Sequence[bytes]) -> RestartReason:
    """Return why a container ended that wrote ``last_words``, its last messages in order.

    Only the end counts: the last 15 lines, not counting those of stacks, so that what happened
    long before and was survived is no reason. Each line says one thing at most, the first of this
    list that it fits; of all that was said the heaviest wins, and of equals the latest:

    1. a cause: ``out_of_memory``, ``port_in_use``, ``missing_module``, ``configuration``. It
       wins over the crash that it led to, so ModuleNotFoundError in a traceback is a missing
       module and a Go panic for want of memory is out of memory;
    2. ``health_check``: it wins over the SIGTERM that follows;
    3. ``panic``, a request to end (``signal``: SIGTERM, SIGINT), ``exception``: an exception
       that was logged and survived is no reason when SIGTERM comes later;
    4. death by another ``signal``: SIGABRT after a panic or an uncaught exception is its echo;
    5. ``exit``: the program, or what started it, says that it ends.

    Nothing of it is ``unknown``. "Killed" alone and exit code 137 are taken for the kernel's
    out-of-memory killer, which is what ends containers so.
    """
    weight = 0
    reason = RestartReason.UNKNOWN
    for line in _end(last_words):
        mark = _mark(line)
        if mark is not None and mark.weight > weight:
            weight, reason = mark.weight, mark.reason
    return reason


def _end(last_words: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the lines that count, the last one first."""
    told = 0
    for line in reversed(last_words):
        yield line
        if _STACK_LINE.search(line) is None:
            told += 1
        if told == _REACH:
            return


def _mark(line: bytes) -> _Mark | None:
    for mark, regex, exclude in _COMPILED:
        if regex.search(line) is not None and (exclude is None or exclude.search(line) is None):
            return mark
    return None
