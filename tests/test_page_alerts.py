"""How alerts stand, by a real Prometheus that has the project's rules, and what is said without."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests
import requests_mock
import yaml
from monitoring_servers import prometheus
from programs import requires
from waiting import LIMIT_SECONDS
from web_fixtures import get, serving

from exporter.commands.children import RULES, prometheus_configuration
from exporter.errors import PrometheusError
from exporter.web.pages.alerts import Alert, Alerts

URL = "http://prometheus.example:9090"


def rule(name: str, state: str, *summaries: str) -> dict[str, object]:
    alerts = [{"annotations": {"summary": summary}, "labels": {}} for summary in summaries]
    annotations = {"runbook_url": f"https://example.com/{name}"}
    return {"name": name, "state": state, "alerts": alerts, "annotations": annotations}


def answer(*rules: Mapping[str, object]) -> str:
    return json.dumps({"status": "success", "data": {"groups": [{"rules": list(rules)}]}})


def test_own_alerts_stand_in_order_of_need():
    """What fires comes first, and rules of others are left out."""
    text = answer(
        rule("DoAppLogGap", "inactive"),
        rule("Watchdog", "firing", "always"),
        rule("DoAppRestarted", "firing", "shop/web restarted", "shop/mail restarted"),
        rule("DoAppLogUnreadable", "pending", "shop/web cannot be read"),
    )
    with requests_mock.Mocker() as mocker:
        mocker.get(f"{URL}/api/v1/rules?type=alert", text=text)
        found = Alerts(URL, requests.Session()).standing()
    assert found == [
        Alert(
            "DoAppRestarted",
            "firing",
            ("shop/web restarted", "shop/mail restarted"),
            "https://example.com/DoAppRestarted",
        ),
        Alert(
            "DoAppLogUnreadable",
            "pending",
            ("shop/web cannot be read",),
            "https://example.com/DoAppLogUnreadable",
        ),
        Alert("DoAppLogGap", "inactive", (), "https://example.com/DoAppLogGap"),
    ]


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ({"status_code": 500}, "prometheus.example:9090 answers with status 500"),
        ({"text": "<html>"}, "prometheus.example:9090 does not answer as a Prometheus does"),
        ({"text": "[]"}, "prometheus.example:9090 does not answer as a Prometheus does"),
        ({"exc": requests.ConnectTimeout}, "no connection to prometheus.example:9090"),
        ({"exc": requests.ReadTimeout}, "prometheus.example:9090 does not answer in time"),
    ],
)
def test_what_cannot_be_told_says_why(reply: Mapping[str, object], problem: str):
    """Nothing there and no answer never look alike."""
    with requests_mock.Mocker() as mocker:
        mocker.get(f"{URL}/api/v1/rules", **reply)
        with pytest.raises(PrometheusError) as raised:
            Alerts(URL, requests.Session()).standing()
    assert str(raised.value) == problem


def test_without_a_prometheus_there_is_no_such_page():
    """Neither the page nor a link to it."""
    with serving() as base:
        assert get(f"{base}/alerts").status_code == 404
        assert "Alerts" not in get(f"{base}/").text


def test_page_says_why_alerts_cannot_be_told():
    """The overview links there, and the page names the host and the key to look at."""
    alerts = Alerts("http://127.0.0.1:1", requests.Session())
    with serving(alerts=alerts) as base:
        assert 'href="./alerts"' in get(f"{base}/").text
        page = get(f"{base}/alerts")
    assert page.status_code == 200
    assert "They cannot be told: no connection to 127.0.0.1:" in page.text
    assert "web.prometheus_url" in page.text


@requires("prometheus")
def test_a_real_prometheus_tells_how_each_alert_stands(tmp_path: Path):
    """Every alert of the rules file is on the page with a state."""
    names = {
        entry["alert"]
        for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
        for entry in group["rules"]
        if "alert" in entry
    }
    with (
        prometheus(tmp_path, prometheus_configuration("127.0.0.1:1", None)) as server,
        serving(alerts=Alerts(f"http://{server.address}", requests.Session())) as base,
    ):
        text = server.wait_for(
            lambda: "DoApp" in (page := get(f"{base}/alerts").text) and page, LIMIT_SECONDS
        )
    assert all(f">{name}</a>" in text for name in names)
    assert "How Prometheus says that they stand" in text
