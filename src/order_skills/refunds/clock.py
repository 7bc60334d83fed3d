"""Time that cannot be set back: for "how long since", never for "when"."""

import time

# CLOCK_BOOTTIME goes on while a laptop sleeps; CLOCK_MONOTONIC stands still, and would let a
# send begin hours after it was decided. Windows' monotonic clock counts sleep by itself.
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed() -> float:
    """Seconds since some moment in the past, sleep included where the system can tell."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


class Budget:
    """Seconds that a call may take until it must answer."""

    def __init__(self, seconds: float) -> None:
        self._ends = elapsed() + seconds

    def left(self) -> float:
        """How many are left, never below zero."""
        return max(self._ends - elapsed(), 0.0)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = elapsed()

    def seconds(self) -> float:
        """How many have gone by."""
        return elapsed() - self._began
