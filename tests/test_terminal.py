"""What a terminal shows of a line: what was printed last, behind bars and what was erased."""

import pytest

from exporter.logs.terminal import shown

SPEED = b"1it [00:01, 4it/s]"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (b"no cars\x08d", b"no card"),
        (b"no cars\x08\x08rd", b"no card"),
        (b"\x08\x08no card", b"no card"),
        (b"no card\x08", b"no car"),
    ],
)
def test_a_backspace_takes_off_the_character_before_it(text: bytes, seen: bytes):
    """One each; where none is left there is none to take off."""
    assert shown(text) == seen


@pytest.mark.parametrize(
    "text",
    [
        b"no card [at /srv/shop]",
        b"no card [00:01, 4it/s] left",
        b"GET [00:01,/s] 200",
        b"\r=====> no card",
    ],
)
def test_a_line_in_which_no_bar_stands_is_shown_as_it_is(text: bytes):
    """Paths, brackets and arrows are none: nothing stands before them that a bar begins with."""
    assert shown(text) == text.lstrip(b"\r")


def test_a_bar_is_looked_for_in_the_first_1300_bytes():
    """With the character behind it, by which it is told from one at the end of a line."""
    text = b"x" * 1280 + b" " + SPEED + b"no card"
    assert shown(text) == b"no card"
    assert shown(b"x" + text) == b"x" + text


def test_a_bar_may_be_as_wide_as_tqdm_draws_it():
    """A percentage, 400 cells, and a count of 60 characters before the speed."""
    bar = b"100%|" + b"#" * 400 + b"|" + b" " * 60 + b"[00:01, 4it/s]"
    assert shown(bar + b"no card") == b"no card"
    wider = bar.replace(b"#", b"##", 1)
    assert shown(wider + b"no card") == wider + b"no card"


@pytest.mark.parametrize("sign", [b"=====", b".....", "\N{FULL BLOCK}".encode() * 3])
def test_a_drawn_bar_is_taken_off_within_its_first_400_bytes(sign: bytes):
    """Behind that, a line of signs is the program's own."""
    before = b"x" * (400 - len(sign))
    assert shown(b"\r" + before + sign + b" ERROR no card") == b"ERROR no card"
    beyond = b"x" + before + sign + b" ERROR no card"
    assert shown(b"\r" + beyond) == beyond


def test_what_begins_a_line_of_its_own_is_looked_for_400_bytes_behind_a_bar():
    """It has to begin and end there; a word that comes later belongs to what the bar says."""
    behind = b" " * 395
    assert shown(b"\r=====" + behind + b"ERROR no card") == b"ERROR no card"
    beyond = b"=====" + b" " + behind + b"ERROR no card"
    assert shown(b"\r" + beyond) == beyond
