"""A regex for Hyperscan without which no line declares a severity."""

from collections.abc import Collection

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

_KEY = r"(?i:lev|lvl|sev|priority|no)\w*[\"']?\s*[:=]\s*[\"']?"


def candidate_regex(wanted: Collection[Severity]) -> str:
    """Return a regex, in RE2's syntax, found in each message that declares one of ``wanted``."""
    words = sorted({word for severity in wanted for word in WORDS[severity]})
    letters = "".join(sorted(key for key, severity in LETTERS.items() if severity in wanted))
    word = "|".join(words)
    capitals = "|".join(words).upper()
    parts = [
        rf"\b(?:{capitals})(?:[^\w]|$|[1-4]\b)",
        r"(?:^|[\s\[(<:|/>.\"'=m_-])"
        rf"(?i:{word})(?: \[\w+\])?(?: *[\])>|\"'\\+:1-4-]|\t|\s|,|\}}|$)",
        rf"(?:^|[\s\[\"':=])[{letters}](?:[\s,/\]\"']|[0-9])",
        *(rf"{_KEY}{_NUMBERS[severity]}(?:\W|$)" for severity in Severity if severity in wanted),
    ]
    if len(wanted) < len(Severity):
        # slog's ERROR+4 is worse than an error, DEBUG-4 less than debug.
        parts.append(r"\b[A-Za-z]{4,5}[+-][0-9]")
    if Severity.ERROR in wanted:
        parts.append("=(?:CRASH|SUPERVISOR) REPORT=")
    parts += (r"^%[0-7]\|", r"^<[0-7]>", r"^[0-9]+:[XCSM] ")
    return "|".join(parts)
