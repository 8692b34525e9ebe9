"""The series that ``match`` says a log would make, against those that the exporter makes of it."""

import json
from pathlib import Path

import pytest
from exporter_process import run_command
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.samples import Sample
from rule_fixtures import Life, gauge, histogram, rule

from exporter.matching.extract import extractions_of
from exporter.model import MetricType
from exporter.workbench.series import series_of
from exporter.workbench.tally import Tally

RULES = (
    rule(max_series=2, regex=r"order (?P<id>\w+)", id="id"),
    rule("took_total", rule_name="t", value="took"),
    rule("all_total", rule_name="a", regex="."),
    gauge(rule_name="g", max_series=1, id="id"),
    rule("length", MetricType.GAUGE, "n", rule_name="h"),
    histogram(rule_name="i", max_series=3, id="id", took="n"),
    rule("took_seconds", MetricType.HISTOGRAM, "n", "x", "j", (), (0.1, 1.0), 3, id="id", took="n"),
)
WORDS = st.sampled_from(["a", "b", "c", "other", "", 'q"\\'])
NUMBERS = st.sampled_from(["1", "2.5", "12ms", "-1", "x", "1m"])
MESSAGES = st.builds(
    lambda word, n, took: f"order {word} id={word} n={n} took={took}".encode(),
    WORDS,
    NUMBERS,
    NUMBERS,
)


@given(st.lists(st.lists(MESSAGES, max_size=6), max_size=4))
def test_match_shows_the_series_of_the_exporter(parts: list[list[bytes]]):
    """However a log is cut into parts that are read apart, bounds on series among them."""
    life, tally = Life(*RULES).open(), Tally()
    extractions = extractions_of(life.engine, str)
    for messages in parts:
        part = Tally()
        for match in life.engine.scan(messages):
            extraction = extractions[match.rule]
            part.take(extraction.metric, extraction.sample(messages[match.message]))
        tally.add(part)
        life.read(*messages, second=None)
    shown = {
        name_of(sample): sample.value
        for family in life.rule_metrics.collect()
        for sample in family.samples
    }
    # Sums of fractions depend on their order.
    assert dict(series_of(RULES, tally.series)) == pytest.approx(shown)


def name_of(sample: Sample) -> str:
    """The series in the text format, without the labels of the component."""
    own = sample.labels.keys() - {"app", "component", "le"}
    order = [*sorted(own), *(sample.labels.keys() & {"le"})]
    pairs = [f"{key}={json.dumps(sample.labels[key])}" for key in order]
    return f"{sample.name}{{{','.join(pairs)}}}" if pairs else sample.name


CONFIG = """
patterns:
  packs: []
  rules:
    - name: request
      json: {msg: [done], took: ''}
      metric:
        {name: took_seconds, type: histogram, help: h, value: took, labels: {code: code},
         buckets: [1]}
    - name: other
      regex: never
      metric: {name: never_total, type: counter, help: h}
"""
LOG = """\
web 2026-11-24T07:00:00.000000000Z {"msg":"done","code":200,"took":"12ms"}
web 2026-11-24T07:00:01.000000000Z {"msg":"done","code":200,"took":"soon"}
msg=done took=2s
"""


def test_the_command_shows_them_in_both_forms(tmp_path: Path):
    """JSON has them under their names, the table below the patterns."""
    config, log = tmp_path / "config.yml", tmp_path / "app.log"
    config.write_text(CONFIG)
    log.write_text(LOG)
    done = run_command("match", f"--config.file={config}", "--format=json", str(log))
    result = json.loads(done.stdout)
    assert result["patterns"] == {"request": 3, "other": 0}
    assert result["series"] == {
        'took_seconds_bucket{code="200",le="1.0"}': 1,
        'took_seconds_bucket{code="200",le="+Inf"}': 1,
        'took_seconds_sum{code="200"}': 0.012,
        'took_seconds_count{code="200"}': 1,
        'took_seconds_bucket{code="",le="1.0"}': 0,
        'took_seconds_bucket{code="",le="+Inf"}': 1,
        'took_seconds_sum{code=""}': 2,
        'took_seconds_count{code=""}': 1,
        "never_total": 0,
    }
    for flags in ((), ("--show",)):
        table = run_command("match", f"--config.file={config}", *flags, str(log)).stdout
        lines = [line.split() for line in table.splitlines()]
        assert ['took_seconds_sum{code="200"}', "0.012"] in lines
        assert "1 matches gave took_seconds no number that it takes." in table
