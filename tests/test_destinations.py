"""Log destinations: the piece of app spec that is printed, and what apps have."""

from pathlib import Path

import pytest
import yaml
from exporter_process import run_command, simulated
from simulated_traffic import simulator

from exporter.receiving.destinations import components_of, host_of, spec_piece
from exporter.simulator.state import ComponentSpec, Kind

URL = "https://logs.example.com"
SPEC = {
    "name": "shop",
    "services": [
        {
            "name": "web",
            "log_destinations": [
                {"name": "other", "papertrail": {"endpoint": "logs7.papertrail.example:1234"}},
                {"name": "exporter", "open_search": {"endpoint": "https://Logs.example.com:443/x"}},
            ],
        },
        {"name": "admin", "log_destinations": [{"name": "dd", "datadog": {"api_key": "k"}}]},
    ],
    "workers": [{"name": "mail", "log_destinations": None}],
    "jobs": "none",
    "databases": [{"name": "db"}],
}


def test_a_component_pushes_to_the_hosts_of_its_destinations() -> None:
    pushes = {
        component.name: (component.kind, component.pushes_to(URL))
        for component in components_of(SPEC)
    }

    assert pushes == {
        "web": ("services", True),
        "admin": ("services", False),
        "mail": ("workers", False),
    }


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://logs.example.com", "logs.example.com"),
        ("https://LOGS.example.com:443/path", "logs.example.com"),
        ("https://logs.example.com:10047", "logs.example.com:10047"),
        ("logs7.example.com:1234", "logs7.example.com:1234"),
        ("https://[::1]:x", "::1"),
    ],
)
def test_hosts_are_compared_without_what_says_nothing(url: str, host: str) -> None:
    assert host_of(url) == host


def test_the_piece_is_yaml_that_the_components_then_have() -> None:
    piece = yaml.safe_load(spec_piece(URL, components_of(SPEC)))

    assert [entry["name"] for entry in piece["services"]] == ["web", "admin"]
    assert all(component.pushes_to(URL) for component in components_of(piece))
    assert "&" not in spec_piece(URL, components_of(SPEC))


def test_the_command_prints_the_piece_and_tells_who_does_not_push(tmp_path: Path) -> None:
    with simulator() as (platform, server):
        platform.create_app("shop", (ComponentSpec("web", Kind.SERVICE, 1),))
        file = tmp_path / "config.yml"
        file.write_text(yaml.safe_dump(simulated(server.api_url)))
        flags = ("destinations", f"--config.file={file}", f"--url={URL}")
        variables = {"DIGITALOCEAN_TOKEN": server.token}
        printed = run_command(*flags, "--app=shop", variables=variables)
        checked = run_command(*flags, "--check", variables=variables)
        unknown = run_command(*flags, "--app=blog", variables=variables)
    assert printed.returncode == 0
    assert yaml.safe_load(printed.stdout)["services"][0]["name"] == "web"
    assert (checked.returncode, checked.stdout) == (1, "does not  shop/web\n")
    assert unknown.returncode == 1
    assert "the token sees shop" in unknown.stderr
    assert server.token not in printed.stdout + checked.stdout + unknown.stderr


@pytest.mark.parametrize("url", ["", "http://logs.example.com", "logs.example.com"])
def test_an_address_that_the_platform_cannot_push_to_is_refused(url: str) -> None:
    refused = run_command("destinations", f"--url={url}")

    assert refused.returncode == 1
    assert refused.stderr.startswith("--url: ")
