"""Times and sizes with a unit that suits them."""

from __future__ import annotations


def duration(nanoseconds: float) -> str:
    """A time with a unit that suits it: `850 ns`, `12.3 µs`, `4.56 ms`, `1.20 s`."""
    for limit, unit, digits in ((1e3, "ns", 0), (1e6, "µs", 1), (1e9, "ms", 2)):
        if abs(nanoseconds) < limit:
            return f"{nanoseconds / (limit / 1e3):.{digits}f} {unit}"
    return f"{nanoseconds / 1e9:.2f} s"


def size(number: int) -> str:
    """Bytes with a unit that suits them."""
    for limit, unit in ((1 << 10, "B"), (1 << 20, "KiB"), (1 << 30, "MiB")):
        if number < limit:
            return f"{number / (limit >> 10):.0f} {unit}" if unit == "B" else f"{number / (limit >> 10):.1f} {unit}"
    return f"{number / (1 << 30):.1f} GiB"
