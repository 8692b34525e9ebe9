"""The configuration as the page shows it: whole, loadable, and without secrets."""

from pathlib import Path

import pytest
import yaml

from exporter.config.masking import masked
from exporter.config.schema import Config

EXAMPLE = Path(__file__).parent.parent / "examples" / "config.yml"


def test_what_is_shown_can_be_loaded_again():
    """The text is a configuration file that says the same."""
    config = Config.model_validate(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))
    shown = masked(config)
    assert Config.model_validate(yaml.safe_load(shown)) == config
    assert "interval: 1m" in shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:hunter2@db:6379/0", "redis://[secret]@db:6379/0"),
        ("rediss://user:hunter2@db/1", "rediss://[secret]@db/1"),
        ("redis://db:6379/0", "redis://db:6379/0"),
        (
            "postgresql://me:hunter2@db/x?sslmode=require",
            "postgresql://[secret]@db/x?sslmode=require",
        ),
        ("sqlite:///var/lib/x.db", "sqlite:///var/lib/x.db"),
    ],
)
def test_password_of_the_state_is_masked(url: str, expected: str):
    """Host and database stay, so that one can see which it is."""
    shown = masked(Config.model_validate({"state": {"url": url}}))
    assert yaml.safe_load(shown)["state"]["url"] == expected
    assert "hunter2" not in shown
