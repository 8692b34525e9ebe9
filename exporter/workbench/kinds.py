"""Messages by kind: what differs in numbers, ids, addresses, paths and quotations is the same."""

import re

_MASKS = re.compile(
    r"""(?x)
    (?P<id> \b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b | \b0x[0-9a-fA-F]+\b
        | \b(?=[a-f]*[0-9])[0-9a-f]{8,}\b)
  | (?P<address> \b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b | \b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b)
  | (?P<url> \bhttps?://[^\s"'<>]+)
  | (?P<path> (?<![\w.])/[\w.%~+-]+(?:/[\w.%~+-]+)*)
  | (?P<text> "[^"]{0,200}" | '[^']{0,200}')
  | (?P<time> \b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)
  | (?P<n> \d+(?:\.\d+)?)
    """
)
_LONGEST = 400
"""Characters of a message that tell its kind."""


def kind_of(message: bytes) -> str:
    """Return the message with ``<n>``, ``<id>`` … in the place of what may differ."""
    text = message[:_LONGEST].decode("utf-8", "replace")
    return _MASKS.sub(lambda found: f"<{found.lastgroup}>", text)
