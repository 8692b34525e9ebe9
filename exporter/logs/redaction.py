"""Secrets out of log lines, before a person is shown them or they are kept.

What is taken out leaves a word in brackets that says what stood there. It errs on the side of
taking too much: an excerpt is there to tell what broke, not whose data it was.
"""

import re
from collections.abc import Callable, Iterable

import re2

_KEY_BEGINS = re2.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")
_KEY_ENDS = re2.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")

_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret(?:[_-]?(?:key|access[_-]?key))?|credentials?"
    r"|(?:[a-z0-9]+[_-])*(?:token|secret|password|api[_-]?key|access[_-]?key|private[_-]?key)"
    r"|apikey|authorization|(?:set-)?cookie|session(?:[_-]?id)?|csrf|signature"
)

_TAKEN_OUT = r"\[(?:secret|token|credentials|e-mail|card)\]"
"""What another rule, or an earlier look, has left of a secret."""

_Replacement = str | Callable[["re.Match[str]"], str]


def _bearer(match: "re.Match[str]") -> str:
    return f"{match[1]} [token]"


def _named(match: "re.Match[str]") -> str:
    return f"{match[1]}[secret]"


def _card(match: "re.Match[str]") -> str:
    digits = [int(character) for character in match[0] if character.isdigit()]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return match[0] if (sum(digits[::-2]) + doubled) % 10 else "[card]"


_RULES: tuple[tuple[object, _Replacement], ...] = (
    # A password, or a token alone, before the host of a URL.
    (re2.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@\"'<>]+@"), r"\1[credentials]@"),
    (re2.compile(r"(?i)\b(bearer|basic|digest|token)\s+[a-z0-9._~+/=-]{8,}"), _bearer),
    # Tokens that tell by their form what they are.
    (
        re2.compile(
            r"\b(?:do[opr]_v1_[0-9a-f]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
            r"|xox[abeoprs]-[\w-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{30,}"
            r"|(?:sk|pk|rk)_(?:live|test)_\w{10,}|sk-[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}"
            r"|npm_\w{30,}|pypi-[\w-]{30,})"
        ),
        "[token]",
    ),
    (re2.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "[token]"),
    (
        re2.compile(
            rf"(?i)((?:^|[^a-z0-9])(?:{_NAMES})[\"']?\s*(?:=>|[:=])\s*)"
            r"(?:\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?"
            rf"|(?:{_TAKEN_OUT}|[^\s,;&}}\])\"'])+)"
        ),
        _named,
    ),
    (re2.compile(r"\b[\w.+-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+\b"), "[e-mail]"),
    (re2.compile(r"\b\d(?:[ -]?\d){12,18}\b"), _card),
)

_ANY = re2.compile("|".join(f"(?:{each.pattern})" for each in (_KEY_BEGINS, *dict(_RULES))))
"""Whatever a rule matches: one search tells that a line has no secret, as most have none."""


def redact(text: str) -> str:
    """One line without tokens, passwords, e-mail addresses and card numbers."""
    if _ANY.search(text) is None:
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)  # type: ignore[attr-defined]
    if (begun := _KEY_BEGINS.search(text)) is not None:
        return f"{text[: begun.start()]}[private key]"
    return text


def redact_lines(lines: Iterable[str]) -> list[str]:
    """Lines in their order, as ``redact`` has each; a private key over many lines is one word."""
    redacted = []
    within = False
    for line in lines:
        if within:
            within = _KEY_ENDS.search(line) is None
            continue
        redacted.append(redact(line))
        within = _KEY_BEGINS.search(line) is not None and _KEY_ENDS.search(line) is None
    return redacted
