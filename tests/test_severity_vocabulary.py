"""The words and numbers of levels, one by one: what each logger's scale means."""

import pytest

from exporter.matching.severity import vocabulary
from exporter.model import Severity

T, D, I, W, E, C = Severity  # noqa: E741  (columns of a table)


def test_every_word_stands_for_its_severity():
    """In any case, with blanks or colours around it, and for one severity alone."""
    words = [word for several in vocabulary.WORDS.values() for word in several]
    assert len(set(words)) == len(words)
    for severity, several in vocabulary.WORDS.items():
        for word in several:
            for text in (word, word.upper(), f" {word} ", f"\x1b[31m{word}\x1b[0m"):
                assert vocabulary.of_word(text) is severity


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("SEVERITY_NUMBER_ERROR2", E),
        ("LogLevel.Warning", W),
        ("log_level.info", I),
        ("LEVEL_DEBUG", D),
        ("ERROR+3", E),
        ("ERROR+4", C),
        ("FATAL+4", C),
        ("DEBUG-4", T),
        ("TRACE-4", T),
        ("INFO+12", W),
        ("INFO-3", I),
        ("WARN-4", I),
        ("error1", E),
        ("error5", None),
        ("level.nothing", None),
        ("nothing+4", None),
        ("an error", None),
        ("", None),
        ("5", None),
    ],
)
def test_words_of_enumerations_and_steps_between_levels(text: str, severity: Severity | None):
    """Four steps of slog are one level, and nothing is beyond the first and the last."""
    assert vocabulary.of_word(text) is severity


SCALES = {
    "of_syslog": [(0, C), (1, C), (2, C), (3, E), (4, W), (5, I), (6, I), (7, D), (8, None)],
    "of_dotnet": [(0, T), (1, D), (2, I), (3, W), (4, E), (5, C), (6, None), (-1, None)],
    "of_tslog": [(0, T), (1, T), (2, D), (3, I), (4, W), (5, E), (6, C), (7, None)],
    "of_bunyan": [
        (9, None),
        (10, T),
        (20, D),
        (30, I),
        (40, W),
        (50, E),
        (60, C),
        (59, E),
        (99, C),
    ],
    "of_python": [(0, None), (1, T), (9, T), (10, D), (20, I), (30, W), (40, E), (50, C), (49, E)],
    "of_monolog": [
        *((0, None), (1, T), (100, D), (200, I), (250, I), (300, W), (400, E), (500, C)),
        *((550, C), (600, C), (99, T)),
    ],
    "of_google": [
        *((0, None), (1, T), (100, D), (200, I), (300, I), (400, W), (500, E), (600, C)),
        *((800, C), (399, I)),
    ],
    "of_logback": [
        *((4_999, None), (5_000, T), (10_000, D), (20_000, I), (30_000, W), (40_000, E)),
        *((50_000, C), (39_999, W)),
    ],
    "of_open_telemetry": [
        *((0, None), (1, T), (4, T), (5, D), (9, I), (13, W), (17, E), (21, C), (24, C)),
        *((25, None), (20, E)),
    ],
}


@pytest.mark.parametrize("family", SCALES)
def test_each_number_of_a_scale_means_what_its_logger_means(family: str):
    """At each level's first number, just before it, and beyond both ends."""
    scale = getattr(vocabulary, family)
    assert [(number, scale(number)) for number, _ in SCALES[family]] == SCALES[family]


def test_letters_stand_for_levels():
    """Those of klog, Android, Ruby and MongoDB."""
    assert {letter: vocabulary.LETTERS[letter] for letter in "TVDINWECFA"} == dict(
        zip("TVDINWECFA", (T, T, D, I, I, W, E, C, C, C), strict=True)
    )
