"""What real clients print when they die of an error, held against what a person takes it for.

``make recordings`` lets them die again, see ``recordings/record_clients.py``.
"""

import re
from pathlib import Path

import pytest
from event_counts import event_counts
from for_each import for_each
from test_expected_shapes import events_of
from yaml_files import read_yaml

from exporter.logs.platform_lines import end_reason
from exporter.logs.unwrap import unwrap
from exporter.matching.packs import load_packs

HERE = Path(__file__).parent / "testdata"
RULES = load_packs(["default"])
EXPECTED = read_yaml(HERE / "expected_clients.yml")


def recorded() -> dict[str, str]:
    """Return what each client printed, by language and name."""
    found = {}
    for path in sorted((HERE / "recordings" / "clients").glob("*.txt")):
        _, *parts = re.split(r"^=== (\w+)\n", path.read_text(), flags=re.MULTILINE)
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            found[f"{path.stem} {name}"] = text.rstrip("\n")
    return found


RECORDED = recorded()


def test_each_client_that_was_run_is_expected_to_be_something():
    """No recording is there that no test reads."""
    assert RECORDED.keys() == EXPECTED.keys()


@pytest.mark.found(
    "Of 134 clients' errors that nobody caught 19 counted for no rule that is about them, or for "
    "others: got prints the codes on which it tries again, so its restart was `port_in_use`.",
    how="clients of eight languages, which were run against closed ports and servers that refuse",
)
@for_each(RECORDED)
def test_a_clients_error_counts_once_for_the_rules_that_are_about_it(name: str):
    """Whatever its trace says twice; no other rule counts it, and it is the reason of the end."""
    text, expected = RECORDED[name], EXPECTED[name]
    lines = text.encode().split(b"\n")
    reason = end_reason([unwrap(line) for line in lines], None)
    assert event_counts(RULES, lines) == expected["counts"]
    assert (events_of(text), reason) == (expected["events"], expected["reason"])
