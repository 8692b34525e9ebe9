"""Configuration files: each is refused with faults that help, or can be run with as it is."""

import re
from collections.abc import Callable
from pathlib import Path

import yaml

from exporter.config.document import parse_document
from exporter.config.load import check_document
from exporter.config.schema import Config
from exporter.errors import ConfigError
from exporter.logs.lines import message_of
from exporter.logs.unwrap import unwrap
from exporter.matching.decision import matcher_of
from exporter.matching.engine import Engine
from exporter.matching.packs import PackedRules
from exporter.model import Rule

_ROOT = Path(__file__).parents[2]
SEEDS = tuple(
    file.read_bytes()[:2_000]
    for file in (
        _ROOT / "examples" / "config.yml",
        *sorted((_ROOT / "tests" / "testdata" / "bad_config").glob("*.yml")),
    )
)
_TOKEN = re.compile(r"do[a-z]_v1_[A-Za-z0-9]{4,}")
_LONGEST = 2_000
_PACKS = PackedRules()


def check(data: bytes) -> None:
    """Load the bytes as a file."""
    text = data.decode("utf-8", "replace")
    try:
        document = parse_document("config.yml", text)
        config = _checked(text)
    except ConfigError as error:
        assert error.faults
        last = len(re.split("\r\n|[\n\r\x85\u2028\u2029]", text)) + 1
        for fault in error.faults:
            assert fault.problem
            assert str(fault).isprintable(), str(fault)
            assert len(str(fault)) < _LONGEST
            assert fault.line is None or 1 <= fault.line <= last
            assert not any(token in str(fault) for token in _TOKEN.findall(text))
        return
    Engine(config.patterns.user_rules())
    assert _checked(yaml.safe_dump(document.data, allow_unicode=True)) == config


def _checked(text: str) -> Config:
    return check_document(parse_document("config.yml", text), _PACKS, _decide, None)


def _decide(rule: Rule) -> Callable[[bytes], bool]:
    matches = matcher_of(rule)
    return lambda line: matches(unwrap(message_of(line)))
