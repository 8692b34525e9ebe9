"""Agents of the system that push logs, against the installed command, over TLS with a password."""

import json
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from exporter_process import ExporterProcess
from programs import requires
from test_receiving_end_to_end import LINES, PASSWORD, Receiving, free_port, receiving
from waiting import LIMIT_SECONDS, wait_for

PAGE = Path(__file__).parent.parent / "docs" / "receiving.md"

WEB = {"app": "shop", "component": "web", "log_type": "RUN"}


def documented(site: Receiving, folder: Path, port: int) -> str:
    """The configuration of rsyslog that docs/receiving.md shows, for this machine."""
    [text] = re.findall(r"```conf\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for shown, here in (
        ("/etc/rsyslog.d", str(folder)),
        ('port="6514"', f'port="{port}" address="127.0.0.1"'),
        (
            'server="logs.example.com" serverport="443"',
            f'server="127.0.0.1" serverport="{site.port}" tls.cacert="{site.ca}"',
        ),
        ("<password>", PASSWORD),
        ('action.resumeInterval="5"', 'action.resumeInterval="1"'),
    ):
        assert shown in text
        text = text.replace(shown, here)
    return f'global(workDirectory="{folder}")\n{text}'


@contextmanager
def rsyslog(folder: Path, configuration: str) -> Iterator[None]:
    """A daemon that runs with a configuration; ended at the end."""
    file = folder / "rsyslog.conf"
    file.write_text(configuration, encoding="utf-8")
    checked = subprocess.run(
        ["rsyslogd", "-N1", "-f", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert checked.returncode == 0, checked.stderr
    command = ["rsyslogd", "-n", "-f", file, "-i", folder / "rsyslog.pid"]
    with (folder / "rsyslog.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait(LIMIT_SECONDS)


@contextmanager
def syslog_sender(port: int, ca: str) -> Iterator[ssl.SSLSocket]:
    """A connection over TLS, as Papertrail's senders make it, once somebody listens."""

    def connected() -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", port), LIMIT_SECONDS)
        except OSError:
            return None

    context = ssl.create_default_context(cafile=ca)
    with context.wrap_socket(wait_for(connected), server_hostname="127.0.0.1") as sender:
        yield sender


def message(number: int, text: str) -> bytes:
    """A message of RFC 5424 with structured data."""
    header = f"<14>1 2026-11-01T00:00:00.{number:06}Z shop web 7 -"
    return f'{header} [meta@1 k="v"] {text} {number}'.encode()


def counted(message: bytes) -> bytes:
    """A message with its length in front of it, as RFC 5425 wants it."""
    return b"%d %s" % (len(message), message)


@requires("rsyslogd")
def test_rsyslog_pushes_what_it_takes_by_syslog(tmp_path: Path) -> None:
    """Each line counts once for the app and component of its header, also of a time without."""
    state = {"url": f"sqlite://{tmp_path / 'state.db'}"}
    port = free_port()
    with (
        receiving(tmp_path, secure=True, state=state) as site,
        rsyslog(tmp_path, documented(site, tmp_path, port)),
        syslog_sender(port, site.ca) as sender,
    ):
        for number in range(100):
            sender.sendall(counted(message(number, "no stock")))
        sender.sendall(message(100, "a line for itself") + b"\n")
        site.exporter.wait_until(lambda now: now.value(LINES, **WEB) >= 101)
        site.exporter.stop(signal.SIGTERM)  # what is being counted is answered
        for number in range(50):
            sender.sendall(counted(message(number, "while it was down")))
        config = yaml.safe_load((tmp_path / "config.yml").read_text())
        with ExporterProcess(tmp_path, config, token=site.token) as again:
            samples = again.wait_until(lambda now: now.value(LINES, **WEB) >= 151)
    assert samples.value(LINES, **WEB) == 151
    assert samples.total("digitalocean_app_received_unknown_lines_total") == 0
    assert samples.total("digitalocean_app_receive_errors_total", error="not_found") == 0


def record(number: int, text: str) -> str:
    """A line of JSON, with the fields of both outputs."""
    time = f"2026-11-01T00:{number // 60:02}:{number % 60:02}.000Z"
    line = f"{text} {number}"
    names = {"do_app_name": "shop", "do_component_name": "web"}
    return json.dumps({"time": time, "log": line, "message": line, **names}) + "\n"


@contextmanager
def fluent_bit(folder: Path, output: dict[str, object]) -> Iterator[Path]:
    """An agent that pushes what is written to a file; ended at the end."""
    lines = folder / "lines.log"
    lines.touch()
    (folder / "parsers.conf").write_text(
        "[PARSER]\n    Name json\n    Format json\n    Time_Key time\n"
        "    Time_Format %Y-%m-%dT%H:%M:%S.%L%z\n",
        encoding="utf-8",
    )
    sections = {
        "SERVICE": {
            "Flush": 0.5,
            "Parsers_File": folder / "parsers.conf",
            "Grace": 1,
            "scheduler.base": 1,
            "scheduler.cap": 2,
        },
        "INPUT": {
            "Name": "tail",
            "Path": lines,
            "Parser": "json",
            "Read_from_Head": "On",
            "Refresh_Interval": 1,
        },
        "OUTPUT": {"Match": "*", "Retry_Limit": "False", **output},
    }
    file = folder / "fluent-bit.conf"
    file.write_text(
        "".join(
            f"[{name}]\n" + "".join(f"    {key} {value}\n" for key, value in keys.items())
            for name, keys in sections.items()
        ),
        encoding="utf-8",
    )
    with (folder / "fluent-bit.log").open("w") as log:
        process = subprocess.Popen(["fluent-bit", "-c", file], stdout=log, stderr=log)
    try:
        yield lines
    finally:
        process.kill()
        process.wait(LIMIT_SECONDS)


OUTPUTS: dict[str, dict[str, object]] = {
    "es": {"HTTP_User": "do", "HTTP_Passwd": PASSWORD, "Generate_ID": "On"},
    "datadog": {"apikey": PASSWORD, "compress": "gzip", "dd_message_key": "message"},
}


@requires("fluent-bit")
@pytest.mark.parametrize("name", OUTPUTS)
def test_fluent_bit_pushes_what_it_reads(tmp_path: Path, name: str) -> None:
    """Each line counts once, over a kill of the exporter while chunks are on their way."""
    state = {"url": f"sqlite://{tmp_path / 'state.db'}"}
    with receiving(tmp_path, secure=True, state=state) as site:
        place = {"Name": name, "Host": "127.0.0.1", "Port": site.port}
        secured = {"tls": "On", "tls.verify": "On", "tls.ca_file": site.ca}
        with fluent_bit(tmp_path, place | secured | OUTPUTS[name]) as lines:
            with lines.open("a", encoding="utf-8") as file:
                file.writelines(record(number, "no stock") for number in range(1000))
            site.exporter.wait_until(lambda now: now.value(LINES, **WEB) >= 1)
            site.exporter.stop(signal.SIGKILL)
            with lines.open("a", encoding="utf-8") as file:
                file.writelines(record(number, "was down") for number in range(1000, 1500))
            config = yaml.safe_load((tmp_path / "config.yml").read_text())
            with ExporterProcess(tmp_path, config, token=site.token) as again:
                samples = again.wait_until(lambda now: now.value(LINES, **WEB) >= 1500)
    assert samples.value(LINES, **WEB) == 1500
    assert samples.total("digitalocean_app_received_unknown_lines_total") == 0
