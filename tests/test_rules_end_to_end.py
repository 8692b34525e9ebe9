"""Rules of the configuration, from log lines on the platform to what Prometheus scrapes."""

import json
from pathlib import Path

from exporter_process import ExporterProcess, simulated
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from simulated_traffic import simulator

from exporter.simulator.state import ComponentSpec

RULES = [
    {
        "name": "request",
        "json": {"msg": ["request completed"], "http.status": "^[2-5]..$"},
        "level": "info",
        "metric": {
            "name": "shop_request_duration_seconds",
            "type": "histogram",
            "help": "How long requests took.",
            "labels": {"status": "http.status"},
            "value": "took",
            "buckets": [0.1, 1],
        },
    },
    {
        "name": "declined",
        "regex": r"payment declined: code=(?P<code>\w+)",
        "components": ["shop/web"],
        "metric": {
            "name": "shop_declined_amount_total",
            "type": "counter",
            "help": "What was declined.",
            "labels": {"code": "code"},
            "value": "amount",
            "max_series": 2,
        },
    },
    {
        "name": "sent",
        "json": {"msg": "sent"},
        "components": ["shop/mailer"],
        "metric": {"name": "shop_sent_total", "type": "counter", "help": "Mails sent."},
    },
]
REQUESTS = [
    {"msg": "request completed", "http": {"status": 200}, "took": "50ms"},
    {"msg": "request completed", "http": {"status": 200}, "took": 0.5},
    {"msg": "request completed", "http": {"status": 503}, "took": "1m"},
    {"msg": "request completed", "http": {"status": 101}, "took": "1s"},
    {"msg": "request completed", "http": {"status": 200}, "took": "long"},
]
DECLINED = [("51", 10), ("05", 2.5), ("51", 1), ("14", 4), ("41", 5)]
BUCKET = "shop_request_duration_seconds_bucket"
AMOUNT = "shop_declined_amount_total"


def test_rules_feed_metrics_from_the_log_to_the_scrape(tmp_path: Path):
    """Fields, groups, units, a bound on series; series without labels are there before a line."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("mailer")])
        config = simulated(server.api_url, patterns={"packs": [], "rules": RULES})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            before = exporter.wait_until_ready()
            assert before.series("shop_sent_total") == [({"app": "shop", "component": "mailer"}, 0)]
            assert before.series(AMOUNT) == before.series(BUCKET) == []
            assert before.value("digitalocean_app_rule_metric_overflow_total", metric=AMOUNT) == 0
            for request in REQUESTS:
                platform.write("shop", "web", 0, "INFO " + json.dumps(request))
            for code, amount in DECLINED:
                platform.write("shop", "web", 0, f"payment declined: code={code} amount={amount}")
                platform.write("shop", "mailer", 0, f"payment declined: code={code} amount=1")
            platform.write("shop", "mailer", 0, 'msg="mail was sent" to=nobody')
            samples = exporter.wait_until(
                lambda samples: samples.total("digitalocean_app_log_lines_total") == 16
            )
            answer = exporter.get("/metrics", Accept="application/openmetrics-text")
            assert exporter.terminate() == 0
    assert samples.value(BUCKET, component="web", status="200", le="0.1") == 1
    assert samples.value(BUCKET, component="web", status="200", le="+Inf") == 2
    assert samples.value("shop_request_duration_seconds_sum", status="200") == 0.55
    assert samples.value("shop_request_duration_seconds_sum", status="503") == 60
    assert {labels["status"] for labels, _ in samples.series(BUCKET)} == {"200", "503"}
    assert {labels["code"]: value for labels, value in samples.series(AMOUNT)} == {
        "51": 11,
        "05": 2.5,
        "other": 9,
    }
    assert samples.value("digitalocean_app_rule_metric_overflow_total", metric=AMOUNT) == 2
    unreadable = "digitalocean_app_rule_value_errors_total"
    assert samples.value(unreadable, metric="shop_request_duration_seconds") == 1
    assert samples.value("shop_sent_total") == 1
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert families["shop_request_duration_seconds"].type == "histogram"
    assert families["shop_declined_amount"].documentation == "What was declined."
