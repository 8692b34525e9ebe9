"""The configuration: what is accepted, what is refused and in which words, and its reference."""

import dataclasses
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.addresses import ListenAddress, parse_listen_address
from exporter.config.credentials import resolve_token
from exporter.config.document import parse_document
from exporter.config.durations import format_duration, parse_duration
from exporter.config.flags import FLAGS, variable_of
from exporter.config.load import check_document, load_config
from exporter.config.overrides import Override, apply_overrides
from exporter.config.reading import ApiBudget, LogMode, LogScope
from exporter.config.reference import configuration_reference
from exporter.config.rules import (
    DEFAULT_BUCKETS,
    DENIED_LABELS,
    OWN_LABELS,
    PatternRule,
    RuleMetric,
)
from exporter.config.schema import Config
from exporter.config.translation import keys_of, section_in
from exporter.errors import ConfigError
from exporter.matching.decision import matcher_of
from exporter.model import FieldCondition, Level, LogType, MetricType, Rule, RuleTests
from exporter.model import RuleMetric as Metric

HERE = Path(__file__).parent
ROOT = HERE.parent
BAD_CONFIG = HERE / "testdata" / "bad_config"
PACKS = {"default": ["python_traceback"], "nothing": []}
TOKEN = "dop_v1_0123456789abcdef"


def load_text(text, environ=None):
    return check_document(parse_document("config.yml", text), PACKS, matcher_of, environ)


def faults_of(text, environ=None):
    with pytest.raises(ConfigError) as caught:
        load_text(text, environ)
    return [str(fault) for fault in caught.value.faults]


# The catalogue of mistakes.


@pytest.mark.parametrize("path", sorted(BAD_CONFIG.glob("*.yml")), ids=lambda path: path.stem)
def test_every_mistake_of_the_catalogue_has_its_exact_message(path, monkeypatch):
    """Each broken file is refused with the lines of the .txt beside it, and no others."""
    monkeypatch.chdir(BAD_CONFIG)
    with pytest.raises(ConfigError) as caught:
        load_config(path.name, PACKS, matcher_of, {"SET_TOKEN": TOKEN})
    assert str(caught.value).splitlines() == path.with_suffix(".txt").read_text().splitlines()
    assert TOKEN not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.found(
    "A configuration whose rule had a list or a mapping for its name ended the start by a "
    "traceback.",
    how="the fuzzer's target for configurations, after 28,403 inputs",
)
@pytest.mark.parametrize("name", ["[a]", "{a: b}", "[[a], {b: c}]"])
@pytest.mark.parametrize("key", ["name", "regex", "level", "metric", "tests"])
def test_any_shape_of_value_is_a_mistake_with_its_place(key, name):
    """Whatever stands where a text belongs, the fault names the key, and its line."""
    keys = {"name": "a", "regex": "x"} | {key: name}
    rule = ", ".join(f"{each}: {value}" for each, value in keys.items())
    faults = faults_of(f"patterns:\n  rules:\n    - {{{rule}}}\n")
    assert any(fault.startswith("config.yml:3: patterns.rules[0]") for fault in faults)
    assert any(key in fault for fault in faults)


def test_the_catalogue_is_whole():
    """Every broken file has its message and every message its file, more than forty of them."""
    files = {path.stem for path in BAD_CONFIG.glob("*.yml")}
    assert files == {path.stem for path in BAD_CONFIG.glob("*.txt")}
    assert len(files) > 40


def test_faults_come_in_file_order():
    """All faults of one file are reported at once, in the order of their lines."""
    with pytest.raises(ConfigError) as caught:
        load_config(str(BAD_CONFIG / "several.yml"), PACKS, matcher_of, None)
    lines = [fault.line for fault in caught.value.faults]
    assert lines == sorted(lines)
    assert len(lines) == 10


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.mkdir(), "it is a directory"),
    ],
)
def test_a_path_that_is_no_file_is_refused(tmp_path, make, problem):
    """A missing file and a directory are faults with the path and no line."""
    path = tmp_path / "config.yml"
    make(path)
    with pytest.raises(ConfigError) as caught:
        load_config(str(path), PACKS, matcher_of, {})
    (fault,) = caught.value.faults
    assert (fault.file, fault.problem, fault.line) == (str(path), problem, None)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "a: &a [*a]\n", "? [1]\n: 2\n", "\ud800", "{[: }", 'web: "\\ud800"']
)
def test_hostile_yaml_is_a_fault(text):
    """Deep nesting, recursion, odd keys and odd characters end in a fault, not in a traceback."""
    assert faults_of(text)


_KEYS = sorted({key for section in Config.model_fields for key in [section]})
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.sampled_from(["60s", "RUN", "poll", "*", "(", TOKEN, "name", "default"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("rules", "name", "regex", "json", "metric", "labels", "type", "buckets"),
                    *("types", "interval", "tail_lines", "packs", "tests", "match", "share"),
                    *("token_env", "include", "listen_addresses", "telemetry_path", "x"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=4))
def test_any_data_loads_or_is_refused_in_our_words(data):
    """Whatever stands under the keys, the answer is a configuration or faults on one line each."""
    text = yaml.safe_dump(data, allow_unicode=False)
    try:
        load_text(text, {})
    except ConfigError as error:
        assert error.faults
        for fault in error.faults:
            assert len(str(fault).splitlines()) == 1
            assert not re.search(r"Input should|pydantic|valid value", str(fault))
            assert TOKEN not in str(fault)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="ab:-[]{}&*!?|>'\"#%@ \n\t<0.", max_size=40))
def test_any_text_loads_or_is_refused(text):
    """No text, YAML or not, raises anything but a ConfigError."""
    try:
        load_text(text)
    except ConfigError as error:
        assert error.faults


# What is accepted.


def test_defaults_are_those_of_the_contract():
    """Without a file every value is the documented default."""
    config = load_config(None, PACKS, matcher_of, {})
    assert config.digitalocean.model_dump() == {
        "token_file": None,
        "token_env": None,
        "api_url": "https://api.digitalocean.com",
        "ca_file": None,
    }
    assert config.accounts == ()
    assert config.discovery.model_dump() == {"interval": 300, "include": ("*",), "exclude": ()}
    assert config.logs.model_dump() == {
        "types": (LogType.RUN, LogType.RUN_RESTARTED),
        "mode": LogMode.POLL,
        "scope": LogScope.COMPONENT,
        "interval": 60,
        "tail_lines": 1000,
        "lookback": 0,
        "pod_connection_timeout": 180,
        "timeout": 30,
        "max_line_bytes": 65536,
        "unwrap": True,
        "workers": 8,
    }
    assert config.patterns.model_dump() == {"packs": ("default",), "rules": (), "overrides": {}}
    assert config.collectors.model_dump() == {
        "health": True,
        "instances": False,
        "restart_count": True,
        "deployments": True,
        "jobs": True,
        "events": False,
        "bandwidth": False,
    }
    assert config.api_budget == ApiBudget()
    assert ApiBudget().model_dump() == {"per_hour": 5000, "per_minute": 250, "share": 0.8}
    assert config.state.url is None
    assert config.web.listen_addresses == (ListenAddress("", 10046),)
    assert (config.web.config_file, config.web.telemetry_path) == (None, "/metrics")
    assert config.web.excerpts is True
    assert RuleMetric.model_fields["max_series"].default == 100


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "logs:\nweb:\npatterns:\n"])
def test_an_empty_file_or_section_means_the_defaults(text):
    """Nothing in the file, and sections with nothing below them, leave every default as it is."""
    assert load_text(text) == Config()


def test_defaults_that_are_written_out_are_no_fault():
    """A key of something not supported yet may be given its default value."""
    text = (
        "accounts: []\nlogs: {mode: poll, scope: component, types: [RUN]}\n"
        "state: {url: null}\nweb: {config_file: null}\n"
        "patterns: {rules: [{name: a, regex: b, json: null, metric: null}]}\n"
    )
    assert load_text(text).logs.types == (LogType.RUN,)


@pytest.mark.parametrize("slashes", ["///", "////", "/////"])
def test_a_state_file_has_an_absolute_path(slashes):
    """However many slashes begin it, the path is that from the root."""
    text = f"state: {{url: 'sqlite:{slashes}var/lib/my counts.db'}}"
    assert load_text(text).state.sqlite_path == Path("/var/lib/my counts.db")
    assert load_text("").state.sqlite_path is None


def test_merge_keys_and_anchors_are_fine():
    """A merged mapping counts, and a key beside it overrides it without being a duplicate."""
    text = (
        "discovery: &times\n  interval: 90s\n"
        "logs:\n  <<: *times\n  workers: 2\n"
        "patterns:\n  rules:\n"
        "    - &rule {name: a, regex: x}\n    - {<<: *rule, name: b}\n"
    )
    config = load_text(text)
    assert (config.discovery.interval, config.logs.interval, config.logs.workers) == (90, 90, 2)
    assert [(rule.name, rule.regex) for rule in config.patterns.rules] == [("a", "x"), ("b", "x")]


def test_a_user_rule_becomes_a_rule_of_the_model():
    """Every key of a rule arrives in the value that the matching takes."""
    text = r"""
patterns:
  rules:
    - name: declined
      regex: 'declined (?P<code>\d+)'
      level: critical
      exclude_regex: test
      components: ["shop-*/web", api]
      tests: {match: ["declined 51"], no_match: ["declined 51 in test"]}
    - {name: other, regex: x}
"""
    assert load_text(text).patterns.user_rules() == (
        Rule(
            name="declined",
            regex=r"declined (?P<code>\d+)",
            level=Level.CRITICAL,
            exclude_regex="test",
            components=("shop-*/web", "api"),
            tests=RuleTests(("declined 51",), ("declined 51 in test",)),
        ),
        Rule(name="other", regex="x", level=Level.ERROR),
    )


def test_packs_may_overlap():
    """A pack that is named twice is no fault."""
    for packs in ("[default, default]", "[nothing, default, nothing]"):
        load_text(f"patterns: {{packs: {packs}}}")


def test_a_rule_may_have_the_name_of_a_pack_that_is_not_used():
    """Only the packs in use take names."""
    text = "patterns: {packs: [nothing], rules: [{name: python_traceback, regex: x}]}"
    assert load_text(text).patterns.rules[0].name == "python_traceback"


def test_the_metric_of_a_rule_becomes_one_of_the_model():
    """Every key arrives; labels are sorted, and a histogram without buckets has the usual ones."""
    text = """
patterns:
  rules:
    - name: declined
      regex: declined
      metric:
        name: shop_payments_declined_total
        type: counter
        help: Payments declined.
        labels: {code: error.code, bank: bank}
        value: amount
        max_series: 7
    - name: amount
      regex: amount
      metric: {name: shop_amount, type: histogram, help: h, value: amount, buckets: [0.1, 1, 10]}
    - name: took
      regex: took
      metric: {name: shop_took_seconds, type: histogram, help: h, value: took}
"""
    assert [rule.metric for rule in load_text(text).patterns.user_rules()] == [
        Metric(
            "shop_payments_declined_total",
            MetricType.COUNTER,
            "Payments declined.",
            (("bank", "bank"), ("code", "error.code")),
            "amount",
            max_series=7,
        ),
        Metric("shop_amount", MetricType.HISTOGRAM, "h", (), "amount", (0.1, 1, 10)),
        Metric("shop_took_seconds", MetricType.HISTOGRAM, "h", (), "took", DEFAULT_BUCKETS),
    ]


def test_the_rule_of_the_contract_must_choose():
    """A rule with regex and json, and a counter with buckets, has a fault at each of them."""
    text = """
patterns:
  rules:
    - name: declined
      regex: declined
      json: {level: [error, fatal], msg: declined}
      metric: {name: shop_declined_total, type: counter, help: h, buckets: [0.1, 1, 10]}
"""
    assert faults_of(text) == [
        "config.yml:6: patterns.rules[0] (declined).json: regex and json are both given; "
        "keep one of them",
        "config.yml:7: patterns.rules[0] (declined).metric.buckets: a counter has no buckets; "
        "leave it out, or make it a histogram",
    ]


@pytest.mark.parametrize("label", [*OWN_LABELS, *DENIED_LABELS, "__name__"])
def test_every_reserved_label_is_refused(label):
    """No metric of a rule can carry a label that the exporter or Prometheus uses."""
    metric = f"{{name: a_total, type: counter, help: h, labels: {{{label}: x}}}}"
    faults = faults_of(f"patterns: {{rules: [{{name: a, regex: x, metric: {metric}}}]}}")
    assert sum("reserved" in fault for fault in faults) == 1


def test_re2_writes_nothing_to_stderr(capfd):
    """A faulty pattern is told once, in the fault, and not by RE2 itself as well."""
    assert faults_of("patterns: {rules: [{name: a, regex: '('}]}")
    assert capfd.readouterr() == ("", "")


def test_values_are_frozen():
    """A loaded configuration cannot be changed."""
    with pytest.raises(ValueError, match="frozen"):
        Config().logs.workers = 3


# Durations and addresses.


@given(st.integers(min_value=0, max_value=100 * 365 * 24 * 3600 * 1000))
def test_durations_survive_the_round_trip(milliseconds):
    """What is written as a duration reads back as the same seconds, to the millisecond."""
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("90s", 90), ("5m", 300), ("1h30m", 5400), ("0s", 0), ("100ms", 0.1), ("1d", 86400)),
        *(("1w", 604800), ("1y", 31536000), ("1y2w3d4h5m6s7ms", 33019506.007), ("007s", 7)),
    ],
)
def test_durations_of_prometheus(text, seconds):
    """Every unit, alone and with others in falling order."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "0", "5 minutes", "-5m", "1.5h", "30m1h", "1m1m", "5M", " 5m", "5m\n", "m"),
        *("٣s", "101y", "9" * 5000 + "s", "1e3s"),
    ],
)
def test_anything_else_is_no_duration(text):
    """What Prometheus would not read is a ValueError that shows the text, bounded."""
    with pytest.raises(ValueError, match=r"is not a duration|longer than 100y") as caught:
        parse_duration(text)
    assert len(str(caught.value)) < 130


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(60, "1m"), (90, "1m30s"), (0, "0s"), (7776000, "90d"), (1209600, "2w"), (0.25, "250ms")],
)
def test_durations_are_written_short(seconds, text):
    """Years and weeks appear only where nothing is left over."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_no_duration_for_impossible_seconds(seconds):
    """Negative and endless times cannot be written."""
    with pytest.raises(ValueError, match="no duration"):
        format_duration(seconds)


@pytest.mark.parametrize(
    ("text", "host", "port", "again"),
    [
        (":10046", "", 10046, ":10046"),
        ("127.0.0.1:0", "127.0.0.1", 0, "127.0.0.1:0"),
        ("[::1]:9100", "::1", 9100, "[::1]:9100"),
        ("[0:0:0:0:0:0:0:1]:9100", "::1", 9100, "[::1]:9100"),
        ("exporter.internal:80", "exporter.internal", 80, "exporter.internal:80"),
    ],
)
def test_listen_addresses(text, host, port, again):
    """Host and port of every form, and the form that is written back."""
    address = parse_listen_address(text)
    assert address == ListenAddress(host, port)
    assert str(address) == again


def test_the_api_url_loses_its_trailing_slash():
    """A base URL may end in / and may have a path of its own."""
    text = "digitalocean: {api_url: 'http://127.0.0.1:8080/do/'}"
    assert load_text(text).digitalocean.api_url == "http://127.0.0.1:8080/do"


# The token.


def test_a_token_file_is_named_and_not_kept(tmp_path):
    """The source of a token file is its path; nothing holds what is in it."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    config = load_text(f"digitalocean: {{token_file: {path}}}", {})
    source = resolve_token(config, {})
    assert (source.origin, source.file, source.token) == (str(path), path, None)


@pytest.mark.parametrize(
    ("text", "environ", "origin"),
    [
        ("digitalocean: {token_env: SHOP}", {"SHOP": TOKEN, "DIGITALOCEAN_TOKEN": "x"}, "SHOP"),
        ("", {"DIGITALOCEAN_TOKEN": TOKEN}, "DIGITALOCEAN_TOKEN"),
        ("", {"DIGITALOCEAN_ACCESS_TOKEN": f" {TOKEN}\n"}, "DIGITALOCEAN_ACCESS_TOKEN"),
        ("", {"DIGITALOCEAN_TOKEN": TOKEN, "DIGITALOCEAN_ACCESS_TOKEN": "y"}, "DIGITALOCEAN_TOKEN"),
    ],
)
def test_a_token_of_the_environment(text, environ, origin):
    """The variable that the file names wins over the usual two; its value stays out of repr."""
    source = resolve_token(load_text(text, environ), environ)
    assert dataclasses.astuple(source) == (origin, TOKEN, None)
    assert TOKEN not in repr(source)


@pytest.mark.parametrize("environ", [{}, {"DIGITALOCEAN_TOKEN": " "}])
def test_no_token_is_one_line_that_says_what_to_set(environ):
    """Without any token the message is one line."""
    with pytest.raises(ConfigError) as caught:
        resolve_token(Config(), environ)
    assert str(caught.value) == (
        "no API token: set DIGITALOCEAN_TOKEN, or digitalocean.token_file in the configuration"
    )


def test_a_token_with_words_is_refused_without_showing_it():
    """A variable with more than a token is named; what it holds is not shown."""
    with pytest.raises(ConfigError) as caught:
        resolve_token(Config(), {"DIGITALOCEAN_TOKEN": f"Bearer {TOKEN}"})
    assert str(caught.value).startswith("DIGITALOCEAN_TOKEN: ")
    assert TOKEN not in str(caught.value)


def test_a_token_file_that_went_away_after_the_load(tmp_path):
    """Resolving looks at the file again, and names the place in the configuration."""
    config = load_text(f"digitalocean: {{token_file: {tmp_path}/token}}")
    with pytest.raises(ConfigError) as caught:
        resolve_token(config, {}, "my.yml")
    (fault,) = caught.value.faults
    assert (fault.file, fault.place) == ("my.yml", "digitalocean.token_file")


# Flags and environment variables.


def test_overrides_replace_what_the_file_says():
    """Addresses come as a tuple or with commas; what is not given stays."""
    config = load_text("web: {telemetry_path: /own, excerpts: false}\nlogs: {workers: 3}")
    one = apply_overrides(config, Override("--web.listen-address", (":1", "[::1]:2")))
    assert one.web.listen_addresses == (ListenAddress("", 1), ListenAddress("::1", 2))
    assert (one.web.telemetry_path, one.web.excerpts, one.logs.workers) == ("/own", False, 3)
    variable = Override("DO_APP_EXPORTER_WEB_LISTEN_ADDRESS", ":1, 127.0.0.1:2")
    two = apply_overrides(config, variable, Override("--web.telemetry-path", "/m"))
    assert two.web.listen_addresses == (ListenAddress("", 1), ListenAddress("127.0.0.1", 2))
    assert two.web.telemetry_path == "/m"
    assert apply_overrides(config) == config


def test_faulty_overrides_are_all_told_with_the_name_of_their_flag():
    """The file of such a fault is the flag or variable, with the words of the file's own check."""
    with pytest.raises(ConfigError) as caught:
        apply_overrides(
            Config(),
            Override("--web.listen-address", (":1", "nowhere")),
            Override("DO_APP_EXPORTER_WEB_TELEMETRY_PATH", "metrics"),
            Override("--web.config.file", ""),
        )
    assert str(caught.value).splitlines() == [
        "--web.listen-address: 'nowhere' is not an address with a port; "
        "write HOST:PORT, :PORT or [IPV6]:PORT, such as 127.0.0.1:10046",
        "DO_APP_EXPORTER_WEB_TELEMETRY_PATH: 'metrics' does not begin with /; "
        "write a path such as /metrics",
        "--web.config.file: an empty string is not allowed; write something, or leave the key out",
    ]


def test_variables_are_named_like_their_flags():
    """The prefix, then the flag in capitals."""
    assert variable_of("--web.listen-address") == "DO_APP_EXPORTER_WEB_LISTEN_ADDRESS"


# What is written about it.


def sections(section=Config):
    """Every section of the configuration, the outermost first."""
    yield section
    for annotation in keys_of(section).values():
        inner = section_in(annotation)
        if inner is not None:
            yield from sections(inner)


def test_the_committed_reference_is_the_generated_one():
    """docs/configuration.md is what the models say, word for word."""
    assert (ROOT / "docs" / "configuration.md").read_text("utf-8") == configuration_reference()


def test_the_reference_names_everything():
    """Every key with a meaning, every flag's variable and reserved label."""
    page = configuration_reference()
    for section in sections():
        for key, field in zip(keys_of(section), section.model_fields.values(), strict=True):
            assert f"| `{key}` |" in page or f"`{key}" in page
            assert section is Config or field.description
    assert all(f"`{variable_of(flag)}`" in page for flag, _ in FLAGS)
    assert all(f"`{label}`" in page for label in (*OWN_LABELS, *DENIED_LABELS))


def test_the_example_is_the_defaults_and_two_rules():
    """examples/config.yml loads, and differs from the defaults in its example rules alone."""
    config = load_config(str(ROOT / "examples" / "config.yml"), PACKS, matcher_of, {})
    rule, fields = config.patterns.rules
    assert fields.json_fields and fields.metric
    assert rule.name == "payment_declined"
    without = config.model_copy(
        update={"patterns": config.patterns.model_copy(update={"rules": ()})}
    )
    assert without == Config()


def test_the_example_shows_every_key():
    """Every key of the configuration stands in the example, if only in a comment."""
    text = (ROOT / "examples" / "config.yml").read_text("utf-8")
    for section in sections():
        for key in keys_of(section):
            assert re.search(rf"(^|[ {{]){key}:", text, re.MULTILINE), key


def test_a_rule_on_fields_becomes_a_rule_of_the_model():
    """A list is compared only, a single text searched as well, numbers keep their type."""
    wanted = {"level": ["error", 50, True], "http.status": "^5..$", "code": 7, "ok": False}
    rule = PatternRule.model_validate({"name": "a", "json": wanted, "exclude_regex": "test"})
    assert rule.as_rule() == Rule(
        "a",
        exclude_regex="test",
        fields=(
            FieldCondition("level", ("error", 50, True)),
            FieldCondition("http.status", ("^5..$",), "^5..$"),
            FieldCondition("code", (7,)),
            FieldCondition("ok", (False,)),
        ),
    )
