"""`match` as a workbench: what it shows, explains and finds to be missing, as a user sees it."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from exporter_process import run_command
from ordinary_lines import ordinary_lines

from exporter.commands.match import chosen_rules
from exporter.config.flags import CONFIG_VARIABLE
from exporter.config.schema import Config
from exporter.matching.engine import Engine
from exporter.matching.grouping.error_groups import MAX_GROUPS
from exporter.matching.packs import load_packs
from exporter.model import Level
from exporter.options import Options
from exporter.service.ruleset import load_rules
from exporter.workbench.inputs import Piece
from exporter.workbench.suspicion import SUSPICIOUS
from exporter.workbench.unmatched import Unmatched

CONFIG = """\
patterns:
  packs: []
  rules:
    - name: declined
      regex: 'declined: code=(?P<code>\\d+)'
      exclude_regex: 'test card'
      components: ['shop/*']
      metric: {name: shop_declined_total, type: counter, help: Declined., labels: {code: code}}
    - name: server_error
      json: {level: [error, fatal], http.status: 503}
"""
PREFIX = "web 2026-11-01T00:00:00.123456789Z "
LINES = [
    f"{PREFIX}payment declined: code=51",
    f"{PREFIX}payment Declined: code=51",
    f"{PREFIX}payment declined: code=51, test card",
    f'{PREFIX}{{"level":"error","http":{{"status":503}}}}',
    "declined: code=7",
]


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yml"
    path.write_text(CONFIG)
    return f"--config.file={path}"


def explained(config: str, name: str, *lines: str) -> list[dict[str, object]]:
    """What `--explain` says in JSON of some lines."""
    text = "".join(f"{line}\n" for line in lines).encode()
    done = run_command("match", config, f"--explain={name}", "--format=json", stdin=text)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert (result["lines"], result["bytes"]) == (len(lines), len(text))
    listed = result["explained"]
    assert result["patterns"] == {name: sum(one["matches"] for one in listed)}
    assert [one["line"] for one in listed] == list(lines)
    return listed


# --- --explain


def test_a_match_is_explained_step_by_step(config: str):
    """Prefix, components, where the regex is found, the exclusion, and the series that it makes."""
    (one,) = explained(config, "declined", LINES[0])
    assert one["matches"] is True
    assert one["steps"] == [
        "prefix: 'web 2026-11-01T00:00:00.123456789Z ' is not searched",
        "message: 'payment declined: code=51'",
        "components: shop/*; not checked, since a file does not say whose it is",
        "regex: found at columns 9 to 25: 'declined: code=51'",
        "exclude_regex: not found",
        'metric: shop_declined_total{code="51"} takes 1',
    ]


def test_why_a_line_does_not_match_is_said(config: str):
    """Another case, an exclusion, a word that stands in the prefix alone."""
    _, case, excluded, json_line, plain = explained(config, "declined", *LINES)
    assert case["steps"][3] == (
        "regex: not found; if case did not matter, (?i), it would be found at columns 9 to 25: "
        "'Declined: code=51'"
    )
    assert excluded["steps"][4] == (
        "exclude_regex: found at columns 28 to 36: 'test card', so it does not count"
    )
    assert [case["matches"], excluded["matches"], json_line["matches"]] == [False, False, False]
    assert json_line["steps"][3] == "regex: not found"
    assert plain["steps"][0] == "prefix: none, the whole line is searched"
    assert plain["matches"] is True


def test_a_word_in_the_prefix_is_not_in_the_message():
    """A component called error-worker is no error, and the explanation says so."""
    line = "ECONNRESET: 2026-11-01T00:00:00Z ok"
    (one,) = explained("--log.level=info", "system_connection_broken", line)
    assert one["matches"] is False
    assert one["steps"][2] == (
        "regex: not found in the message, only with the prefix, which is not searched"
    )


def test_fields_are_explained_one_by_one(config: str):
    """Each field with its value and what is wanted of it."""
    right = '{"level":"fatal","http":{"status":503}}'
    wrong = '{"level":"info","http":{"status":"500"}}'
    first, second, third = explained(config, "server_error", right, wrong, "no fields")
    assert first["matches"] is True
    assert first["steps"][1:] == [
        "json.level: is 'fatal', as wanted error or fatal",
        "json.http.status: is '503', as wanted 503",
        "severity: the line declares critical",
    ]
    assert second["steps"][1:] == [
        "json.level: is 'info', but wanted is error or fatal",
        "json.http.status: is '500', but wanted is 503",
        "severity: the line declares info",
    ]
    absent = "the message has no such field with a text, a number or a boolean"
    assert third["steps"][1:] == [f"json.level: {absent}", f"json.http.status: {absent}"]


def test_columns_count_characters(config: str):
    """Letters outside ASCII and bytes that are no UTF-8 take one column each."""
    (one,) = explained(config, "declined", "ünï → declined: code=5")
    assert one["steps"][2] == "regex: found at columns 7 to 22: 'declined: code=5'"
    done = run_command(
        "match", config, "--explain=declined", stdin=b"\xff\xfe declined: code=5\r\n"
    )
    assert "regex: found at columns 4 to 19: 'declined: code=5'" in done.stdout


def test_the_table_explains_as_many_lines_as_asked_for(config: str):
    """`--limit` says how many lines; each is numbered and has its verdict."""
    text = "\n".join(LINES).encode()
    done = run_command("match", config, "--explain=declined", "--limit=3", stdin=text)
    heads = [line for line in done.stdout.splitlines() if line.startswith("line ")]
    assert heads == [
        f"line 1 matches: {LINES[0]}",
        f"line 2 does not match: {LINES[1]}",
        f"line 3 does not match: {LINES[2]}",
    ]
    refused = run_command("match", "--limit=0", stdin=b"")
    assert refused.returncode == 2
    assert "argument --limit: '0' is no whole number of at least 1" in refused.stderr


def test_an_unknown_rule_is_refused_with_the_nearest_name(config: str):
    """One line and exit code 1, and nothing of the log."""
    done = run_command("match", config, "--explain=decline", __file__)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "--explain: there is no rule 'decline'; did you mean declined?\n"


@pytest.mark.parametrize("flag", ["--show", "--unmatched"])
def test_flags_that_would_be_passed_over_are_refused(config: str, flag: str):
    """An explanation takes the place of counts, so nothing else can be asked with it."""
    done = run_command("match", config, "--explain=declined", flag, stdin=b"")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "--explain: it shows lines in a way of its own, as --show and --unmatched do; "
        "give one of them\n"
    )


# --- --show and --unmatched


def test_show_and_unmatched_are_keys_beside_the_fixed_ones(config: str):
    """The JSON result stays one object, with the counts that it has without."""
    lines = [*LINES, "Error: disk 3 is on fire", "Error: disk 4 is on fire", "all is well"]
    text = "\n".join(lines).encode()
    plain = json.loads(run_command("match", config, "--format=json", stdin=text).stdout)
    done = run_command("match", config, "--format=json", "--show", "--unmatched", stdin=text)
    result = json.loads(done.stdout)
    assert result.pop("matches") == [
        {"pattern": "declined", "line": LINES[0]},
        {"pattern": "server_error", "line": LINES[3]},
        {"pattern": "declined", "line": LINES[4]},
    ]
    disks = {
        "kind": "Error: disk <num> is on fire",
        "lines": 2,
        "sample": "Error: disk 3 is on fire",
    }
    assert result.pop("unmatched") == {"lines": 2, "kinds": [disks], "further_lines": 0}
    for measured in ("seconds", "costs"):
        assert plain.pop(measured)
        assert result.pop(measured)
    assert result == plain
    assert {"lines", "bytes", "patterns"} <= set(plain)


def test_unmatched_lines_stand_in_a_table_the_most_frequent_kind_first():
    """How many of each kind, and the first of it; what `--limit` leaves out is one more row."""
    text = b"Error in lift 1\nwheel lost\nwheel lost\nGET /error 200\nERROR seen by a rule\n"
    done = run_command("match", "--unmatched", "--limit=1", stdin=text)
    rows = done.stdout.splitlines()[-4:]
    assert rows == [
        "3 lines look like errors and no pattern matched them:",
        "     LINES  FIRST OF ITS KIND",
        "         2  wheel lost",
        "         1  of further kinds",
    ]
    done = run_command("match", "--unmatched", stdin=b"all is well\n")
    assert done.stdout.endswith("No line looks like an error that no pattern matched.\n")


def unmatched_in(text: bytes, matched: set[int]) -> Unmatched:
    """What is gathered from a text in which the lines at some places matched."""
    unmatched = Unmatched(lambda text: text)
    unmatched.look(Piece(text, len(text)), matched)
    return unmatched


def test_the_end_of_a_stack_whose_head_matched_is_no_kind_of_its_own():
    """The last line of a traceback names the exception, and a rule has counted its head."""
    trace = b'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: no card\n'
    assert unmatched_in(trace, {0}).lines == 0
    assert [kind.sample for kind in unmatched_in(trace, set()).most_common] == [
        "Traceback (most recent call last):",
        "ValueError: no card",
    ]


def test_however_many_kinds_there_are_the_memory_is_bounded():
    """Past some two hundred kinds, lines of new ones are only counted."""
    words = ["".join(chr(97 + int(digit)) for digit in str(number)) for number in range(500)]
    lines = [f"error {word} {word} {word}" for word in [*words, words[3]]]
    unmatched = unmatched_in("\n".join(lines).encode(), set())
    assert unmatched.lines == len(lines)
    assert len(unmatched.most_common) == MAX_GROUPS
    assert unmatched.further == len(words) - MAX_GROUPS
    assert unmatched.most_common[0].count == 2


def test_no_sample_shows_a_secret(config: str):
    """What is listed for people to copy into rules has its secrets taken out."""
    text = b"Error: no route to postgres://shop:hunter2@db/shop\n"
    for flag in ("--format=table", "--format=json"):
        done = run_command("match", config, "--unmatched", flag, stdin=text)
        assert "no route to postgres://" in done.stdout
        assert "hunter2" not in done.stdout


def test_what_looks_like_an_error():
    """Four of five shipped examples of errors do, three of four lines full of traps do not."""
    engine = Engine([SUSPICIOUS])
    assert engine.re2_only == ()
    examples = [
        line.encode()
        for rule in load_packs(["default"])
        if rule.level in (Level.ERROR, Level.CRITICAL)
        for line in rule.tests.match
    ]
    ordinary = ordinary_lines()
    assert len(engine.scan(examples)) > 0.8 * len(examples)
    assert len(engine.scan(ordinary)) < 0.25 * len(ordinary)


# --- inputs and outputs


def test_compressed_logs_are_read_as_what_they_hold(config: str, tmp_path: Path):
    """By their first bytes, whatever the name: files, several members, standard input."""
    text = "".join(f"{line}\n" for line in LINES).encode()
    packed = tmp_path / "app.log"
    packed.write_bytes(gzip.compress(text) + gzip.compress(text))
    done = run_command(
        "match", config, "--format=json", str(packed), "-", stdin=gzip.compress(text)
    )
    result = json.loads(done.stdout)
    assert (result["lines"], result["bytes"]) == (3 * len(LINES), 3 * len(text))
    assert result["patterns"] == {"declined": 6, "server_error": 3}


def test_damaged_gzip_data_is_one_line(tmp_path: Path):
    """A compressed file that is cut is named, with exit code 1."""
    packed = tmp_path / "cut.gz"
    packed.write_bytes(gzip.compress(b"error\n" * 1000)[:-12])
    done = run_command("match", str(packed))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{packed}: its gzip data is damaged or cut; name a whole file\n"


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path):
    """`match --show | head -1` ends quietly."""
    log = tmp_path / "app.log"
    log.write_text("ERROR no stock\n" * 100_000)
    done = subprocess.run(
        ["bash", "-c", '"$0" -m exporter match --show "$1" | head -1', sys.executable, str(log)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        check=False,
    )
    assert (done.stdout, done.stderr) == ("system_error: ERROR no stock\n", "")


def test_examples_in_the_file_may_be_whole_lines(tmp_path: Path):
    """`check` tries messages and lines alike; each that fails is one fault in its place."""
    file = tmp_path / "config.yml"
    file.write_text(
        "patterns:\n  rules:\n    - name: oops\n      regex: '^oops'\n      tests:\n"
        f"        match:\n          - 'oops'\n          - '{PREFIX}oops'\n"
        f"        no_match:\n          - 'oops-worker 2026-11-01T00:00:00Z fine'\n"
        f"          - '{PREFIX}oops again'\n"
    )
    done = run_command("check", f"--config.file={file}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"{file}:11: patterns.rules[0] (oops).tests.no_match[1]: the rule matches "
        f"'{PREFIX}oops again'; correct the rule or the example\n"
    )


def test_without_a_configuration_its_defaults_apply():
    """The short way to the rules leads where the configuration does."""
    config = Config()
    assert chosen_rules(Options()) == (load_rules(config), config.logs.unwrap)
    written = Options(environ={CONFIG_VARIABLE: "{logs: {unwrap: false}, patterns: {packs: [go]}}"})
    rules, unwraps = chosen_rules(written)
    assert rules == load_packs(["go"])
    assert not unwraps
