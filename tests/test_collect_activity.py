"""Lines by the minute: the last hour of a component, and nothing older."""

from collect_fixtures import START, Clock

from exporter.counting.activity import ActivityRing


def test_each_minute_stands_in_its_place():
    """What was counted now stands last, and moves back as minutes pass, until it is gone."""
    clock = Clock(START)
    activity = ActivityRing()
    activity.add(clock(), 5, 1)
    clock.now += 59
    activity.add(clock(), 2, 0)
    assert activity.minutes(clock()).lines[-1] == 7
    clock.now += 60
    activity.add(clock(), 1, 1)
    assert activity.minutes(clock()).lines[-2:] == (7, 1)
    assert activity.minutes(clock()).errors[-2:] == (1, 1)
    clock.now += 58 * 60
    assert activity.minutes(clock()).lines[:2] == (7, 1)
    assert sum(activity.minutes(clock()).lines) == 8
    clock.now += 60
    assert activity.minutes(clock()).lines[:2] == (1, 0)
    clock.now += 3 * 3600
    assert sum(activity.minutes(clock()).lines) == 0


def test_a_clock_that_steps_back_loses_nothing_counted():
    """Until it has caught up, what is counted goes to the minutes that it names."""
    clock = Clock(START)
    activity = ActivityRing()
    activity.add(clock(), 5, 0)
    clock.now -= 120
    activity.add(clock(), 1, 0)
    clock.now += 120
    assert activity.minutes(clock()).lines[-3:] == (1, 0, 5)
