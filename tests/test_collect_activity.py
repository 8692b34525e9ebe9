"""Lines by the minute: the last hour of each component, and nothing older."""

from collect_fixtures import START, Clock

from exporter.counting.activity import Activity
from exporter.model import ComponentKey

WEB, API = ComponentKey("shop", "web"), ComponentKey("shop", "api")


def test_each_minute_stands_in_its_place():
    """What was counted now stands last, and moves back as minutes pass, until it is gone."""
    clock = Clock(START)
    activity = Activity(clock)
    activity.add(WEB, 5, 1)
    clock.now += 59
    activity.add(WEB, 2, 0)
    assert activity.of(WEB).lines[-1] == 7
    clock.now += 60
    activity.add(WEB, 1, 1)
    assert activity.of(WEB).lines[-2:] == (7, 1)
    assert activity.of(WEB).errors[-2:] == (1, 1)
    clock.now += 58 * 60
    assert activity.of(WEB).lines[:2] == (7, 1)
    assert sum(activity.of(WEB).lines) == 8
    clock.now += 60
    assert activity.of(WEB).lines[:2] == (1, 0)
    clock.now += 3 * 3600
    assert sum(activity.of(WEB).lines) == 0


def test_components_are_apart_and_can_be_forgotten():
    """One that is not known wrote nothing."""
    activity = Activity(Clock(START))
    activity.add(WEB, 5, 1)
    assert sum(activity.of(API).lines) == 0
    activity.forget(WEB)
    activity.forget(API)
    assert activity.of(WEB) == activity.of(API)
    assert len(activity.of(WEB).lines) == 60


def test_a_clock_that_steps_back_loses_nothing_counted():
    """Until it has caught up, what is counted goes to the minutes that it names."""
    clock = Clock(START)
    activity = Activity(clock)
    activity.add(WEB, 5, 0)
    clock.now -= 120
    activity.add(WEB, 1, 0)
    clock.now += 120
    assert activity.of(WEB).lines[-3:] == (1, 0, 5)
