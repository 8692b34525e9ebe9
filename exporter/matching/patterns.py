"""Compiling of RE2 patterns, with RE2's own reason when it refuses one.

Used by ``engine``; RE2 decides every match, so this is the one place that says how a regex of a
rule is understood: UTF-8, case-sensitive, ``^`` and ``$`` at the message's ends unless ``(?m)``.
"""

from typing import Protocol, cast

import re2


class Found(Protocol):
    """A match of a regex."""

    def span(self) -> tuple[int, int]:
        """Return where it begins and ends in the text."""

    def groupdict(self) -> dict[str, bytes | None]:
        """Return the named groups, None for one that took no part."""


class Pattern(Protocol):
    """A compiled regex."""

    def search(self, text: bytes) -> Found | None:
        """Return the leftmost match in ``text``, whatever bytes that holds, or None."""


def compile_pattern(regex: str) -> Pattern:
    """Compile ``regex`` for search in bytes.

    Raises:
        ValueError: with RE2's own reason, such as ``missing ): a(b``.
    """
    options = re2.Options()
    # RE2 would write the reason to stderr as well, past our own log.
    options.log_errors = False
    try:
        return cast(Pattern, re2.compile(regex, options))
    except re2.error as error:
        raise ValueError(_reason(error)) from error
    except UnicodeEncodeError as error:
        raise ValueError(f"invalid UTF-8: {error.reason}") from error


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else "refused by RE2"
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
