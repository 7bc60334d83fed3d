"""PayNow's lists: filters, both directions of paging, and what of a query is refused."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from starlette.datastructures import QueryParams
from starlette.requests import Request

from order_skills.sandbox.exchange import Refused
from order_skills.sandbox.paynow_options import Options
from order_skills.sandbox.paynow_wire import Json, is_flake

DEFAULT_LIMIT = 25  # not documented; a client must not rely on it
MAX_LIMIT = 100  # documented

# Filters that compare one field of an order, and those that look at its lines.
OF_ORDER = {
    "order_id": "id",
    "customer_id": "customer_id",
    "subscription_id": "subscription_id",
    "checkout_id": "checkout_id",
    "affiliate_id": "affiliate_id",
    "coupon_id": "coupon_id",
    "giftcard_id": "giftcard_id",
    "customer_ip": "customer_ip",
}
OF_LINES = ("product_id", "sale_id")
OF_PAYMENT = {"order_id": "order_id", "customer_id": "customer_id"}


def refuse(path: str, message: str) -> NoReturn:
    """Refuse a value of the request."""
    detail = {"code": "invalid", "message": message, "path": path, "validation": "format"}
    raise Refused(400, "bad-request", message, errors=[detail])


def statuses(query: QueryParams, known: Sequence[str]) -> list[str]:
    """The words of the repeated key `status`."""
    given = query.getlist("status")
    if unknown := [word for word in given if word not in known]:
        refuse("status", f"The value '{unknown[0]}' is not valid")
    return given


def orders(
    request: Request, rows: Sequence[Json], lines: Sequence[Sequence[Json]], o: Options
) -> list[Json]:
    """The rows that the filters of GET /orders leave; `lines` are those of each row."""
    query = request.query_params
    of_order = {OF_ORDER[name]: _wanted(query, name) for name in OF_ORDER}
    of_lines = {name: _wanted(query, name) for name in OF_LINES}
    fold = str if o.email_case == "exact" else str.casefold
    email, subscription = query.get("billing_email"), flag(query, "is_subscription")
    return [
        row
        for row, held in zip(rows, lines, strict=True)
        if all(wanted in (None, row.get(field)) for field, wanted in of_order.items())
        and all(
            wanted is None or any(line.get(name) == wanted for line in held)
            for name, wanted in of_lines.items()
        )
        and (email is None or fold(row["billing_email"]) == fold(email))
        and subscription in (None, row["is_subscription"])
    ]


def payments(request: Request, rows: Sequence[Json]) -> list[Json]:
    """The rows that the filters of GET /payments leave."""
    wanted = {
        field: value
        for name, field in OF_PAYMENT.items()
        if (value := _wanted(request.query_params, name)) is not None
    }
    return [row for row in rows if all(row[field] == value for field, value in wanted.items())]


def page(
    request: Request, rows: Sequence[Json], places: Mapping[str, tuple[str, int]], o: Options
) -> list[Json]:
    """One page of rows. `places` is where each id stands in rising order, for those that exist."""
    query = request.query_params
    ascending = flag(query, "asc") or False
    # What a comparison means: later in the answer's own order, or larger, whatever the order.
    forward = ascending or o.paging == "id"
    kept = sorted(rows, key=lambda row: places[row["id"]], reverse=not ascending)
    for name, onward in (("after", forward), ("before", not forward)):
        if (given := _wanted(query, name)) is None:
            continue
        if (mark := places.get(given)) is None:
            refuse(name, "There is no such item")
        kept = [row for row in kept if (places[row["id"]] > mark) is onward and row["id"] != given]
    return kept[: _limit(query)]


def flag(query: QueryParams, name: str) -> bool | None:
    """A boolean of the query."""
    given = query.get(name)
    if given is None:
        return None
    if given.lower() not in ("true", "false"):
        refuse(name, f"The value '{given}' is not valid")
    return given.lower() == "true"


def _wanted(query: QueryParams, name: str) -> str | None:
    given = query.get(name)
    if given is not None and name != "customer_ip" and not is_flake(given):
        refuse(name, f"The value '{given}' is not valid")
    return given


def _limit(query: QueryParams) -> int:
    given = query.get("limit")
    if given is None:
        return DEFAULT_LIMIT
    if not (given.isascii() and given.isdecimal() and len(given) < 10):
        refuse("limit", f"The value '{given}' is not valid")
    if not 1 <= int(given) <= MAX_LIMIT:
        refuse("limit", f"The field limit must be between 1 and {MAX_LIMIT}")
    return int(given)
