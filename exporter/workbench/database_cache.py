"""Keeps compiled Hyperscan databases on disk, so that a later start need not compile them.

``match`` hands it to the engine. Compiling the rules that ship takes longer than everything else
at a start.
"""

import contextlib
import hashlib
import json
import logging
import os
import stat
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import hyperscan

from exporter import matching

LOG = logging.getLogger(__name__)

FOLDER = "do-app-exporter"
"""In the user's folder for caches."""

MOST_FILES = 16
"""How many databases are kept; the ones used longest ago go first."""

_SUFFIX = ".hyperscan"
_PRIVATE = 0o077
_DIGEST_BYTES = hashlib.sha256().digest_size


class DatabaseCache:
    """Databases in one folder, each with the indexes of the regexes that are in it.

    The folder has to belong to this user and to be closed to all others, as does each file: a
    database is run as code, so nobody else may write one. A file that is foreign, broken or of
    another version of Hyperscan is ignored and written again. Whatever fails here costs the time
    to compile, and nothing else.

    Args:
        folder: made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, made_of: object) -> tuple[hyperscan.Database, frozenset[int]] | None:
        """Return what was saved for what has this ``repr``, or None."""
        try:
            content = self._read(_path_in(self.folder, made_of))
            digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            if hashlib.sha256(payload).digest() != digest:
                raise ValueError("its checksum is wrong")
            header, _, raw = payload.partition(b"\n")
            used = frozenset(map(int, json.loads(header)))
            return hyperscan.loadb(raw, mode=hyperscan.HS_MODE_BLOCK), used
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, hyperscan.error) as error:
            LOG.debug("a cached database is ignored", extra={"fields": {"problem": error}})
            return None

    def save(self, made_of: object, database: hyperscan.Database, used: frozenset[int]) -> None:
        """Keep a database for what has this ``repr``, in one step."""
        payload = json.dumps(sorted(used)).encode() + b"\n" + hyperscan.dumpb(database)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._check_folder()
            self._write(_path_in(self.folder, made_of), hashlib.sha256(payload).digest() + payload)
            self._prune()
        except (OSError, ValueError) as error:
            LOG.debug("a database is not cached", extra={"fields": {"problem": error}})

    def _check_folder(self) -> None:
        _check_private(os.lstat(self.folder), stat.S_ISDIR)

    def _read(self, path: Path) -> bytes:
        self._check_folder()
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:  # noqa: PTH123
            _check_private(os.fstat(file.fileno()), stat.S_ISREG)
            content = file.read()
        with contextlib.suppress(OSError):  # a folder that is read only is no reason to compile
            os.utime(path)
        return content

    def _write(self, path: Path, content: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self.folder)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123
                file.write(content)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _prune(self) -> None:
        files = sorted(self.folder.glob(f"*{_SUFFIX}"), key=lambda file: file.stat().st_mtime)
        for file in files[:-MOST_FILES]:
            file.unlink(missing_ok=True)


def user_cache(environ: Mapping[str, str]) -> DatabaseCache | None:
    """Return the cache of the user who runs the program, or None if there is no home for it."""
    named, home = environ.get("XDG_CACHE_HOME", ""), environ.get("HOME", "")
    base = Path(named) if named else Path(home, ".cache")
    return DatabaseCache(base / FOLDER) if (named or home) and base.is_absolute() else None


def _path_in(folder: Path, made_of: object) -> Path:
    """Return the file of a database: named by what it is made of, and by whom."""
    digest = hashlib.sha256(_versions())
    digest.update(repr(made_of).encode())
    return folder / f"{digest.hexdigest()}{_SUFFIX}"


def _check_private(status: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    """Raise ValueError unless only this user can have written it."""
    if not is_kind(status.st_mode):
        raise ValueError("it is something else than a folder of files")
    if status.st_uid != os.geteuid() or status.st_mode & _PRIVATE:
        raise ValueError("other users can use it")


@cache
def _versions() -> bytes:
    """Return a digest of Hyperscan's version and of the code that makes expressions of regexes."""
    digest = hashlib.sha256(str(getattr(hyperscan, "__version__", "")).encode())
    for file in sorted(Path(matching.__file__).parent.glob("**/*.py")):
        digest.update(file.read_bytes())
    return digest.digest()
