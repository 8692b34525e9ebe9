"""What to look for in messages, and what to count of it."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b


class Level(StrEnum):
    """How bad a line is that a rule matches."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Severity(StrEnum):
    """How bad a line says that it is, from the least to the worst."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


HARMLESS = frozenset({Severity.TRACE, Severity.DEBUG, Severity.INFO})
"""What a line declares in which nothing is wrong."""


class MetricType(StrEnum):
    """The types of metric that a rule can feed."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


ERRORS = frozenset({Level.ERROR, Level.CRITICAL})
"""The levels at which something is broken."""


@dataclass(frozen=True, slots=True)
class RuleTests:
    """Lines that a rule must match and lines that it must not."""

    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """What a field of a JSON or logfmt message must be for a rule to match.

    Args:
        path: the field; dots lead into objects.
        values: the field equals one of these; or
        regex: this, in RE2 syntax, is found in the field's text. None where only values count.
    """

    path: str
    values: tuple[str | float | bool, ...]
    regex: str | None = None


@dataclass(frozen=True, slots=True)
class RuleMetric:
    """A metric of its own that a rule feeds.

    Args:
        labels: label names, each with the named group or field that gives its value.
        value: the group or field to add, set or observe; None counts matches.
        buckets: upper bounds of a histogram's buckets, without the infinite one.
        max_series: how many combinations of label values there may be.
    """

    name: str
    type: MetricType
    help: str
    labels: tuple[tuple[str, str], ...] = ()
    value: str | None = None
    buckets: tuple[float, ...] = ()
    max_series: int = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """What to look for in messages: ``regex``, or ``fields`` in its place, or ``severities``.

    A regex is in RE2 syntax and searched anywhere in the message; of fields each must hold. The
    line must declare one of ``severities``, where there are any. ``any_severity``: a rule of level
    error or critical counts also lines that declare themselves harmless.
    ``components`` are globs on ``app`` or ``app/component``; none means every component.
    Those that ``exclude_components`` names are left out, whatever else names them.
    ``per_event``: it counts a stack trace once, however many of its lines it matches.
    ``language``: it does not count in a stack trace of another language.
    """

    name: str
    regex: str | None = None
    level: Level = Level.ERROR
    exclude_regex: str | None = None
    components: tuple[str, ...] = ()
    exclude_components: tuple[str, ...] = ()
    tests: RuleTests = RuleTests()
    description: str = ""
    fields: tuple[FieldCondition, ...] = ()
    metric: RuleMetric | None = None
    per_event: bool = False
    language: str | None = None
    severities: frozenset[Severity] = frozenset()
    any_severity: bool = False

    @property
    def refused(self) -> frozenset[Severity]:
        """What a line may not declare to count."""
        if self.any_severity or self.severities or self.level not in ERRORS:
            return frozenset()
        return HARMLESS

    @property
    def meaning(self) -> str:
        """What counts of this rule stand for: the same for rules that match the same lines."""
        parts: tuple[object, ...] = (self.regex, self.exclude_regex)
        if self.fields:
            parts = (*parts, sorted(map(repr, self.fields)))
        if self.per_event:
            parts = (*parts, "event")
        if self.severities or self.any_severity:
            parts = (*parts, sorted(self.severities), self.any_severity)
        return blake2b(repr(parts).encode(), digest_size=8).hexdigest()
