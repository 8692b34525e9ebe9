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
    # Version 2 wrote the name of an account, if there was one, and a slash before that of the app.
    """
    ALTER TABLE meta RENAME TO meta_2;
    ALTER TABLE series RENAME TO series_2;
    ALTER TABLE cursors RENAME TO cursors_2;
    ALTER TABLE released RENAME TO released_2;
    ALTER TABLE documents RENAME TO documents_2;
    CREATE TABLE meta (
        namespace TEXT NOT NULL,
        key TEXT NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (namespace, key)
    ) WITHOUT ROWID;
    CREATE TABLE series (
        namespace TEXT NOT NULL,
        metric TEXT NOT NULL,
        labels TEXT NOT NULL,
        meaning TEXT NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (namespace, metric, labels, meaning)
    ) WITHOUT ROWID;
    CREATE TABLE cursors (
        namespace TEXT NOT NULL,
        app TEXT NOT NULL,
        component TEXT NOT NULL,
        deployment_id TEXT NOT NULL,
        cursor BLOB NOT NULL,
        PRIMARY KEY (namespace, app, component, deployment_id)
    );
    CREATE TABLE released (
        namespace TEXT NOT NULL,
        app TEXT NOT NULL,
        component TEXT NOT NULL,
        deployment_id TEXT NOT NULL,
        newest INTEGER NOT NULL,
        PRIMARY KEY (namespace, app, component, deployment_id)
    ) WITHOUT ROWID;
    CREATE TABLE documents (
        namespace TEXT NOT NULL,
        kind TEXT NOT NULL,
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (namespace, kind, owner, name)
    ) WITHOUT ROWID;
    INSERT INTO cursors
        SELECT rtrim(substr(app, 1, instr(app, '/')), '/'), substr(app, instr(app, '/') + 1),
            component, deployment_id, cursor
        FROM cursors_2 ORDER BY rowid;
    INSERT INTO released
        SELECT rtrim(substr(app, 1, instr(app, '/')), '/'), substr(app, instr(app, '/') + 1),
            component, deployment_id, newest
        FROM released_2;
    INSERT INTO series
        SELECT substr(labels, 3, account_end - 3), metric,
            '["' || substr(labels, account_end + (account_end > 3)), meaning, value
        FROM (SELECT *, iif(instr(labels, '/') < instr(substr(labels, 3), '"') + 2,
            max(instr(labels, '/'), 3), 3) AS account_end FROM series_2);
    INSERT INTO documents
        SELECT substr(owner, 3, account_end - 3), kind,
            '["' || substr(owner, account_end + (account_end > 3)), name, data
        FROM (SELECT *, iif(instr(owner, '/') < instr(substr(owner, 3), '"') + 2,
            max(instr(owner, '/'), 3), 3) AS account_end FROM documents_2);
    INSERT INTO meta
        SELECT namespace, key, value FROM meta_2, (
            SELECT '' AS namespace
            UNION SELECT namespace FROM series
            UNION SELECT namespace FROM cursors
            UNION SELECT namespace FROM released
            UNION SELECT namespace FROM documents
        );
    DROP TABLE meta_2;
    DROP TABLE series_2;
    DROP TABLE cursors_2;
    DROP TABLE released_2;
    DROP TABLE documents_2;
    """,
)
"""Statements that lead from each version to the next; the version is how many were run."""

VERSION = len(MIGRATIONS)


def marks(connection: sqlite3.Connection) -> tuple[int, int]:
    """The application that a file is of, and the version of its tables; both 0 in a new file."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def check(connection: sqlite3.Connection) -> None:
    """See that a file may be used, without a change to it.

    Raises:
        ValueError: it is not a state file, or of a newer version.
        sqlite3.Error: it cannot be read.
    """
    application, version = marks(connection)
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise ValueError("it is the database of another program")
    if version > VERSION:
        raise ValueError(
            f"it has version {version}, and this exporter knows none above {VERSION}: "
            "use the newer exporter that wrote it, or another file"
        )


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an older version up to this one, all or nothing.

    Raises:
        sqlite3.Error: the file cannot be read or written.
    """
    _, version = marks(connection)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for migration in MIGRATIONS[version:]:
            for statement in migration.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
