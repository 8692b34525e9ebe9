"""Regexes of Python that are compiled when they are first used.

For modules with many: a start compiles those that it needs, and a command that reads a few lines
needs few.
"""

import re
from typing import AnyStr, cast

_METHODS = ("match", "search", "fullmatch", "finditer", "findall", "sub", "split")


def compile_late(regex: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what works as the compiled ``regex`` does, and is as fast from its first use on."""
    return cast("re.Pattern[AnyStr]", _Late(regex, flags))


class _Late:
    """A regex that becomes its compiled pattern."""

    def __init__(self, regex: str | bytes, flags: int) -> None:
        self._regex = regex
        self._flags = flags

    def __getattr__(self, name: str) -> object:
        compiled: re.Pattern[str] | re.Pattern[bytes] = re.compile(self._regex, self._flags)
        # Found in the instance from now on, so this is not called again.
        self.__dict__.update({method: getattr(compiled, method) for method in _METHODS})
        found: object = getattr(compiled, name)
        return found
