"""``demo``: a simulated App Platform, the exporter on it, and Prometheus where it is installed."""

import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from exporter.application import Application, Wanted
from exporter.commands.children import Monitoring, monitoring
from exporter.commands.run import shut_down
from exporter.commands.signals import signals
from exporter.config.credentials import TokenSource
from exporter.config.overrides import Override, apply_overrides
from exporter.config.schema import Config
from exporter.errors import ListenError
from exporter.options import Options
from exporter.simulator.platform import Platform
from exporter.simulator.scenario import Scenario
from exporter.simulator.scenario_runner import ScenarioRunner
from exporter.simulator.server import SimulatorServer

GRANTED = 1_000_000
"""Requests an hour, and a minute, that the simulated platform grants: the demo is no lesson in
patience."""

ADDRESS = "127.0.0.1:10046"
ANY_ADDRESS = "127.0.0.1:0"
"""Taken where the usual port is not free."""


def demo(options: Options) -> int:
    """Run the demo until a signal says to stop.

    Raises:
        ListenError: the address that was asked for cannot be listened on.
    """
    platform = Platform(time.time)
    with (
        signals() as heard,
        tempfile.TemporaryDirectory(prefix="do-app-exporter-demo-") as folder,
        SimulatorServer(platform) as server,
        ScenarioRunner(Scenario(platform, random.Random())),
    ):
        _say("starting the exporter, and Prometheus and Alertmanager where they are installed …")
        application = _start_exporter(server, options)
        host, port = application.server.addresses[0]
        try:
            with monitoring(f"{host}:{port}", Path(folder)) as beside:
                _say_where_to_look(server, f"http://{host}:{port}", beside)
                heard.wait_for_stop()
        finally:
            shut_down(application)
    return 0


def _start_exporter(server: SimulatorServer, options: Options) -> Application:
    """The exporter as ``run`` builds it, reading the simulated platform every two seconds."""
    file = {
        "digitalocean": {"api_url": server.api_url},
        "discovery": {"interval": "10s"},
        "logs": {"interval": "2s"},
        "api_budget": {"per_hour": GRANTED, "per_minute": GRANTED},
    }
    server.rate_limit.per_hour = server.rate_limit.per_minute = GRANTED
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


def _say(progress: str) -> None:
    """What is under way, for who waits at a terminal."""
    if sys.stderr.isatty():
        print(progress, file=sys.stderr, flush=True)


def _say_where_to_look(server: SimulatorServer, exporter: str, beside: Monitoring) -> None:
    print(f"simulated App Platform  {server.api_url}")
    print(f"the exporter's page     {exporter}/")
    print(f"its metrics             {exporter}/metrics")
    if beside.prometheus:
        print(f"Prometheus, alerts      {beside.prometheus}/alerts")
    else:
        print("Prometheus              not on PATH: install it to see the alerts")
    if beside.alertmanager:
        print(f"Alertmanager            {beside.alertmanager}/")
    if beside.prometheus and not beside.rules:
        print("The alert rules are in the project's dashboards/ folder, which is not here.")
    print("Errors begin within 20 seconds, and shop/emails crashes within 40. Ctrl-C stops all.")
    print(flush=True)
