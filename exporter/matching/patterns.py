"""Compiling of RE2 patterns, with RE2's own reason when it refuses one.

Used by ``engine``; RE2 decides every match, so this is the one place that says how a regex of a
rule is understood: UTF-8, case-sensitive, ``^`` and ``$`` at the message's ends unless ``(?m)``.
"""

from collections.abc import Callable, Sequence
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


class Sieve:
    """Tells whether a regex is found at all, in a third of the time that a search takes.

    Args:
        pattern: the regex, compiled.
        regex: the same.
    """

    def __init__(self, pattern: Pattern, regex: str) -> None:
        self._search = pattern.search
        self._regex = regex
        self._match: Callable[[bytes], object] | None = None

    def __call__(self, texts: Sequence[bytes]) -> list[bool]:
        """Return of each text whether the regex is found in it."""
        match = self._match
        if match is None:
            # One that was never asked for takes no memory.
            match = self._match = _set_of(self._regex)
        # A set says nothing for sure where it finds nothing: it may have run out of memory.
        search = self._search
        return [match(text) is not None or search(text) is not None for text in texts]


def _set_of(regex: str) -> Callable[[bytes], object]:
    options = re2.Options()
    options.log_errors = False
    only = re2.Set.SearchSet(options)
    try:
        only.Add(regex)
        only.Compile()
    except re2.error:
        return _finds_nothing
    return cast(Callable[[bytes], object], only.Match)


def _finds_nothing(_text: bytes) -> None:
    """Find nothing, as a set does that is too large to be compiled."""


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
