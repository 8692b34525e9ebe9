"""At a start the first requests of a follower open streams; RUN_RESTARTED waits for all of them."""

from exporter.reading.following.follower import Follower


class Looks:
    """The part of a component that has its RUN_RESTARTED read."""

    def __init__(self) -> None:
        self.begun = 0

    def first_stream(self) -> None:
        self.begun += 1


class Followed:
    """A log of which a stream was tried, or not yet."""

    tried = False


def test_run_restarted_is_read_once_every_stream_was_tried():
    """Not before the last of many, and each once; one that comes later waits for itself alone."""
    follower = Follower.__new__(Follower)
    follower._held = []
    logs = [Followed() for _ in range(50)]
    follower._followed = dict(enumerate(logs))  # type: ignore[arg-type]
    looks = [Looks() for _ in logs]
    for log, look in zip(logs, looks, strict=True):
        assert sum(each.begun for each in looks) == 0
        log.tried = True
        follower._first_tried(look)  # type: ignore[arg-type]
    assert [look.begun for look in looks] == [1] * 50
    later, more = Followed(), Looks()
    follower._followed[50] = later  # type: ignore[index,assignment]
    later.tried = True
    follower._first_tried(more)  # type: ignore[arg-type]
    assert more.begun == 1
    assert [look.begun for look in looks] == [1] * 50
