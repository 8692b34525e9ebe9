"""Numbers as people write them, with their unit, in base units: seconds, bytes, ratios."""

import math

from exporter.late_regex import compile_late
from exporter.matching.fields import Scalar

_LONGEST = 64
"""Characters of the longest text that is read; no number that is meant to be one is longer."""

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})++|[0-9]++)(?:\.[0-9]*+)?|\.[0-9]++"
_QUANTITY = compile_late(rf"([-+]?)({_DIGITS})((?:[eE][-+]?[0-9]++)?)[ \t]?([A-Za-zµμ%]*+)")
_GO_PART = r"([0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(ns|us|µs|μs|ms|s|m|h)"
_GO_DURATION = compile_late(rf"([-+]?)((?:{_GO_PART}){{2,}})")
_GO_PARTS = compile_late(_GO_PART)


def _units(factor: float, divisor: float, *names: str) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(names, (factor, divisor))


_UNITS = {
    **_units(1, 1, "", "s", "sec", "secs", "second", "seconds", "B", "byte", "bytes"),
    **_units(1, 1e9, "ns", "nanosecond", "nanoseconds"),
    **_units(1, 1e6, "us", "µs", "μs", "microsecond", "microseconds"),
    **_units(1, 1e3, "ms", "msec", "millisecond", "milliseconds"),
    **_units(60, 1, "m", "min", "mins", "minute", "minutes"),
    **_units(3600, 1, "h", "hr", "hrs", "hour", "hours"),
    **_units(86400, 1, "d", "day", "days"),
    **_units(1e3, 1, "kB", "KB", "kb"),
    **_units(1e6, 1, "MB", "mb"),
    **_units(1e9, 1, "GB", "gb"),
    **_units(1e12, 1, "TB", "tb"),
    **_units(2**10, 1, "KiB", "kiB", "kib"),
    **_units(2**20, 1, "MiB", "mib"),
    **_units(2**30, 1, "GiB", "gib"),
    **_units(2**40, 1, "TiB", "tib"),
    **_units(1, 100, "%"),
}
"""What a unit multiplies by and then divides by: so 12 ms is 0.012 and no neighbour of it."""


def quantity(value: Scalar) -> float | None:
    """Return a field's or a group's value as a finite number in base units, None if it is none."""
    match value:
        case bool():
            return None
        case str():
            number = _read(value.strip()) if len(value) <= _LONGEST else None
        case _:
            number = _float(value)
    return number if number is not None and math.isfinite(number) else None


def _float(value: float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _read(text: str) -> float | None:
    if found := _QUANTITY.fullmatch(text):
        unit = _UNITS.get(found[4])
        if unit is None:
            return None
        number = float(found[2].replace(",", "") + found[3]) * unit[0] / unit[1]
    elif found := _GO_DURATION.fullmatch(text):
        parts = _GO_PARTS.findall(found[2])
        number = math.fsum(float(part) * _UNITS[unit][0] / _UNITS[unit][1] for part, unit in parts)
    else:
        return None
    return -number if found[1] == "-" else number
