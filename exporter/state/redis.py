"""State in Redis or Valkey: every batch is one transaction, so a crash leaves a whole one.

For where no disk lasts. The exporter that claimed a namespace last owns it: what another one still
tries to save is refused, so two that overlap for a moment, as at a deployment, count nothing twice.
"""

import logging
import struct
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from secrets import token_hex
from urllib.parse import urlsplit

import redis
from redis.client import Pipeline

from exporter.errors import StateError
from exporter.state.coordination import Claim, Coordination
from exporter.state.fence import OPENED_LATER, TAKEN_OVER, Fence, Rollbacks
from exporter.state.redis_client import (
    connect,
    explain,
    get_fields,
    transaction,
)
from exporter.state.redis_coordination import RedisCoordination
from exporter.state.redis_layout import (
    CLAIMS,
    Keys,
    parse_claims,
    prepare,
    read_claim,
    read_namespace,
    record_claim,
)
from exporter.state.redis_namespace import RedisState
from exporter.state.store import Saved, State

LOG = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0
"""For a connection and for each answer."""


class RedisStore:
    """One database of Redis or Valkey.

    Args:
        url: ``redis://`` or ``rediss://``; its password enters no message.
        clock: Unix seconds.

    Raises:
        StateError: the database cannot be used; the message says why, and what to do.
    """

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self._url = url
        self._clock = clock
        self._rollbacks = Rollbacks()
        parts = urlsplit(url)
        self.database = f"{parts.hostname}:{parts.port or 6379}{parts.path}"
        with self._translated("opened"):
            self._client = connect(url, TIMEOUT_SECONDS)
            prepare(self._client)
            self._warn_of_eviction()

    def open(self, namespace: str) -> State:
        """Claim and open a namespace; raises StateError where the database cannot be used."""
        with self._translated("opened"):
            held = self._claim(namespace, token_hex(16))
        return self._state(namespace, held, OPENED_LATER)

    def open_fenced(self, namespace: str, held: Claim) -> State:
        """Open a namespace that was claimed before, and that another claim ends."""
        return self._state(namespace, held, TAKEN_OVER)

    def read(self, namespace: str) -> Saved:
        """Read a namespace without owning it; raises StateError where it cannot be read.

        Its parts belong together only if nobody saves meanwhile.
        """
        with self._translated("read"):
            keys = Keys.of(namespace)
            meta = get_fields(self._client, keys.meta)
            if b"first_start" not in meta:
                return Saved(self._clock())
            return read_namespace(self._client, keys, meta)[0]

    def namespaces(self) -> Collection[str]:
        """The namespaces that were claimed; raises StateError where they cannot be read."""
        with self._translated("read"):
            return parse_claims(get_fields(self._client, CLAIMS)).keys()

    def coordinate(self, timeout: float) -> Coordination:
        """Open a connection for coordination; raises StateError where the URL cannot be used."""
        with self._translated("opened"):
            return RedisCoordination(connect(self._url, timeout), self._translated)

    def close(self) -> None:
        """Close the connections; what is owned stays owned until another one claims it."""
        self._client.close()

    def _state(self, namespace: str, held: Claim, refusal: str) -> State:
        fence = Fence(self.database, held, self._rollbacks, refusal)
        return RedisState(self._client, namespace, fence, self._clock, self._translated)

    def _claim(self, namespace: str, owner: str) -> Claim:
        """Own a namespace from now on, whoever owned it before."""

        def claim(pipeline: Pipeline) -> Claim:
            recorded = read_claim(pipeline, namespace)
            held = Claim(owner, 1 if recorded is None else recorded.epoch + 1)
            pipeline.multi()
            record_claim(pipeline, namespace, held)
            return held

        return transaction(self._client, claim, Keys.of(namespace).owner)

    def _warn_of_eviction(self) -> None:
        """Warn where the database may drop what is kept there."""
        try:
            policy = str(self._client.info("memory").get("maxmemory_policy", ""))
        except redis.ResponseError:
            return  # A managed database may not tell.
        if policy.startswith("allkeys"):
            LOG.warning(
                "the database may evict what is kept there: set maxmemory-policy to noeviction",
                extra={"fields": {"database": self.database, "policy": policy}},
            )

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        """Turn what the database and the network say into one error that names the database."""
        try:
            yield
        except (redis.RedisError, OSError, KeyError, ValueError, struct.error) as error:
            raise StateError(
                f"state in {self.database} cannot be {verb}: {explain(error)}"
            ) from None
