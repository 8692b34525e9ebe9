"""What Hyperscan looks for, as a value that needs nothing of what makes it of a regex."""

from typing import NamedTuple


class Expression(NamedTuple):
    """What Hyperscan looks for: bytes, multi-line; ``caseless`` folds ASCII letters."""

    pattern: str
    caseless: bool = False
