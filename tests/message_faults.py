"""Each message between the exporter and Redis, at a start and two saves, meets each fault.

First a run over a proxy without faults counts the messages. Then there is one run for each message
and fault, and others behind it. Commands that came too late for the exporter still reach the
database, once the next exporter has taken over: they have to change nothing.
"""

from collections.abc import Callable, Sequence
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

Opener = Callable[[Clock], RedisStore]


def live_over(proxy: RedisProxy, run: Callable[[Opener], Told]) -> Told:
    """Live in a process of its own, by the way of a proxy."""

    def open_store(clock: Clock) -> RedisStore:
        proxy.make_patient()
        return RedisStore(proxy.url, clock)

    child = begin_child(lambda: run(open_store))
    child.go()
    proxy.serve(child.pid, child.said)
    return child.told()


def faults_met(
    database: RedisDatabase, run: Callable[[Opener], Told]
) -> tuple[Told, list[MessageFault]]:
    """What a life without faults comes to, and every fault of each of its messages."""
    with closing(RedisProxy(database.url)) as proxy:
        told = live_over(proxy, run)
    return told, [
        MessageFault(way, number, what, command)
        for way, kinds in KINDS.items()
        for number, command in enumerate(proxy.commands, 1)
        for what in kinds
    ]


def start_and_save(opener: Opener) -> Told:
    """One start and two saves."""
    return live(opener, TWICE)


def faults_of(database: RedisDatabase) -> list[MessageFault]:
    """Every fault of every message of one start and two saves."""
    database.reset()
    told, faults = faults_met(database, start_and_save)
    assert told.get("shown") == DURING + 1, told
    return faults


def one_of_each(faults: Sequence[MessageFault]) -> list[MessageFault]:
    """One of each kind: those at the last transaction's end, and at its answer."""
    last = max(fault.number for fault in faults if fault.command == "EXEC")
    return [fault for fault in faults if fault.number == last]


def problem_at(database: RedisDatabase, fault: MessageFault) -> str:
    """Let a fault happen, then start again; what is wrong, empty where nothing is."""
    database.reset()
    with closing(RedisProxy(database.url, fault)) as proxy:
        told = live_over(proxy, start_and_save)
        problem = problem_of(database, told, killed=fault.what is What.KILL)
        if problem or not proxy.deliver_late():
            return problem
        last = live_in_child(database, AFTER)
        if last.get("began") != AFTER + 1:
            return f"after commands that came late it was {last}"
        return problem_of_all(last)
