"""Members and claims in Redis or Valkey."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import redis
from redis.client import Pipeline

from exporter.state.coordination import Claim, View
from exporter.state.redis_client import get_field, transaction
from exporter.state.redis_layout import (
    CLAIMS,
    MEMBERS,
    Keys,
    parse_claims,
    read_claim,
    record_claim,
)


class RedisCoordination:
    """Members and claims of one database, over a connection of its own.

    Args:
        client: with its time-outs; closed by ``close``.
        translated: turns errors of the library into StateError, given a verb.
    """

    def __init__(
        self, client: redis.Redis, translated: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        self._client = client
        self._translated = translated

    def beat(self, member: str, counter: int) -> View:
        """Set the counter of a member, and read."""
        with self._translated("written"):
            pipeline = self._client.pipeline()
            pipeline.hset(MEMBERS, member, counter)
            return _view(pipeline)

    def read(self) -> View:
        """Read all members and claims."""
        with self._translated("read"):
            return _view(self._client.pipeline())

    def claim(self, share: str, expected: Claim | None, owner: str) -> Claim | None:
        """Make ``owner`` the owner of a namespace whose claim is ``expected``."""
        wanted = Claim(owner, 1 if expected is None else expected.epoch + 1)
        changed = self._change(share, lambda recorded: recorded == expected, wanted)
        return wanted if changed else None

    def release(self, share: str, held: Claim) -> bool:
        """Give up a claim; False if the recorded one is another by now."""
        return self._change(share, lambda recorded: recorded == held, Claim(None, held.epoch))

    def reassert(self, share: str, held: Claim) -> bool:
        """Record a claim again after the database went back behind it."""

        def behind(recorded: Claim | None) -> bool:
            return recorded is None or recorded == held or recorded.epoch < held.epoch

        return self._change(share, behind, held)

    def forget(self, member: str, counter: int) -> bool:
        """Remove a member if its counter is still ``counter``."""

        def forget(pipeline: Pipeline) -> bool:
            same = get_field(pipeline, MEMBERS, member) == str(counter).encode()
            pipeline.multi()
            if same:
                pipeline.hdel(MEMBERS, member)
            return same

        with self._translated("written"):
            return transaction(self._client, forget, MEMBERS)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _change(self, share: str, may: Callable[[Claim | None], bool], wanted: Claim) -> bool:
        """Record a claim if the recorded one allows it, in one transaction."""

        def change(pipeline: Pipeline) -> bool:
            allowed = may(read_claim(pipeline, share))
            pipeline.multi()
            if allowed:
                record_claim(pipeline, share, wanted)
            return allowed

        with self._translated("written"):
            return transaction(self._client, change, Keys.of(share).owner)


def _view(pipeline: Pipeline) -> View:
    """Read all members and claims as the end of a transaction."""
    pipeline.hgetall(MEMBERS)
    pipeline.hgetall(CLAIMS)
    members, claims = pipeline.execute()[-2:]
    return View({name.decode(): int(n) for name, n in members.items()}, parse_claims(claims))
