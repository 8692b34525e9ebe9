"""Keeps a copy of a state file before a newer version changes its tables.

An older exporter refuses a file of a newer version; with the copy it can be used again.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from exporter.state.sqlite_schema import VERSION, marks


def keep_copy(connection: sqlite3.Connection, path: Path) -> Path | None:
    """Copy a file of an older version beside itself, as ``NAME.version-N``.

    Args:
        connection: to the file, which was checked.
        path: the file.

    Returns:
        the copy; None where the file is new or of this version.

    Raises:
        OSError, sqlite3.Error: no copy could be written. The file must not be changed then.
    """
    _, version = marks(connection)
    if version in (0, VERSION):
        return None
    copy = path.with_name(f"{path.name}.version-{version}")
    unfinished = copy.with_name(f"{copy.name}.tmp")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(unfinished)) as target:
        connection.backup(target)
    return unfinished.replace(copy)
