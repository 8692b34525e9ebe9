"""Takes pushed lines of one account."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.model import ComponentKey
from exporter.reading.inbox import Inbox
from exporter.reading.receiver import Receiver
from exporter.receiving.intake import Taken
from exporter.watching.discovery import Discovery


@dataclass(frozen=True, slots=True)
class AccountInbox:
    """Takes pushed lines of one account, once it is known what there is."""

    receiver: Receiver
    inbox: Inbox
    discovery: Discovery

    def ready(self) -> bool:
        """Whether it is known which components there are."""
        return self.discovery.done

    def knows(self, key: ComponentKey) -> bool:
        """Whether a component is watched, and its lines are to be received."""
        return self.inbox.knows(key)

    def take(self, digest: bytes, lines: Mapping[ComponentKey, list[bytes]]) -> Taken:
        """Count lines, and keep that; raises RequestRefused where they could not be kept."""
        return self.receiver.take(digest, lines)
