"""Names of shares and of replicas, as the database holds them.

A share is the part of an account whose apps have one remainder of ``hash(app id) % shares``.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

_LAYOUT_BYTES = 4
_MARK = "#"  # in no name of an account


@dataclass(frozen=True, slots=True, order=True)
class Share:
    """One part of one account.

    Args:
        account: the name of the account; empty where none is configured.
        number: from 0 to ``of`` - 1.
        of: into how many shares the account is cut.
    """

    account: str
    number: int
    of: int

    @property
    def namespace(self) -> str:
        """Where its state is kept, and the name under which it is claimed."""
        return f"{self.account}{_MARK}{self.number}/{self.of}"

    def division(self, namespace: str) -> int | None:
        """Into how many shares the account was cut, by another namespace of it.

        Returns:
            0 for that of a single exporter; None for one of another account, or of this division.
        """
        if namespace == self.account:
            return 0
        account, mark, place = namespace.partition(_MARK)
        of = place.partition("/")[2]
        if not mark or account != self.account or not of.isdigit() or int(of) == self.of:
            return None
        return int(of)

    def has(self, app_id: str) -> bool:
        """Return True if an app is part of it."""
        digest = blake2b(app_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.of == self.number


def is_share(namespace: str) -> bool:
    """Return True if a namespace is that of a share, of whatever configuration."""
    return _MARK in namespace


def shares_of(accounts: Iterable[str], shares: int) -> tuple[Share, ...]:
    """All shares of some accounts, each cut into ``shares``."""
    return tuple(Share(name, number, shares) for name in accounts for number in range(shares))


def layout_of(shares: Iterable[Share]) -> str:
    """A short text that differs where the shares do: replicas with different ones do not mix."""
    names = "\n".join(sorted(share.namespace for share in shares))
    return blake2b(names.encode(), digest_size=_LAYOUT_BYTES).hexdigest()


@dataclass(frozen=True, slots=True)
class Member:
    """One start of one replica.

    Args:
        name: the configured name, for people.
        token: differs with each start, so that a replica never takes itself for the one before.
        layout: see ``layout_of``.
        takeover_after: seconds of silence after which others may take its shares; it shows them for
            a part of that, so nobody may wait less, whatever is configured there.
    """

    name: str
    token: str
    layout: str
    takeover_after: float

    def __str__(self) -> str:
        return f"{self.name}/{self.token}/{self.layout}/{self.takeover_after!r}"

    @classmethod
    @lru_cache(maxsize=1024)  # each round asks for the same few
    def parse(cls, text: str) -> "Member":
        """The member that a text of the database names; an unknown form has no layout."""
        if text.count("/") >= 3:
            name, token, layout, seconds = text.rsplit("/", 3)
            with suppress(ValueError):
                return cls(name, token, layout, float(seconds))
        name, _, rest = text.partition("/")
        return cls(name, rest, "", 0.0)
