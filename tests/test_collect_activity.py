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
    assert activity.minutes(clock(), 0.0).lines[-1] == 7
    clock.now += 60
    activity.add(clock(), 1, 1)
    assert activity.minutes(clock(), 0.0).lines[-2:] == (7, 1)
    assert activity.minutes(clock(), 0.0).errors[-2:] == (1, 1)
    clock.now += 58 * 60
    assert activity.minutes(clock(), 0.0).lines[:2] == (7, 1)
    assert sum(activity.minutes(clock(), 0.0).lines) == 8
    clock.now += 60
    assert activity.minutes(clock(), 0.0).lines[:2] == (1, 0)
    clock.now += 3 * 3600
    assert sum(activity.minutes(clock(), 0.0).lines) == 0


def test_a_clock_that_steps_back_loses_nothing_counted():
    """Until it has caught up, what is counted goes to the minutes that it names."""
    clock = Clock(START)
    activity = ActivityRing()
    activity.add(clock(), 5, 0)
    clock.now -= 120
    activity.add(clock(), 1, 0)
    clock.now += 120
    assert activity.minutes(clock(), 0.0).lines[-3:] == (1, 0, 5)


def test_usual_errors_are_the_median_of_ten_minutes_in_a_day():
    """Neither a bad half hour nor the present one moves it; a new watch knows none."""
    day = 86_400.0 * 20_000
    activity = ActivityRing()
    for span in range(145):
        errors = 90 if span in (7, 8, 9) else 4 if span % 2 else 6
        activity.add(day + 600 * span, 100, errors)
    now = day + 600 * 144
    assert activity.minutes(now, day).usual_errors == 6.0
    assert activity.minutes(now, now - 6 * 600).usual_errors is None
    assert activity.minutes(now, now - 7 * 600).usual_errors == 5.0
    assert ActivityRing().minutes(now, 0.0).usual_errors == 0.0
