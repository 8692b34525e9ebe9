"""Each message of a replica to Redis, from its first look to its leaving, meets each fault once.

The first replica claims every share by the way of a proxy, and leaves. Another one comes after it,
without a fault: it has to own every share in the end, and the database has to agree, also once the
commands have arrived that came too late for the first. Time is the round's.
"""

from contextlib import closing
from queue import SimpleQueue

import redis
from collect_fixtures import Clock
from message_faults import Opener, faults_met, live_over
from redis_proxy import MessageFault, RedisProxy, What
from state_scenario import RedisDatabase, Told

from exporter.errors import StateError
from exporter.replicas.holdings import Happened, Report
from exporter.replicas.layout import Member, Share, layout_of, shares_of
from exporter.replicas.replica import Replica, ReplicaClocks, ReplicaCounts
from exporter.state.coordination import Claim, Coordination
from exporter.state.redis import RedisStore
from exporter.state.redis_layout import CLAIMS, parse_claims

TAKEOVER_SECONDS = 10.0
SHARES = shares_of([""], 2)
MOST_ROUNDS = 60
"""More than a replica needs to claim all, after one that went away and with one call that fails."""

LATE_ROUNDS = 40
"""More than it needs until it takes for gone whom a late heartbeat has shown."""


class Player:
    """A replica whose shares begin and end at once.

    Attributes:
        problem: what it showed that another one owned; empty for nothing.
    """

    def __init__(self, name: str, coordination: Coordination) -> None:
        self._clock = Clock()
        self._reports: SimpleQueue[Report] = SimpleQueue()
        self.name = str(me := Member(name, name, layout_of(SHARES), TAKEOVER_SECONDS))
        self.replica = Replica(
            me,
            SHARES,
            coordination,
            self,
            self._reports,
            ReplicaClocks(self._clock, self._clock),
            ReplicaCounts(taken=bool, fenced=bool),
        )

    def start(self, share: Share, claim: Claim) -> None:
        """Nothing has to be loaded."""

    def withdraw(self, share: Share, claim: Claim, *, save: bool) -> None:
        """It ends at once."""
        if save:
            self._reports.put(Report(share, claim, Happened.ENDED))

    @property
    def owned(self) -> int:
        """How many shares it owns and shows."""
        return len(self.replica.owned())

    def play(self, rounds: int) -> None:
        """Play rounds."""
        for _ in range(rounds):
            self._clock.now += self.replica.heartbeat
            self.replica.round()

    def play_until_all_are_owned(self) -> None:
        """Play as many rounds as it takes, and one more; no more than are enough."""
        for _ in range(MOST_ROUNDS):
            self.play(1)
            if self.owned == len(SHARES):
                break
        self.play(1)

    def leave(self) -> None:
        """Leave the group."""
        self.replica.leave()
        while self.replica.release_ended(0.0):
            pass


def play(opener: Opener) -> Told:
    """A replica from its first look to its leaving; what it came to."""
    try:
        store = opener(Clock())
        coordination = store.coordinate(1.0)
    except StateError as error:
        return {"refused": str(error)}
    player = Player("first", coordination)
    player.play_until_all_are_owned()
    owned = player.owned
    player.leave()
    coordination.close()
    store.close()
    return {"owned": owned}


def faults_of(database: RedisDatabase) -> list[MessageFault]:
    """Every fault of every message of one replica."""
    with redis.Redis.from_url(database.url) as client:
        client.flushall()
    told, faults = faults_met(database, play)
    assert told == {"owned": len(SHARES)}, told
    return faults


def problem_at(database: RedisDatabase, fault: MessageFault) -> str:
    """Let a fault happen, then have another replica come; what is wrong, empty for nothing."""
    with redis.Redis.from_url(database.url) as client:
        client.flushall()
        with closing(RedisProxy(database.url, fault)) as proxy:
            told = live_over(proxy, play)
            killed = fault.what is What.KILL
            if "error" in told or bool(told) is killed:
                return f"it came to {told}"
            if "owned" in told and told["owned"] != len(SHARES):
                return f"it owned {told['owned']} shares of {len(SHARES)}"
            return problem_of_next(client, database.url, proxy)


def problem_of_next(client: redis.Redis, url: str, proxy: RedisProxy) -> str:
    """Have another replica come after the first; what is wrong with it, empty for nothing."""
    store = RedisStore(url, Clock())
    coordination = store.coordinate(1.0)
    try:
        player = Player("next", coordination)
        player.play_until_all_are_owned()
        if problem := problem_of_owner(client, player):
            return problem
        if proxy.deliver_late():
            player.play(LATE_ROUNDS)
            if problem := problem_of_owner(client, player):
                return f"after commands that came late {problem}"
        return ""
    finally:
        coordination.close()
        store.close()


def problem_of_owner(client: redis.Redis, player: Player) -> str:
    """What is wrong where a replica should own every share; empty for nothing."""
    owners = {claim.owner for claim in parse_claims(client.hgetall(CLAIMS)).values()}
    if player.owned != len(SHARES) or owners != {player.name}:
        return f"the next one owns {player.owned} shares, and the database says {owners}"
    return ""
