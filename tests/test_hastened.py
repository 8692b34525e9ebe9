"""The rules in which time passes faster: each duration is divided, and nothing else changed."""

import re
from pathlib import Path

import pytest
from hastened import hastened

DASHBOARDS = Path(__file__).parent.parent / "dashboards"


@pytest.mark.parametrize(
    ("text", "faster"),
    [
        ('for: "5m"', 'for: "5000ms"'),
        ("group_wait: 30s", "group_wait: 500ms"),
        ("rate(lines_total[10m])", "rate(lines_total[10000ms])"),
        ("kinds offset 1h >= 0", "kinds offset 60000ms >= 0"),
        ("time() - newest < 3600", "time() - newest < 60"),
        ("(time() - newest > 3600)", "(time() - newest > 60)"),
        ("app:lines:increase10m > 20", "app:lines:increase10m > 20"),
        ("ratio > 0.05 <= 0.25", "ratio > 0.05 <= 0.25"),
        ("in the last 10 minutes", "in the last 10 minutes"),
        ("of 5xx, 401 and v0.5m", "of 5xx, 401 and v0.5m"),
    ],
)
def test_durations_are_divided_and_nothing_else(text: str, faster: str):
    """Durations anywhere, and ages in seconds; names, counts, ratios and prose stay."""
    assert hastened(text, 60) == faster


@pytest.mark.parametrize("text", ['for: "1ms"', "time() - newest < 3601"])
def test_a_duration_that_cannot_be_divided_is_refused(text: str):
    """Rounding would change what a rule says."""
    with pytest.raises(ValueError, match="no multiple of 60"):
        hastened(text, 60)


@pytest.mark.parametrize("name", ["alerts.yml", "alertmanager.example.yml"])
def test_of_the_shipped_files_only_durations_change(name: str):
    """Without their numbers the two texts are the same, and each number is a sixtieth."""
    shipped = (DASHBOARDS / name).read_text(encoding="utf-8")
    faster = hastened(shipped, 60)
    words, numbers = re.compile(r"(?<![\w.])\d+(?:ms|s|m|h|d)?\b"), re.compile(r"^\d+")
    assert words.split(shipped) == words.split(faster)
    units = {"": 1000, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "ms": 1}
    changed = 0
    for before, after in zip(words.findall(shipped), words.findall(faster), strict=True):
        if before == after:
            assert before.isdigit()
            continue
        changed += 1
        old, new = (
            int(numbers.findall(word)[0]) * units[numbers.sub("", word)] for word in (before, after)
        )
        assert old == 60 * new
    assert changed >= 4
