"""What a take-over costs: two replicas as processes over a real Redis, of which one is killed."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from benchmarks.busy_platform import BusyPlatform
from benchmarks.exporter_process import Exporter, Scrape, running_exporter
from benchmarks.tables import print_table
from exporter.commands.children import free_port

FLEETS = (100, 1000)
SHARES = 4
TAKEOVER_SECONDS = 10
START_SECONDS = 600.0
PAUSE_SECONDS = 0.1

_OWNED = "digitalocean_app_exporter_share_owned"
_UP = "digitalocean_app_source_up"
_REQUESTS = "digitalocean_app_api_requests_total"


def run() -> None:
    """Measure and print."""
    if shutil.which("redis-server") is None:
        raise SystemExit("redis-server is not installed")
    header = ("components", *(f"{components:,}" for components in FLEETS))
    measured = [_take_over(components) for components in FLEETS]
    rows = [(what, *(each[what] for each in measured)) for what in measured[0]]
    print_table(
        f"A replica is killed, another one takes half of the components over "
        f"(takeover_after: {TAKEOVER_SECONDS}s)",
        header,
        rows,
    )


def _take_over(components: int) -> dict[str, str]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        platform = stack.enter_context(BusyPlatform(components))
        store = stack.enter_context(_redis(folder))
        replicas = [
            stack.enter_context(_replica(folder, name, platform, store)) for name in ("a", "b")
        ]
        for replica in replicas:
            replica.wait_until_ready()
        _until("half owned", replicas[0], lambda scrape: scrape.total(_OWNED) == SHARES / 2)
        _until("shown", replicas[1], lambda scrape: _shown(scrape) >= components / 4)
        time.sleep(5.0)
        left, killed = replicas
        before = left.scrape()
        memory = left.megabytes("VmRSS")
        killed.kill()
        began = time.monotonic()
        _until("all owned", left, lambda scrape: scrape.total(_OWNED) == SHARES)
        owned = time.monotonic() - began
        _until("all shown", left, lambda scrape: _shown(scrape) == components)
        shown = time.monotonic() - began
        after = _until(
            "all read", left, lambda scrape: scrape.total(_UP, 'log_type="RUN"') == components
        )
        read = time.monotonic() - began
        requests = after.total(_REQUESTS) - before.total(_REQUESTS)
        return {
            "components that move": f"{components - _shown(before):,.0f}",
            "all shares owned after, s": f"{owned:.1f}",
            "all components shown after, s": f"{shown:.1f}",
            "the log of each read after, s": f"{read:.1f}",
            "requests until then": f"{requests:,.0f}",
            "memory before, MB": f"{memory:.0f}",
            "memory after, MB": f"{left.megabytes('VmRSS'):.0f}",
        }


def _shown(scrape: Scrape) -> float:
    """The number of components that a replica shows."""
    return float(scrape.text.count("\ndigitalocean_app_component_info{"))


def _until(what: str, exporter: Exporter, holds: Callable[[Scrape], bool]) -> Scrape:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        scrape = exporter.scrape()
        if holds(scrape):
            return scrape
        time.sleep(PAUSE_SECONDS)
    raise SystemExit(f"the take-over does not come to its end in {START_SECONDS:.0f} s: {what}")


@contextmanager
def _replica(folder: Path, name: str, platform: BusyPlatform, store: str) -> Iterator[Exporter]:
    place = folder / name
    place.mkdir()
    token = place / "token"
    token.write_text(platform.token)
    config = {
        "digitalocean": {"api_url": platform.api_url, "token_file": str(token)},
        "logs": {"mode": "follow"},
        "collectors": {"health": False, "restart_count": False, "deployments": False},
        "api_budget": {"per_hour": 1_000_000, "per_minute": 100_000},
        "state": {"url": store},
        "replicas": {
            "enabled": True,
            "name": name,
            "shares": SHARES,
            "takeover_after": f"{TAKEOVER_SECONDS}s",
        },
        "web": {"listen_addresses": ["127.0.0.1:0"]},
    }
    file = place / "config.yml"
    file.write_text(yaml.safe_dump(config))
    with running_exporter(file) as exporter:
        yield exporter


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    port = free_port()
    flags = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(["redis-server", *flags], stdout=subprocess.DEVNULL)
    try:
        time.sleep(1.0)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)
