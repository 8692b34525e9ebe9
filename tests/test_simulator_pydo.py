"""DigitalOcean's own Python client, and live logs, against the simulated platform over TLS."""

import asyncio
import json
import logging
import ssl
import time

import pytest
import requests
import trustme
from azure.core.exceptions import HttpResponseError
from pydo import Client
from waiting import LIMIT_SECONDS
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from exporter.model import Endpoint
from exporter.simulator.faults import Drop
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.serving import Tls
from exporter.simulator.state import ComponentSpec, Kind


@pytest.fixture
def platform():
    platform = Platform(time.time)
    worker = ComponentSpec("mail", Kind.WORKER)
    platform.create_app("shop", [ComponentSpec("web", instances=2), worker])
    return platform


@pytest.fixture
def ca_file(tmp_path):
    return tmp_path / "ca.pem"


@pytest.fixture
def server(platform, tmp_path, ca_file):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    issued = authority.issue_cert("127.0.0.1")
    tls = Tls(tmp_path / "server.pem", tmp_path / "server.key")
    for index, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(tls.certificate), append=index > 0)
    issued.private_key_pem.write_to_path(str(tls.key))
    with SimulatorServer(platform, tls=tls) as server:
        yield server


def make_client(server, ca_file, token=None):
    return Client(token or server.token, endpoint=server.api_url, connection_verify=str(ca_file))


def test_pydo_lists_apps_and_reads_logs(server, platform, ca_file):
    """pydo, as it comes, finds the apps and gets a log's URL, over TLS."""
    platform.write("shop", "web", 0, "hello pydo")
    with make_client(server, ca_file) as client:
        (app,) = client.apps.list()["apps"]
        assert app["spec"]["name"] == "shop"
        deployment = app["active_deployment"]["id"]
        logs = client.apps.get_logs(app["id"], deployment, "web", type="RUN", follow=False)
        assert logs["live_url"].startswith(server.log_host_url)
        text = requests.get(logs["live_url"], verify=str(ca_file), timeout=LIMIT_SECONDS).text
        assert text.endswith("hello pydo\n")
        every = client.apps.get_logs_active_deployment_aggregate(app["id"], type="RUN")
        assert every["live_url"] != logs["live_url"]
        assert client.apps.get_health(app["id"])["app_health"]["components"][0]["name"] == "web"
        deployments = client.apps.list_deployments(app["id"])["deployments"]
        assert [each["phase"] for each in deployments] == ["ACTIVE"]


def test_pydo_sees_the_documented_error(server, ca_file):
    """A wrong token reaches pydo as a 401 of the documented shape."""
    with (
        make_client(server, ca_file, "dop_v1_wrong") as client,
        pytest.raises(HttpResponseError) as refusal,
    ):
        client.apps.list()
    assert refusal.value.status_code == 401


def test_live_logs_and_faults_over_tls(server, platform, ca_file, caplog):
    """A WebSocket over TLS serves, and breaks when asked to; no URL's token is logged."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.INFO, logger="uvicorn.error")  # others may have made it silent
    platform.write("shop", "web", 0, "hello")
    app_id = platform.app_id("shop")
    headers = {"Authorization": f"Bearer {server.token}"}
    logs = f"{server.api_url}/v2/apps/{app_id}/components/web/logs?type=RUN"
    url = requests.get(logs, headers=headers, verify=str(ca_file), timeout=LIMIT_SECONDS).json()[
        "live_url"
    ]
    server.faults.inject(Endpoint.LOG_CONTENT, Drop(after_bytes=3), times=1)
    context = ssl.create_default_context(cafile=str(ca_file))
    socket_url = "wss" + url.removeprefix("https")

    async def read() -> None:
        async with connect(socket_url, ssl=context, close_timeout=1) as socket:
            assert json.loads(await socket.recv()) == {"data": "web", "op": "stdout"}
            with pytest.raises(ConnectionClosedError):
                await socket.recv()
        async with connect(socket_url, ssl=context, close_timeout=1) as socket:
            assert json.loads(await socket.recv())["data"].endswith("hello\n")

    asyncio.run(asyncio.wait_for(read(), 60))
    server.faults.inject(Endpoint.APPS, Drop(), times=1)
    with pytest.raises(requests.ConnectionError):
        requests.get(
            f"{server.api_url}/v2/apps", headers=headers, verify=str(ca_file), timeout=LIMIT_SECONDS
        )
    # The client under test logs its own URLs; what counts is what the server says.
    said = [each.getMessage() for each in caplog.records if each.name.startswith("uvicorn")]
    assert said
    assert not [message for message in said if url.partition("token=")[2] in message]
