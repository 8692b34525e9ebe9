"""What one look at the store says to a replica: who is alive, whose each share is, who claims."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from exporter.replicas.layout import Member, Share, is_share
from exporter.replicas.membership import Membership
from exporter.state.coordination import View

WATCHED = "the replicas are watched before shares are claimed"
MIXED = "replicas with other accounts or another number of shares are at work"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the replicas stand, as this one sees it; replaced as a whole.

    Args:
        members: the names of those alive, with the number of shares that each owns; empty while
            this one is not a member.
        owners: the name of the living replica that owns each share; empty where there is none.
        problem: why this one cannot take part, in words; empty if it does.
    """

    members: tuple[tuple[str, int], ...] = ()
    owners: tuple[tuple[Share, str], ...] = ()
    problem: str = WATCHED


@dataclass(frozen=True, slots=True)
class Survey:
    """One look at the store, as one replica reads it.

    Args:
        me: the replica.
        view: what the store held.
        membership: what has been seen of each member until this look.
    """

    me: Member
    view: View
    membership: Membership

    @property
    def settled(self) -> bool:
        """True if the store has been watched for long enough to make a move."""
        return self.membership.settled

    @property
    def alive(self) -> frozenset[str]:
        """The living replicas with the same shares, this one among them."""
        alike = (name for name in self.membership.alive() if _layout(name) == self.me.layout)
        return frozenset({str(self.me), *alike})

    def owners(
        self, shares: Iterable[str], held: Collection[str], leaving: Collection[str]
    ) -> dict[str, str | None]:
        """The owner of each share that can move now; None where it may be claimed.

        Args:
            shares: all that are configured.
            held, leaving: those that this replica owns, and those that it is about to release.
        """
        alive = self.alive
        owners: dict[str, str | None] = {}
        for name in shares:
            claim = self.view.shares.get(name)
            owner = claim.owner if claim is not None else None
            if name in leaving or (owner == str(self.me) and name not in held):
                continue
            if owner is None or owner in alive:
                owners[name] = owner
            elif self.membership.gone(owner):
                owners[name] = None
        return owners

    @property
    def yields(self) -> bool:
        """Whether replicas with other shares come first.

        Shares of two configurations overlap, so only those of one are owned at a time: of the one
        that owns more, or of the one with more replicas where nobody owns any.
        """
        members = {*self.membership.alive(), str(self.me)}
        layouts = self._owning() or Counter(map(_layout, members))
        return self.me.layout != max(layouts, key=lambda layout: (layouts[layout], layout))

    @property
    def problem(self) -> str:
        """Why no share may be claimed now, in words; empty if one may be."""
        if not self.settled:
            return WATCHED
        return MIXED if self.yields or not set(self._owning()) <= {self.me.layout} else ""

    def _owning(self) -> Counter[str]:
        """How many shares the replicas of each layout own."""
        return Counter(
            _layout(claim.owner)
            for name, claim in self.view.shares.items()
            if is_share(name) and claim.owner and not self.membership.gone(claim.owner)
        )


def _layout(name: str) -> str:
    return Member.parse(name).layout
