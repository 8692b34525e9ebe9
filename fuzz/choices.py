"""An input as a sequence of decisions: numbers from its end, text from its beginning."""


class Choices:
    """Takes numbers off the end of an input; what is left at the beginning is the text.

    So an input stays readable, and the fuzzer may change text and decisions apart.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self, most: int) -> int:
        """A number from 0 to ``most``, which is below 65536; 0 once the input is used up."""
        size = 1 if most < 256 else 2
        taken, self._data = self._data[-size:], self._data[:-size]
        return int.from_bytes(taken, "little") % (most + 1)

    def flag(self) -> bool:
        """One of two."""
        return self.number(1) == 1

    def cuts(self, size: int, most: int = 6) -> list[int]:
        """Some places in a text of so many bytes, in order, its two ends among them."""
        places = [self.number(min(size, 65535)) for _ in range(self.number(most))]
        return sorted({0, size, *places})

    def rest(self) -> bytes:
        """What is left: the text."""
        return self._data
