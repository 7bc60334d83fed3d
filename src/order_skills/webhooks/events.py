"""PURE: what a verified webhook says, in one form for the four platforms.

Nothing of its body is kept but its kind, the order's id and the time: the rest can be read from
the store, and may hold personal data. An id that cannot stand in a path is dropped.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from order_skills import strict_json, text
from order_skills.http_call import is_path_id
from order_skills.stores.reading import Json, identifier, mapping, time, word

TYPE_CAP = 64
UNREADABLE = "unreadable"

# What makes a refund in doubt worth reading back at once.
_MONEY = ("refund", "cancel", "chargeback")


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        key: what a repetition has in common with it: the store's id for it, else a hash of the
            bytes, because Clawver's events have none.
        type: the store's own word, such as `order.refunded` or `ON_REFUND`.
        order_id: None where it names none, or one that cannot be an id.
        occurred_at: UTC, ISO 8601; None where it does not say.
    """

    key: str
    type: str
    order_id: str | None = None
    occurred_at: str | None = None

    @property
    def may_settle(self) -> bool:
        """Whether it hints at money that went back."""
        return any(part in self.type.lower() for part in _MONEY)


@dataclass(frozen=True)
class _Shape:
    """Where a platform's events say what. Sources: references/platforms/<name>.md."""

    type: str
    order_id: Callable[[Json, str], str | None]
    occurred_at: Callable[[Json], str | None]
    event_id: str | None = None


def _of_data(body: Json, _: str) -> str | None:
    held = mapping(body.get("data"))
    return identifier(held, "orderId") or identifier(held, "externalReference")


def _of_sale(body: Json, _: str) -> str | None:
    held = mapping(body.get("data"))
    return identifier(held, "entityId") if held.get("entityType") == "sale" else None


def _of_body(body: Json, kind: str) -> str | None:
    held = mapping(body.get("body"))
    # An order's event holds the order itself; every other one names it.
    return identifier(held, "id" if kind.startswith("ON_ORDER_") else "order_id")


def _time_of_body(body: Json) -> str | None:
    held = mapping(body.get("body"))
    return time(held, "completed_at", "created_at")


_SHAPES: Mapping[str, _Shape] = {
    "clawver": _Shape("event", _of_data, lambda body: time(body, "timestamp")),
    "paynow": _Shape("event_type", _of_body, _time_of_body, "event_id"),
    "cloove": _Shape("type", _of_sale, lambda body: time(body, "created"), "id"),
    "vesuviopay": _Shape("type", _of_data, lambda body: time(body, "created_at"), "id"),
}


def read(platform: str, raw_body: bytes) -> Event:
    """The event of a body whose signature was good; of one that cannot be read, that it came."""
    shape, digest = _SHAPES[platform], f"sha256:{hashlib.sha256(raw_body).hexdigest()}"
    try:
        body = mapping(strict_json.parse(raw_body))
    except strict_json.BadJson:
        return Event(digest, UNREADABLE)
    kind = word(body, shape.type, cap=TYPE_CAP) or UNREADABLE
    event_id = identifier(body, shape.event_id) if shape.event_id else None
    order_id = shape.order_id(body, kind)
    return Event(
        key=digest if event_id is None else f"id:{text.clean(event_id, 128)}",
        type=kind,
        order_id=order_id if is_path_id(order_id) else None,
        occurred_at=shape.occurred_at(body),
    )
