"""The simulated platform over real sockets: the API on one port, the log host on another.

Puts the parts together; what tests and ``simulate`` set and ask is here in one place.
"""

import secrets
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from exporter.simulator.connections import Connections
from exporter.simulator.delivery import Delivery, LogLinks
from exporter.simulator.disruption import Disruption
from exporter.simulator.faults import Faults
from exporter.simulator.log_host import LogHost
from exporter.simulator.log_locations import LogLocator
from exporter.simulator.log_reading import LogReader
from exporter.simulator.platform import Platform
from exporter.simulator.rate_limit import RateLimit
from exporter.simulator.request_log import RequestLog
from exporter.simulator.rest import RestApi, Tokens
from exporter.simulator.serving import ServingThread, Site, Tls, bind
from exporter.simulator.signals import Signal


class SimulatorServer:
    """A platform on loopback; a context manager.

    ``faults``, ``delivery``, ``reader`` and ``rate_limit`` can be set while it runs;
    ``api_requests`` and ``log_host_requests`` tell what came. After ``stop`` it can be started
    again, on the same ports.

    Args:
        platform: what is served.
        host: the address to bind.
        port: of the API; 0 takes a free one.
        log_host_port: of the log host; 0 takes a free one.
        tls: serve both over TLS.
        clock: of the rate limit, in Unix seconds.
        token: the API token to accept; None makes one.
    """

    def __init__(
        self,
        platform: Platform,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        log_host_port: int = 0,
        tls: Tls | None = None,
        clock: Callable[[], float] = time.time,
        token: str | None = None,
    ) -> None:
        self.platform = platform
        self.delivery = Delivery()
        self.reader = LogReader(platform)
        self.rate_limit = RateLimit(clock)
        self.api_requests = RequestLog()
        self.log_host_requests = RequestLog()
        self._signal = Signal()
        self.faults = Faults(self._signal)
        self._links = LogLinks()
        self._tokens = Tokens(token or _new_token())
        self._host = host
        self._ports = [port, log_host_port]
        self._tls = tls
        self._log_host: LogHost | None = None
        self._thread: ServingThread | None = None

    @property
    def api_url(self) -> str:
        """The API's base URL, without a path; known once it was started."""
        return self._url(self._ports[0])

    @property
    def log_host_url(self) -> str:
        """The log host's base URL, without a path; known once it was started."""
        return self._url(self._ports[1])

    @property
    def token(self) -> str:
        """The API token that is accepted, ``dop_v1_…``."""
        return self._tokens.valid

    def grant(self, *scopes: str) -> None:
        """Let the API token have these scopes and no others from now on; else 403."""
        self._tokens.scopes = frozenset(scopes)

    def rotate_token(self) -> str:
        """Revoke the API token; return the one that is accepted from now on."""
        self._tokens.valid = _new_token()
        return self._tokens.valid

    def end_streams(self) -> None:
        """Cut every stream that is followed now."""
        if self._log_host is not None:
            self._log_host.end_streams()

    def expire_links(self) -> None:
        """Let every log URL that was given out expire: 401 from now on."""
        self._links.revoke_all()

    def start(self) -> Self:
        """Serve from now on; return when both ports answer.

        Raises:
            OSError: a port cannot be had.
            RuntimeError: the servers did not come up.
        """
        listeners = [bind(self._host, port) for port in self._ports]
        self._ports = [listener.getsockname()[1] for listener in listeners]
        connections = Connections(), Connections()
        api = RestApi(
            self.platform,
            LogLocator(self.platform, self.reader, self._links, self.delivery, self.log_host_url),
            self._tokens,
            self.rate_limit,
            self.faults,
            Disruption(self.faults, connections[0]),
            self.api_requests,
        )
        self._log_host = LogHost(
            self.reader,
            self._links,
            self.delivery,
            self.faults,
            Disruption(self.faults, connections[1]),
            self.log_host_requests,
            self._signal,
        )
        apps = api.app, self._log_host.app
        sites = [Site(*parts) for parts in zip(apps, listeners, connections, strict=True)]
        self.platform.add_listener(self._signal.notify)
        self._thread = ServingThread(sites, self._tls)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Serve no more; return when the thread has ended and the sockets are closed."""
        if self._thread is None or self._log_host is None:
            return
        self._log_host.close()
        self.faults.release()
        self._thread.stop()
        self._thread = None
        self.platform.remove_listener(self._signal.notify)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _url(self, port: int) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{self._host}:{port}"


def _new_token() -> str:
    return f"dop_v1_{secrets.token_hex(32)}"
