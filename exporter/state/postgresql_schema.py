"""The tables in PostgreSQL, and how those of an older version become this one's.

They lie in the first schema of the user's search path, under a prefix. Keys are JSON text of any
length, so a hash of it is the primary key.
"""

from exporter.state.postgresql_client import Transaction

PREFIX = "do_app_exporter_"
META, NAMESPACES, MEMBERS, SERIES, CURSORS, RELEASED, DOCUMENTS = (
    PREFIX + name
    for name in ("meta", "namespaces", "members", "series", "cursors", "released", "documents")
)

MIGRATIONS: tuple[str, ...] = (
    f"""
    CREATE TABLE {NAMESPACES} (
        namespace text PRIMARY KEY,
        owner text,
        epoch bigint NOT NULL,
        batch bigint NOT NULL DEFAULT 0,
        first_start double precision,
        saved_at double precision
    );
    CREATE TABLE {MEMBERS} (member text PRIMARY KEY, counter bigint NOT NULL);
    CREATE TABLE {SERIES} (
        namespace text NOT NULL,
        id bytea NOT NULL,
        key text NOT NULL,
        value double precision NOT NULL,
        PRIMARY KEY (namespace, id)
    );
    CREATE TABLE {CURSORS} (
        namespace text NOT NULL,
        id bytea NOT NULL,
        key text NOT NULL,
        component text NOT NULL,
        turn bigint NOT NULL,
        data bytea NOT NULL,
        PRIMARY KEY (namespace, id)
    );
    CREATE TABLE {RELEASED} (
        namespace text NOT NULL,
        id bytea NOT NULL,
        key text NOT NULL,
        component text NOT NULL,
        newest bigint NOT NULL,
        PRIMARY KEY (namespace, id)
    );
    CREATE TABLE {DOCUMENTS} (
        namespace text NOT NULL,
        id bytea NOT NULL,
        key text NOT NULL,
        data bytea NOT NULL,
        PRIMARY KEY (namespace, id)
    );
    """,
)
"""Statements that lead from each version to the next; the version is how many were run."""

VERSION = len(MIGRATIONS)

_LOCK = 0x444F4158
"""The advisory lock under which tables are made, so that two exporters do not make them at once."""


def prepare(transaction: Transaction) -> None:
    """Make the tables, or bring those of an older version up to this one.

    Raises:
        ValueError: they are of a newer version.
    """
    if _version(transaction) == VERSION:
        return
    transaction.run("SELECT pg_advisory_xact_lock(%s)", _LOCK)
    version = _version(transaction)  # Another exporter may have made them meanwhile.
    if version > VERSION:
        raise ValueError(
            f"it has version {version}, and this exporter knows none above {VERSION}: "
            "use the newer exporter that wrote it, or another database"
        )
    transaction.run(f"CREATE TABLE IF NOT EXISTS {META} (version integer NOT NULL)")
    for migration in MIGRATIONS[version:]:
        transaction.run(migration)
    transaction.run(f"DELETE FROM {META}")
    transaction.run(f"INSERT INTO {META} VALUES (%s)", VERSION)


def _version(transaction: Transaction) -> int:
    """The version of the tables that are there, 0 if there are none."""
    # Not to_regclass, which may remember within a transaction that there was no such table.
    visible = "relname = %s AND pg_catalog.pg_table_is_visible(oid)"
    if not transaction.run(f"SELECT 1 FROM pg_catalog.pg_class WHERE {visible}", META):
        return 0
    ((version,),) = transaction.run(f"SELECT version FROM {META}")
    return int(version)
