"""wrong_size_playbook and order_report."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from order_skills.answers import Answer, Attention, BestSeller, Totals, WrongSizeAnswer
from order_skills.errors import Code, Refusal, StoreError
from order_skills.http import is_path_id
from order_skills.orders import Item, Order, Product
from order_skills.playbooks import daily_check, wrong_size
from order_skills.refunds.intents import Intent, Request
from order_skills.tools import arguments, daily, in_flight
from order_skills.tools.arguments import Arguments, Instant, ItemId, OrderId
from order_skills.tools.declare import ToolCall, ToolSpec
from order_skills.tools.items import items_of

# The most refunds, and the most orders, that one report names.
MAX_ATTENTION = 30


class WrongSizeArguments(Arguments):
    """What wrong_size_playbook takes."""

    order_id: OrderId
    item_id: Annotated[ItemId | None, Field(description="Absent: every item that has sizes")] = None
    wanted_size: Annotated[
        str | None, Field(min_length=1, max_length=64, description="e.g. XL")
    ] = None


async def wrong_size_playbook(call: ToolCall, given: WrongSizeArguments) -> WrongSizeAnswer:
    """What was bought, what else there is, and what to do."""
    order = await in_flight.get_order(call.store, given.order_id)
    sized = _sized(call, order, given.item_id)
    items = sized[: wrong_size.MAX_ITEMS]
    products = await _products(call, items)
    refunds = {
        item.item_id: await call.workspace.desk.check(
            call.store,
            order,
            Request(order_id=order.order_id, reason="wrong size", item_ids=(item.item_id,)),
        )
        for item in items
    }
    left_out = len(sized) - len(items)
    return wrong_size.playbook(
        order, items, products, refunds, given.wanted_size, left_out=left_out
    )


def _sized(call: ToolCall, order: Order, item_id: str | None) -> list[Item]:
    """The items in question.

    Raises:
        AgentError: ITEM_NOT_FOUND, NOT_SUPPORTED where nothing of the order has sizes, or the
            store did not send the items.
    """
    items = wrong_size.sized_items(items_of(call, order, item_id))
    if not items:
        raise Refusal(
            Code.NOT_SUPPORTED,
            "a download has no size",
            f'get_order(order_id="{order.order_id}") shows the items; resend_download makes '
            "new links",
        )
    return items


async def _products(call: ToolCall, items: list[Item]) -> dict[str, Product]:
    products = {}
    for product_id in dict.fromkeys(i.product_id for i in items):
        if not is_path_id(product_id):
            continue
        try:
            products[product_id] = await in_flight.product(call.store, product_id)
        except StoreError as error:
            # A product that was deleted since leaves the guide without alternatives.
            if error.code is not Code.NOT_SUPPORTED:
                raise
    return products


class OrderReportArguments(Arguments):
    """What order_report takes."""

    created_after: Annotated[Instant | None, Field(description="Default: 24 hours ago")] = None
    created_before: Annotated[Instant | None, Field(description="Default: now")] = None


class OrderReportAnswer(Answer):
    """What order_report answers."""

    created_after: str
    created_before: str
    orders: int
    by_status: dict[str, int]
    by_payment_status: dict[str, int]
    totals: list[Totals]
    best_sellers: list[BestSeller]
    needs_attention: list[Attention]
    searched: int
    complete: bool
    note: str | None = None


async def order_report(call: ToolCall, given: OrderReportArguments) -> OrderReportAnswer:
    """Counts, money and what needs a person, of the orders of a period."""
    now = datetime.now(UTC)
    before = arguments.instant(given.created_before) if given.created_before else now
    after = (
        arguments.instant(given.created_after)
        if given.created_after
        else before - timedelta(days=1)
    )
    if after >= before:
        raise arguments.refused(
            "created_after", "must be before created_before", type(given), "order_report"
        )
    period = daily.Period(after, before, to_now=given.created_before is None)
    read = await daily.read(call.workspace.desk, call.store, period, call.progress)
    orders, refunds = read.found.orders, _refunds(read.refunds)
    noted = [*daily_check.needs_attention(orders, now), *daily_check.waiting(read.older, now)]
    totals = daily_check.totals(orders)
    return OrderReportAnswer(
        created_after=_iso(after),
        created_before=_iso(before),
        orders=len(orders),
        by_status=daily_check.by_status(orders),
        by_payment_status=daily_check.by_payment(orders),
        totals=totals,
        best_sellers=daily_check.best_sellers(orders),
        needs_attention=[*refunds[:MAX_ATTENTION], *noted[:MAX_ATTENTION]],
        searched=read.found.searched,
        complete=read.found.complete,
        note=_note(read, totals, len(refunds) - MAX_ATTENTION, len(noted) - MAX_ATTENTION),
    )


def _note(
    read: daily.Read, totals: Sequence[Totals], more_refunds: int, more_orders: int
) -> str | None:
    found, parts = read.found, []
    if found.next_cursor is not None:
        parts.append(f"Only {len(found.orders)} orders were read; ask for a shorter period")
    elif found.note is not None:
        parts.append(found.note)
    if any(total.refunded_minor is None for total in totals):
        parts.append("The store does not say of every order what was refunded, so it is left out")
    if read.older_note is not None:
        parts.append(read.older_note)
    if more_refunds > 0:
        parts.append(
            f"{more_refunds} older refunds that wait or are in doubt are not listed; "
            "`order-skills refunds list` shows a person all"
        )
    if more_orders > 0:
        parts.append(
            f"{more_orders} more orders need attention and are not listed; ask for a shorter period"
        )
    return ". ".join(parts) or None


def _refunds(found: Sequence[Intent] | Refusal) -> list[Attention]:
    """Refunds that wait for a person; a ledger that cannot be used waits for one, too."""
    if isinstance(found, Refusal):
        return [Attention(order_id="-", reason=f"refunds are stopped ({found.code})")]
    return [
        Attention(
            order_id=intent.request.order_id,
            reason=f"a {_deed(intent)} is {intent.outcome}",
            refund_id=intent.refund_id,
        )
        for intent in found
    ]


def _deed(intent: Intent) -> str:
    return "cancellation" if intent.request.cancels else "refund"


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


WRONG_SIZE_PLAYBOOK = ToolSpec(
    name="wrong_size_playbook",
    title="Wrong size: what to do",
    description=(
        "Guide a wrong-size case: the variant bought, other sizes with stock and price "
        "difference, what a refund would be, the steps, open questions and a draft reply to the "
        "customer. It changes nothing; refund_order makes the refund."
    ),
    arguments=WrongSizeArguments,
    answer=WrongSizeAnswer,
    run=wrong_size_playbook,
)
ORDER_REPORT = ToolSpec(
    name="order_report",
    title="Daily order check",
    description=(
        "Count the orders of a period by status, with money in and refunded, best sellers and "
        "what needs a person; of a period up to now, also older open orders that wait too long. "
        "Use list_orders to find particular orders."
    ),
    arguments=OrderReportArguments,
    answer=OrderReportAnswer,
    run=order_report,
)
