"""The Helm chart, rendered by Helm: valid objects, the project's own rules and dashboards."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from deployed_configuration import is_good

from exporter.config.flags import STATE_URL_VARIABLE

ROOT = Path(__file__).parent.parent
CHART = ROOT / "deploy" / "kubernetes" / "do-app-exporter"
DASHBOARDS = tuple((ROOT / "dashboards").glob("*.json"))
HELM = ROOT / "build" / "tools" / "helm"

pytestmark = pytest.mark.skipif(not HELM.exists(), reason="Helm is not in build/tools")

NEEDED = ("image.repository=registry.example.com/exporter", "token.existingSecret=do")
"""What has to be said."""

EVERYTHING = (
    *NEEDED,
    "serviceMonitor.enabled=true",
    "prometheusRule.enabled=true",
    "dashboards.enabled=true",
)


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HELM, *arguments], capture_output=True, text=True, check=False)


def render(*values: str, files: tuple[Path, ...] = ()) -> dict[str, dict[str, Any]]:
    """The chart's objects by kind, the ConfigMap of dashboards as `Dashboards`."""
    settings = [part for value in values for part in ("--set", value)]
    settings += [part for file in files for part in ("--values", str(file))]
    rendered = helm("template", "watch", str(CHART), *settings)
    assert rendered.returncode == 0, rendered.stderr
    objects = [item for item in yaml.safe_load_all(rendered.stdout) if item]
    kinds = [
        "Dashboards" if item["metadata"]["name"].endswith("-dashboards") else item["kind"]
        for item in objects
    ]
    assert len(set(kinds)) == len(kinds)
    return dict(zip(kinds, objects, strict=True))


def test_chart_passes_lint():
    """Helm's own linter finds no fault."""
    linted = helm(
        "lint",
        "--strict",
        str(CHART),
        "--set",
        "image.repository=r",
        "--set",
        "token.existingSecret=do",
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_objects_are_valid_kubernetes():
    """Each object of Kubernetes itself fits the published schema, strictly."""
    objects = render(*EVERYTHING, "webConfig.existingSecret=web", "config.logs.interval=30s")
    for kind in ("ConfigMap", "StatefulSet", "Service", "Dashboards"):
        kubernetes_validate.validate(objects.pop(kind), "1.30", strict=True)
    assert set(objects) == {"ServiceMonitor", "PrometheusRule"}


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PrometheusRule"])
def test_objects_of_the_operator_are_valid(kind: str):
    """The Prometheus Operator's models take them, and drop nothing."""
    # Takes seconds to import.
    from cloudcoil.models.prometheus_operator import v1 as operator

    given = render(*EVERYTHING)[kind]
    parsed = getattr(operator, kind).model_validate(given)
    dumped = parsed.model_dump(by_alias=True, exclude_none=True, mode="json")
    assert dumped["spec"] == given["spec"]


def test_rules_are_the_projects_own():
    """The PrometheusRule holds what dashboards/alerts.yml does, templates untouched."""
    rules = yaml.safe_load((ROOT / "dashboards" / "alerts.yml").read_text(encoding="utf-8"))
    assert render(*EVERYTHING)["PrometheusRule"]["spec"] == rules


def test_runbooks_can_be_elsewhere():
    """The links of alerts and of panels go where the values say, and nowhere else."""
    objects = render(*EVERYTHING, "runbookUrl=https://wiki.example.com/runbooks/")
    text = yaml.safe_dump([objects["PrometheusRule"], objects["Dashboards"]], width=1000)
    assert "https://wiki.example.com/runbooks/DoAppRestarted.md" in text
    assert "blob/main/docs/runbooks" not in text


def test_dashboards_are_the_projects_own():
    """The ConfigMap holds every dashboard, under the label that Grafana's sidecar looks for."""
    found = render(*EVERYTHING)["Dashboards"]
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    boards = {f"do-app-{file.name}": json.loads(file.read_text()) for file in DASHBOARDS}
    assert len(boards) >= 3
    assert {name: json.loads(text) for name, text in found["data"].items()} == boards


def test_monitor_finds_the_service():
    """What the ServiceMonitor selects is the Service, and what that selects is the pod."""
    objects = render(*EVERYTHING)
    monitor, service = objects["ServiceMonitor"]["spec"], objects["Service"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    (port,) = service["spec"]["ports"]
    assert endpoint["port"] == port["name"]
    pod = objects["StatefulSet"]["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    (container,) = pod["spec"]["containers"]
    assert [p["name"] for p in container["ports"]] == [port["targetPort"]]


def test_configuration_is_good_and_keeps_what_the_values_say(tmp_path: Path):
    """`check` takes the rendered configuration; the chart lays its own paths over the values."""
    objects = render(*EVERYTHING, "config.logs.interval=30s", "config.discovery.exclude={blog}")
    config = yaml.safe_load(objects["ConfigMap"]["data"]["config.yml"])
    assert config == {
        "digitalocean": {"token_file": "/run/secrets/do-app-exporter/token"},
        "discovery": {"exclude": ["blog"]},
        "logs": {"interval": "30s"},
        "state": {"url": "sqlite:///var/lib/do-app-exporter/state.db"},
        "web": {"listen_addresses": [":10046"]},
    }
    assert is_good(config, tmp_path)


def test_without_persistence_nothing_is_kept():
    """No volume claim, no mount and no state in the configuration."""
    objects = render(*NEEDED, "persistence.enabled=false")
    assert "state" not in yaml.safe_load(objects["ConfigMap"]["data"]["config.yml"])
    spec = objects["StatefulSet"]["spec"]
    assert "volumeClaimTemplates" not in spec
    mounts = spec["template"]["spec"]["containers"][0]["volumeMounts"]
    assert [mount["name"] for mount in mounts] == ["config", "token"]


ACCOUNTS = (
    NEEDED[0],
    "accounts[0].name=shop",
    "accounts[0].existingSecret=shop-token",
    "accounts[1].name=blog",
    "accounts[1].existingSecret=tokens",
    "accounts[1].key=blog",
)


def test_several_accounts_have_a_token_file_each(tmp_path: Path):
    """The configuration names the files that the Secrets are mounted as."""
    objects = render(*ACCOUNTS)
    config = yaml.safe_load(objects["ConfigMap"]["data"]["config.yml"])
    assert "digitalocean" not in config
    files = {account["name"]: account["token_file"] for account in config["accounts"]}
    spec = objects["StatefulSet"]["spec"]["template"]["spec"]
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "token"]
    mounts = spec["containers"][0]["volumeMounts"]
    (folder,) = [mount["mountPath"] for mount in mounts if mount["name"] == "token"]
    mounted = {
        source["secret"]["name"]: (item["key"], f"{folder}/{item['path']}")
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    assert mounted == {"shop-token": ("token", files["shop"]), "tokens": ("blog", files["blog"])}
    kubernetes_validate.validate(objects["StatefulSet"], "1.30", strict=True)
    for account in config["accounts"]:
        account["token_file"] = str(tmp_path / account["name"])
        (tmp_path / account["name"]).write_text(f"dop_v1_{account['name']}")
    assert is_good({**config, "state": {}, "digitalocean": {}}, tmp_path, token=False)


def test_state_in_a_database_needs_no_volume():
    """Its URL comes from a Secret into the environment, and stands in no ConfigMap."""
    objects = render(
        *NEEDED, "state.existingSecret=db", "extraEnv[0].name=A", "extraEnv[0].value=b"
    )
    assert "state" not in yaml.safe_load(objects["ConfigMap"]["data"]["config.yml"])
    spec = objects["StatefulSet"]["spec"]
    assert "volumeClaimTemplates" not in spec
    (container,) = spec["template"]["spec"]["containers"]
    secret = {"secretKeyRef": {"name": "db", "key": "url"}}
    assert container["env"] == [
        {"name": STATE_URL_VARIABLE, "valueFrom": secret},
        {"name": "A", "value": "b"},
    ]
    assert [mount["name"] for mount in container["volumeMounts"]] == ["config", "token"]
    kubernetes_validate.validate(objects["StatefulSet"], "1.30", strict=True)


@pytest.mark.parametrize(("tls", "scheme"), [("true", "https"), ("false", "http")])
def test_what_the_web_configuration_protects_can_be_scraped(tls: str, scheme: str):
    """Probes and scrapes go by the scheme that is served, scrapes with the password."""
    objects = render(
        *EVERYTHING,
        "webConfig.existingSecret=web",
        f"webConfig.tls={tls}",
        "serviceMonitor.basicAuth.username.name=scrape",
        "serviceMonitor.basicAuth.username.key=user",
        "serviceMonitor.tlsConfig.insecureSkipVerify=true",
    )
    (endpoint,) = objects["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["scheme"] == scheme
    assert endpoint["basicAuth"] == {"username": {"name": "scrape", "key": "user"}}
    assert endpoint["tlsConfig"] == {"insecureSkipVerify": True}
    (container,) = objects["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["scheme"] == scheme.upper()


def test_two_releases_of_a_pair_differ_in_instance_alone(tmp_path: Path):
    """With the values of the docs both get one `job`, and what names a pod is dropped."""
    page = (ROOT / "docs" / "deploy" / "kubernetes.md").read_text(encoding="utf-8")
    values = tmp_path / "pair.yml"
    values.write_text(re.search(r"```yaml\n(config:.*?)```", page, re.DOTALL)[1])
    objects = render(*NEEDED, files=(values,))
    monitor = objects["ServiceMonitor"]["spec"]
    labels = objects["Service"]["metadata"]["labels"]
    assert labels[monitor["jobLabel"]] == "do-app-exporter"
    (drop,) = monitor["endpoints"][0]["relabelings"]
    assert drop["action"] == "labeldrop"
    assert all(re.fullmatch(drop["regex"], name) for name in ("pod", "service", "endpoint"))
    assert not re.fullmatch(drop["regex"], "instance")
    pod = objects["StatefulSet"]["spec"]["template"]
    (term,) = pod["spec"]["affinity"]["podAntiAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert term["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    config = yaml.safe_load(objects["ConfigMap"]["data"]["config.yml"])
    assert config["api_budget"] == {"share": 0.4}


def test_the_probe_can_do_without_http():
    """Where client certificates are required the kubelet has none to show."""
    objects = render(*NEEDED, "livenessProbe.tcpSocket.port=metrics", "priorityClassName=high")
    pod = objects["StatefulSet"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["livenessProbe"] == {"tcpSocket": {"port": "metrics"}}
    assert pod["priorityClassName"] == "high"


def test_the_network_policy_lets_in_who_is_named():
    """Nobody where nobody is named; else those, to the port of the metrics alone."""
    assert "NetworkPolicy" not in render(*NEEDED)
    nobody = render(*NEEDED, "networkPolicy.enabled=true")
    assert nobody["NetworkPolicy"]["spec"]["ingress"] == []
    objects = render(
        *NEEDED,
        "networkPolicy.enabled=true",
        "networkPolicy.from[0].podSelector.matchLabels.app=prometheus",
    )
    policy, pod = objects["NetworkPolicy"], objects["StatefulSet"]["spec"]["template"]
    kubernetes_validate.validate(policy, "1.30", strict=True)
    selected = policy["spec"]["podSelector"]["matchLabels"]
    assert selected.items() <= pod["metadata"]["labels"].items()
    (rule,) = policy["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app": "prometheus"}}}]
    (port,) = pod["spec"]["containers"][0]["ports"]
    assert [each["port"] for each in rule["ports"]] == [port["name"]]


REPLICAS = (*EVERYTHING, "replicaCount=3", "shares=6", "state.existingSecret=db")


def test_replicas_share_the_work_over_a_database(tmp_path: Path):
    """Three pods without volumes, a configuration that `check` takes, and one probe more."""
    objects = render(*REPLICAS)
    spec = objects["StatefulSet"]["spec"]
    assert spec["replicas"] == 3
    assert "volumeClaimTemplates" not in spec
    (container,) = spec["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/-/ready"
    assert objects["Service"]["spec"]["publishNotReadyAddresses"] is True
    config = yaml.safe_load(objects["ConfigMap"]["data"]["config.yml"])
    assert config["replicas"] == {"enabled": True, "shares": 6}
    assert is_good({**config, "state": {"url": "redis://redis:6379/0"}}, tmp_path)
    for kind in ("ConfigMap", "StatefulSet", "Service"):
        kubernetes_validate.validate(objects[kind], "1.30", strict=True)


def test_the_monitor_gives_the_series_of_an_app_one_instance():
    """What tells pods apart is taken off series of apps, with replicas only."""
    (endpoint,) = render(*REPLICAS)["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["metricRelabelings"] == [
        {
            "sourceLabels": ["app"],
            "regex": ".+",
            "targetLabel": "instance",
            "replacement": "watch-do-app-exporter",
        },
        {"sourceLabels": ["app"], "regex": ".+", "targetLabel": "pod", "replacement": ""},
    ]
    (alone,) = render(*EVERYTHING)["ServiceMonitor"]["spec"]["endpoints"]
    assert "metricRelabelings" not in alone


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            (*EVERYTHING, "replicaCount=2"),
            "the pods need a database, name a Secret with its URL in state.existingSecret",
        ),
        (NEEDED[:1], "token.existingSecret is missing: name a Secret that holds the API token"),
        (NEEDED[1:], "image.repository is missing: name the image that you built and pushed"),
        ((*NEEDED, "accounts[0].name=a", "accounts[0].existingSecret=b"), "both given"),
        ((NEEDED[0], "accounts[0].name=a b", "accounts[0].existingSecret=b"), "pattern"),
        ((*NEEDED, "logs.interval=30s"), "'logs' not allowed"),
    ],
)
def test_values_that_cannot_work_are_refused(values: tuple[str, ...], problem: str):
    """A missing token and a key in the wrong place stop the installation, with the reason."""
    settings = [part for value in values for part in ("--set", value)]
    refused = helm("template", "watch", str(CHART), *settings)
    assert refused.returncode != 0
    assert problem in refused.stderr
