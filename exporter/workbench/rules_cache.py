"""Keeps the rules of a configuration, so that a later start need not read and check it again.

What reads a configuration takes longer to load than a log of 100 MB takes to count.
"""

import hashlib
import logging
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from exporter import __version__
from exporter.config.flags import ENVIRONMENT_PREFIX
from exporter.model import Rule
from exporter.options import Options
from exporter.workbench.private_files import PrivateFiles, folder_of_user

LOG = logging.getLogger(__name__)

_AREAS = ("config", "logs", "matching", "model", "service")
"""The parts of the package of whose files rules and their checks are made."""

Chosen = tuple[tuple[Rule, ...], bool]
"""Rules, and whether messages are unwrapped."""


class RulesCache:
    """What a configuration chose, by all that the choice is made of.

    Args:
        folder: of the user alone; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._files = PrivateFiles(folder, ".rules")

    def load_or(self, options: Options, read: Callable[[], Chosen]) -> Chosen:
        """Return what was saved for the same configuration and code, or else what is read now.

        Args:
            options: name the configuration.
            read: reads it; what that raises is raised here.
        """
        try:
            name = _name_of(options)
        except OSError:
            return read()  # which says what is wrong
        chosen = self._load(name)
        if chosen is None:
            chosen = read()
            self._save(name, options, chosen)
        return chosen

    def _load(self, name: str) -> Chosen | None:
        try:
            chosen: Chosen = pickle.loads(self._files.read(name))
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001  (whatever is wrong, it is read again)
            LOG.debug("cached rules are ignored", extra={"fields": {"problem": error}})
            return None
        return chosen

    def _save(self, name: str, options: Options, chosen: Chosen) -> None:
        try:
            if name == _name_of(options):  # else it was changed while it was read
                self._files.write(name, pickle.dumps(chosen))
        except (OSError, ValueError) as error:
            LOG.debug("rules are not cached", extra={"fields": {"problem": error}})


def rules_cache(options: Options) -> RulesCache | None:
    """Return the cache of the user who runs the program, or None if there is no home for it."""
    folder = folder_of_user(options.environ)
    return None if folder is None else RulesCache(folder)


def _name_of(options: Options) -> str:
    """Return the digest of everything that rules depend on.

    Raises:
        OSError: the configuration cannot be read.
    """
    parts: list[object] = [__version__, sys.version, options.config_file]
    parts += sorted(
        each for each in options.environ.items() if each[0].startswith(ENVIRONMENT_PREFIX)
    )
    if options.config_file is not None:
        parts.append(Path(options.config_file).read_bytes())
    package = Path(__file__).parent.parent
    parts += sorted(each for area in _AREAS for each in _files_in(str(package / area)))
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _files_in(folder: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield each file of a folder with what changes when it does: to read all takes too long."""
    for entry in os.scandir(folder):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files_in(entry.path)
        else:
            status = entry.stat()
            yield entry.path, status.st_size, status.st_mtime_ns, status.st_ctime_ns
