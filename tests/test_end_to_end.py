"""The installed command against the simulated platform: every counter equals the truth."""

import dataclasses
from pathlib import Path

import pytest
from exporter_process import PACKS, ExporterProcess, Samples, simulated
from simulated_traffic import (
    COMPONENTS,
    DECLINED,
    RULE,
    Traffic,
    assert_counts_are_true,
    matches,
    settled,
    simulator,
    wait_for_two_more_reads,
)

from exporter.simulator.delivery import AnswerShape, ArchiveEncoding, Delivery
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Kind, Layout

WRITING_SECONDS = 5.0
LINES_PER_SECOND = 200.0
OWN_RULE = {**PACKS, "rules": [RULE]}


def deploy_under_traffic(platform: Platform, app: str) -> None:
    """A deployment whose containers write before it is active, while the old ones still do."""
    new = platform.begin_deployment(app)
    while platform.advance_deployment(app) != "DEPLOYING":
        pass
    for component in COMPONENTS:
        for index in range(component.instances):
            platform.write(app, component.name, index, "starting", deployment_id=new)
            platform.write(app, component.name, index, "shutting down: bye")
    assert platform.advance_deployment(app) == "ACTIVE"


def test_every_counter_equals_what_was_written(tmp_path: Path):
    """Two apps of three components write 200 lines a second, crash and are deployed: all counts."""
    with simulator(run_archives=True) as (platform, server):
        platform.create_app("shop", COMPONENTS, layout=Layout.SEQUENTIAL)
        platform.create_app("blog", COMPONENTS, layout=Layout.INTERLEAVED)
        config = simulated(server.api_url, patterns=OWN_RULE)
        with ExporterProcess(tmp_path, config, token=server.token, installed=True) as exporter:
            exporter.wait_until_ready()
            traffic = Traffic(platform, ("shop", "blog"), LINES_PER_SECOND)
            traffic.write_for(WRITING_SECONDS / 2)
            deploy_under_traffic(platform, "shop")
            traffic.write_for(WRITING_SECONDS / 2)
            samples = settled(exporter, platform)
            assert exporter.terminate() == 0
    assert traffic.crashes >= 2
    assert_counts_are_true(samples, platform)
    assert samples.total("digitalocean_app_log_lines_total") >= WRITING_SECONDS * 150
    assert matches(samples, "payment_declined") == dict(traffic.declined)
    assert samples.total("digitalocean_app_deployments_total", app="shop", phase="ACTIVE") == 1
    assert samples.total("digitalocean_app_restarts_total", reason="unknown") == 0
    assert samples.total("digitalocean_app_api_errors") == 0


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery(
            shape=AnswerShape.VALUE,
            frame_chars=7,
            archive_encoding=ArchiveEncoding.CONTENT_ENCODING,
        ),
        Delivery(websocket_urls=True, archive_encoding=ArchiveEncoding.GZ_FILE),
    ],
    ids=["value-shape-tiny-frames-gzip", "ws-urls-and-gz-files"],
)
def test_the_way_of_delivery_changes_no_count(tmp_path: Path, delivery: Delivery):
    """Cut frames, packed archives and the other answer shape bring the same lines."""
    with simulator(run_archives=True) as (platform, server):
        for field in dataclasses.fields(delivery):
            setattr(server.delivery, field.name, getattr(delivery, field.name))
        platform.create_app("shop", COMPONENTS)
        config = simulated(server.api_url, patterns=OWN_RULE)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            traffic = Traffic(platform, ("shop",), 100)
            traffic.write_for(1.5)
            deploy_under_traffic(platform, "shop")
            traffic.write_for(0.5)
            samples = settled(exporter, platform)
    assert_counts_are_true(samples, platform)
    assert matches(samples, "payment_declined") == dict(traffic.declined)


def labels_of(samples: Samples, name: str) -> set[tuple[str, str]]:
    """The components that have a series of this metric."""
    return {(labels["app"], labels["component"]) for labels, _ in samples.series(name)}


def test_series_exist_at_0_from_discovery_and_leave_with_the_app(tmp_path: Path):
    """A quiet component has its series at 0; a later app counts from its first line, then goes."""
    web, site = ComponentSpec("web"), ComponentSpec("site", Kind.STATIC_SITE)
    with simulator() as (platform, server):
        platform.create_app("shop", [web, site])
        config = simulated(server.api_url, patterns=OWN_RULE)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            samples = exporter.wait_until_ready()
            assert labels_of(samples, "digitalocean_app_log_lines_total") == {("shop", "web")}
            shop = {"app": "shop", "component": "web"}
            for name in ("log_lines_total", "log_bytes_total"):
                assert samples.value(f"digitalocean_app_{name}", **shop, log_type="RUN") == 0
            gaps = samples.series("digitalocean_app_log_gaps_total", **shop)
            reasons = {"window", "restart", "deployment", "archive"}
            assert {labels["reason"] for labels, _ in gaps} == reasons
            assert not any(value for _, value in gaps)
            declined = {**shop, "pattern": "payment_declined", "level": "warning"}
            assert samples.value("digitalocean_app_log_matches_total", **declined) == 0
            assert len(samples.series("digitalocean_app_restarts_total", **shop)) == 10

            platform.create_app("blog", [web], deployed=False)
            blog = {"app": "blog", "component": "web"}
            samples = exporter.wait_until(
                lambda samples: bool(samples.series("digitalocean_app_log_lines_total", **blog))
            )
            assert samples.value("digitalocean_app_log_lines_total", **blog) == 0
            platform.deploy("blog")
            platform.write("blog", "web", 0, DECLINED)
            samples = settled(exporter, platform)
            assert samples.value("digitalocean_app_log_lines_total", **blog) == 1
            assert matches(samples, "payment_declined") == {("blog", "web"): 1}

            platform.remove_app("blog")
            samples = exporter.wait_until(lambda samples: 'app="blog"' not in samples.text)
            assert samples.value("digitalocean_app_log_lines_total", **shop) == 0
            assert samples.total("digitalocean_app_api_errors") == 0


def test_include_and_exclude_choose_what_is_read(tmp_path: Path):
    """Only included components have series, and only their logs are asked for."""
    with simulator() as (platform, server):
        for app in ("shop", "shop-staging", "blog"):
            platform.create_app(app, COMPONENTS)
        config = simulated(
            server.api_url, discovery={"include": ["shop*", "blog/web"], "exclude": ["*/nightly"]}
        )
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            samples = wait_for_two_more_reads(exporter)
        asked = {
            tuple(request.path.split("/")[3:8:4])
            for request in server.api_requests.requests
            if request.path.endswith("/logs")
        }
        chosen = {
            ("shop", "web"),
            ("shop", "worker"),
            ("shop-staging", "web"),
            ("shop-staging", "worker"),
            ("blog", "web"),
        }
        assert labels_of(samples, "digitalocean_app_log_lines_total") == chosen
        assert asked == {(platform.app_id(app), component) for app, component in chosen}


def test_what_was_written_before_the_start_does_not_count(tmp_path: Path):
    """Without lookback, the lines and crashes from before the exporter's time are left out."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        platform.write("shop", "web", 0, DECLINED)
        platform.crash("shop", "web", 0, ["panic: long ago"])
        config = simulated(server.api_url, patterns=OWN_RULE)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "web", 0, "the first of my lines")
            exporter.wait_until(
                lambda samples: samples.total("digitalocean_app_log_lines_total") > 0
            )
            samples = wait_for_two_more_reads(exporter)
    assert samples.total("digitalocean_app_log_lines_total") == 1
    assert samples.total("digitalocean_app_log_matches_total") == 0
    assert samples.total("digitalocean_app_restarts_total") == 0


def test_lines_that_nobody_could_read_are_a_gap(tmp_path: Path):
    """More lines between two reads than are asked for: what is left counts, and the gap too."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url, logs={"tail_lines": 50})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "web", 0, "known")
            exporter.wait_until(
                lambda samples: samples.total("digitalocean_app_log_lines_total") == 1
            )
            platform.write("shop", "web", 0, "\n".join(f"line {n}" for n in range(500)))
            exporter.wait_until(
                lambda samples: samples.total("digitalocean_app_log_gaps_total") > 0
            )
            samples = wait_for_two_more_reads(exporter)
    assert samples.total("digitalocean_app_log_gaps_total") == 1
    assert samples.total("digitalocean_app_log_lines_total") == 51
