"""Expressions for Hyperscan of which one is found in each line that declares a severity.

They are many and small, each around a literal, which Hyperscan is fastest to find.
"""

from collections.abc import Collection

from exporter.matching.prefilter.expression import Expression
from exporter.matching.severity.vocabulary import LETTERS, WORDS
from exporter.model import Severity

_NUMBERS = {
    Severity.TRACE: "(?:10|[1-4]|100|5000|0)",
    Severity.DEBUG: "(?:[12]?[0-9]|100|10000|7)",
    Severity.INFO: "(?:[123]?[0-9]|2[0-9]{2}|[23]0000)",
    Severity.WARNING: "(?:[34][0-9]|1[3-9]|[34]|[34][0-9]{2}|30000)",
    Severity.ERROR: "(?:5[0-9]|4[0-9]|1[789]|20|[345]|[45][0-9]{2}|40000)",
    Severity.CRITICAL: "(?:[5-9][0-9]|2[0-4]|[0-256]|[5-8][0-9]{2}|50000)",
}
"""A superset of the numbers of all families."""

_KEYS = "(?:level|lvl|severity|priority)"

_STANDS = r"[\"']?\s*[:=]\s*[\"']?"
"""What stands between a key and its value."""

_BEGINNING = r"(?:^|Z |[0-9] )"
"""What stands before a message, or before a part of its head."""

_BEFORE = r"(?:^|[^\w\n]|[m_])"
_BEHIND = (
    r"(?: \[\w+\])?(?: *[\])>|:]|</| *\\|[+1-4-]|\s|[,/(!]|\[\d|[\"']\s*[,}\]]|[\"']\s|[\"']?\r?$)"
)
"""Around a word that is a level: what is no letter, and no key's end."""

_LETTERS = (
    _BEGINNING + r"{0}(?:\d{{4}}|\d{{6}}|\d{{8}}) \d\d:",
    _BEGINNING + r"{0}, \[",
    _BEGINNING + r"{0} (?:\| )?\d\d(?:\d\d-\d\d-|:\d\d:)\d\d",
    _BEGINNING + r"{0}/[\w.:-]+[( ]",
    r"[\[(<] *{0}[ \])>]",
    r"[0-9Z|\]:] *{0}\d? +(?:[A-Z]{{3}}|\[[0-9]+:|[\w./-]+:[0-9]+\] )",
    r"[0-9] {0} ",
    r"SLF4J\({0}\): ",
    r"flag\.Parse: {0}[0-9]{{4}} ",
    r"[\"'](?:s|L|@l|l)[\"']\s*:\s*[\"']\s*{0}",
)


def candidate_expressions(wanted: Collection[Severity]) -> tuple[Expression, ...]:
    """Return expressions of which one is found in each message that declares one of ``wanted``."""
    words = [word for severity in Severity if severity in wanted for word in WORDS[severity]]
    letters = "".join(sorted(key for key, severity in LETTERS.items() if severity in wanted))
    found = [Expression(f"{_BEFORE}{word}{_BEHIND}", caseless=True) for word in words]
    found += [Expression(form.format(f"[{letters}]")) for form in _LETTERS]
    for severity in Severity:
        if severity in wanted:
            found.append(Expression(f'"no"\\s*:\\s*{_NUMBERS[severity]}[^\\w]'))
    # One expression: keys stand in most lines of some logs, and each would be followed anew.
    numbers = "|".join(_NUMBERS[severity] for severity in Severity if severity in wanted)
    value = f"(?:{numbers}|\\s*[{letters}]\\s*)(?:[^\\w]|$)"
    found.append(Expression(f"{_KEYS}[\\w.]*{_STANDS}{value}", caseless=True))
    # slog's ERROR+4 is worse than an error, DEBUG-4 less than debug.
    found.append(Expression(r"(?:trace|debug|info|warn|warning|error)[+-][0-9]", caseless=True))
    signs = (r"%[0-7]\|[0-9]", "<[0-7]>", r"[0-9]+:[XCSM] [0-9]{2} [A-Z][a-z]{2} [0-9]{4} ")
    found += [Expression(_BEGINNING + sign) for sign in signs]
    if Severity.INFO in wanted:
        found.append(Expression('"@t"'))  # no level is Serilog's Information
        found.append(Expression("=PROGRESS REPORT="))
    if Severity.ERROR in wanted:
        found.append(Expression("=(?:CRASH|SUPERVISOR) REPORT="))
    return tuple(found)
