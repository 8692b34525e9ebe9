"""What an app's spec has of a job: its kind, and a schedule where it has one."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class JobSchedule:
    """When a job runs; ``kind`` as the API has it, ``timeout`` in seconds."""

    cron: str = ""
    time_zone: str = "UTC"
    kind: str = "SCHEDULED"
    timeout: int = 1800

    def document(self) -> dict[str, Any]:
        """The fields of a job in an app's spec."""
        fields: dict[str, Any] = {"kind": self.kind}
        if self.cron:
            fields["schedule"] = {"cron": self.cron, "time_zone": self.time_zone}
            fields["timeout"] = f"{self.timeout}s"
        return fields
