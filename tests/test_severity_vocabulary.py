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
}


@pytest.mark.parametrize("family", SCALES)
def test_each_number_of_a_short_scale_means_what_its_logger_means(family: str):
    """One number a level, or several where its logger says so; nothing beyond both ends."""
    scale = getattr(vocabulary, family)
    assert [(number, scale(number)) for number, _ in SCALES[family]] == SCALES[family]


STARTS = {
    "of_bunyan": (10, 20, 30, 40, 50, 60),
    "of_python": (1, 10, 20, 30, 40, 50),
    "of_monolog": (1, 100, 200, 300, 400, 500),
    "of_google": (1, 100, 200, 400, 500, 600),
    "of_logback": (5_000, 10_000, 20_000, 30_000, 40_000, 50_000),
    "of_open_telemetry": (1, 5, 9, 13, 17, 21),
}


@pytest.mark.parametrize("family", STARTS)
def test_a_level_reaches_from_its_own_number_to_the_next_ones(family: str):
    """Before the first number is none; just before each other one is the level below."""
    scale = getattr(vocabulary, family)
    starts = STARTS[family]
    assert [scale(start) for start in starts] == list(Severity)
    assert [scale(start - 1) for start in starts] == [None, *list(Severity)[:-1]]
    assert scale(starts[-1] + 3) is C


def test_opentelemetry_has_24_numbers():
    """Four for each level; others name more than that."""
    assert [vocabulary.of_open_telemetry(number) for number in (24, 25)] == [C, None]


def test_pythons_numbers_have_two_digits():
    """A level of 100, which `always` is often given, is no critical error."""
    assert [vocabulary.of_python(number) for number in (99, 100)] == [C, None]


def test_letters_stand_for_levels():
    """Those of klog, Android, Ruby and MongoDB."""
    assert {letter: vocabulary.LETTERS[letter] for letter in "TVDINWECFA"} == dict(
        zip("TVDINWECFA", (T, T, D, I, I, W, E, C, C, C), strict=True)
    )
