"""The alert rules: promtool's checks and tests of them, and the conventions it does not know."""

import re
import shutil
import subprocess
from pathlib import Path

import promql_fixtures as promql
import pytest
import yaml
from for_each import for_each
from waiting import LIMIT_SECONDS
from yaml_files import read_yaml

from exporter.notify.payloads import ALERT_NAMES

OF_USERS = {"app_component:digitalocean_app_log_age:limit"}
"""Recording rules that users may add, see the runbook of DoAppLogSilent."""

ROOT = Path(__file__).parent.parent
RULES_FILE = ROOT / "dashboards/alerts.yml"
TEST_FILES = sorted((ROOT / "tests/rules").glob("*.yml"))
RUNBOOKS = ROOT / "docs/runbooks"
RUNBOOK_URL = "https://github.com/do-app-exporter/do-app-exporter/blob/main/docs/runbooks"
GROUPS = read_yaml(RULES_FILE)["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDS = [rule for rule in RULES if "record" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})
POLL_AND_SCRAPE_SECONDS = 60
EVENTS = {
    "DoAppDeploymentFailed",
    "DoAppFencedSaves",
    "DoAppInternalErrors",
    "DoAppJobFailed",
    "DoAppLogGap",
    "DoAppNewErrorGroup",
    "DoAppRestarted",
    "DoAppRestartLoop",
    "DoAppRestartsUnread",
    "DoAppRuleMetricOverflow",
    "DoAppRuleValueErrors",
    "DoAppStateRolledBack",
}
"""Over when they are seen."""

WAITS = {
    "DoAppCanaryLinesMissing": "a gap may be announced ten minutes later",
    "DoAppCriticalMatch": "the end of the container is read a moment later",
    "DoAppReceiveRefused": "as long as the range: refusals go on",
    "DoAppReceivedUnknown": "longer than the range: lines go on coming",
    "DoAppStreamDown": "shorter than the range, beside a state that must last",
}
"""Alerts on an increase that wait, and for what."""

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

every_rule = for_each(RULES, ids=lambda rule: rule.get("alert") or rule["record"])
every_alert = for_each(ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")


def _seconds(duration: str) -> int:
    return sum(int(n) * SECONDS[unit] for n, unit in re.findall(r"(\d+)([smhd])", duration))


def _alert_cases() -> list[dict]:
    return [
        case
        for path in TEST_FILES
        for test in read_yaml(path)["tests"]
        for case in test.get("alert_rule_test", [])
    ]


def test_promtool_lints_the_rules():
    """Every rule parses, and no two are the same."""
    promql.promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES_FILE))


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_promtool_tests_the_rules(path: Path, tmp_path: Path):
    """Each alert fires with its exact labels and texts, and keeps quiet just below.

    A case sees the rules that it asks for and the records that these read: no other rule can change
    its result, and promtool evaluates every rule that it has once a minute.
    """
    text = path.read_text(encoding="utf-8")
    file, as_text = yaml.safe_load(text), yaml.load(text, yaml.BaseLoader)
    for number, case in enumerate(file["tests"]):
        # As text: 0x90 is a series of ninety zeros, and no number.
        case["input_series"] = as_text["tests"][number]["input_series"]
        rules = {"groups": [{**GROUPS[0], "rules": _rules_of(case)}]}
        alone = {**file, "rule_files": [f"rules-{number}"], "tests": [case]}
        (tmp_path / f"rules-{number}").write_text(yaml.safe_dump(rules, sort_keys=False))
        (tmp_path / f"case-{number}").write_text(yaml.safe_dump(alone))
    cases = sorted(each.name for each in tmp_path.glob("case-*"))
    promql.promtool("test", "rules", *cases, cwd=tmp_path)


def _rules_of(case: dict) -> list[dict]:
    """The alerts that a case names, or all where it asks for any, and the records they need."""
    expressions = [each["expr"] for each in case.get("promql_expr_test", [])]
    asked = {each["alertname"] for each in case.get("alert_rule_test", [])}
    for expr in expressions:
        asked.update(re.findall(r'alertname="(\w+)"', expr))
    if any(re.sub(r'ALERTS\{alertname="\w+"', "", expr).count("ALERTS") for expr in expressions):
        asked.update(NAMES)
    wanted = [rule for rule in ALERTS if rule["alert"] in asked]
    texts = expressions + [rule["expr"] for rule in wanted]
    while records := [
        rule for rule in RECORDS if rule not in wanted and any(rule["record"] in t for t in texts)
    ]:
        wanted += records
        texts = [rule["expr"] for rule in records]
    return [rule for rule in RULES if rule in wanted]


def test_amtool_accepts_the_example_of_alertmanager():
    """The configuration to start from is one that Alertmanager takes."""
    amtool = shutil.which("amtool")
    if amtool is None:
        pytest.skip("amtool is not installed (Debian package: prometheus-alertmanager)")
    result = subprocess.run(
        [amtool, "check-config", str(ROOT / "dashboards/alertmanager.example.yml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_example_of_alertmanager_names_alerts_that_exist():
    """An inhibit rule for an alert that was renamed would mute nothing."""
    text = (ROOT / "dashboards/alertmanager.example.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"DoApp\w+", text))
    assert named
    assert named <= {*NAMES, *ALERT_NAMES.values()}


def test_notes_go_elsewhere_than_to_the_pager():
    """Critical alerts reach the pager, warnings the team, notes neither of them."""
    route = yaml.safe_load((ROOT / "dashboards/alertmanager.example.yml").read_text())["route"]
    receivers = {str(each["matchers"]): each["receiver"] for each in route["routes"]}
    assert route["receiver"] == "pager"
    assert receivers["['severity=\"warning\"']"] == "team"
    assert receivers["['severity=\"info\"']"] == "notes"


@pytest.mark.parametrize("cause", ["DoAppApiUnauthorized", "DoAppApiOutage"])
def test_one_cause_of_blindness_explains_every_alert_on_apps(cause: str):
    """An alert on an app that the cause does not mute would page for data that nobody can read."""
    text = (ROOT / "dashboards/alertmanager.example.yml").read_text(encoding="utf-8")
    muted = {
        name
        for rule in yaml.safe_load(text)["inhibit_rules"]
        if f'alertname="{cause}"' in rule["source_matchers"]
        for name in re.findall(r"DoApp\w+", rule["target_matchers"][0])
    }
    on_apps = {rule["alert"] for rule in ALERTS if "var-app=" in rule["annotations"]["dashboard"]}
    on_apps |= {
        rule["alert"] for rule in ALERTS if "$labels.app " in rule["annotations"]["summary"]
    }
    assert len(on_apps) > 8
    assert muted == on_apps


@for_each(NAMES)
def test_every_alert_has_a_firing_and_a_quiet_case(name: str):
    """A rule without a test that fires, or one that does not, may be always or never true."""
    cases = [case for case in _alert_cases() if case["alertname"] == name]
    assert any(case["exp_alerts"] for case in cases)
    assert any(not case["exp_alerts"] for case in cases)


@every_alert
def test_every_severity_has_a_firing_case(rule: dict):
    """Where thresholds split an alert by severity, each half is seen firing, and alone."""
    fired = [
        [alert["exp_labels"]["severity"] for alert in case["exp_alerts"]]
        for case in _alert_cases()
        if case["alertname"] == rule["alert"]
    ]
    assert [rule["labels"]["severity"]] in fired


def test_groups_are_evaluated_at_least_once_a_minute():
    """group/interval: between 30 s and 1 m, and one group, so that records come first."""
    assert len(GROUPS) == 1
    assert all(30 <= _seconds(group["interval"]) <= 60 for group in GROUPS)


@every_alert
def test_annotations_and_severity(rule: dict):
    """alerts/annotation, rule/label: the five annotations, and one of three severities."""
    texts = {"summary", "description", "runbook_url", "dashboard", "page"}
    assert rule["annotations"].keys() == texts
    assert all(rule["annotations"].values())
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


@every_alert
def test_name_is_camel_case_with_the_prefix(rule: dict):
    """rule/name: CamelCase, as Prometheus' own practices have it."""
    assert re.fullmatch(r"DoApp([A-Z][a-z]+)+", rule["alert"])


@pytest.mark.parametrize("rule", RECORDS, ids=lambda rule: rule["record"])
def test_record_is_level_metric_operations(rule: dict):
    """rule/name: level:metric:operations."""
    assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", rule["record"])


@every_alert
def test_no_wait_that_only_delays_an_event(rule: dict):
    """rule/for: 5 m and more on what lasts; none on what is over when it is seen.

    An increase over a range stays for as long as the range: to wait within it only delays. Where
    there is a wait all the same, it is for something else to be seen, which may explain the event.
    """
    if rule["alert"] in WAITS:
        assert "for" in rule
    elif rule["alert"] in EVENTS:
        assert "for" not in rule
    else:
        assert _seconds(rule["for"]) >= 300
        assert "increase(" not in rule["expr"]


@every_alert
def test_expression_compares(rule: dict):
    """alerts/comparison: without one an alert fires whenever its series exists."""
    assert re.search(r"[<>]=?|==", rule["expr"]) or rule["expr"].startswith("absent(")
    if "absent(" in rule["expr"]:
        assert _seconds(rule["for"]) >= 900


@every_alert
def test_values_are_made_for_people(rule: dict):
    """alerts/template: no value among the labels, and in texts only through humanize."""
    assert "$value" not in str(rule["labels"])
    for text in rule["annotations"].values():
        # What a query lists are labels: that part has a test of its own.
        without_lists = re.sub(r"\{\{- with .*\{\{- end \}\}", "", text, flags=re.DOTALL)
        for template in re.findall(r"\{\{(.*?)\}\}", without_lists, re.DOTALL):
            assert re.fullmatch(
                r" (if |end|\$labels\.\w+|\$value \| humanize(Percentage|Duration)?)+ ", template
            )


@every_rule
def test_ranges_cover_two_polls(rule: dict):
    """promql/rate: a range holds two values that can differ: polls, not scrapes, make them."""
    for duration in re.findall(r"\[(\w+)\]", rule["expr"]):
        assert _seconds(duration) >= 2 * POLL_AND_SCRAPE_SECONDS


@every_rule
def test_counters_stand_in_rates_only(rule: dict):
    """promql/counter: a counter's own value says nothing."""
    assert promql.bare_counters(rule["expr"]) == set()


@every_rule
def test_metrics_and_labels_are_declared(rule: dict):
    """promql/series: every metric and label in an expression is one that the program has."""
    assert promql.metrics_of(rule["expr"]) or re.search(r"\w+:digitalocean_app", rule["expr"])
    assert promql.undeclared(rule["expr"]) == set()


def test_queries_in_texts_use_declared_metrics_and_keep_the_labels_read():
    """alerts/template: a text's query is of metrics that there are, and of the alert's own app."""
    texts = [rule["annotations"]["description"] for rule in ALERTS]
    queries = [query for text in texts for query in re.findall(r"printf `([^`]*)`", text)]
    assert len(queries) == 2
    for query in queries:
        assert promql.metrics_of(query)
        assert promql.undeclared(query.replace("%[1]q", "%q")) == set()
        for _, matchers in promql.selectors_of(query):
            assert re.findall(r"(\w+)=%", matchers)[:3] == ["job", "account", "app"]
    for text in texts:
        read = set(re.findall(r"\.Labels\.(\w+)", text))
        kept = re.findall(r"by \(([^)]*)\)", text)
        assert all(read == set(labels.split(", ")) for labels in kept)


@every_rule
def test_no_fragile_function(rule: dict):
    """promql/fragile, promql/regexp: no ranking in rules, no regular expression to no purpose."""
    assert not re.search(r"\b(topk|bottomk|limitk)\b", rule["expr"])
    assert all("|" in regex for regex in re.findall(r'[=!]~"([^"]*)"', rule["expr"]))


@every_rule
def test_keeps_job_app_and_component(rule: dict):
    """promql/aggregate: rules strip labels by name, so that job, app and component stay."""
    assert not re.search(r"\bby\s*\(", rule["expr"])
    for stripped in re.findall(r"\bwithout\s*\(([^)]*)\)", rule["expr"]):
        assert not {"job", "app", "component"} & set(re.split(r"[\s,]+", stripped))


@every_rule
def test_what_two_exporters_count_is_taken_once(rule: dict):
    """Of a pair each counts every line; what only mutes a rule may be there twice."""
    expr = " ".join(rule["expr"].split())
    merged = []
    for start in re.finditer(r"\b(?:max|min) without \(instance\b[^)]*\) ?\(", expr):
        depth, end = 1, start.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(expr[end], 0)
            end += 1
        merged.append(range(start.start(), end))
    for metric in re.finditer(r"(?<![\w:])digitalocean_app_\w+", expr):
        declared = promql.DECLARED[promql.family_of(metric[0])]
        if "app" in declared.labels and not any(metric.start() in span for span in merged):
            before = expr[: metric.start()]
            assert re.search(r"\bunless on \([^)]*\) (?:max_over_time\()?$", before), metric[0]


@every_rule
def test_records_come_before_their_use(rule: dict):
    """rule/dependency: a rule reads only records that the same group made before it."""
    before = {record["record"] for record in RULES[: RULES.index(rule)] if "record" in record}
    assert set(re.findall(r"\w+:digitalocean_app[\w:]+", rule["expr"])) <= before | OF_USERS


@every_alert
def test_runbook_exists_and_says_what_to_do(rule: dict):
    """rule/link: the page is in the repository, named like the alert, with every section.

    Whether it is worth waking for is answered with the severity: yes where it is critical.
    """
    name = rule["alert"]
    assert rule["annotations"]["runbook_url"] == f"{RUNBOOK_URL}/{name}.md"
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^#+ .*$", page, re.MULTILINE) == [
        f"# {name}",
        "## What it means",
        "## Is it worth waking for?",
        "## Look first at",
        "## Usual causes",
        "## How to fix it",
        "## How to silence it",
    ]
    assert f"alertname={name} " in page
    answer = page.partition("## Is it worth waking for?\n")[2]
    if len({each["labels"]["severity"] for each in ALERTS if each["alert"] == name}) == 1:
        assert answer.startswith("Yes. " if rule["labels"]["severity"] == "critical" else "No")


def test_runbooks_are_those_of_the_alerts():
    """No page of an alert that is gone; the index lists each alert with its severities."""
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*NAMES, "README"}
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        levels = [rule["labels"]["severity"] for rule in ALERTS if rule["alert"] == name]
        assert f"| [{name}]({name}.md) | {', '.join(levels)} |" in index


def test_links_between_runbooks_lead_somewhere():
    """Every relative link of a runbook is a file."""
    for path in RUNBOOKS.glob("*.md"):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), (path.name, link)
