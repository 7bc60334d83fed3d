"""Clawver's lists: one revision pages by cursor, the other not at all."""

from collections.abc import Sequence

from order_skills.orders import Order, Page
from order_skills.stores.reading import Json, identifier


def page(
    asked: str | None,
    limit: int,
    cursor: str | None,
    *,
    listed: Sequence[object],
    orders: Sequence[Order],
    paging: Json,
) -> Page:
    """A page of what was listed for this word, from this cursor.

    Args:
        orders: those of the rows that can be read.
        paging: what the store says of its pages.
    """
    onward, has_more, served = (
        identifier(paging, "cursor"),
        paging.get("hasMore"),
        paging.get("limit"),
    )
    follow = has_more is True and onward is not None and onward != cursor
    full_page = len(listed) >= (min(served, limit) if type(served) is int else limit)
    return Page(
        orders=tuple(orders),
        full=all(order.items is not None and order.refunds is not None for order in orders),
        more=has_more is True or (has_more is not False and full_page),
        cursor=f"{asked or ''}:{onward}" if follow else None,
        unreadable=len(listed) - len(orders),
    )


def together(one: Page, other: Page, limit: int) -> Page:
    """The newest orders of both."""
    both = (*one.orders, *other.orders)
    newest = sorted(both, key=lambda order: order.created_at, reverse=True)
    return Page(
        orders=tuple(newest[:limit]),
        full=one.full and other.full,
        more=one.more or other.more or len(both) > limit,
        # Of two lists that both hold orders, one cursor would lose the other's.
        cursor=None if one.orders else other.cursor,
        unreadable=one.unreadable + other.unreadable,
    )
