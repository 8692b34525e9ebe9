"""``simulate``: the simulated App Platform alone, for any client of the API."""

import random
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from exporter.commands.signals import signals
from exporter.config.addresses import ListenAddress, parse_listen_address
from exporter.errors import ConfigError, Fault, ListenError
from exporter.options import Options
from exporter.simulator.forwarding import Habits
from exporter.simulator.platform import Platform
from exporter.simulator.pushing import Pusher
from exporter.simulator.scenario import Scenario
from exporter.simulator.scenario_runner import ScenarioRunner
from exporter.simulator.server import SimulatorServer
from exporter.simulator.serving import Tls

DEFAULT_ADDRESS = "127.0.0.1:0"


def simulate(options: Options) -> int:
    """Serve the simulated platform and let things happen on it until a signal says to stop.

    Raises:
        ConfigError: the flags cannot be used.
        ListenError: the address cannot be listened on.
    """
    address = _address(options.listen_address or DEFAULT_ADDRESS)
    platform = Platform(time.time)
    server = SimulatorServer(platform, host=address.host, port=address.port, tls=_tls(options))
    try:
        server.start()
    except OSError as error:
        raise ListenError(str(address), error.strerror or str(error)) from None
    try:
        pushing = _pushing(platform, options.push_to)
        with signals() as heard, ScenarioRunner(Scenario(platform, random.Random())), pushing:
            print(f"API    {server.api_url}")
            print(f"logs   {server.log_host_url}")
            print(f"token  {server.token}", flush=True)
            heard.wait_for_stop()
    finally:
        server.stop()
    return 0


def _address(text: str) -> ListenAddress:
    try:
        address = parse_listen_address(text)
    except ValueError as error:
        raise ConfigError((Fault("--listen-address", "", str(error), ""),)) from None
    return ListenAddress(address.host or "127.0.0.1", address.port)


def _pushing(platform: Platform, url: str | None) -> AbstractContextManager[object]:
    if url is None:
        return nullcontext()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        problem = "the address is no http:// or https:// URL"
        raise ConfigError((Fault("--push-to", "", problem, "such as https://127.0.0.1:10047"),))
    return Pusher(platform, url, random.Random(), Habits())


def _tls(options: Options) -> Tls | None:
    certificate, key = options.tls_certificate, options.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        problem = "a certificate and its key go together"
        raise ConfigError((Fault("--tls-certificate", "", problem, "give --tls-key too"),))
    for flag, path in (("--tls-certificate", certificate), ("--tls-key", key)):
        if not Path(path).is_file():
            raise ConfigError((Fault(flag, "", f"{path!r} is no file", "name a PEM file"),))
    return Tls(Path(certificate), Path(key))
