"""The dashboards: the JSON is what the code writes, and keeps the rules of dashboard-linter."""

import re
import subprocess
import sys
from itertools import pairwise

import promql_fixtures as promql
import pytest
import yaml
from dashboard_fixtures import ANNOTATIONS, BOARDS, FILES, PANELS, ROOT, panels_of, variables
from for_each import for_each
from waiting import LIMIT_SECONDS

from exporter.telemetry.metrics import Metrics

UIDS = {
    "component.json": "do-app-component",
    "exporter.json": "do-app-exporter",
    "overview.json": "do-app-overview",
}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
OTHERS = frozenset(
    {
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
    }
)
"""Metrics of the client library, and of Prometheus itself."""
UNITS = {"short", "s", "bytes", "Bps", "cps", "reqps", "percentunit", "dateTimeFromNow"}
MIN_STEP_SECONDS = 60

TARGETS = [
    pytest.param(target["expr"], id=f"{case.id}-{target['refId']}")
    for case in PANELS
    for target in case.values[0]["targets"]
] + [pytest.param(case.values[0]["expr"], id=f"{case.id}-annotation") for case in ANNOTATIONS]

RECORDED = re.compile(r"app_component:digitalocean_app_\w+:\w+")
"""What recording rules of the project made: it has no instance."""

OF_ACCOUNTS = {promql.DECLARED[each.name] for each in Metrics.declarations()}
"""The metrics that have the label of an account where accounts have names."""

every_board = for_each(FILES)
every_panel = for_each(PANELS)
every_annotation = for_each(ANNOTATIONS)
every_target = for_each(TARGETS)


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


def test_committed_files_are_what_the_code_writes(tmp_path):
    """`python -m dashboards.build` changes nothing, and writes no other file."""
    subprocess.run(
        [sys.executable, "-m", "dashboards.build", f"--output-dir={tmp_path}"],
        cwd=ROOT,
        check=True,
        timeout=LIMIT_SECONDS,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == list(FILES)
    for name in FILES:
        written = (tmp_path / name).read_text(encoding="utf-8")
        assert (ROOT / "dashboards" / name).read_text(encoding="utf-8") == written, name


@every_board
def test_dashboard_is_fixed(name: str):
    """uneditable-dashboard: read-only, with a uid that stays and no inputs asked at import."""
    board = BOARDS[name]
    assert board["editable"] is False
    assert board["uid"] == UIDS[name]
    assert "__inputs" not in board
    assert board.get("id") is None
    assert board["title"].startswith("DigitalOcean App Platform / ")
    assert board["description"]


@every_board
def test_datasource_variable(name: str):
    """template-datasource-rule: exactly one, named and labelled as the linter asks."""
    found = [v for v in variables(name).values() if v["type"] == "datasource"]
    assert [(v["name"], v["label"], v["query"]) for v in found] == [
        ("datasource", "Data source", "prometheus")
    ]


@every_board
def test_queryvariables(name: str):
    """template-job-rule, -instance-rule, -on-time-change-reload-rule: five, multi, all `.+`.

    `All` of the accounts is what has no account as well. Where the pages are is hidden.
    """
    variables = [v for v in BOARDS[name]["templating"]["list"] if v["type"] == "query"]
    *chosen, pages = variables
    assert [v["name"] for v in chosen] == ["job", "instance", "account", "app", "component"]
    assert (pages["name"], pages["hide"]) == ("external_url", 2)
    for variable in chosen:
        assert variable["label"] == variable["name"].capitalize()
        assert variable["multi"] is True
        assert variable["includeAll"] is True
        assert variable["allValue"] == (".*" if variable["name"] == "account" else ".+")
        assert variable["refresh"] == 2
        assert variable["datasource"] == DATASOURCE


@every_board
def test_query_variables_narrow_one_another(name: str):
    """template-label-promql-rule: label_values over a declared metric that has the label."""
    for variable in variables(name).values():
        if variable["type"] != "query" or variable["name"] == "external_url":
            continue
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
        assert match
        assert match[2] == variable["name"]
        assert promql.metrics_of(match[1])
        assert promql.undeclared(match[1]) == set()
        names = list(variables(name))
        earlier = names[1 : names.index(variable["name"])]
        assert re.findall(r'(\w+)=~"\$(\w+)"', match[1]) == [(label, label) for label in earlier]


@every_panel
def test_panel_says_what_it_shows(panel: dict):
    """panel-title-description-rule, panel-units-rule, panel-no-targets-rule."""
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["targets"]


@every_panel
def test_panel_reads_the_chosen_datasource(panel: dict):
    """panel-datasource-rule, for every kind of panel; no query has one of its own."""
    assert panel["datasource"] == DATASOURCE
    assert all("datasource" not in target for target in panel["targets"])


@every_panel
def test_panel_steps_no_finer_than_a_poll(panel: dict):
    """Between two polls a counter stands still: $__rate_interval follows the minimum step."""
    assert _seconds(panel["interval"]) >= MIN_STEP_SECONDS
    for target in panel["targets"]:
        if "interval" in target:
            assert _seconds(target["interval"]) >= MIN_STEP_SECONDS
        elif "$__rate_interval" in target["expr"]:
            assert _seconds(panel["interval"]) >= 2 * MIN_STEP_SECONDS


@every_panel
def test_lines_have_names(panel: dict):
    """A line is named by labels that its query keeps, not by the whole label set."""
    if panel["type"] != "timeseries":
        return
    for target in panel["targets"]:
        labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert labels
        # What stands behind `and on` only chooses.
        kept = promql.outer_groups(target["expr"].partition(" and on ")[0])
        for group in kept:
            assert labels <= group
        if not kept:
            assert labels - {"account"} == {"instance"}


@every_annotation
def test_annotations_say_what_happened_to_whom(annotation: dict):
    """On from the start, of the chosen data source, named by labels that its query keeps."""
    assert annotation["enable"] is True
    assert annotation["datasource"] == DATASOURCE
    labels = set(re.findall(r"\{\{(\w+)\}\}", annotation["titleFormat"]))
    kept = promql.outer_groups(annotation["expr"])
    assert kept == [labels]
    # Grafana wants milliseconds where the value is the time of the event.
    assert annotation["useValueForTime"] == annotation["expr"].startswith("1000 * ")
    assert annotation["useValueForTime"] == ("_timestamp_seconds{" in annotation["expr"])


def test_restarts_are_annotated_with_their_reasons():
    """Overview and component show restarts by reason, and deployments, over every graph."""
    for name in ("overview.json", "component.json"):
        titles = {a["name"]: a["titleFormat"] for a in BOARDS[name]["annotations"]["list"]}
        assert list(titles) == [
            "Restarts",
            "Deployments",
            "Failed deployments",
            "Failed jobs",
            "Autoscaling",
        ]
        assert titles["Restarts"] == "{{account}} {{app}}/{{component}} restarted: {{reason}}"


@every_board
def test_panels_neither_overlap_nor_leave_the_grid(name: str):
    """Every panel has a place of its own in the 24 columns, and an id of its own."""
    panels = BOARDS[name]["panels"]
    numbers = [panel["id"] for panel in panels_of(name)]
    assert numbers == list(range(1, len(numbers) + 1))
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        own = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not own & cells, panel["title"]
        cells |= own
    tops = [panel["gridPos"]["y"] for panel in panels]
    assert all(first <= second for first, second in pairwise(tops))


@every_target
def test_selectors_follow_thevariables(expr: str):
    """target-job-rule, target-instance-rule: in every selector; app and component where it can."""
    if "ALERTS{" in expr:
        assert 'ALERTS{job=~"$job", ' in expr
        return
    if RECORDED.search(expr):
        recorded = '{job=~"$job", account=~"$account", app=~"$app", component=~"$component"}'
        assert recorded in expr
        return
    selectors = promql.selectors_of(expr)
    assert selectors
    for metric, matchers in selectors:
        parts = matchers.split(", ")
        assert parts[:2] == ['job=~"$job"', 'instance=~"$instance"']
        family = promql.DECLARED.get(promql.family_of(metric))
        assert ('account=~"$account"' in parts) == (family in OF_ACCOUNTS)
        for label in ("app", "component"):
            has = family is not None and label in family.labels
            assert (f'{label}=~"${label}"' in parts) == has


@every_target
def test_metrics_and_labels_are_declared(expr: str):
    """Every metric and label is one that the program, its client library, or Prometheus shows."""
    assert promql.undeclared(expr, others=OTHERS) == set()


@every_target
def test_counters_stand_in_rates_only(expr: str):
    """target-counter-agg-rule, whatever selector follows the counter's name."""
    assert promql.bare_counters(expr) == set()


@every_target
def test_rates_follow_the_resolution(expr: str):
    """target-rate-interval-rule: rates over $__rate_interval, increases over what is shown."""
    ranges = re.findall(r"(\w+)\([\w]+\{[^}]*\}\[([^\]]+)\]", expr)
    assert len(ranges) == expr.count("[")
    for function, duration in ranges:
        if function in ("rate", "irate"):
            assert duration == "$__rate_interval"
        else:
            assert duration in ("$__range", "$__rate_interval")


def test_every_expression_parses(tmp_path):
    """target-promql-rule: promtool takes each query, its variables filled in."""
    rules = []
    for number, case in enumerate(TARGETS):
        expr = re.sub(r"\$__(rate_interval|range|interval)", "5m", case.values[0])
        expr = re.sub(r"\$\w+", ".+", expr)
        rules.append({"record": f"dashboard:target:{number}", "expr": expr})
    path = tmp_path / "targets.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "targets", "rules": rules}]}))
    promql.promtool("check", "rules", "--lint=all", "--lint-fatal", str(path))


@every_target
def test_accounts_are_kept_apart(expr: str):
    """Accounts may have apps of one name, and shares of one number: who keeps those keeps these."""
    for kept in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr):
        labels = kept.split(", ")
        assert bool({"app", "share"} & set(labels)) == ("account" in labels)


def test_overview_is_read_at_a_glance():
    """Five graphs at most, and in each of them five lines at most, whatever the time shown."""
    graphs = [p for p in BOARDS["overview.json"]["panels"] if p["type"] == "timeseries"]
    assert 0 < len(graphs) <= 5
    for panel in graphs:
        assert len(panel["targets"]) == 1
        ranked = panel["targets"][0]["expr"].partition(" and topk(5, ")[2]
        # Ranked once, at the end: a ranking per step lets ever new series in.
        assert "@ end()" in ranked, panel["title"]


@every_board
def test_links_lead_to_the_others_and_to_the_runbooks(name: str):
    """From each dashboard to the other two, with time and variables, and to the runbooks."""
    links = BOARDS[name]["links"]
    inner = [link for link in links if link["url"].startswith("/d/")]
    assert {link["url"] for link in inner} == {
        f"/d/{uid}" for other, uid in UIDS.items() if other != name
    }
    assert all(link["keepTime"] and link["includeVars"] for link in inner)
    outer = [link["url"] for link in links if link not in inner]
    assert len(outer) == 1
    assert outer[0].endswith("/blob/main/docs/runbooks/README.md")
    assert (ROOT / "docs/runbooks/README.md").exists()


def test_a_component_leads_to_its_page_at_the_exporter():
    """From both tables of the overview, to the address of `web.external_url`."""
    for title in ("Firing alerts", "Components"):
        [panel] = [p.values[0] for p in PANELS if p.id == f"overview.json-{title}"]
        [override] = [
            each
            for each in panel["fieldConfig"]["overrides"]
            if each["matcher"]["options"] == "component"
        ]
        urls = [link["url"] for link in override["properties"][0]["value"]]
        assert urls[0].startswith("/d/do-app-component?")
        assert urls[1] == (
            "${external_url}/components/${__data.fields.app}/${__data.fields.component}"
            "?account=${__data.fields.account}"
        )


def test_every_alert_is_explained_by_a_panel_that_leads_to_its_runbook():
    """From the alert to the dashboard that it names, and there on to the runbook."""
    dashboard_of = {name: f"/d/{uid}" for name, uid in UIDS.items()}
    linked: dict[str, set[str]] = {}
    for case in PANELS:
        name = case.id.partition("-")[0]
        for link in case.values[0].get("links", ()):
            folder, _, page = link["url"].rpartition("/")
            assert folder.endswith("/blob/main/docs/runbooks")
            assert (ROOT / "docs/runbooks" / page).exists()
            assert link["targetBlank"] is True
            linked.setdefault(page.removesuffix(".md"), set()).add(dashboard_of[name])
    groups = yaml.safe_load((ROOT / "dashboards/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in groups[0]["rules"]:
        if "alert" in rule:
            named = rule["annotations"]["dashboard"].partition("?")[0]
            assert named in linked[rule["alert"]], rule["alert"]


def test_alerts_lead_to_dashboards_that_exist():
    """An alert's `dashboard` is the path of one of these, with variables that it has."""
    groups = yaml.safe_load((ROOT / "dashboards/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in groups[0]["rules"]:
        if "alert" not in rule:
            continue
        path, _, query = rule["annotations"]["dashboard"].partition("?")
        assert path in {f"/d/{uid}" for uid in UIDS.values()}
        for variable, label in re.findall(r"var-(\w+)=\{\{ \$labels\.(\w+) \}\}", query):
            assert variable == label
            assert variable in variables("component.json")


def test_what_most_do_not_use_is_folded():
    """Those rows of the exporter's dashboard would be empty; their panels are there."""
    rows = [panel for panel in BOARDS["exporter.json"]["panels"] if panel["type"] == "row"]
    hidden = {row["title"]: row["panels"] for row in rows if row["collapsed"]}
    assert set(hidden) == {"Receiving", "Canary", "Replicas", "Metrics of rules"}
    assert all(hidden.values())
    assert all("panels" not in row or not row["panels"] for row in rows if not row["collapsed"])


def test_runbooks_name_panels_that_exist():
    """`*Panel* on the exporter dashboard` is the title of a panel there."""
    titles = {panel["title"] for name in BOARDS for panel in panels_of(name)}
    elsewhere = {"Activity", "Rollback", "API", "Status > Targets"}
    for path in (ROOT / "docs/runbooks").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        named = set(re.findall(r"(?<![*\w])\*([A-Z][^*\n]*)\*(?!\*)", text))
        assert named <= titles | elsewhere, path.name


def test_only_alerts_are_excused_from_a_rule_of_the_linter():
    """The file for dashboard-linter names the one panel whose query drops the instance, and why."""
    text = (ROOT / "dashboards/.lint").read_text(encoding="utf-8")
    [(rule, excused)] = yaml.safe_load(text)["exclusions"].items()
    assert rule == "target-instance-rule"
    assert excused["reason"]
    without = [
        {"dashboard": BOARDS[case.id.partition("-")[0]]["title"], "panel": case.values[0]["title"]}
        for case in PANELS
        if any('instance=~"$instance"' not in t["expr"] for t in case.values[0]["targets"])
    ]
    assert excused["entries"] == without


def test_recorded_metrics_are_those_of_the_rules():
    """A panel of what a rule recorded names a rule that is there."""
    groups = yaml.safe_load((ROOT / "dashboards/alerts.yml").read_text(encoding="utf-8"))["groups"]
    records = {rule.get("record") for rule in groups[0]["rules"]}
    named = {name for case in TARGETS for name in RECORDED.findall(case.values[0])}
    assert named
    assert named <= records


def test_every_metric_is_shown_somewhere():
    """Each metric of the reference is in a panel, or is known to be for joins and alerts."""
    shown = {
        promql.family_of(name) for case in TARGETS for name in promql.metrics_of(case.values[0])
    }
    for_joins_and_alerts = {
        "digitalocean_app_spec_info",
        "digitalocean_app_component_info",
        "digitalocean_app_component_dormant",
        "digitalocean_app_exporter_web_info",
        "digitalocean_app_job_running",
        "digitalocean_app_api_ratelimit_reset_timestamp_seconds",
    }
    assert set(promql.DECLARED) - shown <= for_joins_and_alerts


@every_target
def test_what_two_exporters_count_is_not_added(expr: str):
    """A sum is over apps that are taken once, however many exporters watch them."""
    for summed in re.finditer(r"\b(?:sum|avg|count)(?: by \(([^)]*)\))? ?\(", expr):
        rest = expr[summed.end() :]
        metric = re.search(r"\bdigitalocean_\w+", rest)
        if metric is None or "instance" in (summed[1] or "").split(", "):
            continue
        declared = promql.DECLARED.get(promql.family_of(metric[0]))
        if declared is not None and "app" in declared.labels:
            assert rest.lstrip("(").startswith("max ")
