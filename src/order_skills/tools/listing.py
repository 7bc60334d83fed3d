"""list_orders."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from pydantic import Field, SkipValidation

from order_skills import text
from order_skills.answers import Answer
from order_skills.errors import Code, Refusal
from order_skills.orders import (
    ORDER_STATUSES,
    PAYMENT_STATUSES,
    Order,
    OrderStatus,
    PaymentStatus,
)
from order_skills.settings import Settings
from order_skills.tools import arguments, bounds, finding
from order_skills.tools.arguments import Arguments, Instant, Words
from order_skills.tools.declare import ToolCall, ToolSpec
from order_skills.tools.personal_data import words_shown

# A row is for recognising an order, not for reading it.
ITEM_WORDS_CAP = 40


class ListOrdersArguments(Arguments):
    """What list_orders takes."""

    # Read in code: which words there are is the store's to say.
    status: Annotated[SkipValidation[OrderStatus | None], Field(description="Order status")] = None
    payment_status: Annotated[
        SkipValidation[PaymentStatus | None], Field(description="Payment status")
    ] = None
    customer_email: Annotated[
        Words | None, Field(min_length=3, max_length=254, description="Whole address, any case")
    ] = None
    product: Annotated[
        Words | None,
        Field(min_length=1, max_length=256, description="product_id or part of a name"),
    ] = None
    created_after: Annotated[Instant | None, Field(description="Inclusive, e.g. 2026-11-21")] = None
    created_before: Annotated[Instant | None, Field(description="Exclusive")] = None
    limit: Annotated[int, Field(ge=1, le=100, description="Most rows to answer")] = 20
    cursor: Annotated[
        str | None, Field(max_length=4_000, description="next_cursor of the answer before")
    ] = None


class OrderRow(Answer):
    """A row of list_orders."""

    order_id: str
    status: str
    payment_status: str
    currency: str
    total_minor: int
    created_at: str
    refunded_minor: int | None = None
    items: str | None = None
    status_raw: str | None = None
    store: str | None = None


class ListOrdersAnswer(Answer):
    """What list_orders answers."""

    orders: list[OrderRow]
    next_cursor: str | None = None
    searched: int
    complete: bool
    note: str | None = None


async def list_orders(call: ToolCall, given: ListOrdersArguments) -> ListOrdersAnswer:
    """Search one store's orders."""
    criteria = criteria_of(call, given)
    several, settings = len(call.workspace.stores) > 1, call.workspace.settings
    as_row = partial(row, settings=settings, several_stores=several)
    room = finding.Room(bounds.LIST_TOKENS, as_row)
    found = await finding.search(
        call.store,
        criteria,
        limit=given.limit,
        cursor=given.cursor,
        progress=call.progress,
        room=room,
    )
    return ListOrdersAnswer(
        orders=room.rows,
        next_cursor=found.next_cursor,
        searched=found.searched,
        complete=found.complete,
        note=". ".join(part for part in (found.note, _unseen(call, found.orders)) if part) or None,
    )


def _unseen(call: ToolCall, orders: Sequence[Order]) -> str | None:
    """What the rows of a store that keeps its refunds elsewhere do not know."""
    if not call.store.capabilities.refunds_lines or all(o.refunds is not None for o in orders):
        return None
    return "`paid` in a row knows of no refund; get_order reads an order's refunds"


def criteria_of(call: ToolCall, given: ListOrdersArguments) -> finding.Criteria:
    """The filters, refusing an order word that this store's orders never have.

    Raises:
        Refusal: INVALID_ARGUMENT; the store itself would answer "no orders".
    """
    statuses = call.store.capabilities.statuses
    _check_word(given, "status", statuses, "payment_status", PAYMENT_STATUSES)
    _check_word(given, "payment_status", PAYMENT_STATUSES, "status", ORDER_STATUSES)
    if given.customer_email is not None and (
        "*" in given.customer_email or "@" not in given.customer_email
    ):
        problem = "must be the whole address; a masked one finds nothing"
        raise _refused(given, "customer_email", problem)
    after = given.created_after and arguments.instant(given.created_after)
    before = given.created_before and arguments.instant(given.created_before)
    if after and before and after >= before:
        raise _refused(given, "created_after", "must be before created_before")
    return finding.Criteria(
        status=given.status,
        payment_status=given.payment_status,
        customer_email=given.customer_email,
        product=given.product,
        after=after or None,
        before=before or None,
    )


def _check_word(
    given: ListOrdersArguments,
    argument: str,
    words: Sequence[str],
    other: str,
    words_of_other: Sequence[str],
) -> None:
    word = getattr(given, argument)
    if word is None or word in words:
        return
    refused = _refused(given, argument, f"must be one of: {', '.join(words)}")
    if word in words_of_other:
        step = f"that is a word for {other}: call list_orders with {other} instead"
        refused = Refusal(Code.INVALID_ARGUMENT, refused.message, step)
    raise refused


def _refused(given: ListOrdersArguments, argument: str, problem: str) -> Refusal:
    return arguments.refused(argument, problem, type(given), "list_orders")


def row(order: Order, settings: Settings, several_stores: bool) -> OrderRow:
    """The order in few words; what says nothing is left out."""
    return OrderRow(
        order_id=order.order_id,
        status=order.status,
        payment_status=order.payment_status,
        currency=order.currency,
        total_minor=order.total_minor,
        created_at=order.created_at,
        refunded_minor=order.refunded_minor or None,
        items=_items_in_words(order, settings),
        status_raw=order.status_raw if order.status_raw != order.status else None,
        store=order.store if several_stores else None,
    )


def _items_in_words(order: Order, settings: Settings) -> str | None:
    if not order.items:
        return None
    first = order.items[0]
    variant = f" ({first.variant_name})" if first.variant_name else ""
    times = f" x{first.quantity}" if first.quantity not in (None, 1) else ""
    words = text.clean(words_shown(f"{first.name}{variant}{times}", settings), ITEM_WORDS_CAP)
    more = len(order.items) - 1
    return f"{words} + {more} more" if more else words


LIST_ORDERS = ToolSpec(
    name="list_orders",
    title="List orders",
    description=(
        "List orders, newest first, and find one by customer, product, date, order status or "
        "payment. Use get_order for the details of one and order_report for totals. `searched` "
        "and `complete` say how far it looked; when not complete, `note` says how to go on."
    ),
    arguments=ListOrdersArguments,
    answer=ListOrdersAnswer,
    run=list_orders,
)
