"""What differs between two messages of one kind, taken out: times, numbers, ids, addresses, paths.

Used by ``error_groups``. A mask stands for what one reader would not call another error.
"""

import re

_MASKS = {
    "time": r"\b\d{4}[-/]\d\d[-/]\d\d"
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[+-]\d\d:?\d\d|Z)?)?"
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?Z?\b",
    "uuid": r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
    "url": r"\b[a-z][a-z0-9+.-]{1,15}://[^\s\"'<>]+",
    "email": r"\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+",
    "str": r"(?<!\w)\"(?:[^\"\\]|\\.)*\"|(?<!\w)'(?:[^'\\]|\\.)*'(?!\w)|`[^`']*[`']",
    "address": r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[[0-9a-fA-F:]*:[0-9a-fA-F:.]*\](?::\d+)?"
    r"|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F:]*[0-9a-fA-F]",
    "path": r"(?<![\w.])(?:/[\w.@+~-]+){2,}/?(?::\d+){0,2}|\b[A-Za-z]:\\[\w\\.-]+",
    "hex": r"\b0x[0-9a-fA-F]+\b|\b(?=[a-f]{0,40}\d)[0-9a-f]{8,}\b",
    "id": r"\b(?=[A-Za-z_-]{0,40}\d)(?=[\d_-]{0,40}[A-Za-z])[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)+\b"
    r"|\b(?=[A-Za-z]{1,40}\d{1,40}[A-Za-z])[A-Za-z0-9]{8,}\b",
    "num": r"[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?",
}

_MASK = re.compile("|".join(f"(?P<{name}>{regex})" for name, regex in _MASKS.items()))


def mask(text: str) -> str:
    """A message with a word in brackets where something stands that differs each time."""
    return _MASK.sub(_word, text)


def _word(match: re.Match[str]) -> str:
    return f"<{match.lastgroup}>"
