"""What one setting may say: the value types, and a reader for each kind of value.

A reader takes the text of a variable or the value in a TOML file, and answers the value that
the program works with. What it does not know it refuses with `BadValue`, whose text never
holds the value; `settings_source.Source` adds the setting's name.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from order_skills import money

Door = Literal["host", "command"]
PersonalData = Literal["masked", "shown"]
# The stricter one comes first in the alphabet, so that `min` chooses it.
ApprovalBy = Literal["another", "anyone"]
LogLevel = Literal["warning", "info", "debug"]
T = TypeVar("T")
Word = TypeVar("Word", bound=str)

PERSONAL_DATA: tuple[PersonalData, ...] = ("masked", "shown")
APPROVAL_BY: tuple[ApprovalBy, ...] = ("another", "anyone")
LOG_LEVELS: tuple[LogLevel, ...] = ("warning", "info", "debug")

# A year. A request that waits longer was forgotten.
MAX_APPROVAL_HOURS = 8_760.0
MAX_REQUESTS_PER_MINUTE = 100_000
# What Clawver's API takes; a shorter secret can be guessed from one signed delivery.
MIN_WEBHOOK_SECRET = 16

_DIGITS = re.compile(r"[0-9]{1,16}")
_DECIMAL = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_STORE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)


class BadValue(ValueError):
    """A value that cannot be used; the text says what should stand there."""


class Secret:
    """A key or password that shows itself only when asked by name: no repr, text or format."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Approval:
    """When a person must approve a refund.

    `above_minor` is set for `above` only: minor units, of all that is refunded of one order.
    """

    kind: Literal["always", "above", "never"] = "always"
    above_minor: int | None = None

    @property
    def leniency(self) -> tuple[int, int]:
        """Sorts the strictest first: always, above a low amount, above a high one, never."""
        return ("always", "above", "never").index(self.kind), self.above_minor or 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits that no approval lifts; None is no limit, 0 forbids every refund.

    Amounts are minor units of the store's currency; the daily ones hold for any 24 hours.
    """

    max_refund_minor: int | None = None
    daily_refund_minor: int | None = None
    daily_refund_count: int | None = None

    def lower(self, other: "Limits") -> "Limits":
        """The lower of each."""
        return self._each(other, min)

    def or_else(self, general: "Limits") -> "Limits":
        """Each of these, and the general one where this one is not set."""
        return self._each(general, lambda own, _: own)

    def _each(self, other: "Limits", choose: Callable[[int, int], int]) -> "Limits":
        return Limits(
            either(self.max_refund_minor, other.max_refund_minor, choose),
            either(self.daily_refund_minor, other.daily_refund_minor, choose),
            either(self.daily_refund_count, other.daily_refund_count, choose),
        )


def either(one: T | None, other: T | None, choose: Callable[[T, T], T]) -> T | None:
    """The one that is set; where both are, the one chosen."""
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def passphrase_hash(value: object) -> str:
    """The hash of the approval passphrase; the passphrase itself is never in a file."""
    from order_skills.passphrase import is_hash

    if isinstance(value, str) and is_hash(value):
        return value
    raise BadValue("is not a hash; set a passphrase with `order-skills init --passphrase`")


def flag(value: object) -> bool:
    """A switch: true or false, in the environment 1 or 0."""
    if isinstance(value, bool):
        return value
    if value in ("0", "1"):
        return value == "1"
    raise BadValue("must be 1 or 0 (in the file: true or false)")


def text(value: object) -> str:
    """A text that is neither empty nor holds control characters."""
    if not isinstance(value, str):
        raise BadValue("must be text in quotes")
    if not value.strip():
        raise BadValue("is empty; give it a value or remove it")
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in value):
        raise BadValue("holds a line break or another control character")
    return value


def one_of(words: tuple[Word, ...]) -> Callable[[object], Word]:
    """A reader for one of these words."""

    def read(value: object) -> Word:
        for word in words:
            if value == word:
                return word
        raise BadValue(f"must be {' or '.join(words)}")

    return read


def minor(value: object) -> int:
    """An amount in minor units: a whole number, never a decimal one."""
    number = _whole(value)
    if number is None or not money.is_minor(number):
        raise BadValue(
            f"must be a whole number of minor units from 0 to {money.MAX_MINOR}, "
            "in digits alone (25.00 USD is 2500)"
        )
    return number


def currency(value: object) -> str:
    """A code of ISO 4217."""
    if isinstance(value, str) and money.is_currency(value):
        return value
    raise BadValue("must be a currency's code in capitals, such as NGN")


def count(value: object) -> int:
    """How many: a whole number from 0."""
    number = _whole(value)
    if number is None or not money.is_minor(number):
        raise BadValue("must be a whole number from 0, in digits alone")
    return number


def requests_per_minute(value: object) -> int:
    """A rate: at least 1, because a store that is never asked is a mistake."""
    number = _whole(value)
    if number is None or not 1 <= number <= MAX_REQUESTS_PER_MINUTE:
        raise BadValue(f"must be a whole number from 1 to {MAX_REQUESTS_PER_MINUTE}")
    return number


def hours(value: object) -> float:
    """A time in hours, above 0 and at most a year."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not 0 < value <= MAX_APPROVAL_HOURS
    ):
        raise BadValue(f"must be a number of hours above 0 and up to {MAX_APPROVAL_HOURS:.0f}")
    return float(value)


def approval(value: object) -> Approval:
    """`always`, `never`, or `above:` and an amount in minor units."""
    if value == "always":
        return Approval("always")
    if value == "never":
        return Approval("never")
    if isinstance(value, str) and value.startswith("above:"):
        try:
            return Approval("above", minor(value.removeprefix("above:")))
        except BadValue as bad:
            raise BadValue(f"the amount after above: {bad}") from None
    raise BadValue("must be always, never, or above: with an amount, such as above:2500")


def doors(value: object) -> frozenset[Door]:
    """Which doors of approval count. The command's is always open, so that one works."""
    words = value.split(",") if isinstance(value, str) else value
    if isinstance(words, list):
        named = sorted(str(word) for word in words)
        if named == ["command"]:
            return frozenset(("command",))
        if named == ["command", "host"]:
            return frozenset(("host", "command"))
    raise BadValue('must be host,command or command (in the file also a list: ["command"])')


def absolute_path(value: object) -> Path:
    """A path that means the same from every working folder."""
    path = Path(text(value))
    if not path.is_absolute():
        raise BadValue("must be an absolute path; ~ and variables are not expanded")
    return path


def ledger(value: object) -> Path | Secret:
    """A path for SQLite, or a `postgresql://` DSN, which may hold a password."""
    given = text(value)
    if given.startswith("postgresql://"):
        return Secret(given)
    if "://" in given:
        raise BadValue("must be a postgresql:// address or an absolute path")
    return absolute_path(given)


def webhook_secrets(value: object) -> tuple[Secret, ...]:
    """The secrets that sign deliveries; several, so that one can be replaced by another."""
    if not isinstance(value, list) or not value:
        raise BadValue("must be a list of secrets in quotes")
    for given in value:
        if not isinstance(given, str) or not given.isascii() or not given.isprintable():
            raise BadValue("must hold printable ASCII text only")
        if len(given) < MIN_WEBHOOK_SECRET or " " in given:
            raise BadValue(f"must hold secrets of at least {MIN_WEBHOOK_SECRET} characters")
    return tuple(Secret(given) for given in value)


def webhook_hosts(value: object) -> tuple[str, ...]:
    """The hosts at which a webhook may be registered: names alone, no scheme and no port."""
    if not isinstance(value, list) or not value:
        raise BadValue('must be a list of host names, such as ["hooks.example.com"]')
    for given in value:
        if not isinstance(given, str) or not is_host_name(given):
            raise BadValue("must hold host names alone, in lower case, such as hooks.example.com")
    return tuple(value)


def is_store_name(value: str) -> bool:
    """Whether value can name a store: it stands in tool arguments and in file names."""
    return _STORE_NAME.fullmatch(value) is not None


def is_host_name(value: str) -> bool:
    """Whether value is a DNS name in ASCII, which no program reads as an IP address."""
    return _HOST_NAME.fullmatch(value) is not None and not value.rpartition(".")[2].isdigit()


def _whole(value: object) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return None
