"""Expressions for Hyperscan of which one is found in each line that declares a severity.

They are many and small, each around a literal, which Hyperscan is fastest to find.
"""

from collections.abc import Collection

from exporter.matching.prefilter.expression import Expression
from exporter.matching.severity.vocabulary import LETTERS, WORDS
from exporter.model import Severity

_NUMBERS = {
    Severity.TRACE: "(?:1?[0-9]|[5-9][0-9]{3})",
    Severity.DEBUG: "(?:[12]?[0-9]|1[0-9]{2}|1[0-9]{4})",
    Severity.INFO: "(?:[123]?[0-9]|[23][0-9]{2}|2[0-9]{4})",
    Severity.WARNING: "(?:[34]|1[3-6]|[34][0-9]|[34][0-9]{2}|3[0-9]{4})",
    Severity.ERROR: "(?:[345]|1[789]|20|[45][0-9]|[45][0-9]{2}|4[0-9]{4})",
    Severity.CRITICAL: (
        "(?:[0-256]|2[1-4]|[5-9][0-9]{1,2}|[1-4][0-9]{3}|[5-9][0-9]{4}|[1-9][0-9]{5,})"
    ),
}
"""A superset of the numbers of all families."""

_KEYS = r"(?:(?:level|lvl|severity|priority)[\w.]*[\"']?|[\"']no[\"'])"
"""Keys of levels, the last one of a level that is an object itself."""

_STANDS = r"\s*[:=]\s*[\"']?\s*"
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
    # One expression: keys stand in most lines of some logs, and each would be followed anew.
    numbers = "|".join(_NUMBERS[severity] for severity in Severity if severity in wanted)
    value = f"(?:{numbers}|[{letters}])(?:[^\\w]|$)"
    found.append(Expression(f"{_KEYS}{_STANDS}{value}", caseless=True))
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
