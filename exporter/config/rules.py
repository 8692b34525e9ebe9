"""A rule of the configuration file, and the metric that it may feed.

What a rule says of itself is checked here; what rules have to agree on is checked in ``checks``.
"""

import itertools
import math
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from exporter.config.fields import (
    Flag,
    Glob,
    Identifier,
    ItemsOrNone,
    Kind,
    Number,
    Regex,
    Section,
    SectionOrNone,
    Text,
    Whole,
    compile_regex,
)
from exporter.config.findings import refusal, shown
from exporter.model import (
    FieldCondition,
    Level,
    MetricType,
    Rule,
    RuleTests,
    RuleTuning,
    Severity,
)
from exporter.model import RuleMetric as Metric

OWN_LABELS = ("app", "component", "account", "log_type", "pattern", "level")
"""Labels that the exporter itself puts on series."""

DENIED_LABELS = ("instance", "job", "type", "service", "region", "severity", "le", "quantile")
"""Labels that Prometheus and alert rules use themselves."""

OWN_PREFIXES = ("digitalocean_app_", "process_", "python_")
"""Beginnings of the metric names that the exporter itself uses."""


PROMETHEUS_PREFIXES = ("scrape_",)
PROMETHEUS_NAMES = ("up",)
"""Metrics that Prometheus itself adds to those of a scrape."""

Value = str | int | float | bool
"""What a field can be compared with."""

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds where a histogram names none: as in Prometheus' own libraries, for seconds."""


class Per(StrEnum):
    """What a rule counts."""

    LINE = "line"
    EVENT = "event"


def _label(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value in OWN_LABELS:
        raise refusal(f"the label {value} is reserved: the exporter sets it", "choose another name")
    if value in DENIED_LABELS or value.startswith("__"):
        problem = f"the label {shown(value)} is reserved: Prometheus and alert rules use it"
        raise refusal(problem, "choose another name")
    return value


def _metric_name(value: object) -> object:
    if isinstance(value, str):
        for prefix in OWN_PREFIXES:
            if value.startswith(prefix):
                problem = f"{shown(value)} begins with {prefix}, as the exporter's own metrics do"
                raise refusal(problem, "begin with the name of your application")
        if value in PROMETHEUS_NAMES or value.startswith(PROMETHEUS_PREFIXES):
            problem = f"{shown(value)} is a name of Prometheus' own"
            raise refusal(problem, "begin with the name of your application")
    return value


def _buckets(value: object) -> object:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(_is_finite(item) for item in value):
        return value
    if not value:
        raise refusal(
            "the list is empty", "give upper bounds such as [0.1, 1, 10], or leave it out"
        )
    if value[0] < 0:
        raise refusal(f"{value[0]} is below 0, as no value of a histogram is", "begin at 0 or more")
    if any(left >= right for left, right in itertools.pairwise(value)):
        raise refusal("the bounds do not rise", "give each bound once, the smallest first")
    return value


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300 and math.isfinite(value)


def _json_values(value: object) -> tuple[Value, ...] | Value:
    if isinstance(value, list) and value:
        return tuple(map(_json_value, value))
    single = _json_value(value)
    if isinstance(single, str):
        _search_in_field(single)
    return single


def _json_value(value: object) -> Value:
    if isinstance(value, str | bool) or (isinstance(value, int | float) and _is_finite(value)):
        return value
    raise refusal(
        f"{shown(value)} is nothing that a field can be compared with",
        "give a text, a number, true or false, or a list of these",
    )


def _search_in_field(regex: str) -> None:
    try:
        compile_regex(regex)
    except PydanticCustomError as error:
        problem = str((error.context or {})["problem"])
        raise refusal(problem, "correct it, or put it in a list to compare it as it is") from None


def _severities(value: object) -> object:
    if isinstance(value, list) and not value:
        raise refusal("the list is empty", "name severities such as [error, critical]")
    return value


Label = Annotated[Identifier, BeforeValidator(_label)]
MetricName = Annotated[Identifier, BeforeValidator(_metric_name), Kind("metric name")]
JsonValues = Annotated[
    tuple[Value, ...] | Value,
    PlainValidator(_json_values),
    Kind("value or list of values"),
]


class RuleMetric(Section):
    """A metric of its own that a rule feeds, beside `digitalocean_app_log_matches_total`."""

    name: MetricName = Field(
        description="Its full name. A counter's ends in `_total`, no other's does; "
        "`digitalocean_app_`, `process_` and `python_` are taken."
    )
    type: MetricType = Field(description="What the metric is.")
    help: Text = Field(description="What it counts or measures, for those who read the metrics.")
    labels: Annotated[dict[Label, Text], SectionOrNone] = Field(
        default_factory=dict,
        description="Label name to the named group of the regex, or the field of the message, "
        "that gives its value: no more than 128 characters of it, and nothing where there is "
        "none. The labels of the component are there already.",
    )
    value: Text | None = Field(
        default=None,
        description="Group or field to add (counter), set (gauge) or observe (histogram), with "
        "its unit turned into seconds, bytes or a ratio. Without it a counter adds 1; the other "
        "types need it.",
    )
    buckets: Annotated[tuple[Number, ...], BeforeValidator(_buckets)] = Field(
        default=(),
        description="Upper bounds of a histogram's buckets, rising; for histograms only. Left "
        "out, they are those of Prometheus' libraries: 0.005 to 10.",
    )
    max_series: Whole = Field(
        default=100,
        ge=1,
        description="How many combinations of label values the metric may have, all components "
        "together; of one more, the values of its own labels become `other`.",
    )

    def as_metric(self) -> Metric:
        """The metric as the counting takes it."""
        buckets = self.buckets
        if self.type is MetricType.HISTOGRAM and not buckets:
            buckets = DEFAULT_BUCKETS
        return Metric(
            name=self.name,
            type=self.type,
            help=self.help,
            labels=tuple(sorted(self.labels.items())),
            value=self.value,
            buckets=buckets,
            max_series=self.max_series,
        )


class Examples(Section):
    """Lines that show what a rule is meant to find, with the platform's prefix or without; `check`
    tries them."""

    match: ItemsOrNone[Text] = Field(default=(), description="Lines that the rule must match.")
    no_match: ItemsOrNone[Text] = Field(default=(), description="Lines that it must not match.")


class PatternRule(Section):
    """One thing to look for; a line counts once per rule that matches it."""

    name: Identifier = Field(
        description="Value of the label `pattern`: letters, digits and `_`; unique, also among "
        "the rules of the packs in use."
    )
    regex: Regex | None = Field(
        default=None,
        description="What to search for, anywhere in the message, in RE2 syntax as in "
        "Prometheus. This, `json` or `severity` is needed; this and `json` exclude each other.",
    )
    level: Level = Field(default=Level.ERROR, description="Value of the label `level`.")
    per: Per = Field(
        default=Per.LINE,
        description="What counts once: each `line`, or each `event`, a stack trace with all its "
        "lines, however many of them match.",
    )
    components: ItemsOrNone[Glob] = Field(
        default=(),
        description="Globs on `app` or `app/component` whose lines the rule looks at; none means "
        "all.",
    )
    exclude_components: ItemsOrNone[Glob] = Field(
        default=(),
        description="Globs of the same form; the rule does not look at lines of what they name.",
    )
    exclude_regex: Regex | None = Field(
        default=None, description="A line in which this is found as well does not count."
    )
    json_fields: dict[Text, JsonValues] | None = Field(
        default=None,
        alias="json",
        min_length=1,
        description="Fields of a JSON or logfmt message, in place of `regex`; dots lead into "
        "objects. Each field must equal the number, the boolean, or one of the list; a single text "
        "it must equal or, as a regular expression, contain.",
    )
    severity: Annotated[tuple[Severity, ...] | None, BeforeValidator(_severities)] = Field(
        default=None,
        description="What the line itself declares, by a field, a prefix or a level word; see "
        "[severity](severity.md). Alone, or beside `regex` or `json`.",
    )
    any_severity: Flag | None = Field(
        default=None,
        description="Whether a rule of level `error` or `critical` counts lines that declare "
        "themselves debug, trace or info. Left out, it does not, unless `level` is left out too "
        "and the rule feeds a `metric`: then it measures and takes every line.",
    )
    metric: RuleMetric | None = Field(
        default=None, description="A metric of its own that the rule feeds."
    )
    tests: Annotated[Examples, SectionOrNone] = Field(
        default=Examples.model_construct(),
        description="Lines that the rule must match, and must not.",
    )

    def as_rule(self) -> Rule:
        """The rule as the matching takes it."""
        return Rule(
            name=self.name,
            regex=self.regex,
            level=self.level,
            exclude_regex=self.exclude_regex,
            components=self.components,
            exclude_components=self.exclude_components,
            tests=RuleTests(self.tests.match, self.tests.no_match),
            fields=tuple(_condition(*pair) for pair in (self.json_fields or {}).items()),
            metric=None if self.metric is None else self.metric.as_metric(),
            per_event=self.per is Per.EVENT,
            severities=frozenset(self.severity or ()),
            any_severity=self._takes_any_severity,
        )

    @property
    def _takes_any_severity(self) -> bool:
        if self.any_severity is None:
            return self.metric is not None and "level" not in self.model_fields_set
        return self.any_severity


class RuleOverride(Section):
    """What is changed of a rule that ships, named by its name: `system_error: {level: warning}`."""

    enabled: Flag = Field(
        default=True, description="Whether the rule is in force; `false` turns it off everywhere."
    )
    level: Level | None = Field(
        default=None, description="Another level; the rule's own where it is left out."
    )
    exclude_regex: Regex | None = Field(
        default=None,
        description="A line in which this is found does not count either, beside those that the "
        "rule excludes itself.",
    )
    components: ItemsOrNone[Glob] = Field(
        default=(),
        description="Globs on `app` or `app/component`: the rule looks at their lines only; none "
        "means all.",
    )
    exclude_components: ItemsOrNone[Glob] = Field(
        default=(),
        description="Globs of the same form: the rule is silent on what they name.",
    )
    any_severity: Flag | None = Field(
        default=None,
        description="Whether a line counts whatever severity it declares itself; as the rule has "
        "it where it is left out.",
    )

    def as_tuning(self) -> RuleTuning:
        """The change as the matching takes it."""
        return RuleTuning(
            enabled=self.enabled,
            level=self.level,
            exclude_regex=self.exclude_regex,
            components=self.components or None,
            exclude_components=self.exclude_components or None,
            any_severity=self.any_severity,
        )


def _condition(path: str, wanted: tuple[Value, ...] | Value) -> FieldCondition:
    if isinstance(wanted, tuple):
        return FieldCondition(path, wanted)
    return FieldCondition(path, (wanted,), wanted if isinstance(wanted, str) else None)
