"""What a terminal would show of a line: no escape sequences, and the last of overwritten text.

Used by ``unwrap``. Programs write colours and progress bars for a terminal, also where there is
none.
"""

from exporter.late_regex import compile_late

_ESCAPE = compile_late(
    rb"\x1b(?:\[[0-?]*[ -/]*(?:[@-~]|$)"  # CSI: colours, cursor, erasing; cut at the line's end
    rb"|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)"  # OSC: titles, hyperlinks
    rb"|[PX^_][^\x1b]{0,2000}\x1b\\"  # other strings of control
    rb"|[ -/]+[0-~]"  # character sets
    rb"|[0-OQ-WYZ\\`-~])?"
    # The same, written out as text by what encodes strings: JSON, repr, rsyslog.
    rb"|(?:\\u001[bB]|\\x1[bB]|\\033|#033)\[[0-9;:?]*[A-Za-z]"
)

# Sequences behind which a line is written anew: erase the line, go to its first column.
_REWRITES = compile_late(rb"\x1b\[(?:[12]K|[01]?G|2J|(?:1;1)?H)")

# Each search begins where a piece stands that no other contains, and looks ahead a bounded number
# of bytes: what a line costs grows with its length alone, whatever stands in it.

# tqdm ends its bar with its speed in brackets and writes no newline.
_SPEED = compile_late(
    rb"\[[\d:?]{1,12}[<,][^\[\]]{0,400}?(?:/s|s/[A-Za-z]{1,20})(?:,[^\[\]]{0,400})?\]"
    rb" {0,200}(?=\S)"
)
_BEFORE_SPEED = compile_late(
    rb"(?:\d{1,3}%\|[^|]{0,400}\|[^\[|]{0,60}|\d[\d.]{0,11}[kMGT]?[A-Za-z]{1,20} )\Z"
)
_SPEED_REACH = 1300
_BEFORE_REACH = 500

_DRAWN = compile_late(rb"[=#>.-]{5,}+|(?:\xe2[\x94-\x97][\x80-\xbf]){3,}+")
_DRAWN_REACH = 400

# Behind another bar, only what surely begins a line of its own.
_BEGINNING = compile_late(
    rb"(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE)\b"
    rb"|Traceback \(most recent call last\)|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d"
    rb"|[A-Z]\w{0,60}(?:Error|Exception): "
)
_BEGINNING_REACH = 400

MARKS = (rb"\x1b", rb"\x08", rb"[\\#](?:u001[bB]|x1[bB]|033)\[", rb"/(?:s|it)[,\]]")
"""Regexes for Hyperscan, of which one is found in each text that ``shown`` changes, but for those
with a carriage return."""


def shown(text: bytes) -> bytes:
    """Return what a terminal shows last of a text without newline; ``text`` itself if all of it.

    Of text parts that overwrite one another, by a carriage return or an erased line, the last that
    is not blank counts. A progress bar that is not ended by a newline is taken off what was
    printed behind it.
    """
    if b"\x1b" in text or b"\\" in text or b"#033[" in text:
        text = _ESCAPE.sub(b"", _REWRITES.sub(b"\r", text))
    if b"\x08" in text:
        text = _without_erased(text)
    rewritten = b"\r" in text
    if rewritten:
        text = _last_part(text)
    if b"/s" in text or b"s/" in text:
        text = _behind_speed(text)
    if rewritten:
        text = _behind_drawn(text)
    return text


def _behind_speed(text: bytes) -> bytes:
    """What was printed behind a bar that ends with its speed; all of it where there is none."""
    for speed in _SPEED.finditer(text[:_SPEED_REACH]):
        start = speed.start()
        if _BEFORE_SPEED.search(text, start - _BEFORE_REACH, start):
            return text[speed.end() :]
    return text


def _behind_drawn(text: bytes) -> bytes:
    """What begins a line of its own behind a bar of signs; all of it where there is none."""
    if (drawn := _DRAWN.search(text[:_DRAWN_REACH])) is None:
        return text
    found = _BEGINNING.search(text, drawn.end(), drawn.end() + _BEGINNING_REACH)
    return text if found is None else text[found.start() :]


def _last_part(text: bytes) -> bytes:
    parts = text.split(b"\r")
    return next((part for part in reversed(parts) if not part.isspace() and part), b"")


def _without_erased(text: bytes) -> bytes:
    first, *others = text.split(b"\x08")
    left = bytearray(first)
    for other in others:
        del left[-1:]
        left += other
    return bytes(left)
