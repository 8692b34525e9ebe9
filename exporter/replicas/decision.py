"""Which share to claim or release next: a pure function of who is alive and who owns what.

Every replica computes the same assignment from the same picture, so none has to lead. Shares
without an owner go to the replicas with the fewest; a share moves from the replica with the most
to the one with the fewest only while they differ by two or more. So a share moves only if the
balance needs it, and a balanced assignment never changes.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClaimShare:
    """Claim a share that nobody owns."""

    share: str


@dataclass(frozen=True, slots=True)
class ReleaseShare:
    """Release a share for another replica to claim."""

    share: str


Move = ClaimShare | ReleaseShare


def assignment(members: Collection[str], owners: Mapping[str, str | None]) -> dict[str, str]:
    """The member that each share should belong to.

    Args:
        members: who is alive; not empty.
        owners: the owner of each share; None, or a name that is no member, where nobody owns it.
    """
    held: dict[str, list[str]] = {member: [] for member in sorted(members)}
    pool = []
    for share, owner in sorted(owners.items()):
        held[owner].append(share) if owner in held else pool.append(share)

    def load(member: str) -> tuple[int, str]:
        return len(held[member]), member

    for share in pool:
        held[min(held, key=load)].append(share)
    while True:
        most, fewest = max(held, key=load), min(held, key=load)
        if len(held[most]) - len(held[fewest]) < 2:
            return {share: member for member, shares in held.items() for share in shares}
        held[fewest].append(held[most].pop())


def decide(me: str, members: Collection[str], owners: Mapping[str, str | None]) -> Move | None:
    """The one move that a member makes in this round; None if there is nothing to do.

    Args:
        me: the member that asks; one of ``members``.
        members: who is alive.
        owners: see ``assignment``.
    """
    wanted = assignment(members, owners)
    for share in sorted(owners):
        if wanted[share] == me and owners[share] not in members:
            return ClaimShare(share)
    for share in sorted(owners):
        if owners[share] == me and wanted[share] != me:
            return ReleaseShare(share)
    return None
