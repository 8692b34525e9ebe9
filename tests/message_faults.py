"""Each message between the exporter and Redis, at a start and two saves, meets each fault.

First a run over a proxy without faults counts the messages. Then there is one run for each message
and fault, and others behind it. Commands that came too late for the exporter still reach the
database, once the next exporter has taken over: they have to change nothing.
"""

from collections.abc import Sequence
from contextlib import closing

from redis_proxy import KINDS, MessageFault, RedisProxy, What
from state_scenario import (
    AFTER,
    DURING,
    TWICE,
    Clock,
    RedisDatabase,
    Told,
    begin_child,
    live,
    live_in_child,
    problem_of,
    problem_of_all,
)

from exporter.state.redis import RedisStore
from exporter.state.store import Store


def live_over(proxy: RedisProxy) -> Told:
    """Live in a process of its own, by the way of a proxy."""

    def open_store(clock: Clock) -> Store:
        proxy.make_patient()
        return RedisStore(proxy.url, clock)

    child = begin_child(lambda: live(open_store, TWICE))
    child.go()
    proxy.serve(child.pid, child.said)
    return child.told()


def faults_of(database: RedisDatabase) -> list[MessageFault]:
    """Every fault of every message of one start and one save."""
    database.reset()
    with closing(RedisProxy(database.url)) as proxy:
        told = live_over(proxy)
    assert told.get("shown") == DURING + 1, told
    return [
        MessageFault(way, number, what, command)
        for way, kinds in KINDS.items()
        for number, command in enumerate(proxy.commands, 1)
        for what in kinds
    ]


def one_of_each(faults: Sequence[MessageFault]) -> list[MessageFault]:
    """One of each kind: those at the last transaction's end, and at its answer."""
    last = max(fault.number for fault in faults if fault.command == "EXEC")
    return [fault for fault in faults if fault.number == last]


def problem_at(database: RedisDatabase, fault: MessageFault) -> str:
    """Let a fault happen, then start again; what is wrong, empty where nothing is."""
    database.reset()
    with closing(RedisProxy(database.url, fault)) as proxy:
        told = live_over(proxy)
        problem = problem_of(database, told, killed=fault.what is What.KILL)
        if problem or not proxy.deliver_late():
            return problem
        last = live_in_child(database, AFTER)
        if last.get("began") != AFTER + 1:
            return f"after commands that came late it was {last}"
        return problem_of_all(last)
