"""Keeps compiled Hyperscan databases on disk, so that a later start need not compile them.

``match`` hands it to the engine. Compiling the rules that ship takes longer than everything else
at a start.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import hyperscan

from exporter import matching
from exporter.workbench.private_files import PrivateFiles, folder_of_user

LOG = logging.getLogger(__name__)


class DatabaseCache:
    """Databases in one folder, each with the indexes of the regexes that are in it.

    A file that is foreign, broken or of another version of Hyperscan is ignored and written again.
    Whatever fails here costs the time to compile, and nothing else.

    Args:
        folder: of the user alone; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = PrivateFiles(folder, ".hyperscan")

    def load(self, made_of: object) -> tuple[hyperscan.Database, frozenset[int]] | None:
        """Return what was saved for what has this ``repr``, or None."""
        try:
            header, _, raw = self._files.read(_name_of(made_of)).partition(b"\n")
            used = frozenset(map(int, json.loads(header)))
            return hyperscan.loadb(raw, mode=hyperscan.HS_MODE_BLOCK), used
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, hyperscan.error) as error:
            LOG.debug("a cached database is ignored", extra={"fields": {"problem": error}})
            return None

    def save(self, made_of: object, database: hyperscan.Database, used: frozenset[int]) -> None:
        """Keep a database for what has this ``repr``, in one step."""
        content = json.dumps(sorted(used)).encode() + b"\n" + hyperscan.dumpb(database)
        try:
            self._files.write(_name_of(made_of), content)
        except (OSError, ValueError) as error:
            LOG.debug("a database is not cached", extra={"fields": {"problem": error}})


def user_cache(environ: Mapping[str, str]) -> DatabaseCache | None:
    """Return the cache of the user who runs the program, or None if there is no home for it."""
    folder = folder_of_user(environ)
    return None if folder is None else DatabaseCache(folder)


def _name_of(made_of: object) -> str:
    """Return the name of a database: by what it is made of, and by whom."""
    digest = hashlib.sha256(_versions())
    digest.update(repr(made_of).encode())
    return digest.hexdigest()


@cache
def _versions() -> bytes:
    """Return a digest of Hyperscan's version and of the code that makes expressions of regexes."""
    digest = hashlib.sha256(str(getattr(hyperscan, "__version__", "")).encode())
    for file in sorted(Path(matching.__file__).parent.glob("**/*.py")):
        digest.update(file.read_bytes())
    return digest.digest()
