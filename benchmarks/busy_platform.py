"""A simulated platform in a process of its own, whose components write when they are told to."""

import multiprocessing
import time
from multiprocessing.connection import Connection
from random import Random
from typing import Self

from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec

COMPONENTS_AN_APP = 10
PROBE_SECONDS = 0.5
"""Between two lines of the probe."""

PROBED = ("app0", "c0")
"""The component that only writes what the probe writes."""

_PAUSE = 0.02
_END_SECONDS = 10.0


class BusyPlatform:
    """A context manager; ``api_url`` and ``token`` are known inside of it."""

    def __init__(self, components: int) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(theirs, components))
        self.api_url, self.token = "", ""

    def __enter__(self) -> Self:
        self._process.start()
        self.api_url, self.token = self._ours.recv()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ours.close()
        self._process.join(_END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def write(self, seconds: float, lines_a_second: float) -> None:
        """Begin to write, to components at random; ``written`` waits for the end."""
        self._ours.send((seconds, lines_a_second))

    def written(self) -> tuple[int, list[float]]:
        """How many lines were written, and when those of the probe were, in Unix seconds."""
        lines: int
        probes: list[float]
        lines, probes = self._ours.recv()
        return lines, probes


def _serve(port: Connection, components: int) -> None:
    """Serve until the other end of the port is closed."""
    platform = Platform(time.time)
    names = []
    for number in range(0, components, COMPONENTS_AN_APP):
        app = f"app{number // COMPONENTS_AN_APP}"
        here = [f"c{index}" for index in range(min(COMPONENTS_AN_APP, components - number))]
        platform.create_app(app, [ComponentSpec(name) for name in here])
        names += [(app, name) for name in here]
    names.remove(PROBED)
    random = Random(1)
    with SimulatorServer(platform) as server:
        server.rate_limit.enforced = False
        port.send((server.api_url, server.token))
        while True:
            try:
                seconds, lines_a_second = port.recv()
            except EOFError:
                return
            port.send(_write(platform, names, random, seconds, lines_a_second))


def _write(
    platform: Platform,
    names: list[tuple[str, str]],
    random: Random,
    seconds: float,
    lines_a_second: float,
) -> tuple[int, list[float]]:
    began, lines, probes = time.time(), 0, list[float]()
    while (passed := time.time() - began) < seconds:
        while lines < passed * lines_a_second:
            milliseconds = random.randrange(500)
            status = "500" if random.random() < 0.02 else "200"
            text = f"GET /items/{lines} HTTP/1.1 {status} {milliseconds} ms"
            platform.write(*random.choice(names), 0, text)
            lines += 1
        if len(probes) * PROBE_SECONDS < passed:
            probes.append(time.time())
            platform.write(*PROBED, 0, f"probe {len(probes)}")
        time.sleep(_PAUSE)
    return lines + len(probes), probes
