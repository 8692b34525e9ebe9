"""What a whole window says of missing lines and of container ends."""

from dataclasses import dataclass

from exporter.logs.restarts.container_ends import ContainerEnd
from exporter.model import GapReason


@dataclass(frozen=True, slots=True)
class WindowEnd:
    """What a window showed as a whole.

    Args:
        gaps: times that lines between this window and the one before could not be seen.
        missing_since: the newest known time (ns) before a gap.
        missing_until: the oldest known time after it; 0 where it is not known.
        restarts: the container ends that it newly showed, RUN_RESTARTED only.
        unseen: how many containers ended that no RUN_RESTARTED window showed, as the platform's
            counts tell; they are a gap, unless it was counted before.
        reason: why there is a gap, where there is one.
    """

    gaps: int = 0
    missing_since: int = 0
    missing_until: int = 0
    restarts: tuple[ContainerEnd, ...] = ()
    unseen: int = 0
    reason: GapReason = GapReason.WINDOW
