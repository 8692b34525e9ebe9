"""The commands as a user meets them: what they print, how they end, and what steers them."""

import json
import re
import signal
import socket
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import requests
from exporter_process import ExporterProcess, Program, run_command, simulated
from simulated_traffic import simulator
from waiting import LIMIT_SECONDS

from exporter.model import Endpoint
from exporter.simulator.faults import Hang
from exporter.simulator.state import ComponentSpec

TOKEN = {"DIGITALOCEAN_TOKEN": "dop_v1_of_a_test"}

MESSAGES = [
    "GET /health 200 in 3 ms",
    "payment declined: card ending in 4242",
    "payment declined: test card",
    "Payment Declined",
    "took 1250 ms",
    "took 80 ms",
    "ünïcode → payment declined",
    "",
]
OWN_RULES = """\
patterns:
  packs: []
  rules:
    - {name: declined, regex: 'payment declined', exclude_regex: 'test card', level: warning}
    - {name: slow, regex: 'took \\d{4,} ms', components: ['shop/web']}
    - {name: anything, regex: '^', level: info}
    - {name: never, regex: 'no line says this'}
"""


def with_prefix(message: str, second: int) -> str:
    """A line as the platform serves it."""
    return f"web 2026-11-01T00:00:{second:02d}.123456789Z {message}"


# --- the command line itself


def test_version_is_that_of_the_distribution():
    """`--version` prints name and version, with and without a command."""
    expected = f"do-app-exporter {version('do-app-exporter')}\n"
    for arguments in (("--version",), ("run", "--version")):
        done = run_command(*arguments, installed=True)
        assert (done.returncode, done.stdout) == (0, expected)


def test_help_names_every_command():
    """`--help` lists the five commands, and each has a help of its own."""
    done = run_command("--help", installed=True)
    assert done.returncode == 0
    for command in ("run", "check", "match", "demo", "doctor", "simulate", "canary"):
        assert re.search(rf"^\s+{command}\s+\S", done.stdout, re.MULTILINE)
        own = run_command(command, "--help")
        assert own.returncode == 0
        assert own.stdout.startswith(f"usage: do-app-exporter {command} ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("frobnicate",), "unknown command 'frobnicate'; the commands are run, check, match"),
        (("--frobnicate",), "unrecognized arguments: --frobnicate"),
        (("run", "--log.level=loud"), "--log.level: invalid choice: 'loud'"),
        (("match", "--format=xml"), "--format: invalid choice: 'xml'"),
        (("simulate", "--config.file=x"), "unrecognized arguments: --config.file=x"),
        (("run", "--token=secret"), "unrecognized arguments: --token=secret"),
    ],
)
def test_bad_usage_says_what_is_wrong(arguments: tuple[str, ...], complaint: str):
    """What the command line does not know ends with 2 and a message on standard error."""
    done = run_command(*arguments, variables=TOKEN)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stdout == ""


def test_the_module_is_the_same_program():
    """`python -m exporter` behaves like the installed command."""
    module = (sys.executable, "-m", "exporter")
    for arguments in (("--version",), ("check", "--config.file=/nowhere")):
        ours = run_command(*arguments, installed=True)
        theirs = run_command(*arguments, program=module)
        assert (theirs.returncode, theirs.stdout, theirs.stderr) == (
            ours.returncode,
            ours.stdout,
            ours.stderr,
        )


def test_a_variable_stands_between_the_file_and_a_flag(tmp_path: Path):
    """An environment variable wins over the file, and a flag over both."""
    file = tmp_path / "config.yml"
    file.write_text(
        "digitalocean: {api_url: 'http://127.0.0.1:1'}\npatterns: {packs: []}\n"
        "web: {listen_addresses: ['127.0.0.1:0'], telemetry_path: /file}\n"
    )
    variables = {**TOKEN, "DO_APP_EXPORTER_CONFIG_FILE": str(file)}
    variable = {"DO_APP_EXPORTER_WEB_TELEMETRY_PATH": "/variable"}
    cases = [
        ({}, (), "/file"),
        (variable, (), "/variable"),
        (variable, ("--web.telemetry-path=/flag",), "/flag"),
    ]
    for more, flags, path in cases:
        with Program("run", *flags, variables={**variables, **more}) as program:
            found = program.wait_for_output(r"addresses=(\S+) telemetry_path=(\S+)")
            assert found[2] == path
            answer = requests.get(f"http://{found[1]}{path}", timeout=LIMIT_SECONDS)
            assert "digitalocean_app_exporter_build_info" in answer.text
            assert program.terminate() == 0


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DO_APP_EXPORTER_LOG_LEVEL", "loud"),
        ("DO_APP_EXPORTER_LOG_FORMAT", "xml"),
        ("DO_APP_EXPORTER_WEB_ENABLE_LIFECYCLE", "perhaps"),
        ("DO_APP_EXPORTER_WEB_LISTEN_ADDRESS", "nowhere"),
        ("DO_APP_EXPORTER_WEB_TELEMETRY_PATH", "metrics"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(variable: str, value: str):
    """A bad value in an environment variable is one line that begins with its name."""
    done = run_command("check", variables={variable: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{variable}: '{value}'")
    assert done.stderr.count("\n") == 1


def test_the_configuration_can_come_in_a_variable():
    """Where no file can be put beside the program its text is enough; faults have their lines."""
    good = run_command("check", variables={"DO_APP_EXPORTER_CONFIG": "patterns: {packs: [go]}\n"})
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("DO_APP_EXPORTER_CONFIG: good\n")
    bad = run_command("check", variables={"DO_APP_EXPORTER_CONFIG": "logs:\n  interval: 60\n"})
    assert bad.returncode == 1
    assert bad.stderr.startswith("DO_APP_EXPORTER_CONFIG:2: logs.interval: 60 has no unit")


def test_the_web_configuration_can_come_in_a_variable():
    """Its faults have their lines as well."""
    text = "basic_auth_users:\n  alice: secret\n"
    bad = run_command("check", variables={"DO_APP_EXPORTER_WEB_CONFIG": text})
    assert bad.returncode == 1
    assert bad.stderr.startswith("DO_APP_EXPORTER_WEB_CONFIG:2: basic_auth_users.alice: ")
    assert "secret" not in bad.stderr


@pytest.mark.parametrize(
    ("flag", "variable"),
    [
        ("--config.file=a.yml", "DO_APP_EXPORTER_CONFIG"),
        ("--web.config.file=a.yml", "DO_APP_EXPORTER_WEB_CONFIG"),
    ],
)
def test_a_file_and_a_variable_exclude_one_another(flag: str, variable: str):
    """Nobody should have to know which of two configurations is in force."""
    done = run_command("check", flag, variables={variable: "{}"})
    assert done.returncode == 1
    assert f"{variable}: a" in done.stderr
    assert "is given here and by a.yml; keep one of them" in done.stderr


# --- run


def test_run_without_a_token_says_what_to_set():
    """One line that names the variable, and exit code 1."""
    for arguments in ((), ("run",)):
        done = run_command(*arguments)
        assert done.returncode == 1
        assert done.stdout == ""
        assert "DIGITALOCEAN_TOKEN" in done.stderr
        assert done.stderr.count("\n") == 1


def test_run_on_a_port_in_use_says_so():
    """An address that is taken is one line and exit code 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        variables = {**TOKEN, "DO_APP_EXPORTER_CONFIG": "patterns: {packs: []}"}
        done = run_command(f"--web.listen-address={address}", variables=variables)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"cannot listen on {address}" in done.stderr


def test_a_signal_ends_run_also_while_requests_hang(tmp_path: Path):
    """The requests under way hang for ever; the process ends all the same, with 0."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("worker")])
        with ExporterProcess(
            tmp_path, simulated(server.api_url), token=server.token, installed=True
        ) as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "web", 0, "a line to hang after")
            server.faults.inject(Endpoint.LOG_CONTENT, Hang(after_bytes=10), app="shop")
            seen = server.log_host_requests.count(Endpoint.LOG_CONTENT)
            server.log_host_requests.wait_for(Endpoint.LOG_CONTENT, seen + 2)
            for endpoint in (Endpoint.LOGS, Endpoint.APPS):
                server.faults.inject(endpoint, Hang())
                server.api_requests.wait_for(endpoint, server.api_requests.count(endpoint) + 1)
            exporter.send_signal(signal.SIGTERM)
            assert exporter.wait() == 0
        assert "stopping" in exporter.output
        assert "Traceback" not in exporter.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_run_at_once(tmp_path: Path, number: signal.Signals):
    """With nothing under way there is nothing to wait for."""
    with simulator() as (_, server):
        config = {**simulated(server.api_url), "logs": {"interval": "1h"}}
        with ExporterProcess(tmp_path, config, token=server.token, installed=True) as exporter:
            exporter.wait_until_ready()
            exporter.send_signal(number)
            assert exporter.wait() == 0
        assert "gave up" not in exporter.output


# --- check


def test_check_says_what_a_good_file_costs(tmp_path: Path):
    """A good file ends with 0: rules, series for a component, requests for fleets."""
    file = tmp_path / "config.yml"
    file.write_text(OWN_RULES)
    done = run_command("check", f"--config.file={file}")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{file}: good\n" in done.stdout
    assert "rules: 4\n" in done.stdout
    assert re.search(r"series per component: at most \d+\n", done.stdout)
    assert re.search(r"10 components in  1 apps: +\d+\n", done.stdout)


def test_check_says_what_rules_cost_that_are_tried_on_each_line(tmp_path: Path):
    """Rules for which lines cannot be proposed are named with the time that each line takes."""
    file = tmp_path / "config.yml"
    file.write_text(OWN_RULES)
    done = run_command("check", f"--config.file={file}")
    costs = re.findall(r"^  (\w+): tried on each line by itself, which adds (\S+) µs to a line$",
                       done.stdout, re.MULTILINE)  # fmt: skip
    assert [name for name, _ in costs] == ["anything"]
    assert 0.05 < float(costs[0][1]) < 10_000


def test_check_names_every_fault_on_a_line_of_its_own(tmp_path: Path):
    """A bad file ends with 1: for each fault its file, line, place and what would be right."""
    file = tmp_path / "config.yml"
    file.write_text(
        "logs:\n  interval: 60\n  bogus: 1\npatterns:\n  rules:\n    - {name: a, regex: '('}\n"
    )
    done = run_command("check", f"--config.file={file}")
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [f"{file}:2", "logs.interval"],
        [f"{file}:3", "logs.bogus"],
        [f"{file}:6", "patterns.rules[0] (a).regex"],
    ]
    assert "write a duration such as 60s" in lines[0]
    gone = run_command("check", "--config.file=/nowhere")
    assert (gone.returncode, gone.stderr.count("\n")) == (1, 1)


def test_check_forecasts_a_size_in_each_mode(tmp_path: Path):
    """Asked for 120 components it names their series, and what polling and following cost."""
    done = run_command("check", "--components=120", "--apps=12")
    assert (done.returncode, done.stderr) == (0, "")
    each = re.search(r"^series per component: at most (\d+)$", done.stdout, re.MULTILINE)
    assert each is not None
    assert f"120 components in 12 apps: at most {120 * int(each[1])} series\n" in done.stdout
    modes = dict(re.findall(r"^  logs.mode: (\w+).*? +(\d+)(?:  |$)", done.stdout, re.MULTILINE))
    assert int(modes["poll"]) > 10 * int(modes["follow"]) > 0
    assert re.search(r"poll \(configured\) +\d+  too many: ", done.stdout)


@pytest.mark.parametrize("flags", [("--components=0",), ("--apps=ten",)])
def test_check_forecasts_whole_sizes_only(flags: tuple[str, ...]):
    """A size that is no whole number of at least 1 is bad usage."""
    assert run_command("check", *flags).returncode == 2


def test_check_of_syntax_reads_no_other_file(tmp_path: Path):
    """A pull request can be checked where the token and the certificates are not."""
    file = tmp_path / "config.yml"
    file.write_text(
        "digitalocean: {token_file: /nowhere/token}\nweb: {config_file: /nowhere/web.yml}\n"
        "discovery: {include: ['shop-*']}\n"
    )
    assert run_command("check", f"--config.file={file}").returncode == 1
    good = run_command("check", "--syntax-only", f"--config.file={file}")
    assert (good.returncode, good.stderr) == (0, "")
    file.write_text("logs: {interval: 60}\n")
    bad = run_command("check", "--syntax-only", f"--config.file={file}")
    assert (bad.returncode, bad.stderr.count("\n")) == (1, 1)


@pytest.mark.found(
    "`check` called a file good whose `ca_file` held no certificate, which a start refused.",
    how="Reading which files a start needs, then a check of such a file",
)
def test_check_refuses_authorities_that_a_start_refuses(tmp_path: Path):
    """A file without a certificate is one line with its key; of syntax alone it is not read."""
    authorities, file = tmp_path / "ca.pem", tmp_path / "config.yml"
    authorities.write_text("no certificate\n")
    file.write_text(f"digitalocean: {{ca_file: '{authorities}'}}\n")
    bad = run_command("check", f"--config.file={file}")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr == (
        f"digitalocean.ca_file: {authorities} cannot be used: it holds no certificate; "
        "name a file of CA certificates in PEM\n"
    )
    assert run_command("check", "--syntax-only", f"--config.file={file}").returncode == 0


# --- match


def counted_by_python(messages: list[str]) -> dict[str, int]:
    """What Python's own regular expressions make of the rules above."""
    return {
        "declined": sum(
            bool(re.search("payment declined", m)) and not re.search("test card", m)
            for m in messages
        ),
        "slow": sum(bool(re.search(r"took \d{4,} ms", m)) for m in messages),
        "anything": len(messages),
        "never": 0,
    }


@pytest.fixture
def logs(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A configuration, a log with the platform's prefix and one without."""
    config, prefixed, plain = (tmp_path / name for name in ("config.yml", "run.log", "plain.log"))
    config.write_text(OWN_RULES)
    prefixed.write_text("".join(f"{with_prefix(m, n)}\n" for n, m in enumerate(MESSAGES * 5)))
    plain.write_text("\n".join(MESSAGES[:-1]))
    return config, prefixed, plain


def test_match_counts_as_python_does(logs: tuple[Path, Path, Path]):
    """Lines with and without prefix, from files and standard input, with and without an end."""
    config, prefixed, plain = logs
    stdin = "\n".join(MESSAGES[:3]).encode()
    done = run_command(
        "match",
        f"--config.file={config}",
        "--format=json",
        *(str(prefixed), str(plain), "-"),
        stdin=stdin,
    )
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    messages = MESSAGES * 5 + MESSAGES[:-1] + MESSAGES[:3]
    assert result.pop("seconds") > 0
    costs = result.pop("costs")
    assert {name: cost["candidates"] for name, cost in costs.items()} == {
        "declined": 20, "slow": 6, "anything": len(messages), "never": 0
    }  # fmt: skip
    assert all((cost["seconds"] > 0) == (cost["candidates"] > 0) for cost in costs.values())
    assert result == {
        "lines": len(messages),
        "bytes": prefixed.stat().st_size + plain.stat().st_size + len(stdin),
        "patterns": counted_by_python(messages),
    }


def test_match_loads_nothing_that_only_run_needs():
    """What polls, serves and schedules stays out of a command that reads a file."""
    script = (
        "import sys, exporter.cli; exporter.cli.command_line(['match', '--format=json'], {}); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = run_command("-c", script, program=(sys.executable,))
    loaded = done.stdout.splitlines()[-1].split()
    assert "hyperscan" in loaded
    heavy = {"apscheduler", "jinja2", "prometheus_client", "requests", "starlette", "uvicorn"}
    assert heavy & set(loaded) == set()


def test_match_begins_to_count_lines_before_it_loads_what_takes_long():
    """What reads the configuration and what matches are loaded while another core counts."""
    script = (
        "import sys, exporter.commands.match; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = run_command("-c", script, program=(sys.executable,)).stdout.split()
    assert {"hyperscan", "pydantic", "re2", "yaml"} & set(loaded) == set()


def test_match_reads_standard_input_without_a_file(logs: tuple[Path, Path, Path]):
    """Without a file, lines come from standard input; the table leaves out rules without work."""
    config, prefixed, _ = logs
    done = run_command("match", f"--config.file={config}", stdin=prefixed.read_bytes())
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["PATTERN", "LEVEL", "LINES", "CANDIDATES", "MS"]
    assert [row[:4] for row in rows[1:4]] == [
        ["declined", "warning", "10", "15"],
        ["slow", "error", "5", "5"],
        ["anything", "info", "40", "40"],
    ]
    assert "1 of 4 patterns matched nothing." in done.stdout
    assert f"40 lines, {prefixed.stat().st_size} bytes in" in done.stdout


def test_match_shows_the_matching_lines(logs: tuple[Path, Path, Path]):
    """With --show, every match stands on a line with the name of its rule."""
    config, _, plain = logs
    done = run_command("match", f"--config.file={config}", "--show", str(plain))
    shown = [line for line in done.stdout.splitlines() if line.startswith(("declined:", "slow:"))]
    assert sorted(shown) == [
        "declined: payment declined: card ending in 4242",
        "declined: ünïcode → payment declined",
        "slow: took 1250 ms",
    ]


def test_match_names_a_file_that_is_not_there():
    """A log that cannot be read is one line and exit code 1."""
    done = run_command("match", "/nowhere.log")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("/nowhere.log: cannot be read")
    assert done.stderr.count("\n") == 1


# --- simulate


def test_simulate_prints_what_a_client_needs():
    """The printed address and token list apps; another token does not; Ctrl-C ends it with 0."""
    with Program("simulate", "--listen-address=127.0.0.1:0") as program:
        url = program.wait_for_output(r"^API +(http://127\.0\.0\.1:\d+)$")[1]
        token = program.wait_for_output(r"^token +(dop_v1_[0-9a-f]{64})$")[1]
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.get(f"{url}/v2/apps", headers=headers, timeout=LIMIT_SECONDS)
        assert answer.status_code == 200
        names = {app["spec"]["name"] for app in answer.json()["apps"]}
        assert names == {"shop", "blog"}
        refused = requests.get(
            f"{url}/v2/apps",
            headers={"Authorization": "Bearer dop_v1_other"},
            timeout=LIMIT_SECONDS,
        )
        assert (refused.status_code, refused.json()["id"]) == (401, "unauthorized")
        assert program.stop(signal.SIGINT) == 0
    assert "Traceback" not in program.output


def test_simulate_on_a_port_in_use_says_so():
    """An address that is taken is one line and exit code 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_command("simulate", f"--listen-address={address}")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"cannot listen on {address}" in done.stderr
