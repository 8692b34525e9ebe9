"""Records that a program prints over several lines: what of one stands before a cut."""

from collections.abc import Sequence

MOST_LINES = 100


def unfinished(before: Sequence[bytes], raws: Sequence[bytes], last: bytes) -> Sequence[bytes]:
    """Return the lines that the next ones may continue; none where no record can be open.

    Args:
        before: what this returned for the lines before.
        raws: the lines that came then.
        last: the message of the last of them.
    """
    if last[:1] not in (b" ", b"\t", b"{") or last[-1:] == b"}":
        return ()
    return (*before, *raws[-MOST_LINES:])[-MOST_LINES:]
