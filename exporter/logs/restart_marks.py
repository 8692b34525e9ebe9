"""What the last lines of a container say of its end, as regexes with what each stands for.

Used by ``restart_reasons``, which weighs them.
"""

from typing import NamedTuple

from exporter.model import RestartReason


class Mark(NamedTuple):
    """What a line says of the end: ``regex`` as RE2 has it, heavier marks win over lighter.

    ``closing``: what came before it was survived. ``orderly``: so it was, unless it stands right
    before.
    """

    weight: int
    reason: RestartReason
    regex: str
    exclude_regex: str | None = None
    closing: bool = False
    orderly: bool = False


CAUSE, PROBE, CRASH, DEATH, EXIT = 5, 4, 3, 2, 1

_RECEIVED = r"(?i:\b(?:received|caught|got|handling|on)\b[\w :=\"'(]{0,25}\b"
_HANDLERS = r"(?i:handlers? (?:registered|installed)|(?:register|install)\w* )"

MARKS = (
    Mark(
        CAUSE,
        RestartReason.OUT_OF_MEMORY,
        r"(?:^|\\n)(?:[\w.]+\.)?MemoryError\b|\bjava\.lang\.OutOfMemoryError\b|System\.OutOfMemoryException"
        r"|heap out of memory|(?i:\bout of memory\b)|\bOOM-?[Kk]ill|\boom-kill\b|std::bad_alloc"
        r"|memory allocation of \d+ bytes failed|Allowed memory size of \d+ bytes exhausted"
        r"|NoMemoryError|Cannot allocate memory|Perhaps out of memory\?|(?:^|: |\d )Killed\s*$"
        r"|: line \d+: +\d+ Killed\b"
        r"|(?i:\b(?:exit|exited|status|code)\b[^.,;]{0,20}\b137\b)",
    ),
    Mark(
        CAUSE,
        RestartReason.PORT_IN_USE,
        r"\bEADDRINUSE\b|(?i:address (?:is )?already in use|port \d+ (?:is|was) already in use)"
        r"|Only one usage of each socket address",
    ),
    Mark(
        CAUSE,
        RestartReason.MISSING_MODULE,
        r"\b(?:ModuleNotFoundError|ImportError): |Cannot find (?:module|package) '"
        r"|ERR_MODULE_NOT_FOUND|\(LoadError\)|cannot load such file -- |\bClassNotFoundException\b"
        r"|\bNoClassDefFoundError\b|Could not find or load main class|Unable to access jarfile"
        r"|error while loading shared libraries|Uncaught Error: Class \"|Failed opening required"
        r"|Could not load file or assembly|executable file not found in"
        r"|\bCould not import module \""
        r"|^exec \S+: no such file"
        r"|^(?:\S+: (?:line )?\d+: |(?:/bin/)?(?:ba|da|a)?sh: )\S+: (?:command )?not found$",
    ),
    Mark(
        CAUSE,
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
        r"|^(?:\S+: (?:line )?\d+: )?[A-Z][A-Z0-9_]+: unbound variable$"
        r"|^(?:\S+: (?:line )?\d+: )?[A-Z][A-Z0-9_]+: parameter (?:null or )?not set$"
        r"|\brequired key \S+ missing value|Failed to configure a DataSource"
        r"|Missing `secret_key_base`"
        r"|(?i:\b(?:failed|unable) to (?:load|read|parse) (?:the )?config)"
        r"|(?i:\bconfig\S* file.*not found)",
        r"(?i:default|fall(?:ing)? ?back|optional|deprecat|ignor)",
    ),
    Mark(
        PROBE,
        RestartReason.HEALTH_CHECK,
        r"(?i:\b(?:health ?check|healthcheck|(?:liveness|readiness|startup) probe)s? "
        r"(?:has |have )?fail(?:ed|ing|ure)\b|\bfail(?:ed|ing) (?:its )?(?:health ?check|"
        r"(?:liveness|readiness|startup) probe)s?\b)",
        r"(?i:fail(?:ed|ures?): 0\b)",
    ),
    Mark(
        CRASH,
        RestartReason.PANIC,
        r"(?:^|\s)panic: |^fatal error: |\bpanicked at\b|^fatal runtime error: ",
        r"\[recovered\]$|panic recovered",
    ),
    Mark(
        CRASH,
        RestartReason.SIGNAL,
        _RECEIVED + r"(?:sig(?:term|int|quit)\b|(?:signal|term|int)[ :=#]+"
        r"(?:15|2|3|term|terminated|int|interrupt|quit)\b))"
        r"|\bHandling signal: (?:term|int|quit)\b|\bsignal:? \[?SIG(?:TERM|INT|QUIT)\b"
        r"|(?i:\bsig(?:term|int|quit)\b\W{0,2} ?(?:received|signal|caught)\b)"
        r"|: SIGTERM \(SignalException\)"
        r"|^KeyboardInterrupt\b|^Terminated\s*$|(?i:\b(?:exit|exited|status|code)\b.{0,20}\b143\b)",
        _HANDLERS,
        closing=True,
    ),
    Mark(
        CRASH,
        RestartReason.SIGNAL,
        _RECEIVED + r"(?:sig(?:kill|abrt|segv)\b|signal[ :=#]+(?:9|6|11|killed)\b))",
        _HANDLERS,
    ),
    Mark(
        EXIT,
        RestartReason.EXIT,
        r"(?i:\bgraceful(?:ly)? (?:shut|stop|exit|terminat)"
        r"|\b(?:shut(?:ting)?[ -]?down|stopp(?:ed|ing)|exit(?:ed|ing)) (?:gracefully|cleanly)\b"
        r"|\bwarm shutdown\b)"
        r"|\bFinished server process \[|\bApplication is shutting down\.\.\.|\b(?:Goodbye|Bye)!$",
        orderly=True,
    ),
    Mark(
        EXIT,
        RestartReason.EXIT,
        r"(?i:\bexit(?:ed)?(?: with)?(?: (?:code|status))?[ :=]+0\b)",
        closing=True,
    ),
    Mark(
        CRASH,
        RestartReason.EXCEPTION,
        r"\bTraceback \(most recent call last\):|^Node\.js v\d+\."
        r"|\bUnhandledPromiseRejection"
        r"|(?i:\bun(?:caught|handled) ?(?:exception|error|rejection|promise))|\bUncaught \w+"
        r"|^(?:\d[\d:TZ.,+/ -]{7,40})?(?:\w+ )?\w*Error(?: \[\w+\])?: "
        r"|^Exception in thread \"|^Unhandled exception\b"
        r"|^(?:Caused by: )?(?:[a-z][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error)(?::|$)"
        r"|^\S+:\d+:in [`'].*': .*\([A-Z][\w:]*\)$"
        r"|^\S+:\d+: syntax error|PHP (?:Fatal|Parse) error: |^(?:Fatal|Parse) error: "
        r"|terminate called after throwing|APPLICATION FAILED TO START|Application run failed",
        r"(?i:handlers? (?:registered|installed))",
    ),
    Mark(
        DEATH,
        RestartReason.SIGNAL,
        r"(?i:\bsegmentation (?:fault|violation)\b|\bbus error\b|\billegal instruction\b)"
        r"|\bSIG(?:SEGV|ABRT|BUS|ILL|FPE|KILL)\b|(?:^|: |\d )Aborted\b|\bsignal: \w+"
        r"|^----- Native stack trace -----$"
        r"|(?i:\b(?:exit|exited|terminated|killed|stopped)\b.{0,20}\bsignal \d+)"
        r"|(?i:\b(?:exit|exited|status|code)\b.{0,20}\b1(?:32|34|35|36|39)\b)",
        # A Go panic names the signal that it was made of.
        r"^\[signal |(?i:handler)",
    ),
    Mark(
        EXIT,
        RestartReason.EXIT,
        r"(?i:\bexiting\b|\bexit (?:status|code) \d|\b(?:exited|exits|quit) with\b"
        r"|\bshutting down\b|\bshut ?down (?:complete|requested)"
        r"|\bprocess (?:exited|finished|ended)"
        r"|\bstopping (?:server|service|application|worker)\b|\bgoodbye\b|^bye\W*$"
        r"|\b(?:giving up|aborting|quitting|bailing out|can(?:no|')t continue)\b"
        r"|\b(?:failed|unable) to (?:start|boot|continue)\b|\bstart-?up failed\b"
        r"|\bcommand failed\b)|^npm (?:ERR!|error) "
        # What logs at this level ends.
        r"|\blevel(?:=\"?|\": ?\")(?i:fatal)\b|^(?:[\d\[]\S* ){0,3}\W?FATAL\b|^FATA\[\d",
    ),
)

STACK_LINE = (
    r"^\s|^$|^goroutine \d+|^created by |^[\w./*()%@$-]+\(.*\)$|^\d+: 0x|^#\d+ |^[\]})]|^\.\.\."
    # Ruby's report of its own crash: frames, libraries, the memory map.
    r"|^[0-9a-f]{8,16}-[0-9a-f]{8,16} |^-- |^\* |^c:\d+ p:|^/\S+\(.*\) \[0x"
)
"""A line within a stack: indented in most languages, a call at the margin in Go."""
