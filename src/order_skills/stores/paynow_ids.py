"""PayNow's ids: flakes, which are numbers beyond 2**53 and come as text."""

import re

from order_skills.errors import invalid
from order_skills.stores.reading import Json, Unreadable

FLAKE = re.compile(r"[0-9]{1,20}")


def flake(raw: Json, name: str) -> str | None:
    """An id, None where it is absent or null.

    Raises:
        Unreadable: it is no text of digits. A number may have lost its last digits on the way.
    """
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or FLAKE.fullmatch(value) is None:
        raise Unreadable(f"{name} is no id in text")
    return value


def is_older(last: str | None, cursor: str) -> bool:
    """Whether a page that ends with this id goes on behind the cursor: flakes rise with time."""
    return last is not None and int(last) < int(cursor)


def checked(value: str, argument: str = "order_id") -> str:
    """An id that an agent gave.

    Raises:
        Refusal: it is no text of digits.
    """
    if FLAKE.fullmatch(value) is None:
        raise invalid(
            argument,
            "is no id of PayNow: those are digits",
            "list_orders and get_order show ids; a number that begins with pn- cannot be looked up",
        )
    return value
