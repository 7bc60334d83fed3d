"""Faults to inject: what can go wrong on the way to a store and back, and when it does.

What each kind does is in `acts.py` (the exchange as a whole) and `shaping.py` (the answer's
content); the table `KINDS` says which settings each takes.
"""

import asyncio
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from order_skills.sandbox.bodies import MALFORMED, REASONS

REQUIRED: Any = object()

# kind → its settings with their defaults. Times are seconds, sizes are bytes.
KINDS: dict[str, dict[str, Any]] = {
    # before all else
    "latency": {"seconds": REQUIRED},
    # the answer's content
    "stale_reads": {"n": 1},
    "wrong_amount": {"amount_minor": None, "by": 1},
    "drop_reason": {"how": "drop"},
    "success_false": {},
    "edit": {"set": {}, "remove": ()},
    # the exchange as a whole: at most one of these for each request
    "rate_limited": {"retry_after": None, "status": 429},
    "status": {"code": REQUIRED, "body": None, "headers": {}},
    "status_after": {"code": REQUIRED, "body": None, "headers": {}},
    "redirect": {"code": 302, "location": REQUIRED},
    "reset_before": {},
    "reset_after": {},
    "no_answer": {"applied": False},
    "hold": {"applied": False},
    "twice": {},
    "cut_body": {"keep": None},
    "malformed": {"what": REQUIRED},
    "huge": {"size": 10_000_000, "endless": False},
    "gzip_bomb": {"size": 100_000_000, "layers": 1, "encoding": "gzip"},
    "slow_body": {"bytes_per_second": REQUIRED},
    "raw": {"data": REQUIRED, "end": "fin", "applied": False},
}

# setting → the words it may be.
CHOICES: dict[str, Collection[str]] = {
    "what": MALFORMED,
    "how": REASONS,
    "end": ("fin", "rst", "answer"),
    "encoding": ("gzip", "deflate"),
}
# Settings that are amounts of something, and so numbers that are not negative.
NUMBERS = frozenset(
    {"seconds", "n", "by", "status", "code", "size", "layers", "bytes_per_second", "keep"}
)

DELAYS = frozenset({"latency"})
SHAPES = frozenset({"stale_reads", "wrong_amount", "drop_reason", "success_false", "edit"})


class Fault:
    """One fault: what happens (`kind` and its settings), to which requests, and how often.

    method: only requests with this method; None: any.
    path: a regular expression that the path must begin with (so a plain prefix does); None: any.
    times: how many requests it meets before it is spent; None: all of them.
    """

    def __init__(
        self,
        kind: str,
        method: str | None = None,
        path: str | None = None,
        times: int | None = 1,
        **params: Any,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind: must be one of {', '.join(KINDS)}")
        if times is not None and (type(times) is not int or times < 1):
            raise ValueError("times: must be a whole number of at least 1, or nothing")
        unknown = sorted(set(params) - set(KINDS[kind]))
        if unknown:
            raise ValueError(f"{unknown[0]}: is no setting of {kind}")
        self.params = {**KINDS[kind], **params}
        for name, value in self.params.items():
            _check(kind, name, value)
        if kind == "wrong_amount" and method is None:
            # It is the answer to a refund that is wrong, not every order read afterwards.
            method = "POST"
        self.kind, self.method, self.path, self.times = kind, method, path, times
        self.used = 0
        self._pattern = _compiled(path)
        self._arrived, self._released = asyncio.Event(), asyncio.Event()

    def __getitem__(self, name: str) -> Any:
        """A setting by its name."""
        return self.params[name]

    def meets(self, method: str, path: str) -> bool:
        """Whether it is not spent and this request is one of those it waits for."""
        return (
            (self.times is None or self.used < self.times)
            and self.method in (None, method)
            and (self._pattern is None or self._pattern.match(path) is not None)
        )

    async def reached(self) -> None:
        """For `hold`: wait until a request is being held."""
        await self._arrived.wait()

    def release(self) -> None:
        """For `hold`: let the held request go on."""
        self._released.set()

    async def hold(self) -> None:
        """Hold the calling request until `release`."""
        self._arrived.set()
        await self._released.wait()

    def as_json(self) -> dict[str, Any]:
        """The fault as plain JSON values, in the form that `from_json` takes."""
        given = {key: value for key, value in self.params.items() if value != KINDS[self.kind][key]}
        return {
            "kind": self.kind,
            "method": self.method,
            "path": self.path,
            "times": self.times,
            **given,
        }


def from_json(value: Any) -> Fault:
    """A fault from its JSON form; raises ValueError."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise ValueError("kind: is missing")
    return Fault(**value)


def _check(kind: str, name: str, value: Any) -> None:
    if value is REQUIRED:
        raise ValueError(f"{name}: is missing for {kind}")
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"{name}: must be one of {', '.join(CHOICES[name])}")
    optional = value is None and KINDS[kind][name] is None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in NUMBERS and not optional and (not number or value < 0):
        raise ValueError(f"{name}: must be a number that is not negative")


def _compiled(path: str | None) -> re.Pattern[str] | None:
    try:
        return None if path is None else re.compile(path)
    except re.error as error:
        raise ValueError(f"path: is no regular expression ({error})") from None


@dataclass(frozen=True)
class Plan:
    """What one request meets: delays and shapes all together, of the others the first."""

    delays: tuple[Fault, ...] = ()
    shapes: tuple[Fault, ...] = ()
    act: Fault | None = None


class Faults:
    """The faults in force, in the order in which they were added."""

    def __init__(self) -> None:
        self._all: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force."""
        self._all.append(fault)
        return fault

    def clear(self) -> None:
        """End all faults; requests that are held go on."""
        for fault in self._all:
            fault.release()
        self._all.clear()

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._all))

    def take(self, method: str, path: str) -> Plan:
        """The faults that this request meets; each of them counts it."""
        met = [fault for fault in self._all if fault.meets(method, path)]
        delays = tuple(fault for fault in met if fault.kind in DELAYS)
        shapes = tuple(fault for fault in met if fault.kind in SHAPES)
        act = next((f for f in met if f.kind not in DELAYS and f.kind not in SHAPES), None)
        for fault in (*delays, *shapes, *((act,) if act else ())):
            fault.used += 1
        return Plan(delays, shapes, act)
