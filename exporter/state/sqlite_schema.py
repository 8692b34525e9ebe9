"""The tables of a state file, and how a file of an older version becomes one of this version."""

import sqlite3

APPLICATION_ID = 0x444F4158  # "DOAX": marks a file as this program's

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE series (
        metric TEXT NOT NULL,
        labels TEXT NOT NULL,
        meaning TEXT NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (metric, labels, meaning)
    ) WITHOUT ROWID;
    CREATE TABLE cursors (
        app TEXT NOT NULL,
        component TEXT NOT NULL,
        deployment_id TEXT NOT NULL,
        cursor BLOB NOT NULL,
        PRIMARY KEY (app, component, deployment_id)
    );
    CREATE TABLE released (
        app TEXT NOT NULL,
        component TEXT NOT NULL,
        deployment_id TEXT NOT NULL,
        newest INTEGER NOT NULL,
        PRIMARY KEY (app, component, deployment_id)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE documents (
        kind TEXT NOT NULL,
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (kind, owner, name)
    ) WITHOUT ROWID;
    """,
)
"""Statements that lead from each version to the next; the version is how many were run."""

VERSION = len(MIGRATIONS)


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an older version up to this one, all or nothing.

    Raises:
        ValueError: the file is not a state file, or of a newer version.
        sqlite3.Error: it cannot be read or written.
    """
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and (application or version or tables):
        raise ValueError("it is the database of another program")
    if version > VERSION:
        raise ValueError(
            f"it has version {version}, and this exporter knows none above {VERSION}: "
            "use the newer exporter that wrote it, or another file"
        )
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for migration in MIGRATIONS[version:]:
            for statement in migration.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
