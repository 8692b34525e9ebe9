"""Members and claims in PostgreSQL."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from exporter.state.coordination import Claim, View
from exporter.state.postgresql_client import Connections, Rows, Transaction
from exporter.state.postgresql_schema import MEMBERS, NAMESPACES


class PostgresqlCoordination:
    """Members and claims of one database, over a connection of its own.

    Args:
        connections: with their time-out; closed by ``close``.
        translated: turns errors of the library into StateError, given a verb.
    """

    def __init__(
        self,
        connections: Connections,
        translated: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._connections = connections
        self._translated = translated

    def beat(self, member: str, counter: int) -> View:
        """Set the counter of a member, and read."""
        with self._translated("written"), self._connections.transaction() as transaction:
            transaction.run(
                f"INSERT INTO {MEMBERS} VALUES (%s, %s) "
                "ON CONFLICT (member) DO UPDATE SET counter = EXCLUDED.counter",
                member,
                counter,
            )
            return _view(transaction)

    def read(self) -> View:
        """Read all members and claims."""
        with self._translated("read"), self._connections.transaction() as transaction:
            return _view(transaction)

    def claim(self, share: str, expected: Claim | None, owner: str) -> Claim | None:
        """Make ``owner`` the owner of a namespace whose claim is ``expected``."""
        if expected is None:
            changed = self._change(
                f"INSERT INTO {NAMESPACES} (namespace, owner, epoch) VALUES (%s, %s, 1) "
                "ON CONFLICT (namespace) DO NOTHING RETURNING 1",
                share,
                owner,
            )
            return Claim(owner, 1) if changed else None
        changed = self._change(
            f"UPDATE {NAMESPACES} SET owner = %s, epoch = epoch + 1 WHERE namespace = %s "
            "AND owner IS NOT DISTINCT FROM %s AND epoch = %s RETURNING 1",
            owner,
            share,
            expected.owner,
            expected.epoch,
        )
        return Claim(owner, expected.epoch + 1) if changed else None

    def release(self, share: str, held: Claim) -> bool:
        """Give up a claim; False if the recorded one is another by now."""
        return bool(
            self._change(
                f"UPDATE {NAMESPACES} SET owner = NULL "
                "WHERE namespace = %s AND owner = %s AND epoch = %s RETURNING 1",
                share,
                held.owner,
                held.epoch,
            )
        )

    def reassert(self, share: str, held: Claim) -> bool:
        """Record a claim again after the database went back behind it."""
        return bool(
            self._change(
                f"INSERT INTO {NAMESPACES} AS it (namespace, owner, epoch) VALUES (%s, %s, %s) "
                "ON CONFLICT (namespace) DO UPDATE SET owner = EXCLUDED.owner, "
                "epoch = EXCLUDED.epoch WHERE it.epoch < EXCLUDED.epoch "
                "OR (it.epoch = EXCLUDED.epoch AND it.owner = EXCLUDED.owner) RETURNING 1",
                share,
                held.owner,
                held.epoch,
            )
        )

    def forget(self, member: str, counter: int) -> bool:
        """Remove a member if its counter is still ``counter``."""
        statement = f"DELETE FROM {MEMBERS} WHERE member = %s AND counter = %s RETURNING 1"
        return bool(self._change(statement, member, counter))

    def close(self) -> None:
        """Close the connection."""
        self._connections.close()

    def _change(self, statement: str, *values: str | int | None) -> Rows:
        with self._translated("written"), self._connections.transaction() as transaction:
            return transaction.run(statement, *values)


def _view(transaction: Transaction) -> View:
    """Read all members and claims by one statement, so as of one moment."""
    rows = transaction.run(
        f"SELECT false, member, NULL, counter FROM {MEMBERS} "
        f"UNION ALL SELECT true, namespace, owner, epoch FROM {NAMESPACES}"
    )
    members = {name: number for is_claim, name, _, number in rows if not is_claim}
    claims = {name: Claim(owner, epoch) for is_claim, name, owner, epoch in rows if is_claim}
    return View(members, claims)
