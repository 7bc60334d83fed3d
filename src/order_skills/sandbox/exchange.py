"""What every dialect needs of one HTTP exchange: refusals, bodies, and the view of the shop."""

import hmac
import json
from typing import Any, NoReturn

from starlette.requests import Request

from order_skills.sandbox.shop import Shop

# Keys of the ASGI scope by which the gate in front of a dialect speaks with it.
VIEW = "order_skills.sandbox.view"
ENTRY = "order_skills.sandbox.entry"


class Refused(Exception):
    """A request that is answered in the platform's error envelope."""

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details


def view(request: Request, shop: Shop) -> Shop:
    """The shop to read from: the present one, unless a fault makes this answer a stale one."""
    seen: Shop = request.scope.get(VIEW) or shop
    return seen


def mark_applied(request: Request) -> None:
    """Note in the request log that this request changed the shop."""
    entry = request.scope.get(ENTRY)
    if entry is not None:
        entry.applied = True


def same(given: str, expected: str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


async def json_object(request: Request) -> dict[str, Any]:
    """The request's body, which must be a JSON object; raises ValueError."""
    try:
        value = json.loads(await request.body(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ValueError("The body is not valid JSON") from None
    if not isinstance(value, dict):
        raise ValueError("The body must be a JSON object")
    return value


def _no_constant(word: str) -> NoReturn:
    # NaN and Infinity are no JSON, though Python's reader takes them.
    raise ValueError(word)
