"""The security in force: the web configuration file, read again when it changes.

A faulty one is logged once and refused; what was in force before stays.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from exporter.config.flags import WEB_CONFIG_VARIABLE
from exporter.config.web_file.load import WebSecurity, load_web_security
from exporter.errors import ConfigError, Fault

LOG = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""How soon a refused file is tried again, though it has not changed: others may have."""

_Stamp = tuple[tuple[int, int, int] | None, ...]


class SecurityFile:
    """Knows what the web configuration file says, and what the files say that it names.

    Used by one thread, that of the server.

    Args:
        path: the file; None where there is none.
        clock: seconds that only grow.
        text: a configuration that has no file; with neither, plain HTTP for everybody.

    Raises:
        ConfigError: it cannot be used.
    """

    def __init__(self, path: str | None, clock: Callable[[], float], text: str = "") -> None:
        self._path = path
        self._text = text
        self._clock = clock
        self._tried = clock()
        self._refused = ""
        self._stamp: _Stamp = ()
        self._load(path)

    def current(self) -> WebSecurity:
        """What is in force now; to be asked for each connection and each request."""
        if self._path is not None or self._text:
            stamp = _stamp(self._current.files)
            waited = self._clock() - self._tried
            if stamp != self._stamp or (self._refused and waited >= RETRY_SECONDS):
                self._stamp, self._tried = stamp, self._clock()
                self._load_or_keep(self._path)
        return self._current

    def _load(self, path: str | None) -> None:
        # Read twice, as the stamp must be older than what is kept, and needs the files' names: a
        # change in between is then seen at the next look.
        stamp = _stamp(load_web_security(path, self._text).files)
        self._current = load_web_security(path, self._text)
        self._stamp = stamp

    def _load_or_keep(self, path: str | None) -> None:
        name = path or WEB_CONFIG_VARIABLE
        try:
            if path is not None and _is_empty(path):
                # An editor may be about to write it, and nobody asks for no security like that.
                raise ConfigError((Fault(path, "", "it is empty", "write {} to ask for nothing"),))
            self._load(path)
        except ConfigError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                LOG.error(
                    "web configuration refused: the one before stays in force",
                    extra={"fields": {"file": name, "problem": self._refused}},
                )
            return
        self._refused = ""
        LOG.info("web configuration read again", extra={"fields": {"file": name}})


def _is_empty(path: str) -> bool:
    stamp = _file_stamp(Path(path))
    return stamp is not None and stamp[1] == 0


def _stamp(files: tuple[Path, ...]) -> _Stamp:
    return tuple(map(_file_stamp, files))


def _file_stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
