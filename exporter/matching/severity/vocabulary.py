"""The words and numbers by which loggers name a level."""

import re
from collections.abc import Mapping

from exporter.late_regex import compile_late
from exporter.model import Severity

WORDS: Mapping[Severity, tuple[str, ...]] = {
    Severity.TRACE: ("trace", "trce", "trc", "trac", "finer", "finest", "silly", "vrb", "verbose"),
    Severity.DEBUG: ("debug", "debu", "debg", "dbug", "dbg", "fine", "config"),
    Severity.INFO: (
        *("info", "information", "informational", "inf", "notice", "note", "ntc", "log", "success"),
        *("system", "http"),
    ),
    Severity.WARNING: ("warning", "warn", "wrn", "wrng"),
    Severity.ERROR: ("error", "err", "eror", "erro", "severe", "fail"),
    Severity.CRITICAL: (
        *("critical", "crit", "crt", "fatal", "fata", "ftl", "panic", "pani", "pnc", "dpanic"),
        *("alert", "alrt", "emergency", "emerg", "emrg"),
    ),
}
"""In lower case; MySQL's ``System`` and winston's ``http`` are among them."""

SEVERITIES = {word: severity for severity, words in WORDS.items() for word in words}

LETTERS = {
    "T": Severity.TRACE,
    "V": Severity.TRACE,
    "D": Severity.DEBUG,
    "I": Severity.INFO,
    "N": Severity.INFO,
    "W": Severity.WARNING,
    "E": Severity.ERROR,
    "C": Severity.CRITICAL,
    "F": Severity.CRITICAL,
    "A": Severity.CRITICAL,
}

# Enumerations put their name before a word; slog and OpenTelemetry count within a level.
_WORD = compile_late(
    r"(?:severity_number_|(?:log_?)?level[._])?(?P<word>[a-z]+)"
    r"(?:(?P<sign>[+-])(?P<steps>[0-9]{1,2})|[1-4])?",
    re.IGNORECASE,
)
_ESCAPE = compile_late(r"\x1b\[[0-9;]*m")

_STEP = 4
"""How far slog's levels are apart."""


def of_word(text: str) -> Severity | None:
    """Return what a word stands for, in any case; None if it is no level's."""
    if "\x1b" in text:
        text = _ESCAPE.sub("", text)
    text = text.strip(" ")
    severity = SEVERITIES.get(text.lower())
    if severity is not None:
        return severity
    found = _WORD.fullmatch(text)
    if found is None:
        return None
    severity = SEVERITIES.get(found["word"].lower())
    if severity is not None and found["sign"] is not None and int(found["steps"]) >= _STEP:
        scale = list(Severity)
        step = 1 if found["sign"] == "+" else -1
        severity = scale[min(max(scale.index(severity) + step, 0), len(scale) - 1)]
    return severity


def of_syslog(number: float) -> Severity | None:
    """Return what syslog, GELF and journald mean by 0 (emergency) to 7 (debug)."""
    return _SYSLOG.get(number)


_SYSLOG: dict[float, Severity] = {
    **dict.fromkeys((0, 1, 2), Severity.CRITICAL),
    3: Severity.ERROR,
    4: Severity.WARNING,
    **dict.fromkeys((5, 6), Severity.INFO),
    7: Severity.DEBUG,
}


def of_dotnet(number: float) -> Severity | None:
    """Return what .NET means by 0 (trace) to 5 (critical)."""
    return _DOTNET.get(number)


_DOTNET: dict[float, Severity] = dict(enumerate(Severity))


def of_tslog(number: float) -> Severity | None:
    """Return what tslog means by 0 (silly) to 6 (fatal)."""
    return _DOTNET.get(max(0, number - 1))


def of_bunyan(number: float) -> Severity | None:
    """Return what pino and bunyan mean by 10 (trace) to 60 (fatal), and by what is between."""
    return _band(number, (10, 20, 30, 40, 50, 60))


def of_python(number: float) -> Severity | None:
    """Return what Python means by 10 (debug) to 50 (critical)."""
    return _band(number, (1, 10, 20, 30, 40, 50)) if number < 100 else None


def of_monolog(number: float) -> Severity | None:
    """Return what Monolog means by 100 (debug) to 600 (emergency)."""
    return _band(number, (1, 100, 200, 300, 400, 500))


def of_google(number: float) -> Severity | None:
    """Return what Google's LogSeverity means by 100 (debug) to 800 (emergency)."""
    return _band(number, (1, 100, 200, 400, 500, 600))


def of_logback(number: float) -> Severity | None:
    """Return what Logback and Log4j 1 mean by 5000 (trace) to 50000 (fatal)."""
    return _band(number, (5_000, 10_000, 20_000, 30_000, 40_000, 50_000))


def of_open_telemetry(number: float) -> Severity | None:
    """Return what OpenTelemetry means by 1 (trace) to 24 (fatal)."""
    return _band(number, (1, 5, 9, 13, 17, 21)) if number <= 24 else None


def _band(number: float, starts: tuple[int, int, int, int, int, int]) -> Severity | None:
    """Return the severity that begins at the greatest start up to ``number``."""
    return _DOTNET.get(sum(number >= start for start in starts) - 1)
