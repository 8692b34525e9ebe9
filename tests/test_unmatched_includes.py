"""Patterns of `discovery.include` that match nothing are said wherever somebody looks."""

from pathlib import Path

import pytest
import yaml
from collect_fixtures import Site, app
from exporter_process import ExporterProcess, simulated
from simulated_traffic import COMPONENTS, simulator

from exporter.cli import command_line
from exporter.watching.inventory import MOST_NAMES, Selection, nothing_matched

WORDS = "`shop-prod`, `blog/api` matches none of: blog, shop"


def test_a_pattern_matches_by_app_or_by_component():
    """Only those that match neither are named; an account without apps is no fault of theirs."""
    apps = (app("shop"), app("blog", app_id="app-2"))
    selection = Selection(("shop", "*/web", "shop-prod", "blog/api"))
    assert selection.unmatched(apps) == ("shop-prod", "blog/api")
    assert nothing_matched(selection.unmatched(apps), apps) == WORDS
    assert selection.unmatched(()) == ()
    assert nothing_matched((), apps) == ""


def test_a_long_list_of_apps_is_cut():
    """What there is stays readable in an account of hundreds of apps."""
    apps = [app(f"app{number:03}", app_id=str(number)) for number in range(MOST_NAMES + 5)]
    words = nothing_matched(("shop",), apps)
    assert words.endswith("app019, and 5 more")


def test_discovery_logs_it_once_and_shows_it(caplog: pytest.LogCaptureFixture):
    """A warning when it is news, and gauges; both go when the patterns are mended."""
    site = Site(selection=Selection(("shop-prod", "sho?")))
    site.scheduler.start()
    site.platform.listing = (app("blog", app_id="app-2"),)
    for _ in range(2):
        site.discovery.run()
    assert caplog.text.count("patterns of discovery.include match nothing") == 1
    assert site.discovery.unmatched == "`shop-prod`, `sho?` matches none of: blog"
    assert site.registry.get_sample_value("digitalocean_app_discovery_components") == 0
    assert site.registry.get_sample_value("digitalocean_app_discovery_unmatched_includes") == 2
    site.platform.listing = (app("blog", app_id="app-2"), app("shop"))
    site.discovery.run()
    assert site.registry.get_sample_value("digitalocean_app_discovery_components") == 1
    assert site.registry.get_sample_value("digitalocean_app_discovery_unmatched_includes") == 1
    site.platform.listing = (app("shop-prod", app_id="app-3"), app("shop"))
    site.discovery.run()
    assert site.discovery.unmatched == ""
    assert site.registry.get_sample_value("digitalocean_app_discovery_unmatched_includes") == 0


def test_the_page_and_check_name_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The page, and `check` with a token, say the patterns and the apps that there are."""
    with simulator() as (platform, server):
        platform.create_app("shop", COMPONENTS)
        platform.create_app("blog", COMPONENTS)
        config = simulated(server.api_url, discovery={"include": ["shop-prod", "blog/api"]})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until(
                lambda s: s.value("digitalocean_app_discovery_unmatched_includes") == 2
            )
            assert WORDS in exporter.get("/").text
            assert exporter.get("/").text.count("o component is watched") == 1
        file = tmp_path / "config.yml"
        environ = {"DIGITALOCEAN_TOKEN": server.token}
        assert command_line(["check", f"--config.file={file}"], environ) == 0
        assert f"discovery.include: warning: {WORDS}" in capsys.readouterr().out
        file.write_text(
            yaml.safe_dump(simulated("http://127.0.0.1:1", discovery={"include": ["x"]}))
        )
        assert command_line(["check", f"--config.file={file}"], environ) == 0
        assert "not compared with the apps that there are" in capsys.readouterr().out
