"""Label values and numbers out of messages, for the metrics that rules feed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.matching.engine import Engine
from exporter.matching.extract import LONGEST_LABEL, Sample, extractions_of
from exporter.matching.quantities import quantity
from exporter.model import FieldCondition, MetricType, Rule, RuleMetric


def sample(rule: Rule, message: bytes, **known: str) -> Sample:
    engine = Engine([rule])
    assert rule.metric is not None
    assert engine.decisions[0].matches(message)
    (extraction,) = extractions_of(engine, lambda text: text.replace("secret", "*")).values()
    return extraction.sample(message, known)


def metric(kind: MetricType = MetricType.COUNTER, value: str | None = None, **labels: str):
    return RuleMetric("m", kind, "h", tuple(labels.items()), value)


DECLINED = r"declined(?: code=(?P<code>\d+))?(?: in (?P<took>\S+))?"


def test_labels_and_value_come_from_named_groups():
    """A group that took no part gives an empty label."""
    rule = Rule("r", DECLINED, metric=metric(value="took", code="code"))
    assert sample(rule, b"declined code=51 in 12ms") == Sample(("51",), 0.012)
    assert sample(rule, b"declined in 2s") == Sample(("",), 2.0)


def test_labels_and_value_come_from_fields():
    """Of a rule on fields and of one on a regex, and the first match of the regex counts."""
    labels = {"code": "error.code", "ok": "ok"}
    rule = Rule("r", fields=(FieldCondition("msg", ("x",)),), metric=metric(value="took", **labels))
    message = b'{"msg":"x","took":1.5,"error":{"code":51},"ok":false}'
    assert sample(rule, message) == Sample(("51", "false"), 1.5)
    rule = Rule("r", '"msg"', metric=metric(value="took", **labels))
    assert sample(rule, message) == Sample(("51", "false"), 1.5)
    rule = Rule("r", "msg=", metric=metric(value="took", **labels))
    assert sample(rule, b"msg=x took=3KiB ok=yes") == Sample(("", "yes"), 3072)


def test_a_group_wins_over_what_is_known_and_that_over_a_field():
    """The nearest meaning of a name is the one that is taken."""
    rule = Rule("r", r"x(?P<a>\d)?", metric=metric(label="a"))
    assert sample(rule, b"x1 a=3", a="2").labels == ("1",)
    assert sample(rule, b"x a=3", a="2").labels == ("2",)
    assert sample(rule, b"x a=3").labels == ("3",)


def test_without_labels_and_value_a_match_is_one():
    """Nothing is read from the message then."""
    assert sample(Rule("r", "x", metric=metric()), b"x") == Sample((), 1.0)


def test_a_label_is_valid_and_bounded():
    """Bytes that are no UTF-8 are replaced, secrets taken out, and what is too long is cut."""
    rule = Rule("r", "(?P<a>x.*)", metric=metric(a="a"))
    assert sample(rule, b"x" * 1000).labels == ("x" * LONGEST_LABEL,)
    half = Rule("r", "x", metric=metric(a="a"))
    assert sample(half, b'x {"a":"\\ud800!"}').labels == ("\N{REPLACEMENT CHARACTER}!",)
    assert sample(rule, b"xsecret" * 30).labels == (("x*" * 30),)
    assert sample(rule, b"x" * 124 + b"secret").labels == ("x" * 124 + "*",)
    assert sample(half, b"x a=\xff!").labels == ("\N{REPLACEMENT CHARACTER}!",)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (MetricType.COUNTER, b"-1", None),
        (MetricType.HISTOGRAM, b"-1", None),
        (MetricType.GAUGE, b"-1", -1.0),
        (MetricType.COUNTER, b"0", 0.0),
        (MetricType.GAUGE, b"NaN", None),
        (MetricType.GAUGE, b"", None),
        (MetricType.GAUGE, b"many", None),
    ],
)
def test_what_cannot_be_taken_has_no_value(kind: MetricType, text: bytes, value: float | None):
    """What only grows takes nothing negative, and nothing takes what is no number."""
    rule = Rule("r", "x", metric=metric(kind, "v"))
    assert sample(rule, b"x v=" + text).value == value
    assert sample(rule, b"x w=1").value is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), ("1.5", 1.5), ("-3", -3), ("+3", 3), (".5", 0.5), ("5.", 5), ("1e3", 1000),
        ("1E-3", 0.001), (" 12 ", 12), ("1,234", 1234), ("1,234,567.5", 1234567.5),
        ("250ns", 250e-9), ("250us", 0.00025), ("250µs", 0.00025), ("250μs", 0.00025),
        ("12ms", 0.012), ("12 ms", 0.012), ("1.5s", 1.5), ("2m", 120), ("1h", 3600), ("1d", 86400),
        ("1.5e3ms", 1.5), ("3 seconds", 3), ("5min", 300), ("1m30.5s", 90.5), ("1h0m0s", 3600),
        ("-1m30s", -90), ("1s500ms", 1.5), ("512B", 512), ("3KB", 3000), ("3kB", 3000),
        ("3KiB", 3072), ("5MB", 5e6), ("5MiB", 5 * 2**20), ("2GB", 2e9), ("2GiB", 2**31),
        ("1TB", 1e12), ("42%", 0.42), ("0.5 %", 0.005), (1.5, 1.5), (7, 7),
    ],
)  # fmt: skip
def test_numbers_are_read_with_their_units(text: str | float, number: float):
    """Times are seconds, sizes bytes, percentages ratios; exactly what that number is."""
    assert quantity(text) == number


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", ".", "x", "1x", "12 parsecs", "1,5", "1,23", "1234,567", "0x10", "1_000", "1 2",
     "NaN", "inf", "1e999", "1.2.3", "5M", "5Mb", "30s1", "1m30", "ms", "%", "--1", "٣", "1" * 65,
     True, False, math.inf, math.nan, 10**400],
)  # fmt: skip
def test_what_is_no_number_is_none(text: object):
    """Nothing is guessed: decimal commas, unknown units and infinities are no numbers."""
    assert quantity(text) is None  # type: ignore[arg-type]


@given(st.one_of(st.text(), st.text("0123456789.,eE+-msh%kKiB µ"), st.floats(), st.integers()))
def test_a_number_is_finite_or_none(value: str | float):
    """Whatever stands there, no infinity and no NaN reaches a metric."""
    number = quantity(value)
    assert number is None or math.isfinite(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_plain_number_is_itself(value: float):
    """As Python writes a float, it is read back."""
    assert quantity(repr(value)) == value
