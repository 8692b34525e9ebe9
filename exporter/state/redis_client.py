"""Typed access to what the state uses of the redis library, whose answers may be text or bytes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry

T = TypeVar("T")


def connect(url: str, timeout: float) -> redis.Redis:
    """Make a client whose connections and answers each take ``timeout`` seconds at most.

    A connection that broke since it was used last is replaced at once. Nothing else is tried again
    here: the caller does that, and has to know soon.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 1, (redis.ConnectionError,)),
    )


def get_field(client: redis.Redis, key: str, field: str) -> bytes | None:
    """Read one field of a hash, None if it is not there."""
    return cast(bytes | None, client.hget(key, field))


def get_fields(client: redis.Redis, key: str) -> dict[bytes, bytes]:
    """Read all fields of a hash that is known to be small."""
    return cast(dict[bytes, bytes], client.hgetall(key))


def put_fields(client: redis.Redis, key: str, fields: Mapping[Any, Any]) -> None:
    """Set fields of a hash; as part of the transaction where the client is a pipeline."""
    if fields:
        client.hset(key, mapping=fields)


def drop_fields(client: redis.Redis, key: str, fields: Iterable[str]) -> None:
    """Remove fields of a hash, likewise."""
    if names := list(fields):
        client.hdel(key, *names)


def transaction(client: redis.Redis, change: Callable[[Pipeline], T], watched: str) -> T:
    """Run a transaction again until nobody else has changed the watched key meanwhile.

    Args:
        change: reads, calls ``multi`` and adds commands; its result is returned.
    """
    # The library declares that the function returns nothing, and hands on what it returns.
    untyped = cast(Any, change)
    return cast(T, client.transaction(untyped, watched, value_from_callable=True))


_AFTER_COMMAND = " of pipeline caused error: "

_CLUSTER = (
    redis.exceptions.AskError,  # MOVED too
    redis.exceptions.ClusterDownError,
    redis.exceptions.ClusterCrossSlotError,
    redis.exceptions.TryAgainError,
)


def explain(error: Exception) -> str:
    """Tell why the database cannot be used, without its password."""
    if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
        return "its user or password is wrong, or may not write; see state.url"
    if isinstance(error, redis.TimeoutError):
        return "no answer in time"
    if isinstance(error, redis.WatchError):  # the owner is the same
        return "the connection broke, or an earlier save came late"
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return "its memory is full"
    if isinstance(error, _CLUSTER):
        return "it is part of a Redis Cluster, which cannot keep state: use a single server"
    if isinstance(error, redis.exceptions.ReadOnlyError):
        return "it is a read-only replica"
    # The library puts the command before what the server said, and with it what was to be kept.
    said = str(error).rpartition(_AFTER_COMMAND)[2]
    if said.startswith("MISCONF"):
        return "it cannot write to its disk, and takes no changes until it can"
    return said
