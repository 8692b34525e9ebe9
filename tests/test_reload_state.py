"""A reload that needs the state while nobody can reach it: refused whole, and tried again."""

from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from exporter_process import ExporterProcess, simulated
from programs import requires
from redis_server import RedisServer
from simulated_traffic import simulator

from exporter.simulator.state import ComponentSpec

LINES = "digitalocean_app_log_lines_total"
RELOADED = "digitalocean_app_exporter_config_last_reload_successful"
STATE_UP = "digitalocean_app_exporter_state_up"

pytestmark = requires("redis-server")


def with_accounts(folder: Path, config: dict[str, Any], *names: str) -> None:
    """Write the configuration with these accounts, all of one token."""
    accounts = [{"name": name, "token_file": str(folder / "token")} for name in names]
    (folder / "config.yml").write_text(yaml.safe_dump({**config, "accounts": accounts}))


@pytest.mark.found(
    "A reload that added an account while the state could not be reached ended the program.",
    how="reading what a reload may raise, then this test with a Redis that is stopped",
)
def test_an_account_is_added_once_the_state_can_be_reached(tmp_path: Path):
    """Until then the reload is refused, and what was counted before continues."""
    redis = RedisServer(folder=tmp_path)
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        (tmp_path / "token").write_text(server.token)
        redis.start()
        try:
            config = simulated(server.api_url, state={"url": redis.url})
            config["accounts"] = [{"name": "one", "token_file": str(tmp_path / "token")}]
            arguments = ["--web.enable-lifecycle"]
            process = ExporterProcess(tmp_path, config, token=None, arguments=arguments)
            with process as exporter:
                exporter.wait_until_ready()
                platform.write("shop", "web", 0, "first")
                exporter.wait_until(lambda now: now.total(LINES, account="one") == 1)
                redis.stop()
                exporter.wait_until(lambda now: now.total(STATE_UP) == 0)
                with_accounts(tmp_path, config, "one", "two")
                refused = requests.post(f"{exporter.url}/-/reload", timeout=60)
                exporter.wait_until(lambda now: now.value(RELOADED) == 0)
                platform.write("shop", "web", 0, "second")
                exporter.wait_until(lambda now: now.total(LINES, account="one") == 2)
                redis.start()
                assert requests.post(f"{exporter.url}/-/reload", timeout=60).status_code == 200
                exporter.wait_until(lambda now: now.series(LINES, account="two") != [])
                platform.write("shop", "web", 0, "third")
                samples = exporter.wait_until(
                    lambda now: (
                        now.total(LINES, account="one") == 3
                        and now.total(LINES, account="two") >= 1
                        and now.value(RELOADED) == 1
                    )
                )
                assert exporter.terminate() == 0
        finally:
            redis.stop()
    assert refused.status_code == 500
    assert "state" in refused.text
    assert samples.total(LINES) == 4
