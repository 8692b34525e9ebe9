"""Files that one user keeps for later starts, and that nobody else can have written.

Used by ``database_cache`` and ``rules_cache``: what they read is run as code.
"""

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

FOLDER = "do-app-exporter"
"""In the user's folder for caches."""

MOST_FILES = 16
"""How many files of a kind are kept; the ones used longest ago go first."""

_PRIVATE = 0o077
_DIGEST_BYTES = hashlib.sha256().digest_size


class PrivateFiles:
    """Contents of one kind by a name, each in a file with a checksum.

    The folder has to belong to this user and to be closed to all others, as does each file.

    Args:
        folder: made if it is missing.
        suffix: what the names of all files of this kind end with.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self._folder = folder
        self._suffix = suffix

    def read(self, name: str) -> bytes:
        """Return what was written for a name.

        Raises:
            FileNotFoundError: nothing was, or it is no longer there.
            OSError: the file cannot be read.
            ValueError: others can have written it, or it is broken.
        """
        self._check_folder()
        path = self._folder / f"{name}{self._suffix}"
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:  # noqa: PTH123
            _check_private(os.fstat(file.fileno()), stat.S_ISREG)
            written = file.read()
        with contextlib.suppress(OSError):  # a folder that is read only is no reason to fail
            os.utime(path)
        digest, content = written[:_DIGEST_BYTES], written[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError("its checksum is wrong")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Keep a content in one step; raises OSError or ValueError where that cannot be done."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._check_folder()
        descriptor, temporary = tempfile.mkstemp(dir=self._folder)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123
                file.write(hashlib.sha256(content).digest() + content)
            Path(temporary).replace(self._folder / f"{name}{self._suffix}")
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        files = self._folder.glob(f"*{self._suffix}")
        for old in sorted(files, key=lambda file: file.stat().st_mtime)[:-MOST_FILES]:
            old.unlink(missing_ok=True)

    def _check_folder(self) -> None:
        _check_private(os.lstat(self._folder), stat.S_ISDIR)


def folder_of_user(environ: Mapping[str, str]) -> Path | None:
    """Return the folder of the user who runs the program, or None if there is no home for it."""
    named, home = environ.get("XDG_CACHE_HOME", ""), environ.get("HOME", "")
    base = Path(named) if named else Path(home, ".cache")
    return base / FOLDER if (named or home) and base.is_absolute() else None


def _check_private(status: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    """Raise ValueError unless only this user can have written it."""
    if not is_kind(status.st_mode):
        raise ValueError("it is something else than a folder of files")
    if status.st_uid != os.geteuid() or status.st_mode & _PRIVATE:
        raise ValueError("other users can use it")
