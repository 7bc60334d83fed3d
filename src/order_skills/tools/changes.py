"""update_order_status and link_order: changes of an order that move no money."""

from collections.abc import Awaitable, Mapping
from typing import Annotated, get_args

from pydantic import AfterValidator, Field, SkipValidation, StringConstraints

from order_skills import text
from order_skills.answers import Answer
from order_skills.errors import Code, Happened, Refusal, StoreError, invalid
from order_skills.orders import Order, OrderStatus
from order_skills.stores.base import Capabilities
from order_skills.tools import arguments
from order_skills.tools.arguments import (
    AnyId,
    Arguments,
    Label,
    Link,
    OrderId,
)
from order_skills.tools.declare import ToolCall, ToolSpec
from order_skills.tools.personal_data import shown

# VesuvioPay tells a parcel by these names of its metadata, by convention.
_TRACKING = {
    "tracking_number": "trackingNumber",
    "carrier": "carrier",
    "tracking_url": "trackingUrl",
}
# Of what is kept beside: its names and its values.
KEY_CAP, VALUE_CAP = 64, 500


class ChangedOrder(Answer):
    """The order as it is after a change; `already_done`: it was so before, nothing was sent."""

    order: Order
    already_done: bool | None = None


def _changed(call: ToolCall, found: tuple[Order, bool]) -> ChangedOrder:
    order, before = found
    return ChangedOrder(
        order=shown(order, call.workspace.settings), already_done=True if before else None
    )


# --- update_order_status ----------------------------------------------------------------


def _value(value: str) -> str:
    plain = text.clean(value, VALUE_CAP)
    if not plain or "***" in plain:
        raise ValueError("must hold text, and none that was masked")
    return plain


def _free(value: Mapping[str, str]) -> Mapping[str, str]:
    taken = {ours.casefold(): argument for argument, ours in _TRACKING.items()}
    for key in value:
        if (argument := taken.get(key.strip().casefold())) is not None:
            raise ValueError(f"must not say what the argument {argument} says")
        if not key or text.clean(key, KEY_CAP) != key:
            raise ValueError(f"must have plain names of 1 to {KEY_CAP} characters")
    return value


Metadata = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=VALUE_CAP), AfterValidator(_value)]],
    Field(max_length=20),
    AfterValidator(_free),
]


class UpdateOrderStatusArguments(Arguments):
    """What update_order_status takes."""

    order_id: OrderId
    # Read in code: which words there are is the store's to say.
    status: Annotated[SkipValidation[OrderStatus], Field(description="The next status")]
    tracking_number: Annotated[Label | None, Field(description="Of the parcel")] = None
    carrier: Annotated[Label | None, Field(description="e.g. DHL")] = None
    tracking_url: Annotated[Link | None, Field(description="Where the parcel is followed")] = None
    metadata: Annotated[Metadata | None, Field(description="Further facts to keep, as text")] = None


def reachable(store: Capabilities) -> list[str]:
    """The words that an order can be moved on to, in the order of its life."""
    words = {word for following in store.transitions.values() for word in following}
    return [word for word in get_args(OrderStatus) if word in words]


async def update_order_status(call: ToolCall, given: UpdateOrderStatusArguments) -> ChangedOrder:
    """Move an order on, with what is said of its parcel."""
    words, order_id = reachable(call.store.capabilities), given.order_id
    if given.status in ("cancelled", "refunded"):
        raise invalid(
            "status",
            f"is not set to {given.status} this way",
            f'cancel_order(order_id="{order_id}", reason=...) cancels, and gives money back with '
            "refund_amount_minor",
        )
    if given.status not in words:
        problem = f"must be one of: {', '.join(words)}"
        raise arguments.refused("status", problem, type(given), "update_order_status")
    told = {theirs: getattr(given, ours) for ours, theirs in _TRACKING.items()}
    facts = {**(given.metadata or {}), **{k: v for k, v in told.items() if v is not None}}
    await _nothing_waits(call, order_id)
    sent = call.store.update_status(order_id, given.status, facts)
    return _changed(call, await _sent(order_id, sent))


# --- link_order -------------------------------------------------------------------------


class LinkOrderArguments(Arguments):
    """What link_order takes."""

    order_id: OrderId
    external_order_id: Annotated[AnyId, Field(description="The other platform's id of it")]
    platform_name: Annotated[Label, Field(description="e.g. Shopify")]


async def link_order(call: ToolCall, given: LinkOrderArguments) -> ChangedOrder:
    """Say which order of another platform this one is."""
    await _nothing_waits(call, given.order_id)
    sent = call.store.link(given.order_id, given.external_order_id, given.platform_name)
    return _changed(call, await _sent(given.order_id, sent))


async def _nothing_waits(call: ToolCall, order_id: str) -> None:
    """Refuse a change that could make a cancellation impossible which waits, or is in doubt.

    Raises:
        AgentError: REFUND_IN_PROGRESS, or the order could not be read.
    """
    try:
        waiting = await call.workspace.desk.waiting(call.store)
    except Refusal:
        # Without its ledger nothing can be sent either, and this moves no money.
        return
    if not waiting:
        return
    # One order can answer to several ids; its refunds are kept under its own.
    order = await call.store.get_order(order_id)
    for intent in waiting:
        if intent.request.order_id == order.order_id:
            raise Refusal(
                Code.REFUND_IN_PROGRESS,
                f"{intent.refund_id} of this order is {intent.outcome}, and this change could make "
                "it impossible",
                f'get_refund(refund_id="{intent.refund_id}") says how it stands; change the order '
                "when that has ended",
            )


async def _sent(order_id: str, change: Awaitable[tuple[Order, bool]]) -> tuple[Order, bool]:
    """The changed order; of a change in doubt, what to do: the same one again changes nothing."""
    try:
        return await change
    except StoreError as error:
        if error.happened is not Happened.UNKNOWN:
            raise
        raise StoreError(
            error.code,
            f"{error.message.rstrip('.')}; whether the order was changed is not known",
            f'get_order(order_id="{order_id}") shows it; making the same call again is safe',
            happened=error.happened,
            status=error.status,
            retry_after=error.retry_after,
            store_code=error.store_code,
        ) from None


UPDATE_ORDER_STATUS = ToolSpec(
    name="update_order_status",
    title="Move an order on",
    description=(
        "Move an order on to its next status, one step at a time: pending, confirmed, processing, "
        "shipped, delivered. It cannot be taken back. Tracking goes along with `shipped` and "
        "cannot be added later. The status that is there already changes nothing. cancel_order "
        "ends an order or gives money back instead."
    ),
    arguments=UpdateOrderStatusArguments,
    answer=ChangedOrder,
    run=update_order_status,
    choices=lambda store: {"status": reachable(store)},
)
LINK_ORDER = ToolSpec(
    name="link_order",
    title="Link an order",
    description=(
        "Connect an order of this store with the same order on another platform. It cannot be "
        "changed afterwards, and its payment counts as the other platform's from then on: "
        "cancel_order can refund nothing of it. import_order writes down an order that is not "
        "here yet."
    ),
    arguments=LinkOrderArguments,
    answer=ChangedOrder,
    run=link_order,
    additive=True,
)
