"""What decides on a message for one rule; ``engine`` only asks it, and only where it may say yes.

Each kind of rule has a class here, and ``decision_of`` knows which: to add a kind, write its class
and name it there; the engine does not change.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from exporter.matching.conditions import Condition, proposal
from exporter.matching.fields import FieldReader
from exporter.matching.patterns import compile_pattern
from exporter.model import FieldCondition, Rule


class Decision(Protocol):
    """The last word on whether a rule matches a message; threads may share it."""

    @property
    def proposal(self) -> str | None:
        """A regex, in RE2's syntax, that is found in each message that ``matches`` takes.

        The engine asks ``matches`` only about messages in which it may be found. None where there
        is no such regex: the engine then asks about every message.
        """

    def matches(self, message: bytes) -> bool:
        """Return whether the rule matches ``message``: any bytes, without the prefix."""

    def values(self, message: bytes) -> Mapping[str, bytes]:
        """Return what a message that the rule matches holds by name, for labels and values.

        For a regex these are the named groups that took part in the leftmost match. Costs a search
        of its own, so ask only for rules that need it.
        """


class RegexDecision:
    """The rule's ``regex`` is found in the message and its ``exclude_regex`` is not."""

    def __init__(self, regex: str, exclude_regex: str | None = None) -> None:
        """Compile both; raises ValueError with RE2's reason where it refuses one."""
        self.proposal = regex
        self._regex = compile_pattern(regex)
        self._exclude = None if exclude_regex is None else compile_pattern(exclude_regex)

    def matches(self, message: bytes) -> bool:
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

    def __init__(
        self,
        conditions: Sequence[FieldCondition],
        exclude_regex: str | None,
        reader: FieldReader,
    ) -> None:
        """Compile; raises ValueError with RE2's reason where it refuses a regex."""
        self.proposal = proposal(conditions)
        self._conditions = tuple(map(Condition, conditions))
        self._exclude = None if exclude_regex is None else compile_pattern(exclude_regex)
        self._reader = reader

    def matches(self, message: bytes) -> bool:
        """Return whether all conditions hold and the exclusion is not found."""
        fields = self._reader.read(message)
        if not all(condition.holds(fields) for condition in self._conditions):
            return False
        return self._exclude is None or self._exclude.search(message) is None

    def values(self, message: bytes) -> dict[str, bytes]:
        """Return nothing: there are no groups, and fields are read by ``extract``."""
        return {}


def decision_of(rule: Rule, reader: FieldReader) -> Decision:
    """Return what decides for ``rule``.

    Args:
        reader: reads the fields of messages; all rules of an engine share one.

    Raises:
        ValueError: RE2 refuses a regex; the message names the rule and gives the reason.
    """
    try:
        if rule.regex is not None:
            return RegexDecision(rule.regex, rule.exclude_regex)
        return FieldDecision(rule.fields, rule.exclude_regex, reader)
    except ValueError as error:
        raise ValueError(f"rule {rule.name}: {error}") from error


def matcher_of(rule: Rule) -> Callable[[bytes], bool]:
    """Return what tells whether ``rule`` alone matches a message; raises as ``decision_of``."""
    return decision_of(rule, FieldReader()).matches
