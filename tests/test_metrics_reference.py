"""The metrics' names, and the page that lists them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import promql_fixtures as promql
import pytest
import yaml
from for_each import for_each
from prometheus_client import CollectorRegistry, generate_latest
from waiting import LIMIT_SECONDS

from exporter.telemetry.declarations import IDENTITY, Declaration, Owner
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.program_metrics import all_declarations

ROOT = Path(__file__).parent.parent
DECLARATIONS = all_declarations()
PREFIX = "digitalocean_app_"
RESERVED_LABELS = {
    *("type", "le", "quantile", "job", "instance", "region", "zone", "cluster", "service"),
    *("env", "environment", "stage", "owner", "customer", "team", "dc", "az", "severity"),
}
OTHER_UNITS = re.compile(
    r"_(ms|millis|milliseconds|minutes|hours|days|percent|kb|mb|kilobytes|megabytes)(_|$)"
)

every_metric = for_each(DECLARATIONS, ids=lambda metric: metric.name)


def _generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "docs/generate.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )


def test_committed_page_is_what_the_generator_writes():
    """docs/metrics.md cannot drift from the declarations."""
    result = _generate("--check")
    assert "metrics.md" not in result.stderr
    assert result.returncode == 0, result.stderr


def test_track_record_names_tests_that_exist():
    """Each defect stands there with the test that holds it, once."""
    page = (ROOT / "docs/track-record.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `(test_\w+\.py)`: `(test_\w+)` \|", page)
    assert len(rows) == len(set(rows)) == page.count("\n| ") - 2
    for file, test in rows:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_page_lists_every_metric_once_with_its_type_labels_and_help():
    """Each declaration is one whole row of the page."""
    lines = (ROOT / "docs/metrics.md").read_text(encoding="utf-8").splitlines()
    for metric in DECLARATIONS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        row = f"| `{metric.name}` | {metric.type} | {labels} | {metric.help} |"
        assert lines.count(row) == 1, row


def test_check_fails_on_a_page_that_differs(tmp_path):
    """--check names the page that is out of date, exits with 1, and writes nothing."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    page = tmp_path / "docs/metrics.md"
    changed = page.read_text(encoding="utf-8").replace("Log lines counted", "Lines counted")
    page.write_text(changed, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, tmp_path / "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert result.returncode == 1
    assert "docs/metrics.md is not what docs/generate.py writes" in result.stderr
    assert page.read_text(encoding="utf-8") == changed


def test_queries_of_the_page_parse_and_name_declared_metrics(tmp_path):
    """What a reader copies from the page works: it parses, and has our metrics and labels."""
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    queries = re.findall(r"^```promql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(queries) >= 3
    for query in queries:
        assert promql.metrics_of(query)
        assert promql.undeclared(query) == set()
    rules = [{"record": f"page:query:{n}", "expr": query} for n, query in enumerate(queries)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "page", "rules": rules}]}))
    promql.promtool("check", "rules", str(path))


def test_names_are_unique():
    """No name is declared twice."""
    names = [metric.name for metric in DECLARATIONS]
    assert sorted(set(names)) == sorted(names)


@every_metric
def test_name_is_snake_case_behind_the_prefix(metric: Declaration):
    """N1, N2: one prefix, lower case, no colon; labels without leading underscores."""
    assert re.fullmatch(rf"{PREFIX}[a-z][a-z0-9]*(_[a-z0-9]+)*", metric.name)
    for label in metric.labels:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", label)


@every_metric
def test_counters_and_only_counters_end_in_total(metric: Declaration):
    """N3: `_total` says counter; the suffixes of histograms belong to histograms."""
    assert metric.name.endswith("_total") == (metric.type == "counter")
    assert not metric.name.endswith(("_sum", "_count", "_bucket", "_created"))


@every_metric
def test_units_are_base_units_at_the_end(metric: Declaration):
    """N4: seconds, bytes and ratios, as the last word before `_total`."""
    assert not OTHER_UNITS.search(metric.name)
    name = metric.name.removesuffix("_total")
    for unit in ("seconds", "bytes", "ratio"):
        assert f"_{unit}_" not in name
    if metric.type == "histogram":
        assert name.endswith(("_seconds", "_bytes"))


@every_metric
def test_times_are_timestamps_in_seconds(metric: Declaration):
    """N5: a moment is a `_timestamp_seconds` gauge; no metric is an age."""
    if "timestamp" in metric.name:
        assert metric.name.endswith("_timestamp_seconds")
        assert metric.type == "gauge"
    assert not re.search(r"_(age|ago|since|time)(_|$)", metric.name)


@every_metric
def test_info_metrics_are_gauges_with_labels(metric: Declaration):
    """N6: `_info` is a gauge of value 1, and what it tells is in its labels."""
    if metric.name.endswith("_info"):
        assert metric.type == "gauge"
        assert metric.labels
        assert metric.help.startswith("Always 1")


@every_metric
def test_name_does_not_repeat_a_label(metric: Declaration):
    """N7: no `_by_`, and no label's name at the end of the metric's name."""
    assert "_by_" not in metric.name
    for label in metric.labels:
        assert not metric.name.removesuffix("_total").endswith(f"_{label}")


@every_metric
def test_labels_leave_those_of_prometheus_alone(metric: Declaration):
    """N8, N9: no label that Prometheus, a scrape configuration or an alert sets itself."""
    assert not RESERVED_LABELS & set(metric.labels)
    assert len(set(metric.labels)) == len(metric.labels)


@every_metric
def test_help_is_one_sentence(metric: Declaration):
    """N20: every metric says what it is, and fits a row of a table."""
    assert metric.help.endswith(".")
    assert "|" not in metric.help
    assert "\n" not in metric.help


@every_metric
def test_labels_of_the_owner_stand_first(metric: Declaration):
    """A series about a component or an app goes with it, which its first labels name."""
    about = [label for label in metric.labels if label in IDENTITY]
    assert tuple(about) == metric.labels[: len(about)] == IDENTITY[: len(about)]
    owners = (Owner.ACCOUNT, Owner.APP, Owner.COMPONENT)
    assert metric.owner is owners[len(about)]


@pytest.mark.parametrize(
    ("owner", "labels"),
    [(Owner.COMPONENT, ("shop", "web")), (Owner.APP, ("shop",))],
)
def test_closing_an_owner_removes_its_series_and_no_others(owner, labels):
    """Whatever is declared of a component or app goes with it, and nothing of another one's."""
    metrics = Metrics(CollectorRegistry())
    left = set()
    for declaration in metrics.declarations():
        for identity in (("shop", "web"), ("shop", "jobs"), ("blog", "web")):
            rest = [label for label in declaration.labels if label not in IDENTITY]
            about = identity[: len(declaration.labels) - len(rest)]
            if declaration.labels:
                metrics.metric(declaration).labels(*about, *("x" for _ in rest))
            if declaration.labels and (declaration.owner, about) != (owner, labels):
                left.add((declaration.name, (*about, *("x" for _ in rest))))
    metrics.close(owner, *labels)
    found = {
        (declaration.name, tuple(series.labels[name] for name in declaration.labels))
        for declaration in metrics.declarations()
        if declaration.labels
        for family in metrics.metric(declaration).collect()
        for series in family.samples
    }
    assert found == left


def test_promtool_finds_nothing():
    """promtool check metrics is silent over one sample of every metric."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package: prometheus)")
    registry = CollectorRegistry()
    for declaration in DECLARATIONS:
        metric = declaration.build(registry)
        if declaration.labels:
            metric.labels(*("x" for _ in declaration.labels))
    text = generate_latest(registry)
    for metric in DECLARATIONS:
        family = metric.name + ("_count" if metric.type == "histogram" else "")
        assert re.search(rf"^{family}[ {{]".encode(), text, re.MULTILINE), metric.name
    result = subprocess.run(
        [promtool, "check", "metrics"],
        input=text,
        capture_output=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
