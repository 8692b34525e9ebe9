"""The keys of a Redis or Valkey database, and how an older layout becomes this one.

Each namespace has hashes of its own, whose fields are JSON lists. What all namespaces share: the
layout's version, the claims and the members.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

import redis

from exporter.state.columns import cursor_key, document_key, value_key
from exporter.state.coordination import Claim
from exporter.state.redis_client import get_field, get_fields, put_fields
from exporter.state.store import Saved

PREFIX = "do-app-exporter"
VERSION = 2

META = f"{PREFIX}:meta"
"""The layout's version, beside what is known of the namespace with the empty name."""

CLAIMS = f"{PREFIX}:claims"
"""A copy of each namespace's claim, so that all can be read at once."""

MEMBERS = f"{PREFIX}:members"
"""The counter of each member."""

SCAN_COUNT = 1000
"""About how many fields each answer of a scan holds."""

TURN = struct.Struct("<Q")
"""Stands before each cursor: when it was saved, as a number that rises with each cursor."""


class Keys(NamedTuple):
    """The keys of a namespace: its claim, ``epoch:owner``, and its hashes."""

    owner: str
    meta: str
    series: str
    cursors: str
    released: str
    documents: str

    @classmethod
    def of(cls, namespace: str) -> "Keys":
        """The keys of a namespace; those of the empty one have no name in them."""
        prefix = f"{PREFIX}:{namespace}" if namespace else PREFIX
        return cls(*(f"{prefix}:{name}" for name in cls._fields))


def scan(client: redis.Redis, key: str) -> Iterator[tuple[bytes, bytes]]:
    """Read the fields of a hash, one piece after another."""
    yield from client.hscan_iter(key, count=SCAN_COUNT)


def read_namespace(
    client: redis.Redis, keys: Keys, meta: Mapping[bytes, bytes]
) -> tuple[Saved, int]:
    """Read a namespace piece by piece.

    Args:
        meta: all of its hash ``meta``.

    Returns:
        What it holds, and the highest turn among its cursors.

    Raises:
        KeyError, ValueError, struct.error: it holds what no state does.
    """
    by_turn = sorted(
        (*TURN.unpack_from(data), field, data[TURN.size :])
        for field, data in scan(client, keys.cursors)
    )
    saved_at = meta.get(b"saved_at")
    saved = Saved(
        first_start=float(meta[b"first_start"]),
        saved_at=None if saved_at is None else float(saved_at),
        values={value_key(field): float(value) for field, value in scan(client, keys.series)},
        cursors={cursor_key(field): data for _, field, data in by_turn},
        released={cursor_key(field): int(value) for field, value in scan(client, keys.released)},
        documents={document_key(field): data for field, data in scan(client, keys.documents)},
    )
    return saved, by_turn[-1][0] if by_turn else 0


def record_claim(pipeline: redis.Redis, namespace: str, claim: Claim) -> None:
    """Record a claim as a part of a transaction."""
    record = f"{claim.epoch}:{claim.owner or ''}"
    pipeline.set(Keys.of(namespace).owner, record)
    pipeline.hset(CLAIMS, namespace, record)


def read_claim(client: redis.Redis, namespace: str) -> Claim | None:
    """Read the claim of a namespace; raises ValueError if it is unreadable."""
    record = cast(bytes | None, client.get(Keys.of(namespace).owner))
    return None if record is None else _parse_claim(record)


def parse_claims(records: Mapping[bytes, bytes]) -> dict[str, Claim]:
    """The claims of every namespace, from all of ``CLAIMS``."""
    return {name.decode(): _parse_claim(record) for name, record in records.items()}


def _parse_claim(record: bytes) -> Claim:
    epoch, _, owner = record.decode().partition(":")
    return Claim(owner or None, int(epoch))


def prepare(client: redis.Redis) -> None:
    """Bring the database to this version.

    Raises:
        ValueError: it is of a newer version.
    """
    client.hsetnx(META, "version", VERSION)
    version = int(get_field(client, META, "version") or VERSION)
    if version > VERSION:
        raise ValueError(
            f"it has version {version}, and this exporter knows none above {VERSION}: "
            "use the newer exporter that wrote it, or another database"
        )
    if version < VERSION:
        _split_accounts(client)


_BETWEEN = "/"
"""Version 1 put it between the name of an account and that of an app; neither can have it."""

_APP_PLACES = {"series": (1, 0), "cursors": (0,), "released": (0,), "documents": (1, 0)}
"""Where the name of the app stands in the fields of a hash of version 1."""


def _split_accounts(client: redis.Redis) -> None:
    """Give each account of a database of version 1 a namespace, all in one transaction."""
    starts = client.hincrby(META, "starts")
    shared, accounts = Keys.of(""), {""}
    # Version 1 had this owner alone: one that is still running refuses to save from here on.
    client.set(shared.owner, f"{starts}:{PREFIX}")
    known = {name: value for name, value in get_fields(client, META).items() if name != b"version"}
    pipeline = client.pipeline()
    for name, place in _APP_PLACES.items():
        key: str = getattr(shared, name)
        for field, value in scan(client, key):
            account, plain = _without_account(field, place)
            if account:
                accounts.add(account)
                pipeline.hset(getattr(Keys.of(account), name), plain, value)
                pipeline.hdel(key, field)
    for account in accounts:
        put_fields(pipeline, Keys.of(account).meta, known)
        record_claim(pipeline, account, Claim(None, starts))
    pipeline.hset(META, "version", VERSION)
    pipeline.execute()


def _without_account(field: bytes, place: tuple[int, ...]) -> tuple[str, str]:
    """The account that a field of version 1 names, and the field without it."""
    names = json.loads(field)
    within = names
    for step in place[:-1]:
        within = within[step]
    account, between, app = within[place[-1]].rpartition(_BETWEEN)
    if between:
        within[place[-1]] = app
    return account, json.dumps(names)
