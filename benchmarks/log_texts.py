"""Synthetic log lines as programs write them, the same for the same seed."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from exporter.model import Rule

START = datetime(2026, 11, 1, tzinfo=UTC)

_QUIET = (
    '10.0.{a}.{b} - - "GET /api/v1/items/{n} HTTP/1.1" 200 {n} "-" "Mozilla/5.0"',
    'level=info msg="request done" method=GET path=/cart/{n} status=200 duration={a}ms',
    '{{"level":"info","msg":"order accepted","order":{n},"items":{a},"total":{b}.50}}',
    "INFO  [worker-{a}] processed job {n} of queue mail in {b} ms",
    "cache hit ratio 0.{a} over {n} requests, errors: 0, evicted {b} entries",
)


def messages(seed: int, rules: Sequence[Rule], share: float) -> Iterator[bytes]:
    """Messages without end, about 70 bytes long.

    Args:
        rules: of the messages that match, each is an example that one of these gives.
        share: how many of the messages match, from 0 to 1.
    """
    random = Random(seed)
    examples = [example for rule in rules for example in rule.tests.match if "\n" not in example]
    while True:
        if random.random() < share:
            text = random.choice(examples)
        else:
            a, b, n = random.randrange(250), random.randrange(250), random.randrange(10**6)
            text = random.choice(_QUIET).format(a=a, b=b, n=n)
        yield text.encode()


def served_lines(component: str, texts: Iterator[bytes]) -> Iterator[bytes]:
    """Messages as the platform serves them: with newline, component and a time, 1 ms apart."""
    for milliseconds, text in zip(count(), texts, strict=False):
        time = (START + timedelta(milliseconds=milliseconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")
        yield b"%s %s000Z %s\n" % (component.encode(), time.encode(), text)
