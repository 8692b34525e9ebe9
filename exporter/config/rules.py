"""A rule of the configuration file, and the metric that it may feed.

What a rule says of itself is checked here; what rules have to agree on is checked in ``checks``.
"""

import itertools
import math
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator

from exporter.config.fields import (
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
)
from exporter.config.findings import refusal, shown
from exporter.model import Level, Rule, RuleTests

OWN_LABELS = ("app", "component", "account", "log_type", "pattern", "level")
"""Labels that the exporter itself puts on series."""

DENIED_LABELS = ("instance", "job", "type", "service", "region", "severity", "le", "quantile")
"""Labels that Prometheus and alert rules use themselves."""

OWN_PREFIXES = ("digitalocean_app_", "process_", "python_")
"""Beginnings of the metric names that the exporter itself uses."""


class MetricType(StrEnum):
    """The types of metric that a rule can feed."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


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
    if any(left >= right for left, right in itertools.pairwise(value)):
        raise refusal("the bounds do not rise", "give each bound once, the smallest first")
    return value


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300 and math.isfinite(value)


def _json_values(value: object) -> tuple[str | int | float, ...]:
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str | int | float) for item in items):
        raise refusal(
            f"{shown(value)} is nothing that a field can be compared with",
            "give a text, a number, true or false, or a list of these",
        )
    return tuple(items)


Label = Annotated[Identifier, BeforeValidator(_label)]
MetricName = Annotated[Identifier, BeforeValidator(_metric_name), Kind("metric name")]
JsonValues = Annotated[
    tuple[str | int | float, ...],
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
        "that gives its value. The labels of the component are there already.",
    )
    value: Text | None = Field(
        default=None,
        description="Group or field to add (counter), set (gauge) or observe (histogram). "
        "Without it a counter adds 1; the other types need it.",
    )
    buckets: Annotated[tuple[Number, ...], BeforeValidator(_buckets)] = Field(
        default=(),
        description="Upper bounds of a histogram's buckets, rising; for histograms only.",
    )
    max_series: Whole = Field(
        default=100,
        ge=1,
        description="How many combinations of label values a component may have; past it, label "
        "values become `other`.",
    )


class Examples(Section):
    """Messages that show what a rule is meant to find; `check` tries them."""

    match: ItemsOrNone[Text] = Field(default=(), description="Messages that the rule must match.")
    no_match: ItemsOrNone[Text] = Field(default=(), description="Messages that it must not match.")


class PatternRule(Section):
    """One thing to look for; a line counts once per rule that matches it."""

    name: Identifier = Field(
        description="Value of the label `pattern`: letters, digits and `_`; unique, also among "
        "the rules of the packs in use."
    )
    regex: Regex | None = Field(
        default=None,
        description="What to search for, anywhere in the message, in RE2 syntax as in "
        "Prometheus. Either this or `json`.",
    )
    level: Level = Field(default=Level.ERROR, description="Value of the label `level`.")
    components: ItemsOrNone[Glob] = Field(
        default=(),
        description="Globs on `app` or `app/component` whose lines the rule looks at; none means "
        "all.",
    )
    exclude_regex: Regex | None = Field(
        default=None, description="A line in which this is found as well does not count."
    )
    json_fields: dict[Text, JsonValues] | None = Field(
        default=None,
        alias="json",
        min_length=1,
        description="Fields of a JSON or logfmt message, each with the value or values that it "
        "must have. In place of `regex`.",
    )
    metric: RuleMetric | None = Field(
        default=None, description="A metric of its own that the rule feeds."
    )
    tests: Annotated[Examples, SectionOrNone] = Field(
        default=Examples(), description="Messages that the rule must match, and must not."
    )

    def as_rule(self) -> Rule:
        """The rule as the matching takes it.

        Raises:
            ValueError: the rule looks at fields and has no regex.
        """
        if self.regex is None:
            raise ValueError(f"rule {self.name} has no regex")
        return Rule(
            name=self.name,
            regex=self.regex,
            level=self.level,
            exclude_regex=self.exclude_regex,
            components=self.components,
            tests=RuleTests(self.tests.match, self.tests.no_match),
        )
