"""Decisions on many candidates at a time: first what many cost little, then message by message.

Used by ``engine``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress, repeat
from typing import NamedTuple

from exporter.matching.decision import Decision
from exporter.matching.prefilter.candidates import Places
from exporter.matching.severity import SPACES, Before, nothing_before
from exporter.matching.severity.silence import Silence


class Asked(NamedTuple):
    """What decisions are about, by the place of each line.

    Args:
        messages: the messages.
        before: returns what gives the messages before one.
    """

    messages: Mapping[int, bytes]
    before: Callable[[int], Before]


def decided(
    decisions: Sequence[Decision], candidates: Places, asked: Asked, silence: Silence
) -> Iterator[tuple[int, int]]:
    """Yield the place and the rule of each candidate that matches, in any order, each once.

    Args:
        decisions: by the index of the rule.
        candidates: the places in which a rule may match, by the rule; one may stand there twice.
        asked: holds at least what ``candidates`` name.
        silence: tells which messages need not be read.
    """
    refusing: list[tuple[int, list[int]]] = []
    waiting: list[tuple[int, int]] = []
    for rule, several in candidates.items():
        decision, places = decisions[rule], list(dict.fromkeys(several))
        if decision.sift is not None:
            places = list(compress(places, decision.sift([asked.messages[at] for at in places])))
        if decision.settle is None:
            yield from zip(places, repeat(rule))
        elif decision.only_refuses:
            refusing.append((rule, places))
        else:
            waiting += zip(places, repeat(rule))
    if refusing:
        silent = silence.among({at for _, places in refusing for at in places}, asked.messages)
        for rule, places in refusing:
            yield from ((at, rule) for at in places if at in silent)
            waiting += ((at, rule) for at in places if at not in silent)
    for at, rule in sorted(waiting):  # so that a message is read once for all rules
        settle, message = decisions[rule].settle, asked.messages[at]
        before = asked.before(at) if message[:1] in SPACES else nothing_before
        if settle is not None and settle(message, before):
            yield at, rule
