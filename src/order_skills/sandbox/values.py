"""Values as more than one platform writes them: decimal amounts, times, GUIDs, options."""

import uuid
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

# Currencies with another number of decimals than two.
_DECIMALS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "KWD": 3, "BHD": 3, "JOD": 3, "TND": 3}
_GUIDS = uuid.UUID("6f1d5c9a-0000-4000-8000-5a6d70616e64")


def major(minor: int, currency: str, *, as_text: bool = False) -> int | float | str:
    """An amount in major units, as a JSON number or as a text with all its decimals."""
    places = _DECIMALS.get(currency, 2)
    amount = Decimal(minor).scaleb(-places)
    if as_text:
        return f"{amount:.{places}f}"
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def minor(value: object, currency: str) -> int:
    """An amount in major units as minor ones; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number")
    try:
        amount = Decimal(str(value)).scaleb(_DECIMALS.get(currency, 2))
    except InvalidOperation:
        raise ValueError("must be a number") from None
    if not amount.is_finite() or amount != amount.to_integral_value() or amount < 0:
        raise ValueError("must be an amount of money")
    return int(amount)


def stamp(at: datetime, timespec: str = "milliseconds") -> str:
    """An instant as the APIs write it."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """A date or a time of a query; a bare date is its midnight in UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def is_date(text: str) -> bool:
    """Whether a query's time is a bare date."""
    return len(text) == len("2026-01-31")


def guid(name: str) -> str:
    """A GUID that is always the same for a name."""
    return str(uuid.uuid5(_GUIDS, name))


def numbered(number: int) -> str:
    """A GUID that a person can remember: that of an order of the demonstration shop."""
    return f"00000000-0000-4000-8000-{number:012d}"


def number_of(order_id: str) -> int:
    """The number that people know an order by; of other ids a made-up one."""
    digits = order_id.rpartition("-")[2].rpartition("_")[2]
    return int(digits) if digits.isdecimal() else uuid.uuid5(_GUIDS, order_id).int % 1_000_000


class Choices:
    """A dataclass of options: each must be one of its words.

    `CHOICES` is option → its words. An unknown name or word is refused with a ValueError.
    """

    CHOICES: ClassVar[Mapping[str, tuple[Any, ...]]]

    def __post_init__(self) -> None:
        for name, words in self.CHOICES.items():
            if getattr(self, name) not in words:
                listed = ", ".join(str(word) for word in words)
                raise ValueError(f"option {name}: must be one of {listed}")

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Any:
        """Options from a plain dict."""
        unknown = sorted(set(given or {}) - {each.name for each in fields(cls)})  # type: ignore[arg-type]
        if unknown:
            raise ValueError(f"option {unknown[0]}: is not known")
        return cls(**(given or {}))
