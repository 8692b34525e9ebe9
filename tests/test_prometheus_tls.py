"""A real Prometheus scrapes over TLS, with a password and a certificate of its own."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import bcrypt
import monitoring_servers
import pytest
import requests
import trustme
import yaml
from exporter_process import ExporterProcess, simulated
from monitoring_servers import START_SECONDS
from programs import requires
from simulated_traffic import simulator
from waiting import LIMIT_SECONDS

from exporter.simulator.state import ComponentSpec


def write_files(folder: Path) -> trustme.CA:
    """The exporter's side: certificates and the web configuration file."""
    authority = trustme.CA()
    renew(folder, authority)
    clients = trustme.CA()
    clients.cert_pem.write_to_path(str(folder / "clients.crt"))
    client = clients.issue_cert("prometheus.example")
    client.private_key_and_cert_chain_pem.write_to_path(str(folder / "client.pem"))
    hashed = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(10)).decode()
    tls = {
        "cert_file": "server.pem",
        "key_file": "server.pem",
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": "clients.crt",
        "client_allowed_sans": ["prometheus.example"],
        "min_version": "TLS13",
    }
    settings = {"tls_server_config": tls, "basic_auth_users": {"prometheus": hashed}}
    (folder / "web.yml").write_text(yaml.safe_dump(settings))
    return authority


def renew(folder: Path, authority: trustme.CA) -> None:
    """Put a new certificate in place, and its CA where clients look for it."""
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "new.pem"))
    (folder / "new.pem").replace(folder / "server.pem")
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))


def prometheus_configuration(folder: Path, target: str, password: str) -> dict[str, Any]:
    tls = {"ca_file": "ca.crt", "cert_file": "client.pem", "key_file": "client.pem"}
    job = {
        "scheme": "https",
        "tls_config": {key: str(folder / name) for key, name in tls.items()},
        "basic_auth": {"username": "prometheus", "password": password},
        "static_configs": [{"targets": [target]}],
    }
    jobs = [
        {"job_name": "right", **job},
        {"job_name": "wrong", **job, "basic_auth": {"username": "prometheus", "password": "no"}},
    ]
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}


@requires("prometheus")
def test_prometheus_scrapes_over_tls_with_password_and_certificate(tmp_path: Path):
    """It gets every line's count, without the password none; a renewed certificate is taken up."""
    write_files(tmp_path)
    flag = f"--web.config.file={tmp_path}/web.yml"
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url)
        with ExporterProcess(tmp_path, config, token=server.token, arguments=[flag]) as exporter:
            base = exporter.url.replace("http:", "https:")
            client = str(tmp_path / "client.pem")

            def status(path: str, **options: object) -> int:
                verify = str(tmp_path / "ca.crt")
                return requests.get(
                    base + path, verify=verify, cert=client, timeout=LIMIT_SECONDS, **options
                ).status_code

            assert status("/-/healthy") == 200
            assert status("/metrics") == 401
            with pytest.raises(requests.ConnectionError):
                requests.get(
                    f"{base}/-/healthy", verify=str(tmp_path / "ca.crt"), timeout=LIMIT_SECONDS
                )
            scraping = prometheus_configuration(tmp_path, urlsplit(base).netloc, "open sesame")
            with monitoring_servers.prometheus(tmp_path, scraping) as prometheus:
                lines = 'digitalocean_app_log_lines_total{job="right",component="web"}'
                prometheus.wait_for(lambda: prometheus.value(lines) == 0, START_SECONDS)
                wrong = 'up{job="wrong"}'
                prometheus.wait_for(lambda: prometheus.value(wrong) == 0, START_SECONDS)
                platform.write("shop", "web", 0, "ready")
                prometheus.wait_for(lambda: prometheus.value(lines) == 1, START_SECONDS)

                renew(tmp_path, trustme.CA())
                exporter.wait_for_output('msg="web configuration read again"')
                renewed = time.time()
                prometheus.wait_for(
                    lambda: (prometheus.value('timestamp(up{job="right"} == 1)') or 0) > renewed,
                    START_SECONDS,
                )
                assert status("/-/healthy") == 200
            assert exporter.terminate() == 0
        assert "open sesame" not in exporter.output
