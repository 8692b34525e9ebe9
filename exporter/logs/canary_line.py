"""The lines that the canary writes: numbered, with the run and the time of writing in each.

``do-app-exporter canary`` writes them and the pack ``canary`` finds them; both use this form.
"""

import json
import re
from dataclasses import dataclass

_FORM = re.compile(
    rb"\bcanary run=(?P<began>\d{10})-(?P<nonce>[0-9a-f]{8}) seq=(?P<number>[1-9]\d{0,14})"
    rb" of=(?P<last>\d{1,15}) time=(?P<time>\d{10}\.\d{6})\b"
)

JSON_EVERY = 3
TRACE_EVERY = 20


@dataclass(frozen=True, slots=True)
class CanaryLine:
    """One numbered line.

    Args:
        run: identifies the process that wrote it.
        began: when that process began, in whole Unix seconds.
        number: position of the line in its run, from 1.
        last: number of the run's last line, 0 where its end is not planned.
        written_at: Unix seconds.
    """

    run: str
    began: int
    number: int
    last: int
    written_at: float

    def __str__(self) -> str:
        number = f"seq={self.number} of={self.last}"
        return f"canary run={self.run} {number} time={self.written_at:.6f}"

    def text(self) -> str:
        """The line as it is written: plain, as JSON, or as the last line of a stack trace."""
        if self.number % TRACE_EVERY == 0:
            return (
                "Traceback (most recent call last):\n"
                '  File "/app/canary.py", line 7, in sing\n'
                '    raise CanaryError("a trace on purpose")\n'
                f"CanaryError: {self}"
            )
        if self.number % JSON_EVERY == 0:
            return json.dumps({"level": "info", "msg": str(self), "shape": "json"})
        return f"INFO {self} plain, with a sign beyond ASCII: ♪"


def run_name(began: float, nonce: int) -> str:
    """Return the name of a run; ``nonce`` tells it from others that began in the same second."""
    return f"{int(began):010d}-{nonce & 0xFFFFFFFF:08x}"


def parse_canary_line(message: bytes) -> CanaryLine | None:
    """Return the numbered line in a message; None where there is none."""
    found = _FORM.search(message)
    if found is None:
        return None
    return CanaryLine(
        run=f"{found['began'].decode()}-{found['nonce'].decode()}",
        began=int(found["began"]),
        number=int(found["number"]),
        last=int(found["last"]),
        written_at=float(found["time"]),
    )
