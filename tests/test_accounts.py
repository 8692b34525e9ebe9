"""Several accounts in one process: own token, own budget, own errors, own label."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from exporter_process import ExporterProcess, simulated
from simulated_traffic import simulator
from token_router import routed

from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec

LINES = "digitalocean_app_log_lines_total"
UP = "digitalocean_app_source_up"
ERRORS = "digitalocean_app_api_errors"
REQUESTS = "digitalocean_app_api_requests_total"
NAMES = ("shop", "blog")
APP = {"app": "site", "component": "web", "log_type": "RUN"}

Sites = dict[str, tuple[Platform, SimulatorServer]]


@contextmanager
def two_accounts(folder: Path) -> Iterator[tuple[Sites, dict[str, Any]]]:
    """Two platforms, each with an app of the same name, and a configuration that reads both."""
    with ExitStack() as stack:
        sites = {name: stack.enter_context(simulator()) for name in NAMES}
        for name, (platform, server) in sites.items():
            platform.create_app("site", [ComponentSpec("web")])
            (folder / name).write_text(server.token)
        urls = {server.token: server.api_url for _, server in sites.values()}
        api_url = stack.enter_context(routed(urls))
        accounts = [{"name": name, "token_file": str(folder / name)} for name in NAMES]
        config = simulated(api_url)
        config["accounts"] = accounts
        config["state"] = {"url": f"sqlite://{folder / 'state.db'}"}
        yield sites, config


def test_accounts_count_apart_under_their_own_label(tmp_path: Path):
    """Apps of one name in two accounts are two, also on the page; a restart goes on with both."""
    with two_accounts(tmp_path) as (sites, config):
        with ExporterProcess(tmp_path, config, token=None) as exporter:
            exporter.wait_until_ready()
            sites["shop"][0].write("site", "web", 0, "one\ntwo")
            sites["blog"][0].write("site", "web", 0, "three")
            samples = exporter.wait_until(lambda samples: samples.total(LINES) == 3)
            assert samples.value(LINES, **APP, account="shop") == 2
            assert samples.value(LINES, **APP, account="blog") == 1
            page = exporter.get("/").text
            assert "shop: site/web" in page
            assert "blog: site/web" in page
            assert exporter.get("/components/site/web?account=blog").status_code == 200
            assert exporter.get("/components/site/web").status_code == 404
            assert exporter.terminate() == 0
        with ExporterProcess(tmp_path, config, token=None) as exporter:
            samples = exporter.wait_until_ready()
            assert samples.value(LINES, **APP, account="shop") == 2
            assert samples.value(LINES, **APP, account="blog") == 1


def test_every_series_carries_the_account_but_those_of_the_process(tmp_path: Path):
    """One HELP for each metric, and no series of an account without its label."""
    with (
        two_accounts(tmp_path) as (_, config),
        ExporterProcess(tmp_path, config, token=None) as exporter,
    ):
        exporter.wait_until_ready()
        text = exporter.get("/metrics").text
    heads = [line for line in text.splitlines() if line.startswith("# HELP")]
    assert len(heads) == len(set(heads))
    ours = [line for line in text.splitlines() if line.startswith("digitalocean_app_")]
    without = {line.partition("{")[0].partition(" ")[0] for line in ours if "account=" not in line}
    assert without == {
        "digitalocean_app_exporter_build_info",
        "digitalocean_app_exporter_config_last_reload_successful",
        "digitalocean_app_exporter_config_last_reload_success_timestamp_seconds",
        "digitalocean_app_notifications_total",
        "digitalocean_app_receive_errors_total",
        "digitalocean_app_received_duplicates_total",
        "digitalocean_app_received_lines_total",
        "digitalocean_app_received_unknown_lines_total",
    }


def test_an_account_that_fails_leaves_the_other_alone(tmp_path: Path):
    """A revoked token is that account's error; the other goes on, with a budget of its own."""
    with (
        two_accounts(tmp_path) as (sites, config),
        ExporterProcess(tmp_path, config, token=None) as exporter,
    ):
        exporter.wait_until_ready()
        sites["shop"][1].rotate_token()
        samples = exporter.wait_until(
            lambda samples: (
                samples.value(UP, **APP, account="shop") == 0
                and samples.value(UP, **APP, account="blog") == 1
            )
        )
        failing = {"endpoint": "logs", "error": "unauthorized"}
        assert samples.value(ERRORS, **failing, account="shop") >= 1
        assert samples.value(ERRORS, **failing, account="blog") == 0
        sites["blog"][0].write("site", "web", 0, "still read")
        exporter.wait_until(lambda samples: samples.value(LINES, **APP, account="blog") == 1)
        for name in NAMES:
            assert samples.value(REQUESTS, endpoint="apps", account=name) >= 1
