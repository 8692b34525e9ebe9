"""State in PostgreSQL: every batch is one transaction, so a crash leaves a whole one.

The exporter that claimed a namespace last owns it, as in Redis. Its claim and its batch number are
one row, which each save locks, so a claim and a save come one after the other. A process that is
frozen in the middle of a save holds that lock until the server ends its transaction.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from secrets import token_hex

import psycopg

from exporter.errors import StateError
from exporter.state.coordination import Claim, Coordination
from exporter.state.fence import OPENED_LATER, TAKEN_OVER, Fence, Rollbacks
from exporter.state.postgresql_client import Connections, database_name, explain
from exporter.state.postgresql_coordination import PostgresqlCoordination
from exporter.state.postgresql_namespace import PostgresqlState, read_namespace
from exporter.state.postgresql_schema import NAMESPACES, prepare
from exporter.state.store import Saved, State

TIMEOUT_SECONDS = 5.0
"""For a connection and for each answer."""


class PostgresqlStore:
    """One database of PostgreSQL.

    Args:
        url: ``postgresql://``, as libpq reads it; its password enters no message.
        clock: Unix seconds.

    Raises:
        StateError: the database cannot be used; the message says why, and what to do.
    """

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self._url = url
        self._clock = clock
        self._rollbacks = Rollbacks()
        self.database = database_name(url)
        self._connections = Connections(url, TIMEOUT_SECONDS)
        with self._translated("opened"), self._connections.transaction() as transaction:
            prepare(transaction)

    def open(self, namespace: str) -> State:
        """Claim and open a namespace; raises StateError where the database cannot be used."""
        owner = token_hex(16)
        with self._translated("opened"), self._connections.transaction() as transaction:
            ((epoch,),) = transaction.run(
                f"INSERT INTO {NAMESPACES} AS it (namespace, owner, epoch) VALUES (%s, %s, 1) "
                "ON CONFLICT (namespace) DO UPDATE SET owner = EXCLUDED.owner, "
                "epoch = it.epoch + 1 RETURNING epoch",
                namespace,
                owner,
            )
        return self._state(namespace, Claim(owner, epoch), OPENED_LATER)

    def open_fenced(self, namespace: str, held: Claim) -> State:
        """Open a namespace that was claimed before, and that another claim ends."""
        return self._state(namespace, held, TAKEN_OVER)

    def read(self, namespace: str) -> Saved:
        """Read a namespace without owning it; raises StateError where it cannot be read."""
        with (
            self._translated("read"),
            self._connections.transaction("REPEATABLE READ") as transaction,
        ):
            return read_namespace(transaction, namespace, self._clock).saved

    def namespaces(self) -> Collection[str]:
        """The namespaces that were claimed; raises StateError where they cannot be read."""
        with self._translated("read"), self._connections.transaction() as transaction:
            return [name for (name,) in transaction.run(f"SELECT namespace FROM {NAMESPACES}")]

    def coordinate(self, timeout: float) -> Coordination:
        """Open a connection for coordination; it is made with the first call."""
        return PostgresqlCoordination(Connections(self._url, timeout, 1), self._translated)

    def close(self) -> None:
        """Close the connections; what is owned stays owned until another one claims it."""
        self._connections.close()

    def _state(self, namespace: str, held: Claim, refusal: str) -> State:
        fence = Fence(self.database, held, self._rollbacks, refusal)
        return PostgresqlState(self._connections, namespace, fence, self._clock, self._translated)

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        """Turn what the database and the network say into one error that names the database."""
        try:
            yield
        except (psycopg.Error, OSError, ValueError, TypeError) as error:
            problem = f"state in {self.database} cannot be {verb}: {explain(error, self._url)}"
            raise StateError(problem) from None
