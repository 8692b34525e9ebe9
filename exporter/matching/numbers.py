"""What the values that matches give make of a series: a sum, the newest of them, or buckets.

A series stands at a list of numbers: of a counter its sum; of a gauge its value and the time of its
line in nanoseconds; of a histogram how many values each bucket has, without those of smaller
bounds, then how many are above every bound, then their sum.
"""

from bisect import bisect_left

from exporter.model import MetricType, RuleMetric

Numbers = list[float]

OTHER = "other"
"""The value of every label of a rule, of matches for which there is no series left."""


def no_values(metric: RuleMetric) -> Numbers:
    """Return what a series stands at before its first value."""
    match metric.type:
        case MetricType.COUNTER:
            return [0.0]
        case MetricType.GAUGE:
            return [0.0, 0.0]
        case MetricType.HISTOGRAM:
            return [0.0] * (len(metric.buckets) + 2)


def take(metric: RuleMetric, numbers: Numbers, value: float, time: int | None) -> None:
    """Add, set or observe ``value`` in ``numbers``.

    Args:
        time: of the line, in nanoseconds; None, where it has none, is as new as the newest.
    """
    match metric.type:
        case MetricType.COUNTER:
            numbers[0] += value
        case MetricType.GAUGE:
            if time is None or time >= numbers[1]:
                numbers[:] = value, numbers[1] if time is None else float(time)
        case MetricType.HISTOGRAM:
            numbers[bisect_left(metric.buckets, value)] += 1
            numbers[-1] += value


def join(metric: RuleMetric, numbers: Numbers, later: Numbers) -> None:
    """Add to ``numbers`` what was taken elsewhere, from lines that come after."""
    if metric.type is MetricType.GAUGE:
        if later[1] >= numbers[1]:
            numbers[:] = later
    else:
        numbers[:] = (mine + more for mine, more in zip(numbers, later, strict=True))
