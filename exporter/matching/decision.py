"""What decides on a message for one rule; ``engine`` only asks it, and only where it may say yes.

Each kind of rule has a class here, and ``decision_of`` knows which: to add a kind, write its class
and name it there; the engine does not change.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from exporter.matching.conditions import Condition, proposal
from exporter.matching.fields import FieldReader
from exporter.matching.patterns import Sieve, compile_pattern
from exporter.matching.prefilter.expression import Expression
from exporter.matching.severity import Before, SeverityReader, declares, nothing_before
from exporter.matching.severity.candidates import candidate_expressions
from exporter.matching.severity.structured import is_level
from exporter.model import HARMLESS, FieldCondition, Rule, Severity

Sift = Callable[[Sequence[bytes]], Sequence[bool]]
Settle = Callable[[bytes, Before], bool]


class Decision(Protocol):
    """The last word on whether a rule matches a message; threads may share it.

    ``matches`` decides on one message. It is the same as ``sift`` and then ``settle``, which are
    for many messages: what the first decides on all of them at once, the other need not be asked.
    """

    @property
    def proposal(self) -> str | Sequence[Expression] | None:
        """A regex, in RE2's syntax, that is found in each message that ``matches`` takes.

        Or expressions for Hyperscan, of which one is.
        The engine asks ``matches`` only about messages in which it may be found. None where there
        is no such regex: the engine then asks about every message.
        """

    @property
    def by_wrapper(self) -> bool:
        """Whether what a message was wrapped in can make it match; no text need then be in it."""

    def matches(self, message: bytes, before: Before = nothing_before) -> bool:
        """Return whether the rule matches ``message``: any bytes, without the prefix.

        Args:
            before: returns the messages before it, the nearest first, as far as they are known.
        """

    @property
    def sift(self) -> Sift | None:
        """Returns of each of some messages whether it may match; None where all of them may."""

    @property
    def settle(self) -> Settle | None:
        """Decides on a message that passed ``sift``; None where that was the last word."""

    @property
    def only_refuses(self) -> bool:
        """Whether ``settle`` says yes to each message that declares nothing harmless."""

    def values(self, message: bytes) -> Mapping[str, bytes]:
        """Return what a message that the rule matches holds by name, for labels and values.

        For a regex these are the named groups that took part in the leftmost match. Costs a search
        of its own, so ask only for rules that need it.
        """


class RegexDecision:
    """The rule's ``regex`` is found in the message and its ``exclude_regex`` is not."""

    by_wrapper = False
    settle: Settle | None = None
    only_refuses = False

    def __init__(self, regex: str, exclude_regex: str | None = None) -> None:
        """Compile both; raises ValueError with RE2's reason where it refuses one."""
        self.proposal: str | Sequence[Expression] | None = regex
        self._regex = compile_pattern(regex)
        self._exclude = None if exclude_regex is None else compile_pattern(exclude_regex)
        self._found = Sieve(self._regex, regex)

    def sift(self, messages: Sequence[bytes]) -> Sequence[bool]:
        """Return of each message what ``matches`` does."""
        found = self._found(messages)
        if self._exclude is None:
            return found
        search = self._exclude.search
        pairs = zip(found, messages, strict=True)
        return [each and search(message) is None for each, message in pairs]

    def matches(self, message: bytes, before: Before = nothing_before) -> bool:
        """Return whether the regex is found and the exclusion is not."""
        if self._regex.search(message) is None:
            return False
        return self._exclude is None or self._exclude.search(message) is None

    def values(self, message: bytes) -> dict[str, bytes]:
        """Return the named groups of the leftmost match that took part in it."""
        found = self._regex.search(message)
        groups = {} if found is None else found.groupdict()
        return {name: value for name, value in groups.items() if value is not None}


class FieldDecision:
    """Every condition on a field holds and the rule's ``exclude_regex`` is not found."""

    by_wrapper = False
    sift: Sift | None = None
    only_refuses = False

    def __init__(
        self,
        conditions: Sequence[FieldCondition],
        exclude_regex: str | None,
        reader: FieldReader,
    ) -> None:
        """Compile; raises ValueError with RE2's reason where it refuses a regex."""
        self.proposal: str | Sequence[Expression] | None = proposal(conditions)
        self._conditions = tuple(map(Condition, conditions))
        self._exclude = None if exclude_regex is None else compile_pattern(exclude_regex)
        self._reader = reader

    @property
    def settle(self) -> Settle | None:
        """Return ``matches``: each message is decided on by itself."""
        return self.matches

    def matches(self, message: bytes, before: Before = nothing_before) -> bool:
        """Return whether all conditions hold and the exclusion is not found."""
        fields = self._reader.read(message)
        if not all(condition.holds(fields) for condition in self._conditions):
            return False
        return self._exclude is None or self._exclude.search(message) is None

    def values(self, message: bytes) -> dict[str, bytes]:
        """Return nothing: there are no groups, and fields are read by ``extract``."""
        return {}


class SeverityDecision:
    """The message declares a wanted severity and the rule's ``exclude_regex`` is not found."""

    by_wrapper = True
    sift: Sift | None = None
    only_refuses = False

    def __init__(
        self,
        wanted: frozenset[Severity],
        exclude_regex: str | None,
        severities: SeverityReader,
    ) -> None:
        """Compile; raises ValueError with RE2's reason where it refuses the regex."""
        self.proposal: str | Sequence[Expression] | None = candidate_expressions(wanted)
        self._wanted = wanted
        self._severities = severities
        self._exclude = None if exclude_regex is None else compile_pattern(exclude_regex)

    @property
    def settle(self) -> Settle | None:
        """Return ``matches``: each message is decided on by itself."""
        return self.matches

    def matches(self, message: bytes, before: Before = nothing_before) -> bool:
        """Return whether the message declares it; of a record over several lines, one line does."""
        if declares(message, before, self._severities) not in self._wanted:
            return False
        return self._exclude is None or self._exclude.search(message) is None

    def values(self, message: bytes) -> dict[str, bytes]:
        """Return nothing, as for fields."""
        return {}


class DeclaredDecision:
    """Another decision, on messages that declare one of some severities, or none of others."""

    by_wrapper = False

    def __init__(
        self,
        decision: Decision,
        wanted: frozenset[Severity],
        refused: frozenset[Severity],
        severities: SeverityReader,
    ) -> None:
        self.proposal = decision.proposal
        self.values = decision.values
        self.sift = decision.sift
        self.only_refuses = not wanted and decision.settle is None and refused <= HARMLESS
        self._decides = decision.matches
        self._settles = decision.settle
        self._wanted = wanted
        self._refused = refused
        self._severities = severities

    def matches(self, message: bytes, before: Before = nothing_before) -> bool:
        """Return whether the decision is so and the message declares what it has to."""
        if not self._decides(message, before):
            return False
        severity = self._severities.read(message, before)
        return severity not in self._refused and (not self._wanted or severity in self._wanted)

    def settle(self, message: bytes, before: Before) -> bool:
        """Return what ``matches`` does for a message that passed ``sift``."""
        if self._settles is not None and not self._settles(message, before):
            return False
        severity = self._severities.read(message, before)
        return severity not in self._refused and (not self._wanted or severity in self._wanted)


def decision_of(
    rule: Rule, reader: FieldReader, severities: SeverityReader | None = None
) -> Decision:
    """Return what decides for ``rule``.

    Args:
        reader: reads the fields of messages; all rules of an engine share one.
        severities: reads what messages declare, and is shared likewise.

    Raises:
        ValueError: RE2 refuses a regex; the message names the rule and gives the reason.
    """
    severities = severities or SeverityReader()
    try:
        decision: Decision
        if rule.regex is not None:
            decision = RegexDecision(rule.regex, rule.exclude_regex)
        elif rule.fields:
            decision = FieldDecision(rule.fields, rule.exclude_regex, reader)
        else:
            return SeverityDecision(rule.severities, rule.exclude_regex, severities)
    except ValueError as error:
        raise ValueError(f"rule {rule.name}: {error}") from error
    if not rule.severities and not (rule.refused and asks_severity(rule)):
        return decision
    return DeclaredDecision(decision, rule.severities, rule.refused, severities)


def asks_severity(rule: Rule) -> bool:
    """Return whether what a line declares keeps a rule from counting it.

    A condition on the field in which the level stands says itself which levels count.
    """
    named = (condition.path.rpartition(".")[2] for condition in rule.fields)
    return not any(map(is_level, named))


def matcher_of(rule: Rule) -> Callable[[bytes], bool]:
    """Return what tells whether ``rule`` alone matches a message; raises as ``decision_of``."""
    return decision_of(rule, FieldReader()).matches
