"""`match` counts what the exporter counts: the same lines, events, values, whatever the form."""

import json
from functools import cache
from pathlib import Path

import pytest
from collect_fixtures import IDENTITY, RUN, Log, Site
from exporter_process import run_command

from exporter.config.load import load_config
from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.matching.packs import load_packs
from exporter.model import MetricType, Rule, RuleMetric, RuleTests
from exporter.workbench import counting
from exporter.workbench.counting import count_inputs
from exporter.workbench.inputs import input_of
from exporter.workbench.matches import rules_of
from exporter.workbench.series import series_of
from exporter.workbench.stopwatch import Stopwatch
from exporter.workbench.tally import Tally

SLOW = RuleMetric(
    "slow_seconds_total", MetricType.COUNTER, "Seconds.", value="upstream_response_time"
)
FAILED = RuleMetric("failed_total", MetricType.COUNTER, "Failures.", (("exception", "exception"),))
RULES = (
    *load_packs(["default"]),
    Rule("upstream", regex="upstream_response_time", metric=SLOW, any_severity=True),
    Rule("failed", regex="Error: ", per_event=True, metric=FAILED),
)

# What is counted of each shape: rules of the packs that are about it, others left out.
SHAPES: dict[str, tuple[str, dict[str, int]]] = {
    "coloured access log": (
        "␛[0mGET /basket ␛[31m500␛[0m 2.345 ms - 52␛[0m\n"
        "␛[0mPUT /pay ␛[31m503␛[0m 3000.120 ms - -␛[0m\n"
        "␛[0mGET /items/502 ␛[32m200␛[0m 2.341 ms - 13␛[0m\n"
        "␛[0mGET /gone ␛[33m410␛[0m 1.001 ms - 150␛[0m\n",
        {"http_server_error": 2, "system_error": 0},
    ),
    "coloured levels": (
        "␛[90m2026-11-02T10:00:00Z␛[0m ␛[1m␛[31mERR␛[0m␛[0m no room ␛[36mbed=␛[0m12\n"
        "␛[90m3:04PM␛[0m ␛[31mFTL␛[0m giving up\n"
        "␛[90m3:04PM␛[0m ␛[32mINF␛[0m no ERR here\n"
        "2026-11-02T10:00:00Z ERR no room bed=12\n",
        {"system_error": 2, "system_fatal": 1},
    ),
    "pretty JSON": (
        '{\n\t"instant" : {\n\t\t"epochSecond" : 1793491200\n\t},\n\t"message" : "no room",\n'
        '\t"level" : "ERROR",\n\t"end" : false\n}\n'
        '{\n    "message": "no card",\n    "level": "error"\n}\n'
        '{\n  "payload": {\n    "level": "error"\n  },\n  "level": "info"\n}\n',
        {"system_error": 2},
    ),
    "launcher": (
        "ERROR: failed to launch: determine start command: when there is no default process a "
        "command is required\n",
        {"system_error": 1},
    ),
    "workers that died": (
        "INFO:     Started parent process [7]\nINFO:     Child process [9] died\n"
        "2026-11-02 10:00:00,673 - uvicorn.error - INFO - Child process [12] died\n",
        {"python_worker_died": 2, "system_error": 0},
    ),
    "php-fpm": (
        '[02-Nov-2026 10:00:00] WARNING: [pool web] child 21 said into stdout: "{"level_name":'
        '"ERROR","message":"no room","context":{},"level":400,"channel":"a"}"\n'
        '[02-Nov-2026 10:00:00] WARNING: [pool web] child 21 said into stderr: "NOTICE: PHP '
        'message: PHP Fatal error:  Uncaught Exception: no room in /srv/a.php:7"\n'
        '[02-Nov-2026 10:00:00] WARNING: [pool web] child 21 said into stderr: "Stack trace:"\n'
        '[02-Nov-2026 10:00:00] WARNING: [pool web] child 21 said into stderr: "#0 {main}"\n'
        '[02-Nov-2026 10:00:00] WARNING: [pool web] child 21 said into stderr: "  thrown in '
        '/srv/a.php on line 7"\n'
        "NOTICE: PHP message: PHP Warning:  Undefined variable $y in /srv/b.php on line 3\n",
        {"system_error": 1, "php_fatal_error": 1, "php_warning": 1},
    ),
    "other spellings": (
        'lvl=eror number=12 msg="Failed to retrieve block" t=2026-11-02T10:00:00+0000\n'
        '{"msg":"Failed","t":"2026-11-02T10:00:00Z","lvl": "eror"}\n'
        "ERROR[11-02|10:00:00.965] Pending request   peer=188b153e\n"
        "Nov 02 10:00:00.126 ERRO thread 'net' panicked at 'index out of bounds': /a/b.rs:15\n"
        '{"level":3,"version":"1.1","short_message":"no room","host":"web","timestamp":1.1}\n'
        '{"level":6,"version":"1.1","short_message":"all paid","host":"web","timestamp":1.1}\n',
        {"system_error": 5},
    ),
    "cut lines": (
        '{"label":"rooms","level":"error","message":"no room: ' + "a" * 200 + "\n"
        '2026-11-02T10:00:00.123456789Z bbb","stack":"Error: no room\\n    at /app/x.js:1:1"}\n'
        'ERROR: this is the middle of a long text","status":500,"x":1}\n',
        {"system_error": 2},
    ),
    "progress bars": (
        "␍  0%|          | 0/9 [00:00<?, ?it/s]␍ 45%|####▌     | 4/9 [00:01<00:01, 4.10it/s]"
        "ERROR:root:sync failed\n"
        "␍ 45%|####▌     | 4/9 [00:01<00:01, 4.10it/s]Traceback (most recent call last):\n"
        '  File "/app/job.py", line 3, in <module>\n    raise ValueError("no room")\n'
        "ValueError: no room\n",
        {"system_error": 1, "python_exception": 1},
    ),
    "coloured traceback": (
        "Traceback (most recent call last):\n"
        '  File ␛[35m"/app/a.py"␛[0m, line ␛[35m1␛[0m, in ␛[35m<module>␛[0m\n    import rooms\n'
        "␛[1;35mModuleNotFoundError␛[0m: ␛[35mNo module named 'rooms'␛[0m\n",
        {"python_import_error": 1, "python_exception": 1, "failed": 1},
    ),
    "a manager's prefix": (
        "10:00:02 web.2    | /app/a.js:2\n10:00:02 web.2    | throw new Error('no room');\n"
        "10:00:02 web.2    | ^\n10:00:02 web.2    | \n10:00:02 web.2    | Error: no room\n"
        "10:00:02 web.2    |     at Object.<anonymous> (/app/a.js:2:7)\n"
        "10:00:02 web.2    | \n10:00:02 web.2    | Node.js v20.11.1\n",
        {"node_uncaught_exception": 1, "failed": 1},
    ),
    "lists": (
        "upstream_response_time=0.000, 0.016 status=200\nupstream_response_time=0.019 status=200\n"
        '{"upstream_response_time":"0.000, 0.016","status":200}\n'
        "upstream_response_time=- status=404\nupstream_response_time=0.002 : 0.003 status=200\n"
        "took upstream_response_time=5ms, then 3 more\n",
        {"upstream": 6},
    ),
    "ordinary": (
        '{"level":30,"time":1717013654993,"pid":1,"hostname":"a","msg":"done","n":{"level":50}}\n'
        '{"referer":"https://a.test/?levels=detected_level%7C%3D%7Cerror","status":200}\n'
        '{"time":"2026-11-02T10:00:00.849Z","stream":"stdout","log":{"level":"debug","message":'
        "\"SELECT error FROM failures WHERE level = 'error'\"}}\n"
        '{"body":"error handling request","severity_text":"WARN"}\n'
        "␛[32m[Nest] 29  - ␛[39m11/02/2026, 10:00:00 AM ␛[32m    LOG␛[39m ␛[38;5;3m[ErrorsModule]"
        " ␛[39m␛[32mError filter registered␛[39m\n--> GET /api/health ␛[32m200␛[0m 0ms\n",
        {"system_error": 0, "system_fatal": 0},
    ),
    "one of them": (
        "␛[31m[Nest] 29  - ␛[39m11/02/2026, 10:00:00 AM ␛[31m  ERROR␛[39m ␛[38;5;3m[Handler] "
        "␛[39m␛[31mno room␛[39m\n",
        {"system_error": 1},
    ),
    "said to be harmless": (
        "INFO retry after ECONNREFUSED succeeded\nWARN retry after ECONNREFUSED\n"
        '{"msg":"connect ECONNREFUSED","level":"debug"}\nconnect ECONNREFUSED 10.0.0.1:1\n',
        {"system_connection_refused": 2},
    ),
}


def messages_of(shape: str) -> list[str]:
    text, _ = SHAPES[shape]
    return text.replace("␛", "\x1b").replace("␍", "\r").removesuffix("\n").split("\n")


def served(messages: list[str]) -> str:
    """The lines as the platform serves them, a millisecond apart."""
    return "".join(
        f"web 2026-11-01T00:01:{index // 1000:02}.{index % 1000:03}000000Z {message}\n"
        for index, message in enumerate(messages)
    )


@cache
def compiled() -> tuple[Engine, Stopwatch]:
    stopwatch = Stopwatch(lambda: 0.0)
    return Engine(rules_of(RULES), stopwatch.watch, Unwrapping()), stopwatch


def matched(path: Path, processes: int = 1) -> Tally:
    engine, stopwatch = compiled()
    with path.open("rb", buffering=0) as file:
        return count_inputs(
            engine, RULES, [input_of(file)], stopwatch, processes=processes, notice=lambda _: None
        )


def by_name(tally: Tally) -> dict[str, float]:
    counts = {rule.name: float(tally.patterns[index]) for index, rule in enumerate(RULES)}
    return counts | dict(series_of(RULES, tally.series))


def exported(text: str, cuts: int) -> dict[str, float]:
    """What the exporter counts of a text that grows in so many steps."""
    site = Site(rules=RULES)
    site.watch()
    log = site.platform.logs["d1", RUN.log_type] = Log(live=b"")
    site.poller.poll(RUN)
    lines = text.encode().splitlines(keepends=True)
    for step in range(1, cuts + 1):
        log.live = b"".join(lines[: len(lines) * step // cuts])
        site.poller.poll(RUN)
    site.clock.now += 3600
    site.poller.poll(RUN)
    counts = {}
    for rule in RULES:
        labels = IDENTITY | {"log_type": "RUN", "pattern": rule.name, "level": rule.level}
        counts[rule.name] = site.value("log_matches_total", **labels) or 0.0
    for family in site.registry.collect():
        for sample in family.samples:
            if sample.name == SLOW.name:
                counts[sample.name] = sample.value
            elif sample.name == FAILED.name:
                counts[f'{sample.name}{{exception="{sample.labels["exception"]}"}}'] = sample.value
    return counts


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_counts_as_it_should(shape: str, tmp_path: Path):
    """The rules that are about it count what a person would."""
    path = tmp_path / "a.log"
    path.write_text(served(messages_of(shape)), newline="")
    counts = by_name(matched(path))
    wanted = SHAPES[shape][1]
    assert {name: counts[name] for name in wanted} == wanted


def test_a_list_is_no_number(tmp_path: Path):
    """Of logfmt as of JSON: only a value that stands alone is taken, the others are unreadable."""
    path = tmp_path / "a.log"
    path.write_text(served(messages_of("lists")), newline="")
    tally = matched(path)
    assert by_name(tally)["slow_seconds_total"] == pytest.approx(0.019 + 0.005)
    assert tally.series["slow_seconds_total"].unreadable == 4


@pytest.mark.parametrize("cuts", [1, 7, 1000])
def test_the_exporter_counts_the_same_for_every_rule(cuts: int, tmp_path: Path):
    """All shapes one after the other, read by both: every count and every series is equal."""
    text = served([message for shape in SHAPES for message in messages_of(shape)])
    path = tmp_path / "a.log"
    path.write_text(text, newline="")
    offline, online = by_name(matched(path)), exported(text, cuts)
    assert sum(offline.values()) > 40
    assert {name: value for name, value in online.items() if offline.get(name) != value} == {}


@pytest.mark.parametrize("processes", [2, 5])
def test_events_are_one_however_many_processes_count(
    processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A part that begins within an event, or within a record over lines, knows what came before."""
    monkeypatch.setattr(counting, "_PART_BYTES", 1 << 10)
    path = tmp_path / "a.log"
    text = served([message for shape in SHAPES for message in messages_of(shape)] * 3)
    path.write_text(text, newline="")
    assert by_name(matched(path, processes)) == by_name(matched(path))


PANEL = {
    "api": lambda index, message: f"web 2026-11-01T00:00:{index:02}.5Z {message}",
    "named": lambda index, message: f"[web] [2026-11-01 00:00:{index:02}] {message}",
    "timed": lambda index, message: f"[2026-11-01 00:00:{index:02}] {message}",
    "short": lambda index, message: f"Nov 01 00:00:{index:02} [web] {message}",
    "apart": lambda index, message: f"Nov 01 00:00:{index:02}\n{message}",
    "none": lambda index, message: message,
}


@pytest.mark.parametrize("form", PANEL)
@pytest.mark.parametrize("shape", ["coloured traceback", "a manager's prefix", "pretty JSON"])
def test_every_form_in_which_people_save_logs(form: str, shape: str, tmp_path: Path):
    """Nothing before a message keeps it from being read: events and anchors work in every form."""
    lines = [PANEL[form](index, message) for index, message in enumerate(messages_of(shape))]
    path = tmp_path / "a.log"
    path.write_text("\n".join([*lines, ""]), newline="")
    counts = by_name(matched(path))
    wanted = SHAPES[shape][1]
    assert {name: counts[name] for name in wanted} == wanted


def test_the_command_and_its_explanation(tmp_path: Path):
    """The command counts so; the explanation says what was taken off and what was declared."""
    path = tmp_path / "a.log"
    path.write_text("web-1  | \x1b[31mERROR\x1b[0m no room\nINFO Error: ECONNREFUSED\n", newline="")
    done = run_command("match", "--format=json", str(path))
    counts = json.loads(done.stdout)["patterns"]
    assert (counts["system_error"], counts["system_connection_refused"]) == (1, 0)
    done = run_command("match", "--explain=system_connection_refused", "--format=json", str(path))
    first, second = json.loads(done.stdout)["explained"]
    assert first["steps"][:2] == [
        r"taken off: what stands around and within 'web-1  | \x1b[31mERROR\x1b[0m no room'",
        "message: 'ERROR no room'",
    ]
    assert first["steps"][-1] == "severity: the line declares error"
    assert second["steps"][-1] == (
        "severity: the line declares info, so it does not count; any_severity: true would count it"
    )
    config = tmp_path / "config.yml"
    config.write_text("logs: {unwrap: false}\n")
    done = run_command("match", f"--config.file={config}", "--format=json", str(path))
    assert json.loads(done.stdout)["patterns"]["system_error"] == 0


def test_examples_of_rules_are_read_as_lines_are(tmp_path: Path):
    """What is tried when a file is loaded is unwrapped, and what it declares counts."""
    path = tmp_path / "config.yml"
    path.write_text(
        "patterns:\n  rules:\n    - {name: a, regex: '^declined', severity: [error],"
        " tests: {match: ['<3>declined'], no_match: ['<6>declined', 'declined']}}\n"
    )
    rule = load_config(path, {"default": ()}, _decide, None).patterns.user_rules()[0]
    assert rule.tests == RuleTests(("<3>declined",), ("<6>declined", "declined"))


def _decide(rule: Rule):
    engine = Engine([rule], unwrap=Unwrapping())
    return lambda line: bool(engine.scan([line]))
