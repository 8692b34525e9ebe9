"""Who takes which share: decided by each replica alone, and settled without a leader."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.replicas.decision import ClaimShare, ReleaseShare, assignment, decide

MEMBERS = tuple("abcdefg")
SHARES = tuple(f"#{number}/20" for number in range(20))

members_of = st.sets(st.sampled_from(MEMBERS), min_size=1).map(sorted)
owners_of = st.dictionaries(
    st.sampled_from(SHARES), st.none() | st.sampled_from((*MEMBERS, "gone")), min_size=1
)


def load(members, owners):
    counts = Counter(owner for owner in owners.values() if owner in members)
    return [counts[member] for member in members]


def settle(members, owners, order=None):
    """Let all members move by turns until nobody does; returns the owners and the rounds."""
    owners, rounds, moved = dict(owners), 0, True
    while moved:
        moved = False
        rounds += 1
        assert rounds < 100, "it does not settle"
        for member in order or members:
            move = decide(member, members, owners)
            if isinstance(move, ClaimShare):
                assert owners[move.share] not in members, "claimed from a living owner"
                owners[move.share], moved = member, True
            elif isinstance(move, ReleaseShare):
                assert owners[move.share] == member, "released what another one owns"
                owners[move.share], moved = None, True
    return owners, rounds


@given(members_of, owners_of)
def test_every_share_goes_to_somebody_and_the_load_is_even(members, owners):
    """The assignment gives each share to a living member, with at most one share of difference."""
    wanted = assignment(members, owners)
    assert wanted.keys() == owners.keys()
    loads = load(members, wanted)
    assert sum(loads) == len(owners)
    assert max(loads) - min(loads) <= 1


@given(members_of, owners_of)
def test_no_share_moves_that_could_stay(members, owners):
    """Shares of living owners move only as far as an even load demands it, computed in closed form.

    With the loads in descending order, the largest quotas go to those who own most: whatever is
    above its quota moves, and nothing else.
    """
    wanted = assignment(members, owners)
    moved = sum(owner in members and wanted[share] != owner for share, owner in owners.items())
    base, extra = divmod(len(owners), len(members))
    before = sorted(load(members, owners), reverse=True)
    quotas = [base + 1] * extra + [base] * (len(members) - extra)
    assert moved == sum(max(0, held - quota) for held, quota in zip(before, quotas, strict=True))


@given(members_of, owners_of)
def test_a_balanced_assignment_stays(members, owners):
    """Once every share is where it should be nobody moves: there is no ping-pong."""
    wanted = assignment(members, owners)
    assert assignment(members, wanted) == wanted
    assert all(decide(member, members, wanted) is None for member in members)


@given(members_of, owners_of)
def test_no_two_members_claim_one_share_from_one_picture(members, owners):
    """Members that see the same make different moves."""
    moves = [move for member in members if (move := decide(member, members, owners))]
    assert len({move.share for move in moves}) == len(moves)


@settings(max_examples=200)
@given(members_of, owners_of, st.randoms(use_true_random=False))
def test_it_settles_within_the_moves_that_are_needed(members, owners, random):
    """In any order of turns all shares have an owner after as many rounds as one member moves."""
    order = list(members)
    random.shuffle(order)
    settled, rounds = settle(members, owners, order)
    loads = load(members, settled)
    assert sum(loads) == len(owners)
    assert max(loads) - min(loads) <= 1
    assert rounds <= 2 * len(owners) // len(members) + len(members) + 4


@given(owners_of)
def test_one_member_comes_and_goes(owners):
    """A member that joins takes only its part, and when it leaves only its part moves."""
    two, _ = settle(["a", "b"], owners)
    three, _ = settle(["a", "b", "c"], two)
    assert sum(two[share] != three[share] for share in two) == len(owners) // 3
    left, _ = settle(["a", "b"], three)
    assert all(left[share] == three[share] for share in three if three[share] != "c")


def test_a_share_is_released_only_for_a_member_with_two_fewer():
    """Three shares on two members stay as they are."""
    owners = {"x": "a", "y": "a", "z": "b"}
    assert decide("a", ["a", "b"], owners) is None
    assert decide("a", ["a", "b"], {**owners, "w": "a"}) == ReleaseShare("y")
