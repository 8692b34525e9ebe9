"""The security in force: the web configuration file, read again when it changes.

A faulty one is said once and refused; what was in force before goes on.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from exporter.config.web_load import WebSecurity, load_web_security
from exporter.errors import ConfigError

LOG = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
"""How long a change may go unnoticed; files are not looked at for every request of a crowd."""

_Stamp = tuple[tuple[int, int, int] | None, ...]


class SecurityFile:
    """Knows what the web configuration file says, and what the files say that it names.

    Used by one thread, that of the server.

    Args:
        path: the file; None is plain HTTP for everybody.
        clock: seconds that only grow.

    Raises:
        ConfigError: it cannot be used.
    """

    def __init__(self, path: str | None, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._checked = clock()
        self._refused = ""
        self._load()

    def current(self) -> WebSecurity:
        """What is in force now; of the files as they were within the last second."""
        if self._path is not None and self._clock() - self._checked >= CHECK_SECONDS:
            self._checked = self._clock()
            # While the file is refused it is tried again: what is wrong may stand in another.
            if self._refused or _stamp(self._current.files) != self._stamp:
                self._load_or_keep(self._path)
        return self._current

    def _load(self) -> None:
        # Read twice, as the stamp must be older than what is kept, and needs the files' names: a
        # change in between is then seen at the next look.
        self._stamp = _stamp(load_web_security(self._path).files)
        self._current = load_web_security(self._path)

    def _load_or_keep(self, path: str) -> None:
        try:
            self._load()
        except ConfigError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                LOG.error(
                    "web configuration refused: what was in force before goes on",
                    extra={"fields": {"file": path, "problem": self._refused}},
                )
            return
        self._refused = ""
        LOG.info("web configuration read again", extra={"fields": {"file": path}})


def _stamp(files: tuple[Path, ...]) -> _Stamp:
    return tuple(map(_file_stamp, files))


def _file_stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
