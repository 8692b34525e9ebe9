"""``demo``: a simulated App Platform, the exporter on it, and Prometheus where it is installed."""

import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from exporter.commands.children import (
    RULES,
    Installed,
    alertmanager_hint,
    alerts_address,
    installed,
    monitoring,
)
from exporter.commands.run import shut_down
from exporter.commands.signals import signals
from exporter.config.credentials import TokenSource
from exporter.config.overrides import Override, apply_overrides
from exporter.config.schema import Config
from exporter.errors import ListenError
from exporter.options import Options
from exporter.service.application import Application
from exporter.service.wanted import Wanted
from exporter.simulator.platform import Platform
from exporter.simulator.scenario import Scenario
from exporter.simulator.scenario_runner import ScenarioRunner
from exporter.simulator.server import SimulatorServer

NOT_STARTED = "installed, and it does not start"

ADDRESS = "127.0.0.1:10046"
ANY_ADDRESS = "127.0.0.1:0"
"""Taken where the usual port is not free."""


def demo(options: Options) -> int:
    """Run the demo until a signal says to stop.

    Raises:
        ListenError: the address that was asked for cannot be listened on.
    """
    platform, found = Platform(time.time), installed()
    with (
        signals() as heard,
        tempfile.TemporaryDirectory(prefix="do-app-exporter-demo-") as folder,
        SimulatorServer(platform) as server,
        ScenarioRunner(Scenario(platform, random.Random())),
    ):
        _report("starting the exporter …")
        application = _start_exporter(server, options, found)
        host, port = application.server.addresses[0]
        try:
            with monitoring(found, f"{host}:{port}", Path(folder)):
                _print_addresses(server, f"http://{host}:{port}", found)
                heard.wait_for_stop()
        finally:
            shut_down(application)
    return 0


def _start_exporter(server: SimulatorServer, options: Options, found: Installed) -> Application:
    """Build the exporter as ``run`` does; it follows the logs of the simulated platform.

    The intervals are short and fit the budget that the platform grants a token.
    """
    file = {
        "digitalocean": {"api_url": server.api_url},
        "discovery": {"interval": "15s"},
        "logs": {"mode": "follow", "interval": "10s"},
        "web": {"prometheus_url": found.prometheus.url if found.prometheus else None},
    }
    config = Config.model_validate(file)
    addresses = [options.listen_address] if options.listen_address else [ADDRESS, ANY_ADDRESS]
    for address in addresses:
        override = Override("--web.listen-address", (address,))
        token = TokenSource("the simulator", server.token)
        wanted = Wanted(apply_overrides(config, listen_addresses=override), {"": token})
        application = Application(wanted, partial(_same, wanted))
        try:
            application.start()
        except ListenError:
            if address is addresses[-1]:
                raise
        else:
            break
    return application


def _same(wanted: Wanted) -> Wanted:
    """What the demo runs after a reload: it has no file that could have changed."""
    return wanted


def _report(progress: str) -> None:
    """Tell a user at a terminal what the demo waits for."""
    if sys.stderr.isatty():
        print(progress, file=sys.stderr, flush=True)


def _print_addresses(server: SimulatorServer, exporter: str, found: Installed) -> None:
    """Print each address as soon as it answers."""
    _print_address("simulated App Platform", server.api_url)
    _print_address("the exporter's page", f"{exporter}/")
    _print_address("its metrics", f"{exporter}/metrics")
    if found.prometheus is None:
        _print_address("Prometheus", "not on PATH: install it to see the alerts")
    else:
        _report("starting Prometheus …")
        _print_address("Prometheus, alerts", alerts_address(found.prometheus) or NOT_STARTED)
    if found.alertmanager is not None:
        _print_address("Alertmanager", alertmanager_hint(found.alertmanager) or NOT_STARTED)
    if found.prometheus is not None and not RULES.is_file():
        print("The alert rules (dashboards/alerts.yml of the project) are not installed here.")
    print("Errors begin within 20 seconds, and shop/emails crashes within 40. Ctrl-C stops all.")
    print(flush=True)


def _print_address(what: str, address: str) -> None:
    print(f"{what:22}  {address}", flush=True)
