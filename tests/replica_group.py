"""Several replicas as processes of their own over the simulated platform, which a judge watches."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import simulated_traffic
import yaml
from exporter_process import ExporterProcess, Samples, simulated
from replica_judge import OWNED, Judge
from simulated_traffic import RULE, Traffic, simulator, wait_for_two_more_reads
from waiting import LIMIT_SECONDS, wait_for

from exporter.simulator.platform import Platform
from exporter.simulator.state import Layout

APPS = tuple(f"shop-{number}" for number in range(6))
COMPONENTS = simulated_traffic.COMPONENTS[:1]
SHARES = 4
TAKEOVER = 8
WAIT = LIMIT_SECONDS

LINES = "digitalocean_app_log_lines_total"
RESTARTS = "digitalocean_app_restarts_total"
TAKEOVERS = "digitalocean_app_exporter_takeovers_total"

DOCUMENT = Path(__file__).parent.parent / "docs" / "high-availability.md"

Scene = tuple["Group", Platform, Traffic]


class Group:
    """Replicas that share a platform and a store, all judged."""

    def __init__(
        self, folder: Path, api_url: str, token: str, store: str, judge: Judge, takeover: int
    ) -> None:
        self._folder = folder
        self.api_url = api_url
        self.token = token
        self._store = store
        self.judge = judge
        self._takeover = takeover
        self._stack = ExitStack()
        self.replicas: dict[str, ExporterProcess] = {}

    def start(self, name: str, store: str = "") -> ExporterProcess:
        """Start a replica; it need not own anything yet."""
        folder = self._folder / f"{name}-{time.monotonic_ns()}"
        folder.mkdir()
        config = simulated(
            self.api_url,
            state={"url": store or self._store},
            replicas={
                "enabled": True,
                "name": name,
                "shares": SHARES,
                "takeover_after": f"{self._takeover}s",
            },
            patterns={"packs": [], "rules": [RULE]},
            collectors={"health": False, "restart_count": False, "deployments": False},
            discovery={"interval": "3s"},
        )
        replica = ExporterProcess(folder, config, token=self.token)
        self._stack.enter_context(replica)
        self.replicas[name] = replica
        self.judge.add(replica.url)
        return replica

    def close(self) -> None:
        self._stack.close()

    def scrapes(self) -> dict[str, Samples]:
        return {name: replica.metrics() for name, replica in self.replicas.items()}

    def owned(self) -> dict[str, int]:
        """The number of shares of each replica that runs."""
        return {name: int(samples.total(OWNED)) for name, samples in self.scrapes().items()}

    def wait_for_owners(self, *counts: int) -> None:
        """Wait until the replicas own so many shares, in any order."""
        owned: dict[str, int] = {}

        def look() -> bool:
            owned.update(self.owned())
            return sorted(owned.values()) == sorted(counts)

        wait_for(look, WAIT, lambda: f"{owned} {self.logs()}")

    def takeovers(self) -> float:
        """The shares that were taken from silent replicas, by those that run."""
        return sum(samples.value(TAKEOVERS) for samples in self.scrapes().values())

    def logs(self) -> str:
        return "\n\n".join(
            f"{name}:\n" + "\n".join(replica.output.splitlines()[-30:])
            for name, replica in self.replicas.items()
        )

    def end(self, name: str, number: int) -> None:
        self.replicas.pop(name).stop(number)

    def wait_until_counted(self, platform: Platform) -> None:
        """Wait until the replicas together show every line and container end, and no more."""
        found: list[str] = []

        def look() -> bool:
            scrapes = self.scrapes().values()
            found[:] = []
            for (key, log_type), truth in platform.truth().logs.items():
                identity = {"app": key.app, "component": key.component}
                if log_type != "RUN":
                    continue
                for name, wanted in ((LINES, truth.lines), (RESTARTS, truth.container_ends)):
                    counted = sum(samples.total(name, **identity) for samples in scrapes)
                    if counted != wanted:
                        found.append(f"{name} of {key}: {counted} of {wanted}")
            return not found

        wait_for(look, WAIT, lambda: f"{found} {self.logs()}")
        for replica in self.replicas.values():
            wait_for_two_more_reads(replica)
        # What is counted twice stays so.
        wait_for(look, WAIT, lambda: f"{found} {self.logs()}")


@contextmanager
def group(
    tmp_path: Path, store: str, takeover: int = TAKEOVER, apps: tuple[str, ...] = APPS
) -> Iterator[Scene]:
    """A platform with traffic to come, and nobody who reads yet; judged at the end."""
    with simulator() as (platform, server):
        for app in apps:
            platform.create_app(app, COMPONENTS, layout=Layout.SEQUENTIAL)
        judge = Judge()
        replicas = Group(tmp_path, server.api_url, server.token, store, judge, takeover)
        try:
            with judge:
                yield replicas, platform, Traffic(platform, apps, 60.0, COMPONENTS)
        finally:
            replicas.close()
        assert judge.scrapes > 10
        assert judge.faults() == []


def shown(samples: Samples) -> set[tuple[str, str]]:
    """The components that a scrape shows."""
    return {(labels["app"], labels["component"]) for labels, _ in samples.series(LINES)}


def documented_relabelling() -> list[dict[str, object]]:
    """The relabelling that docs/high-availability.md shows."""
    text = DOCUMENT.read_text(encoding="utf-8")
    [block] = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        if "metric_rel" in block
    ]
    [job] = yaml.safe_load(block)["scrape_configs"]
    return job["metric_relabel_configs"]
