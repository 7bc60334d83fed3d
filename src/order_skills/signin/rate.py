"""How often one principal may ask: a bucket for each, so that nobody's haste is another's wait."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

# A full bucket says nothing, so the one that was used longest ago can be forgotten.
_MOST_BUCKETS = 10_000


class Rate:
    """At most so many requests a minute from each name; as many at once after a pause.

    Args:
        per_minute: None is no limit.
        clock: seconds that only grow.
    """

    def __init__(self, per_minute: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str) -> int:
        """Take one request: 0, or the seconds until one is free; then none was taken."""
        if self._most is None:
            return 0
        now, speed = self._clock(), self._most / 60
        left, at = self._buckets.pop(name, (float(self._most), now))
        left = min(float(self._most), left + (now - at) * speed)
        taken = left >= 1
        self._buckets[name] = (left - 1 if taken else left, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return 0 if taken else math.ceil((1 - left) / speed)
