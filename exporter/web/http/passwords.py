"""Passwords against bcrypt hashes, which is slow on purpose, beside the loop that serves.

What was right is remembered, as Prometheus sends the same password with every scrape.
"""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping

import bcrypt
from anyio import CapacityLimiter, to_thread

WAITING = 32
"""Passwords that are being checked at one time; so many strangers take no memory and no more."""

REMEMBERED = 256
_BCRYPT_BYTES = 72
"""bcrypt looks at no more of a password, and this library refuses a longer one."""

_NO_ONES_HASH = b"$2b$%s$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"


class BusyError(Exception):
    """Too many passwords are being checked; try again later."""


class Passwords:
    """Checks passwords, one at a time in a thread; the rest of it belongs to one loop."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(1)
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._waiting: dict[bytes, asyncio.Future[bool]] = {}

    async def verify(self, users: Mapping[str, bytes], name: str, password: bytes) -> bool:
        """Whether it is the password of a user; an unknown user takes as long as a known one.

        Args:
            users: names and their bcrypt hashes; at least one.

        Raises:
            BusyError: too many passwords are being checked.
        """
        known = users.get(name)
        hashed = known or _no_ones_hash(users)
        # A hash that is no longer in force has another key, so nothing remembered outlives it.
        key = hmac.digest(self._key, b"\0".join((name.encode(), hashed, password)), "sha256")
        if key in self._right:
            self._right.move_to_end(key)
            return True
        right = await self._checked(key, hashed, password[:_BCRYPT_BYTES]) and known is not None
        if right:
            self._right[key] = None
            while len(self._right) > REMEMBERED:
                self._right.popitem(last=False)
        return right

    async def _checked(self, key: bytes, hashed: bytes, password: bytes) -> bool:
        """What bcrypt says; requests that ask the same thing at one time share the answer."""
        found = self._waiting.get(key)
        if found is None:
            if len(self._waiting) >= WAITING:
                raise BusyError
            found = asyncio.ensure_future(
                to_thread.run_sync(bcrypt.checkpw, password, hashed, limiter=self._threads)
            )
            self._waiting[key] = found
            found.add_done_callback(lambda _: self._waiting.pop(key, None))
        # One of those who wait may go away; the check is there for the others.
        return await asyncio.shield(found)


def _no_ones_hash(users: Mapping[str, bytes]) -> bytes:
    """A hash that no password has, as costly as the costliest of the users'."""
    return _NO_ONES_HASH % max(hashed.split(b"$")[2] for hashed in users.values())
