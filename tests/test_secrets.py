"""Credentials: the API token goes to the API alone, and no secret shows anywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from exporter_process import ExporterProcess, Samples, simulated
from simulated_traffic import simulator, wait_for_two_more_reads
from waiting import wait_for

from exporter.model import Endpoint
from exporter.simulator.faults import (
    Answer,
    BadFrame,
    Channel,
    Drop,
    FaultAction,
    Hang,
    error,
    html,
    not_json,
)
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec

LINES = "digitalocean_app_log_lines_total"


@contextmanager
def one_app() -> Iterator[tuple[Platform, SimulatorServer]]:
    """A platform with one app of one component."""
    with simulator(run_archives=True) as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        yield platform, server


def faults(token: str) -> list[tuple[Endpoint, FaultAction]]:
    """One fault of each kind that could bring a request's URL or headers into a message."""
    quoted = f'{{"id": "server_error", "message": "Authorization: Bearer {token} is odd"}}'
    return [
        (Endpoint.LOGS, error(401)),
        (Endpoint.LOGS, Answer(500, quoted.encode())),
        (Endpoint.LOGS, Answer(418, token.encode(), "text/plain")),
        (Endpoint.LOGS, Drop()),
        (Endpoint.LOGS, Hang()),
        (Endpoint.LOGS, not_json()),
        (Endpoint.APPS, Answer(500, quoted.encode())),
        (Endpoint.LOG_CONTENT, BadFrame()),
        (Endpoint.LOG_CONTENT, error(403)),
        (Endpoint.LOG_CONTENT, html(200)),
        (Endpoint.LOG_CONTENT, Drop()),
        # Last: a handshake that hangs may turn the reading to plain GET for minutes.
        (Endpoint.LOG_CONTENT, Hang()),
    ]


def warnings(exporter: ExporterProcess) -> int:
    """How many warnings were logged so far."""
    return exporter.output.count("level=warning")


def works(samples: Samples) -> bool:
    """Whether each request and read that is made again and again worked the last time."""
    return (
        samples.total("digitalocean_app_api_errors") == 0
        and samples.value("digitalocean_app_source_up", log_type="RUN") == 1
    )


@pytest.mark.long(30)
def test_no_credential_is_logged_shown_or_sent_to_a_log_host(tmp_path: Path):
    """Through faults of every kind, at log level debug, no secret leaves its place."""
    shown: list[str] = []
    with one_app() as (platform, server):
        config = simulated(server.api_url, logs={"timeout": "1s", "types": ["RUN"]})
        arguments = ("--log.level=debug",)
        with ExporterProcess(tmp_path, config, token=server.token, arguments=arguments) as exporter:
            exporter.wait_until_ready()
            for endpoint, action in faults(server.token):
                before = warnings(exporter)
                server.faults.inject(endpoint, action)
                wait_for(lambda before=before: warnings(exporter) > before)
                shown += [exporter.get(path).text for path in ("/", "/metrics", "/-/ready")]
                server.faults.clear()
                # Only the first failure after a success is said.
                exporter.wait_until(works)
            server.faults.inject(
                Endpoint.LOG_CONTENT, error(403), channels=frozenset({Channel.WEBSOCKET})
            )
            for number in range(4):
                platform.write("shop", "web", 0, f"line {number}")
            platform.deploy("shop")
            exporter.wait_until(lambda samples: samples.total(LINES) == 4)
            server.expire_links()
            wait_for_two_more_reads(exporter)
            shown += [exporter.get(path).text for path in ("/", "/metrics")]
            assert exporter.terminate() == 0
        shown.append(exporter.output)
        log_requests = server.log_host_requests.requests
        secrets = {server.token, *(request.query["token"] for request in log_requests)}
    text = "\n".join(shown)
    assert "log cannot be read" in text
    assert [secret for secret in secrets if secret in text] == []
    assert "token=" not in text
    assert text.count("Bearer") == text.count("Bearer [token]") >= 2

    assert {request.path for request in log_requests} >= {"/", "/archives/0/run.log"}
    assert "authorization" not in server.log_host_requests.header_names
    assert "cookie" not in server.log_host_requests.header_names
    for request in log_requests:
        seen = (request.path, *request.query.values(), *request.headers.values())
        assert not any(server.token in value for value in seen)
    api_requests = server.api_requests.requests
    assert {request.headers["authorization"] for request in api_requests} == {
        f"Bearer {server.token}"
    }
    assert not any(server.token in value for each in api_requests for value in each.query.values())


def test_a_changed_token_file_is_read_without_a_restart(tmp_path: Path):
    """A revoked token shows as unauthorized; once the file has the new one, all goes on."""
    token_file = tmp_path / "token"
    with one_app() as (platform, server):
        old = server.token
        token_file.write_text(f"{old}\n")
        config = simulated(server.api_url, digitalocean={"token_file": str(token_file)})
        with ExporterProcess(tmp_path, config, token=None) as exporter:
            exporter.wait_until_ready()
            new = server.rotate_token()
            for endpoint in ("apps", "logs"):
                exporter.wait_until(
                    lambda samples, endpoint=endpoint: (
                        samples.value(
                            "digitalocean_app_api_errors", endpoint=endpoint, error="unauthorized"
                        )
                        > 0
                    )
                )
            platform.write("shop", "web", 0, "written while nobody could look")
            token_file.write_text(f"{new}\n")
            exporter.wait_until(lambda samples: works(samples) and samples.total(LINES) == 1)
            assert exporter.terminate() == 0
        assert old not in exporter.output
        assert new not in exporter.output
