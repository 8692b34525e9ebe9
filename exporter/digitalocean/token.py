"""Where the API token comes from, and when it is read again.

Read by the client for each request; the value is in no ``repr`` and in no message.
"""

import logging
import os
import threading
from pathlib import Path
from typing import Protocol

from exporter.errors import ConfigError, Fault

_log = logging.getLogger(__name__)


class Token(Protocol):
    """A source of the API token."""

    def value(self) -> str:
        """The token to send now; never empty, never raises."""

    def refresh(self) -> bool:
        """Read the source again, after a 401; whether the value changed."""


class EnvToken:
    """A token that was in the environment at the start: it never changes.

    Raises:
        ConfigError: ``value`` is empty or is nothing that a header can carry.
    """

    def __init__(self, value: str) -> None:
        self._value = value.strip()
        if problem := _problem(self._value):
            raise ConfigError((_fault("environment", problem),))

    def value(self) -> str:
        """The token."""
        return self._value

    def refresh(self) -> bool:
        """False: the environment of a process does not change."""
        return False

    def __repr__(self) -> str:
        return "EnvToken()"


class FileToken:
    """A token in a file, read again whenever the file's time, size or inode changes.

    A secret is rotated by writing or replacing the file, and for a moment the file may be absent,
    empty or half written. The last good value stays in use then: if it has been revoked, the API
    says so with a 401, which is counted, and the file is read again at every request until it is
    good.

    Raises:
        ConfigError: at construction, when the file holds no token that could be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._value = ""
        if problem := self._read():
            raise ConfigError((_fault(str(path), problem),))

    def value(self) -> str:
        """The token in the file now, or the last good one while the file has none."""
        with self._lock:
            if self._stamp is None or self._stat() != self._stamp:
                self._read_or_keep()
            return self._value

    def refresh(self) -> bool:
        """Read the file whatever its time says; whether the value changed."""
        with self._lock:
            before = self._value
            self._read_or_keep()
            return self._value != before

    def __repr__(self) -> str:
        return f"FileToken({str(self._path)!r})"

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read_or_keep(self) -> None:
        if problem := self._read():
            # Without a stamp the next request looks again, even if the file's time is the same.
            self._stamp = None
            _log.warning("token file %s: %s; the last good token stays in use", self._path, problem)

    def _read(self) -> str | None:
        """Take the file's value; what is wrong with it, if it cannot be taken."""
        # Before the text: a change in between is then seen as one at the next request.
        stamp = self._stat()
        try:
            text = self._path.read_text(encoding="utf-8").strip()
        except OSError as error:
            return f"cannot be read: {os.strerror(error.errno) if error.errno else 'I/O error'}"
        except UnicodeDecodeError:
            return "is no text"
        if problem := _problem(text):
            return problem
        self._stamp, self._value = stamp, text
        return None


def _problem(value: str) -> str | None:
    if not value:
        return "is empty"
    # http.client puts what it cannot encode into its exception, the token with it.
    if not all("!" <= character <= "~" for character in value):
        return "holds white space or characters that no token has"
    return None


def _fault(place: str, problem: str) -> Fault:
    return Fault(place, "token", problem, "put one DigitalOcean API token there and nothing else")
