"""The configuration loaded anew: taken or refused whole, and nothing counted is lost by it."""

import signal
import threading
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from exporter_process import ExporterProcess, Samples, simulated
from simulated_traffic import (
    COMPONENTS,
    Traffic,
    all_lines_counted,
    assert_counts_are_true,
    settled,
    simulator,
)
from waiting import LIMIT_SECONDS, wait_for

from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Layout

LINES = "digitalocean_app_log_lines_total"
MATCHES = "digitalocean_app_log_matches_total"
RESTARTS = "digitalocean_app_restarts_total"
INTERVAL = "digitalocean_app_source_interval_seconds"
SUCCESSFUL = "digitalocean_app_exporter_config_last_reload_successful"
LOADED_AT = "digitalocean_app_exporter_config_last_reload_success_timestamp_seconds"
ADDRESS = "digitalocean_app_exporter_web_info"
WEB = {"app": "shop", "component": "web", "log_type": "RUN"}
RELOADS = 12
LIFECYCLE = ("--web.enable-lifecycle",)


def rules(*names: str, **regexes: str) -> dict[str, Any]:
    """Rules that look for their own names, or for what is given."""
    found = {name: name for name in names} | regexes
    return {"packs": [], "rules": [{"name": n, "regex": r} for n, r in found.items()]}


def write(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.yml").write_text(yaml.safe_dump(config))


def reload(exporter: ExporterProcess) -> requests.Response:
    return requests.post(f"{exporter.url}/-/reload", timeout=LIMIT_SECONDS)


def matched(samples: Any, pattern: str, component: str = "web") -> float | None:
    labels = WEB | {"component": component, "pattern": pattern, "level": "error"}
    return samples.value(MATCHES, **labels) if samples.series(MATCHES, **labels) else None


def all_counted(platform: Platform, samples: Samples) -> bool:
    """Whether every line and container end was counted."""
    ends = sum(truth.container_ends for truth in platform.truth().logs.values())
    return all_lines_counted(platform, samples) and samples.total(RESTARTS) >= ends


@pytest.mark.parametrize("mode", ["poll", "follow"])
def test_changes_take_effect_and_counters_are_kept(tmp_path: Path, mode: str):
    """A rule that stays goes on, one that is new begins at 0, others are gone; lines count once."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("mail")])
        logs = {"interval": "1s", "mode": mode}
        first = rules("apple", "pear", plum="plum")
        config = simulated(server.api_url, patterns=first, logs=logs)
        process = ExporterProcess(tmp_path, config, token=server.token, arguments=LIFECYCLE)
        with process as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "web", 0, "apple\npear\nplum")
            samples = exporter.wait_until(
                lambda samples: (
                    samples.total(LINES) == 3
                    and [matched(samples, name) for name in ("apple", "pear", "plum")] == [1] * 3
                )
            )
            loaded_at = samples.value(LOADED_AT)
            second = rules("apple", "fig", plum="plum|prune")
            logs = {"interval": "2s", "mode": mode}
            write(tmp_path, simulated(server.api_url, patterns=second, logs=logs))
            answer = reload(exporter)
            assert (answer.status_code, answer.text) == (200, "Reloaded.\n")
            samples = exporter.metrics()
            assert samples.total(LINES) == 3
            assert matched(samples, "apple") == 1
            assert matched(samples, "pear") is None
            assert matched(samples, "fig") == 0
            assert matched(samples, "plum") == 0, "it looks for something else now"
            if mode == "poll":
                assert samples.value(INTERVAL, **WEB) == 2
            assert samples.value(SUCCESSFUL) == 1
            assert samples.value(LOADED_AT) > loaded_at
            platform.write("shop", "web", 0, "apple\nfig\nprune\npear")
            exporter.wait_until(
                lambda samples: (
                    samples.total(LINES) == 7
                    and [matched(samples, name) for name in ("apple", "fig", "plum")] == [2, 1, 1]
                )
            )
            assert exporter.terminate() == 0


def open_connections(exporter: ExporterProcess, port: int) -> int:
    """How many connections to a port of this machine the process holds open, used or not."""
    folder = Path("/proc") / str(exporter.pid)
    held = {link.readlink().name for link in (folder / "fd").iterdir() if link.is_symlink()}
    rows = [line.split() for line in (folder / "net" / "tcp").read_text().splitlines()[1:]]
    return sum(
        int(row[2].rpartition(":")[2], 16) == port and f"socket:[{row[9]}]" in held for row in rows
    )


@pytest.mark.found(
    "Each reload left the connections of the configuration before open until memory was swept.",
    how="the descriptors of an hour's run, which rose with the number of reloads from 29 to 69",
)
def test_reloads_leave_no_connection_open(tmp_path: Path):
    """After many reloads no more connections to the API are open than one configuration needs."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("mail")])
        config = simulated(server.api_url, logs={"workers": 2})
        process = ExporterProcess(tmp_path, config, token=server.token, arguments=LIFECYCLE)
        with process as exporter:
            for number in range(RELOADS):
                exporter.wait_until_ready()
                config["patterns"] = rules("apple", f"pear_{number}")
                write(tmp_path, config)
                assert reload(exporter).status_code == 200
            exporter.wait_until_ready()
            port = urlsplit(server.api_url).port
            wait_for(lambda: open_connections(exporter, port) < RELOADS)


def test_selection_changes_with_the_configuration(tmp_path: Path):
    """What is not included any more goes with its series, and comes back with its counts.

    Where the pages are, for the links of alerts, changes with it and leaves no old address.
    """
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("mail")])
        config = simulated(server.api_url, patterns=rules("apple"))
        process = ExporterProcess(tmp_path, config, token=server.token, arguments=LIFECYCLE)
        with process as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "mail", 0, "apple")
            exporter.wait_until(lambda samples: matched(samples, "apple", "mail") == 1)
            narrow = {"interval": "1s", "exclude": ["shop/mail"]}
            assert exporter.metrics().series(ADDRESS) == []
            address = "https://exporter.example.com"
            sections = {"discovery": narrow, "web": {"external_url": address}}
            write(tmp_path, simulated(server.api_url, patterns=rules("apple"), **sections))
            assert reload(exporter).status_code == 200
            samples = exporter.metrics()
            assert samples.series(ADDRESS) == [({"external_url": address}, 1)]
            assert matched(samples, "apple", "mail") is None
            assert matched(samples, "apple") == 0
            write(tmp_path, config)
            assert reload(exporter).status_code == 200
            assert matched(exporter.metrics(), "apple", "mail") == 1
            assert exporter.metrics().series(ADDRESS) == []


def test_faulty_configuration_is_refused_and_the_old_one_goes_on(tmp_path: Path):
    """The answer names file, place and remedy; the metric says so, until a good one is loaded."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url, patterns=rules("apple"))
        process = ExporterProcess(tmp_path, config, token=server.token, arguments=LIFECYCLE)
        with process as exporter:
            loaded_at = exporter.wait_until_ready().value(LOADED_AT)
            write(tmp_path, simulated(server.api_url, patterns=rules(apple="(")))
            answer = reload(exporter)
            assert answer.status_code == 500
            assert "config.yml:" in answer.text
            assert "regex: '(' is not a regular expression of RE2" in answer.text
            samples = exporter.metrics()
            assert samples.value(SUCCESSFUL) == 0
            assert samples.value(LOADED_AT) == loaded_at
            platform.write("shop", "web", 0, "apple")
            exporter.wait_until(lambda samples: matched(samples, "apple") == 1)
            write(tmp_path, config)
            assert reload(exporter).status_code == 200
            assert exporter.metrics().value(SUCCESSFUL) == 1
            assert exporter.terminate() == 0
        assert exporter.output.count("configuration refused: the one before stays in force") == 1


def test_sighup_reloads_and_the_page_of_it_is_only_there_when_asked_for(tmp_path: Path):
    """Without the flag the path is as unknown as any other; a signal always does."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url, patterns=rules("apple"))
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            assert reload(exporter).status_code == 404
            write(tmp_path, simulated(server.api_url, patterns=rules("apple", "fig")))
            exporter.send_signal(signal.SIGHUP)
            exporter.wait_until(lambda samples: matched(samples, "fig") == 0)
            assert exporter.terminate() == 0


def test_reload_answers_to_post_alone(tmp_path: Path):
    """Whoever only looks changes nothing."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url)
        process = ExporterProcess(tmp_path, config, token=server.token, arguments=LIFECYCLE)
        with process as exporter:
            loaded_at = exporter.wait_until_ready().value(LOADED_AT)
            assert exporter.get("/-/reload").status_code == 405
            assert exporter.metrics().value(LOADED_AT) == loaded_at


CHANGES: tuple[dict[str, dict[str, Any]], ...] = (
    {"patterns": rules("nothing", "other")},
    {"logs": {"interval": "2s"}},
    {"logs": {"mode": "poll"}},
    {"logs": {"mode": "follow"}},
    {"logs": {"mode": "auto"}},
    {"logs": {"scope": "app"}},
    {"logs": {"tail_lines": 3000}},
    {"logs": {"lookback": "5m"}},
    {"logs": {"max_line_bytes": 2000, "unwrap": False}},
    {"logs": {"workers": 2, "timeout": "20s", "pod_connection_timeout": "1m"}},
    {"collectors": {"health": False, "restart_count": False, "deployments": False}},
    {"collectors": {"instances": True, "events": True, "bandwidth": True, "jobs": False}},
    {"discovery": {"interval": "3s", "include": ["shop/*"]}},
    {"api_budget": {"per_minute": 2000, "per_hour": 60000}},
    {"web": {"excerpts": False}},
)
"""Each is loaded, and the configuration before it again."""


@pytest.mark.parametrize("mode", ["poll", "follow"])
@pytest.mark.long(40)
def test_no_line_is_lost_or_counted_twice_over_reloads(tmp_path: Path, mode: str):
    """Traffic with crashes continues while every key is changed and changed back."""
    with simulator() as (platform, server):
        platform.create_app("shop", COMPONENTS, layout=Layout.SEQUENTIAL)
        logs = {"interval": "1s", "mode": mode}
        config = simulated(server.api_url, logs=logs, patterns=rules("nothing"))
        process = ExporterProcess(tmp_path, config, token=server.token, arguments=LIFECYCLE)
        with process as exporter:
            exporter.wait_until_ready()
            traffic, loaded = Traffic(platform, ("shop",), 100.0), threading.Event()

            def keep_writing() -> None:
                while not loaded.is_set():
                    traffic.write_for(1.5)

            writer = threading.Thread(target=keep_writing, daemon=True)
            writer.start()
            try:
                for change in CHANGES:
                    sections = {name: config.get(name, {}) | keys for name, keys in change.items()}
                    for wanted in (config | sections, config):
                        write(tmp_path, wanted)
                        answer = reload(exporter)
                        assert answer.status_code == 200, answer.text
                        writer.join(0.2)
            finally:
                loaded.set()
                writer.join()
            if mode == "poll":
                samples = settled(exporter, platform)
            else:
                samples = exporter.wait_until(partial(all_counted, platform))
            assert exporter.terminate() == 0
    assert_counts_are_true(samples, platform)


def test_accounts_come_and_go_with_the_configuration(tmp_path: Path):
    """A token becomes an account with a name: its series carry the label from then on."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        (tmp_path / "token").write_text(server.token)
        config = simulated(server.api_url)
        process = ExporterProcess(tmp_path, config, token=server.token, arguments=LIFECYCLE)
        with process as exporter:
            exporter.wait_until_ready()
            named = [{"name": "main", "token_file": str(tmp_path / "token")}]
            write(tmp_path, {**config, "accounts": named})
            assert reload(exporter).status_code == 200
            samples = exporter.wait_until(
                lambda samples: [v for _, v in samples.series(LINES, **WEB, account="main")] == [0]
            )
            assert len(samples.series(LINES)) == 1
            write(tmp_path, config)
            assert reload(exporter).status_code == 200
            exporter.wait_until(
                lambda samples: [labels for labels, _ in samples.series(LINES)] == [WEB]
            )
            assert exporter.terminate() == 0
