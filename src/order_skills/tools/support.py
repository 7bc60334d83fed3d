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
from order_skills.tools import arguments, daily, finding
from order_skills.tools.arguments import Arguments, Instant, ItemId, OrderId
from order_skills.tools.declare import Effect, ToolCall, ToolSpec
from order_skills.tools.items import items_of


class WrongSizeArguments(Arguments):
    """What wrong_size_playbook takes."""

    order_id: OrderId
    item_id: Annotated[ItemId | None, Field(description="Absent: every item that has sizes")] = None
    wanted_size: Annotated[
        str | None, Field(min_length=1, max_length=64, description="e.g. XL")
    ] = None


async def wrong_size_playbook(call: ToolCall, given: WrongSizeArguments) -> WrongSizeAnswer:
    """What was bought, what else there is, and what to do."""
    order = await call.store.get_order(given.order_id)
    items = _sized(call, order, given.item_id)
    products = await _products(call, items)
    refunds = {
        item.item_id: await call.workspace.desk.check(
            call.store,
            order,
            Request(order_id=order.order_id, reason="wrong size", item_ids=(item.item_id,)),
        )
        for item in items
    }
    return wrong_size.playbook(order, items, products, refunds, given.wanted_size)


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
            products[product_id] = await call.store.product(product_id)
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
    criteria = finding.Criteria(after=after, before=before, in_full=True)
    found = await finding.search(
        call.store, criteria, limit=daily.REPORT_ORDERS, cursor=None, progress=call.progress
    )
    older, older_note = (
        await daily.still_open(call.store, after) if given.created_before is None else ([], None)
    )
    totals = daily_check.totals(found.orders)
    return OrderReportAnswer(
        created_after=_iso(after),
        created_before=_iso(before),
        orders=len(found.orders),
        by_status=daily_check.by_status(found.orders),
        by_payment_status=daily_check.by_payment(found.orders),
        totals=totals,
        best_sellers=daily_check.best_sellers(found.orders),
        needs_attention=[
            *await _refunds(call),
            *daily_check.needs_attention(found.orders, now),
            *daily_check.waiting(older, now),
        ],
        searched=found.searched,
        complete=found.complete,
        note=_note(found, totals, older_note),
    )


def _note(found: finding.Found, totals: Sequence[Totals], older: str | None) -> str | None:
    note = found.note
    if found.next_cursor is not None:
        note = f"Only {len(found.orders)} orders were read; ask for a shorter period"
    unsaid = None
    if any(total.refunded_minor is None for total in totals):
        unsaid = "The store does not say of every order what was refunded, so it is left out"
    return ". ".join(part for part in (note, unsaid, older) if part) or None


async def _refunds(call: ToolCall) -> list[Attention]:
    """Refunds that wait for a person; a ledger that cannot be used waits for one, too."""
    try:
        waiting = await call.workspace.desk.waiting(call.store)
    except Refusal as error:
        return [Attention(order_id="-", reason=f"refunds are stopped ({error.code})")]
    return [
        Attention(
            order_id=intent.request.order_id,
            reason=f"a {_deed(intent)} is {intent.outcome}",
            refund_id=intent.refund_id,
        )
        for intent in waiting
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
    effect=Effect.READS,
    arguments=WrongSizeArguments,
    answer=WrongSizeAnswer,
    run=wrong_size_playbook,
    needs=lambda store: store.variants,
)
ORDER_REPORT = ToolSpec(
    name="order_report",
    title="Daily order check",
    description=(
        "Count the orders of a period by status, with money in and refunded, best sellers and "
        "what needs a person; of a period up to now, also older open orders that wait too long. "
        "Use list_orders to find particular orders."
    ),
    effect=Effect.READS,
    arguments=OrderReportArguments,
    answer=OrderReportAnswer,
    run=order_report,
)
